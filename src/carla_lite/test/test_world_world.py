"""A world without any socket."""

from __future__ import annotations

import math

import numpy as np
import pytest

from carla_lite.roads import UnknownMapError
from carla_lite.world import (
    BLUEPRINTS,
    EpisodeSettings,
    InvalidValueError,
    Rotation,
    SpawnError,
    Transform,
    UnknownActorError,
    Vector3,
    Vehicle,
    VehicleControl,
    World,
    WorldError,
    WrongActorKindError,
)
from carla_lite.world.sensor_blueprints import LISTED_ONLY

SMALL = {"image_size_x": "84", "image_size_y": "84"}
ROOF = Transform(Vector3(0.6, 0.0, 1.8), Rotation(-8.0, 0.0, 0.0))


@pytest.fixture
def world() -> World:
    return World("LiteCircuit_1", seed=3)


def _car(world: World, spawn_point: int = 0) -> Vehicle:
    car = world.spawn("vehicle.tesla.model3", world.spawn_points[spawn_point])
    assert isinstance(car, Vehicle)
    return car


def _run(seed: int) -> tuple[list[object], bytes]:
    world = World("LiteTown_2", seed=seed)
    car, _ = _car(world), _car(world, 2)
    eye = world.spawn("sensor.camera.rgb", ROOF, SMALL, car.id)
    noise = {"noise_accel_stddev_x": "0.1", "noise_gyro_bias_z": "0.01"}
    imu = world.spawn("sensor.other.imu", Transform(), noise, car.id)
    seen: list[object] = []
    pictures = bytearray()
    for step in range(30):
        world.apply_control(car.id, VehicleControl(throttle=0.8, steer=math.sin(step)))
        world.tick()
        seen += [world.snapshot(), world.read(imu.id)]
        pictures += world.read(eye.id).pixels.tobytes()
    return seen, bytes(pictures)


def test_the_same_seed_and_commands_give_the_same_states_and_pictures() -> None:
    assert _run(7) == _run(7)


def test_another_seed_gives_other_noise_and_another_ground() -> None:
    (states, pictures), (others, other_pictures) = _run(7), _run(8)
    assert states[0] == others[0]  # the motion itself knows no chance
    assert states[1] != others[1] and pictures != other_pictures


def test_a_cameras_own_car_is_hidden_only_from_inside(world: World) -> None:
    car = _car(world)
    inside = world.spawn("sensor.camera.rgb", ROOF, SMALL, car.id)
    behind = Transform(Vector3(-8.0, 0.0, 4.0), Rotation(-15.0, 0.0, 0.0))
    outside = world.spawn("sensor.camera.rgb", behind, SMALL, car.id)
    world.tick()
    alone = {eye.id: world.read(eye.id).pixels.copy() for eye in (inside, outside)}
    world.destroy(car.id)
    np.testing.assert_array_equal(world.read(inside.id).pixels, alone[inside.id])
    assert (world.read(outside.id).pixels != alone[outside.id]).any()


def test_cameras_see_other_vehicles_in_their_colour(world: World) -> None:
    eye = world.spawn(
        "sensor.camera.rgb", Transform(Vector3(0.0, 0.0, 1.5)), {**SMALL, "fov": "60"}
    )
    world.tick()
    empty = world.read(eye.id).pixels.copy()
    world.spawn("vehicle.tesla.model3", Transform(Vector3(10.0)), {"color": "255,0,0"})
    world.tick()
    blue, green, red, _ = world.read(eye.id).pixels[48, 42].astype(int)
    assert red > blue + 40 and red > green + 40
    assert (world.read(eye.id).pixels != empty).any()


def test_without_rendering_cameras_are_not_due(world: World) -> None:
    car = _car(world)
    eye = world.spawn("sensor.camera.rgb", ROOF, SMALL, car.id)
    imu = world.spawn("sensor.other.imu", None, None, car.id)
    world.tick()
    assert [sensor.id for sensor in world.due] == [eye.id, imu.id]
    world.apply_settings(EpisodeSettings(no_rendering=True))
    world.tick()
    assert [sensor.id for sensor in world.due] == [imu.id]


