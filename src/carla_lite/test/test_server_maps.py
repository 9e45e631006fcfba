"""Maps that clients bring along, and OpenDRIVE files on the command line."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING

import carla
import pytest

from carla_lite.roads import make_map, parse_opendrive

if TYPE_CHECKING:
    from conftest import LiteServer

Parameters = carla.OpendriveGenerationParameters
SPIRAL_ROAD = """\
<?xml version="1.0"?>
<OpenDRIVE>
<header revMajor="1" revMinor="6" name="spiral"><geoReference>
<![CDATA[+proj=tmerc +lat_0=49.5 +lon_0=8.25 +ellps=WGS84 +units=m]]></geoReference></header>
<road id="7" length="160" junction="-1">
<type s="0" type="rural"><speed max="60" unit="mph"/></type>
<planView>
<geometry s="0" x="10" y="20" hdg="0.5" length="60"><line/></geometry>
<geometry s="60" x="62.654953714" y="48.765532319" hdg="0.5" length="100">
<spiral curvStart="0" curvEnd="0.02"/></geometry>
</planView>
<lanes><laneSection s="0">
<center><lane id="0" type="none"><roadMark sOffset="0" type="broken" color="white"/></lane></center>
<right><lane id="-1" type="driving"><width sOffset="0" a="4" b="0" c="0" d="0"/></lane></right>
</laneSection></lanes>
</road>
</OpenDRIVE>
"""


@pytest.fixture(scope="module")
def server(
    running_server: Callable[..., AbstractContextManager[LiteServer]],
) -> Iterator[LiteServer]:
    """Not the one that others share: CARLA's clients of a world that was replaced stay connected
    but read no more, and so hold up synchronous ticks later on."""
    with running_server("--map", "LiteCircuit_1") as running:
        yield running


def _drive(make_rig: Callable[..., object], client: carla.Client) -> tuple[float, float]:
    """Metres driven in 40 ticks of full throttle, and how far off the lane's centre."""
    rig = make_rig(client)
    try:
        car = rig.vehicle()
        rig.tick()
        start = car.get_location()
        car.apply_control(carla.VehicleControl(throttle=1.0))
        rig.tick(40)
        end = car.get_location()
        waypoint = rig.world.get_map().get_waypoint(end)
        return start.distance(end), waypoint.transform.location.distance(end)
    finally:
        rig.close()


def test_a_generated_world_has_the_client_s_own_roads(client, server, make_rig) -> None:
    before = client.get_world()
    generated = server.generate(SPIRAL_ROAD)
    world = generated.get_world()
    try:
        assert world.id != before.id
        world_map = world.get_map()
        assert world_map.name.endswith("OpenDriveMap")
        assert world_map.to_opendrive() == SPIRAL_ROAD
        network = parse_opendrive(SPIRAL_ROAD)
        spawns = world_map.get_spawn_points()
        assert len(spawns) == len(network.spawn_points) > 0
        for spawn in spawns:
            waypoint = world_map.get_waypoint(spawn.location)
            assert waypoint.road_id == 7
            aside = spawn.location - waypoint.transform.location
            assert abs(aside.dot(waypoint.transform.get_right_vector())) < 0.02
            turn = waypoint.transform.rotation.yaw - spawn.rotation.yaw
            assert abs((turn + 180) % 360 - 180) < 0.1
        assert world_map.transform_to_geolocation(carla.Location()).latitude == pytest.approx(49.5)
        driven, off = _drive(make_rig, generated)
        assert driven > 5.0
        assert off < 1.0
    finally:
        server.load(server.map_name)


def test_a_bad_text_is_refused_by_line_and_the_old_world_goes_on(client, server) -> None:
    before = client.get_world()
    bad = SPIRAL_ROAD.replace('curvEnd="0.02"', 'curvEnd="nan"')
    with pytest.raises(RuntimeError, match=r"line 10, <spiral>: curvEnd='nan' is no finite number"):
        client.generate_opendrive_world(bad, Parameters())
    for text in ("", "no map", "<OpenDRIVE/>", "<!DOCTYPE a [<!ENTITY b 'c'>]><a>&b;</a>"):
        with pytest.raises(RuntimeError):
            client.generate_opendrive_world(text, Parameters())
    after = client.get_world()
    assert after.id == before.id
    assert after.get_map().name.endswith(server.map_name)


def test_worlds_may_be_generated_and_reloaded_again_and_again(server, make_rig) -> None:
    ids = set()
    try:
        for round_ in range(2):
            text = make_map(f"LiteTown_{round_}").to_opendrive()
            for load in (lambda text=text: server.generate(text), lambda: server.load("")):
                client = load()
                world = client.get_world()
                assert world.get_map().to_opendrive() == text
                ids.add(world.id)
            assert _drive(make_rig, client)[0] > 5.0
    finally:
        server.load(server.map_name)
    assert len(ids) == 4
    # The last text stays at hand under CARLA's name for it.
    assert server.load("OpenDriveMap").get_world().get_map().to_opendrive() == text
    server.load(server.map_name)


def test_an_opendrive_map_that_nobody_sent_is_no_map(running_server) -> None:
    with running_server() as fresh:
        client = fresh.client()
        with pytest.raises(RuntimeError, match="generate_opendrive_world"):
            client.load_world("OpenDriveMap")
        assert client.get_world().get_map().name.endswith(fresh.map_name)


def test_a_file_is_served_under_its_own_name(running_server, tmp_path: Path) -> None:
    path = tmp_path / "my spiral-road.xodr"
    path.write_text(SPIRAL_ROAD)
    with running_server("--map", str(path)) as running:
        assert running.map_name == "my_spiral_road"
        world_map = running.client().get_world().get_map()
        assert world_map.to_opendrive() == SPIRAL_ROAD


def test_a_file_that_is_no_map_ends_the_command_with_the_line_that_is_wrong(
    tmp_path: Path,
) -> None:
    path = tmp_path / "bad.xodr"
    path.write_text(SPIRAL_ROAD.replace('id="7"', 'id="seven"'))
    for name, reason in (
        (path, 'line 5, <road id="seven">'),
        (tmp_path / "no.xodr", "cannot read"),
    ):
        command = [sys.executable, "-m", "carla_lite.cli", "--port", "0", "--map", str(name)]
        ended = subprocess.run(command, capture_output=True, text=True, timeout=20, check=False)
        assert ended.returncode == 2
        assert str(name) in ended.stderr
        assert reason in ended.stderr


@pytest.mark.parametrize("name", ["LiteTown01", "LiteTown02"])
def test_the_fixed_towns_are_listed_and_can_be_loaded(client, server, name: str) -> None:
    assert name in client.get_available_maps()
    try:
        world = server.load(name).get_world()
        assert world.get_map().to_opendrive() == make_map(name).to_opendrive()
        assert len(world.get_map().get_spawn_points()) > 50
    finally:
        server.load(server.map_name)
