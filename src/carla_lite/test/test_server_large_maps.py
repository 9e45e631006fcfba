"""Large maps that a client brings along: reading, furnishing and painting them holds nobody up."""

from __future__ import annotations

import asyncio
import socket
import struct
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest

from carla_lite.render import Scene
from carla_lite.roads import parse_opendrive
from carla_lite.server import Server
from carla_lite.server.methods import Dispatcher
from carla_lite.server.server import method_table
from carla_lite.server.simulation import Simulation
from carla_lite.world import Image, World

if TYPE_CHECKING:
    from conftest import LiteServer

TIMEOUT_S = 60.0
_PARAMETERS = [2.0, 50.0, 1.0, 0.6, True, True, True]
_PLACE = [[5.0, 1.75, 2.0], [0.0, 0.0, 0.0]]
_ROAD = """\
<road id="{id}" length="15" junction="-1">
<planView><geometry s="0" x="{x}" y="{y}" hdg="0" length="15"><line/></geometry></planView>
<lanes><laneSection s="0">
<center><lane id="0" type="none"><roadMark sOffset="0" type="broken" color="white"/></lane></center>
<right><lane id="-1" type="driving"><width sOffset="0" a="3.5" b="0" c="0" d="0"/></lane></right>
</laneSection></lanes></road>
"""


def _many_roads(count: int) -> str:
    """Straight pieces of road, side by side and behind each other."""
    places = ((20 * (number % 50), 12 * (number // 50)) for number in range(count))
    roads = (_ROAD.format(id=number, x=x, y=y) for number, (x, y) in enumerate(places, start=1))
    return f'<OpenDRIVE><header revMajor="1" revMinor="6"/>{"".join(roads)}</OpenDRIVE>'


def _bytes_of_next_message(server: LiteServer, stream_id: int) -> int:
    with socket.create_connection(("127.0.0.1", server.stream_port), TIMEOUT_S) as stream:
        stream.sendall(struct.pack("<I", stream_id))
        (size,) = struct.unpack("<I", stream.recv(4, socket.MSG_WAITALL))
        assert len(stream.recv(size, socket.MSG_WAITALL)) == size
    return int(size)


def test_while_a_map_of_two_thousand_roads_is_read_and_seen_others_are_answered(
    running_server: Any,
) -> None:
    text = _many_roads(2000)
    with (
        running_server("--map", "LiteCircuit_1") as server,
        server.raw() as sender,
        ThreadPoolExecutor(1) as sending,
    ):
        sender.socket.settimeout(TIMEOUT_S)
        upload = sending.submit(sender.call, "copy_opendrive_to_file", text, _PARAMETERS)
        asked = 0
        while not upload.done():
            assert server.answers_within_a_second()
            asked += 1
        assert asked > 0
        assert upload.result() == [[False]]
        assert sender.call("load_new_episode", "OpenDriveMap", True, 65535) == [[False]]
        camera = ["sensor.camera.rgb", [["image_size_x", 1, "64"], ["image_size_y", 1, "48"]]]
        ((_, actor),) = sender.call("spawn_actor", [0, *camera], _PLACE)
        picture = sending.submit(_bytes_of_next_message, server, actor[0])
        while not picture.done():
            assert server.answers_within_a_second()
        assert picture.result() == 60 + 4 * 64 * 48
        ((_, (_, spawns)),) = sender.call("get_map_info")
        assert len(spawns) >= 1000


def test_a_clients_map_is_painted_off_the_loop_and_once(monkeypatch: pytest.MonkeyPatch) -> None:
    painters: list[threading.Thread] = []
    may_paint = threading.Event()
    build = Scene.build

    def slow_build(*arguments: Any, **named: Any) -> Scene:
        painters.append(threading.current_thread())
        assert may_paint.wait(TIMEOUT_S)
        return build(*arguments, **named)

    monkeypatch.setattr(Scene, "build", slow_build)
    world = World("LiteCircuit_1")
    call = Dispatcher(Simulation(world, "0.9.16"), method_table())

    async def bring_along() -> None:
        upload = asyncio.create_task(
            call("copy_opendrive_to_file", [_many_roads(9), _PARAMETERS], True)
        )
        while not painters:
            await asyncio.sleep(0.001)
        assert call("version", [], True) == [[1, "0.9.16"]]
        assert world.tick() == 1
        may_paint.set()
        assert await upload == [[False]]

    asyncio.run(bring_along())
    assert call("load_new_episode", ["OpenDriveMap", True, 65535], True) == [[False]]
    for _ in range(2):
        camera = world.spawn("sensor.camera.rgb")
        world.tick()
        assert isinstance(world.read(camera.id), Image)
        assert call("load_new_episode", ["", True, 65535], True) == [[False]]
    assert len(world.network.roads) == 9
    assert len(painters) == 1
    assert painters[0] is not threading.main_thread()


def test_a_large_map_on_the_command_line_is_painted_before_clients_come() -> None:
    def is_painted(roads: int) -> bool:
        server = Server(network=parse_opendrive(_many_roads(roads), "many"), port=0)
        with server:
            return "scene" in vars(server.simulation.world)

    assert is_painted(1001)
    assert not is_painted(9)