def test_a_teleported_vehicle_keeps_its_speed_along_its_new_heading(world: World) -> None:
    car = _car(world)
    world.set_transform(car.id, Transform())
    world.set_target_velocity(car.id, Vector3(8.0))
    world.set_transform(car.id, Transform(Vector3(1.0), Rotation(0.0, 60.0, 0.0)))
    assert car.speed_mps == pytest.approx(4.0)
    world.tick()
    assert abs(car.acceleration.x) < 0.2  # a teleport is no push


def test_loading_a_map_clears_everything_but_the_settings(world: World) -> None:
    car = _car(world)
    world.apply_settings(EpisodeSettings(synchronous=True, fixed_delta_s=0.1))
    world.tick()
    episode, frame, spectator = world.episode_id, world.frame, world.population.spectator.id
    world.load("/Game/Maps/LiteTown_1")
    assert (world.map_name, world.episode_id, world.elapsed_s) == ("LiteTown_1", episode + 1, 0.0)
    assert all(
        actor is world.population.spectator or actor.type_id.startswith("traffic.")
        for actor in world.actors.values()
    )
    assert world.population.spectator.id > car.id > spectator
    assert world.population.bounding_box(car.id) == car.bounding_box  # remembered
    assert world.settings.synchronous and world.tick() == frame + 1
    assert world.elapsed_s == 0.1


def test_an_unknown_map_leaves_the_old_world(world: World) -> None:
    car = _car(world)
    with pytest.raises(UnknownMapError, match="Town99"):
        world.load("Town99")
    assert world.map_name == "LiteCircuit_1" and car.id in world.actors


def test_refusals_name_their_reason(world: World) -> None:
    car, prop = _car(world), world.spawn("static.prop.container", Transform(Vector3(500.0)))
    with pytest.raises(SpawnError, match="no attribute 'wings'"):
        world.spawn("vehicle.tesla.model3", world.spawn_points[3], {"wings": "2"})
    with pytest.raises(SpawnError, match=r"vehicle\.flying\.carpet"):
        world.spawn("vehicle.flying.carpet")
    with pytest.raises(SpawnError, match="fixed"):
        world.spawn("vehicle.tesla.model3", world.spawn_points[3], {"number_of_wheels": "3"})
    with pytest.raises(UnknownActorError, match="12345"):
        world.spawn("sensor.other.imu", None, None, parent_id=12345)
    with pytest.raises(WrongActorKindError, match="needs a vehicle"):
        world.apply_control(prop.id, VehicleControl())
    with pytest.raises(WrongActorKindError, match="needs a camera"):
        world.read(car.id)
    with pytest.raises(InvalidValueError, match="target velocity"):
        world.set_target_velocity(car.id, Vector3(math.nan))
    with pytest.raises(WorldError, match="spectator"):
        world.destroy(world.population.spectator.id)
    assert len(world.actors) == 3


def test_a_destroyed_parent_leaves_its_sensor_where_it_was(world: World) -> None:
    car = _car(world)
    imu = world.spawn("sensor.other.imu", ROOF, None, car.id)
    world.tick()
    place = imu.transform
    world.destroy(car.id)
    world.tick()
    assert imu.transform == place
    assert world.read(imu.id).gyroscope == Vector3()


def test_every_blueprint_can_be_spawned_with_its_defaults(world: World) -> None:
    spawned = [type_id for type_id in BLUEPRINTS if type_id not in LISTED_ONLY]
    for number, type_id in enumerate(spawned):
        actor = world.spawn(type_id, Transform(Vector3(20.0 * number)))
        assert actor.type_id == type_id
    assert len(world.snapshot().actors) == len(spawned) + 1
