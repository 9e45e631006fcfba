"""Many worlds stepped together."""

from __future__ import annotations

import math

import numpy as np
import pytest

from carla_lite.world import (
    InvalidValueError,
    Rotation,
    SpawnError,
    Transform,
    Vector3,
    Vehicle,
    VehicleControl,
)
from carla_lite.world.batch import WINDSCREEN, WorldBatch, make_worlds
from carla_lite.world.bodies import STATE

MAPS = ["LiteCircuit_1", "LiteCircuit_2", "LiteCircuit_1"]
X, Y, YAW, SPEED = (STATE.index(name) for name in ("x", "y", "yaw", "speed"))


def _controls(seed: int, steps: int, count: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return rng.uniform((0.2, -0.2, 0.0), (1.0, 0.2, 0.1), (steps, count, 3))


def _run(threads: int) -> tuple[list[np.ndarray], np.ndarray]:
    batch = WorldBatch(make_worlds(MAPS, seed=4), width=40, height=30, threads=threads)
    states, pictures = [], []
    for step, controls in enumerate(_controls(1, 20, len(batch))):
        pictures.append(batch.step(controls).copy())
        states.append(batch.states.copy())
        if step == 10:
            batch.reset(1, batch.worlds[1].spawn_points[3], 6.0)
    batch.close()
    return pictures, np.array(states)


def test_threads_change_neither_states_nor_pictures() -> None:
    pictures, states = _run(1)
    threaded_pictures, threaded_states = _run(2)
    assert np.array_equal(states, threaded_states)
    assert all(map(np.array_equal, pictures, threaded_pictures))


def test_a_batch_moves_as_its_worlds_do_alone() -> None:
    batch = WorldBatch(make_worlds(MAPS), width=8, height=8)
    alone = make_worlds(MAPS)
    cars = [world.spawn("vehicle.tesla.model3", world.spawn_points[0]) for world in alone]
    for world in alone:
        world.tick()
    for controls in _controls(2, 30, 3):
        batch.step(controls)
        for world, car, (throttle, steer, brake) in zip(alone, cars, controls, strict=True):
            world.apply_control(car.id, VehicleControl(throttle, steer, brake))
            world.tick()
    for car, state in zip(cars, batch.states, strict=True):
        assert isinstance(car, Vehicle)
        assert state.tolist() == [float(car.row[name]) for name in STATE]
    assert batch.states[:, SPEED].min() > 2.0


def test_observations_are_what_a_camera_of_the_world_sees() -> None:
    batch = WorldBatch(make_worlds(["LiteCircuit_1"]), width=64, height=48, colour=True)
    world = batch.worlds[0]
    size = {"image_size_x": "64", "image_size_y": "48", "fov": "90"}
    eye = world.spawn("sensor.camera.rgb", WINDSCREEN, size, batch.vehicles[0].id)
    for _ in range(5):
        batch.step(np.array([[1.0, 0.1, 0.0]]))
    np.testing.assert_array_equal(batch.observations[0], world.read(eye.id).pixels)
    assert batch.observations[0, ..., :3].std() > 5.0


def test_grey_observations_are_the_lumas_of_the_coloured_ones() -> None:
    grey = WorldBatch(make_worlds(["LiteCircuit_2"]), width=32, height=32)
    coloured = WorldBatch(make_worlds(["LiteCircuit_2"]), width=32, height=32, colour=True)
    luma = coloured.observations[0, ..., :3] @ np.array([0.114, 0.587, 0.299])
    assert grey.observations.shape == (1, 32, 32)
    assert np.abs(grey.observations[0] - luma).max() <= 1.0


def test_a_reset_puts_one_vehicle_elsewhere_at_a_speed_and_looks() -> None:
    batch = WorldBatch(make_worlds(MAPS), width=16, height=16)
    batch.step(np.full((3, 3), 0.5))
    others, pictures = batch.states[[0, 2]].copy(), batch.observations.copy()
    place = batch.worlds[1].spawn_points[5]
    batch.reset(1, place, 7.0)
    state = batch.states[1]
    assert (state[X], state[Y]) == (place.location.x, place.location.y)
    assert state[YAW] == pytest.approx(math.radians(place.rotation.yaw))
    assert state[SPEED] == pytest.approx(7.0)
    np.testing.assert_array_equal(batch.states[[0, 2]], others)
    np.testing.assert_array_equal(batch.observations[[0, 2]], pictures[[0, 2]])
    assert (batch.observations[1] != pictures[1]).any()
    batch.step(np.zeros((3, 3)))
    moved = np.hypot(batch.states[1, X] - place.location.x, batch.states[1, Y] - place.location.y)
    assert moved == pytest.approx(7.0 * 0.05, rel=0.01)


def test_contacts_are_told_to_the_one_who_has_them() -> None:
    batch = WorldBatch(make_worlds(["LiteCircuit_1"] * 2), width=8, height=8)
    world, car = batch.worlds[1], batch.vehicles[1]
    x, y, yaw = (float(car.row[name]) for name in ("x", "y", "yaw"))
    ahead = Vector3(x + 8.0 * math.cos(yaw), y + 8.0 * math.sin(yaw))
    world.spawn("vehicle.audi.tt", Transform(ahead, Rotation(0.0, math.degrees(yaw))))
    batch.reset(1, car.transform, 12.0)
    hit = []
    for _ in range(10):
        batch.step(np.zeros((2, 3)))
        hit.append((batch.collided.tolist(), batch.impulses.copy()))
    assert not any(collided[0] for collided, _ in hit)
    strongest = max(float(impulses[1]) for _, impulses in hit)
    assert strongest == pytest.approx(1.1 * 12.0 / (1.0 / 1800.0 + 1.0 / 1500.0), rel=0.05)
    batch.reset(1, world.spawn_points[8])
    assert not batch.collided.any() and not batch.impulses.any()


def test_worlds_on_one_map_share_its_scene_and_nothing_that_moves() -> None:
    first, other_map, second = make_worlds(MAPS)
    assert first.scene is second.scene and first.scene is not other_map.scene
    assert first.network is second.network
    first.spawn("vehicle.tesla.model3", first.spawn_points[0])
    assert not second.population.vehicles
    (again,) = make_worlds(MAPS[:1])
    assert again.scene is first.scene
    again.load("LiteCircuit_1")
    assert again.scene is not first.scene


def test_a_world_can_be_replaced_by_one_on_another_map() -> None:
    batch = WorldBatch(make_worlds(MAPS), width=8, height=8)
    (world,) = make_worlds(["LiteTown_2"])
    batch.replace(2, world)
    start = world.spawn_points[0].location
    assert batch.worlds[2] is world
    assert batch.states[2, :2].tolist() == pytest.approx([start.x, start.y])
    batch.step(np.full((3, 3), 0.5))


@pytest.mark.parametrize(
    "controls", [np.zeros((2, 3)), np.zeros(9), np.full((3, 3), np.nan), np.full((3, 3), np.inf)]
)
def test_controls_of_another_shape_or_not_finite_are_refused(controls: np.ndarray) -> None:
    batch = WorldBatch(make_worlds(MAPS), width=8, height=8)
    before = batch.states.copy()
    with pytest.raises(InvalidValueError, match="finite numbers of shape"):
        batch.step(controls)
    np.testing.assert_array_equal(batch.states, before)


def test_what_a_batch_cannot_be_made_of_is_refused() -> None:
    with pytest.raises(InvalidValueError, match="at least one"):
        WorldBatch([])
    with pytest.raises(InvalidValueError, match="is no vehicle"):
        WorldBatch(make_worlds(MAPS[:1]), vehicle="static.prop.box01")
    worlds = make_worlds(MAPS[:1])
    worlds[0].spawn("vehicle.tesla.model3", worlds[0].spawn_points[0])
    with pytest.raises(SpawnError):
        WorldBatch(worlds)
