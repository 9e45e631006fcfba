"""Loading a map that was made ready, and loading one again: as if it had just been made."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from carla_lite.roads import lane_strips, make_map
from carla_lite.traffic.roadmap import Roadmap
from carla_lite.world import Image, Rotation, Transform, Vector3, World


def _seen(world: World) -> NDArray[np.uint8]:
    """What a camera above a street sees, from beside a lamp."""
    lamp = next(iter(world.surroundings.lamps.values())).location
    view = Transform(Vector3(lamp.x - 12.0, lamp.y - 9.0, 7.0), Rotation(-25.0, 35.0, 0.0))
    camera = world.spawn("sensor.camera.rgb", view, {"image_size_x": "160", "image_size_y": "120"})
    world.tick()
    reading = world.read(camera.id)
    assert isinstance(reading, Image)
    return reading.pixels.copy()


@pytest.mark.parametrize("sun_deg", [50.0, 6.0, -30.0])
def test_a_map_loaded_again_looks_new_whatever_clients_had_changed(sun_deg: float) -> None:
    weather = replace(World("LiteTown02").weather, sun_altitude_angle=sun_deg)
    new = World("LiteTown02")
    new.set_weather(weather)
    expected = _seen(new)

    used = World("LiteTown02")
    _seen(used)
    used.set_weather(weather)
    used.switch_lamps([replace(lamp, is_on=False) for lamp in used.surroundings.lamps.values()])
    used.show_objects([thing.id for thing in used.surroundings.objects()], visible=False)
    assert not np.array_equal(_seen(used), expected)
    used.reload()
    assert used.frame == 2
    assert used.elapsed_s == 0.0
    assert np.array_equal(_seen(used), expected)


def test_a_prepared_map_looks_as_one_that_is_loaded_by_itself() -> None:
    world = World("LiteCircuit_1", seed=5)
    prepared = world.prepare(make_map("LiteTown02"))
    episode = world.episode_id
    world.load_prepared(prepared)
    assert world.map_name == "LiteTown02"
    assert world.episode_id == episode + 1
    assert world.scene is prepared.scene
    assert np.array_equal(_seen(world), _seen(World("LiteTown02", seed=5)))


def test_a_network_is_studied_for_drivers_once() -> None:
    network = make_map("LiteCircuit_1")
    assert Roadmap.of(network) is Roadmap.of(network)
    assert Roadmap.of(network) is not Roadmap.of(make_map("LiteCircuit_1"))


def test_strips_of_some_kinds_are_those_among_all() -> None:
    network = make_map("LiteTown02")
    chosen = lane_strips(network, 2.0, kinds=("sidewalk",))
    expected = [strip for strip in lane_strips(network, 2.0) if strip.lane.kind == "sidewalk"]
    assert len(chosen) == len(expected) > 10
    for one, other in zip(chosen, expected, strict=True):
        assert one.lane is other.lane
        assert np.array_equal(one.centre, other.centre)
