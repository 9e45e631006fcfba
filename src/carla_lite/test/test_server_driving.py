"""Vehicles, as the real client sees them move."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import carla
import pytest

if TYPE_CHECKING:
    from conftest import Rig


def _expected_full_throttle_speed(seconds: float) -> float:
    """The documented acceleration, integrated finely and independently of the server."""
    speed, step = 0.0, 1e-4
    for _ in range(round(seconds / step)):
        speed += (4.0 * (1.0 - speed / 25.0) - 0.1 - 0.0004 * speed**2) * step
    return speed


def test_full_throttle_reaches_the_documented_speed(rig: Rig) -> None:
    car = rig.vehicle()
    car.apply_control(carla.VehicleControl(throttle=1.0))
    rig.tick(100)
    velocity = car.get_velocity()
    assert math.hypot(velocity.x, velocity.y) == pytest.approx(
        _expected_full_throttle_speed(5.0), rel=0.01
    )


def test_a_car_moves_the_way_it_faces(rig: Rig) -> None:
    car = rig.vehicle()
    rig.tick()
    start = car.get_transform()
    car.apply_control(carla.VehicleControl(throttle=0.5))
    rig.tick(40)
    way, ahead = car.get_location() - start.location, start.get_forward_vector()
    assert way.x * ahead.x + way.y * ahead.y > 2.0
    assert abs(way.x * ahead.y - way.y * ahead.x) < 1e-3


@pytest.mark.parametrize(("steer", "sign"), [(0.2, 1.0), (-0.2, -1.0)])
def test_positive_steer_turns_right_which_is_positive_yaw(
    rig: Rig, steer: float, sign: float
) -> None:
    car = rig.vehicle()
    rig.tick()
    yaw = car.get_transform().rotation.yaw
    car.apply_control(carla.VehicleControl(throttle=0.5, steer=steer))
    rig.tick(20)
    turned = (car.get_transform().rotation.yaw - yaw + 180.0) % 360.0 - 180.0
    assert 3.0 < sign * turned < 90.0
    assert sign * car.get_angular_velocity().z > 5.0


def test_the_snapshot_carries_the_control_in_force(rig: Rig) -> None:
    car = rig.vehicle()
    car.apply_control(
        carla.VehicleControl(throttle=0.25, steer=-0.5, brake=0.125, reverse=True, gear=1)
    )
    rig.tick()
    control = car.get_control()
    assert (control.throttle, control.steer, control.brake) == (0.25, -0.5, 0.125)
    assert control.reverse and not control.hand_brake and control.gear == 1


def test_a_control_stays_in_force_until_the_next(rig: Rig) -> None:
    car = rig.vehicle()
    car.apply_control(carla.VehicleControl(throttle=1.0))
    rig.tick(20)
    first = car.get_velocity().length()
    rig.tick(20)
    assert car.get_velocity().length() > first + 2.0


def test_a_teleport_and_a_target_velocity_start_an_episode_moving(rig: Rig) -> None:
    car = rig.vehicle()
    rig.tick()
    place = rig.world.get_map().get_spawn_points()[7]
    car.set_transform(place)
    car.set_target_velocity(place.get_forward_vector() * 6.0)
    rig.tick()
    assert car.get_location().distance(place.location) < 0.8  # 6 m/s for one tick, and z
    assert car.get_velocity().length() == pytest.approx(6.0, abs=0.05)
    car.set_target_velocity(carla.Vector3D())
    rig.tick()
    assert car.get_velocity().length() == 0.0


def test_a_vehicle_without_physics_stands_still(rig: Rig) -> None:
    car = rig.vehicle()
    car.set_simulate_physics(False)
    car.apply_control(carla.VehicleControl(throttle=1.0))
    rig.tick()
    before = car.get_transform()
    rig.tick(10)
    assert car.get_transform().location == before.location


def test_a_control_that_is_not_finite_is_ignored(rig: Rig) -> None:
    car = rig.vehicle()
    car.apply_control(carla.VehicleControl(throttle=0.5))
    car.apply_control(carla.VehicleControl(throttle=math.nan, steer=math.inf))
    rig.tick(20)
    assert car.get_control().throttle == 0.5
    assert math.isfinite(car.get_location().x)


def test_a_batch_spawns_commands_and_destroys_with_an_answer_each(rig: Rig) -> None:
    blueprint = rig.blueprints.find("vehicle.lincoln.mkz_2020")
    places = rig.world.get_map().get_spawn_points()
    full = carla.VehicleControl(throttle=1.0)
    spawn = carla.command.SpawnActor(blueprint, places[3]).then(
        carla.command.ApplyVehicleControl(carla.command.FutureActor, full)
    )
    taken = carla.command.SpawnActor(blueprint, places[3])
    made, refused = rig.client.apply_batch_sync([spawn, taken], False)
    assert not made.error and "collision at spawn position" in refused.error
    rig.tick(20)
    car = rig.world.get_actor(made.actor_id)
    assert car.get_velocity().length() > 3.0
    rig.client.apply_batch_sync([carla.command.ApplyTransform(car, places[9])], False)
    rig.tick()
    assert car.get_location().distance(places[9].location) < 1.0
    gone, again = rig.client.apply_batch_sync([carla.command.DestroyActor(car)] * 2, False)
    assert not gone.error and "not found" in again.error
    rig.tick()
    assert made.actor_id not in [actor.id for actor in rig.world.get_actors()]
