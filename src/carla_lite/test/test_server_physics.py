"""What moves bodies, as the real client commands and reads it."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import carla
import pytest

if TYPE_CHECKING:
    from conftest import Rig

FRONT_LEFT = carla.VehicleWheelLocation.FL_Wheel
REAR_LEFT = carla.VehicleWheelLocation.BL_Wheel


def _ahead(car: Any, metres: float) -> carla.Vector3D:
    return car.get_transform().get_forward_vector() * metres


def _local(actor: Any, vector: carla.Vector3D) -> tuple[float, float]:
    """Along and across an actor."""
    place = actor.get_transform()
    return vector.dot(place.get_forward_vector()), vector.dot(place.get_right_vector())


def test_physics_control_is_read_field_by_field(rig: Rig) -> None:
    car = rig.vehicle()
    rig.tick()
    control = car.get_physics_control()
    assert (control.mass, control.final_ratio, control.use_gear_autobox) == (1800.0, 9.0, True)
    assert [(p.x, p.y) for p in control.torque_curve] == [
        (0.0, pytest.approx(280.0)),
        (pytest.approx(control.max_rpm), 0.0),
    ]
    assert control.max_rpm == pytest.approx(6138.8, abs=0.1)
    assert [(p.x, p.y) for p in control.steering_curve] == [(0.0, 1.0), (120.0, 1.0)]
    (gear,) = control.forward_gears
    assert (gear.ratio, gear.down_ratio, gear.up_ratio) == pytest.approx((1.0, 0.5, 0.65))
    assert 0.2 < control.drag_coefficient < 0.5
    assert len(control.wheels) == 4
    assert [wheel.max_steer_angle for wheel in control.wheels] == pytest.approx([70, 70, 0, 0])
    assert [wheel.radius for wheel in control.wheels] == pytest.approx([35.0] * 4)
    assert [wheel.tire_friction for wheel in control.wheels] == [3.5] * 4
    assert [wheel.max_handbrake_torque for wheel in control.wheels] == pytest.approx(
        [0.0, 0.0, 1575.0, 1575.0]
    )
    # In centimetres of the world, left before right, front before rear.
    place = car.get_transform()
    for wheel, (along, across) in zip(
        control.wheels,
        [(1.435, -0.93), (1.435, 0.93), (-1.435, -0.93), (-1.435, 0.93)],
        strict=True,
    ):
        expected = place.transform(carla.Location(along, across, 0.35))
        actual = carla.Location(*(value / 100.0 for value in _xyz(wheel.position)))
        assert actual.distance(expected) < 1e-3


def _xyz(vector: Any) -> tuple[float, float, float]:
    return vector.x, vector.y, vector.z


def test_applied_physics_are_read_back_and_change_the_motion(rig: Rig) -> None:
    light, heavy = rig.vehicle(0), rig.vehicle(4)
    rig.tick()
    control = heavy.get_physics_control()
    control.mass = 3600.0
    control.use_sweep_wheel_collision = True
    control.torque_curve = [carla.Vector2D(0.0, 140.0), carla.Vector2D(6138.8, 0.0)]
    control.center_of_mass = carla.Vector3D(0.1, 0.0, -0.2)
    wheels = control.wheels
    for wheel in wheels[:2]:
        wheel.max_steer_angle = 30.0
    control.wheels = wheels
    heavy.apply_physics_control(control)
    told = heavy.get_physics_control()
    assert told.mass == 3600.0 and told.use_sweep_wheel_collision
    assert told.center_of_mass.z == pytest.approx(-0.2)
    assert [wheel.max_steer_angle for wheel in told.wheels] == pytest.approx([30, 30, 0, 0])
    for car in (light, heavy):
        car.apply_control(carla.VehicleControl(throttle=1.0, steer=1.0))
    rig.tick(20)
    # Half the torque for twice the mass: a quarter of the acceleration.
    usual, slow = light.get_velocity().length(), heavy.get_velocity().length()
    assert slow == pytest.approx(usual / 4.0, rel=0.1)
    assert light.get_wheel_steer_angle(FRONT_LEFT) == pytest.approx(70.0, rel=1e-3)
    assert heavy.get_wheel_steer_angle(FRONT_LEFT) == pytest.approx(30.0, rel=1e-3)
    assert heavy.get_wheel_steer_angle(REAR_LEFT) == 0.0


def test_impossible_physics_are_ignored(rig: Rig) -> None:
    car = rig.vehicle()
    rig.tick()
    for name, value in (("mass", math.nan), ("mass", -5.0), ("final_ratio", 0.0)):
        control = car.get_physics_control()
        setattr(control, name, value)
        car.apply_physics_control(control)
        assert getattr(car.get_physics_control(), name) > 0.0
    control = car.get_physics_control()
    control.wheels = control.wheels[:2]
    car.apply_physics_control(control)
    assert len(car.get_physics_control().wheels) == 4


def test_telemetry_tells_what_the_car_does(rig: Rig) -> None:
    car = rig.vehicle()
    car.apply_control(carla.VehicleControl(throttle=0.5, steer=0.01))
    rig.tick(40)
    told, speed = car.get_telemetry_data(), car.get_velocity().length()
    assert told.speed == pytest.approx(speed, rel=1e-4)
    assert (told.throttle, told.steer, told.brake) == pytest.approx((0.5, 0.01, 0.0))
    turns = speed / 0.35 * 9.0 * 9.5493
    assert told.gear == 1 and told.engine_rpm == pytest.approx(turns, rel=1e-4)
    assert told.drag == pytest.approx(0.0004 * 1800.0 * speed**2, rel=1e-4)
    assert len(told.wheels) == 4
    along, _ = _local(car, car.get_acceleration())
    for wheel in told.wheels:
        assert wheel.omega == pytest.approx(speed / 0.35, rel=1e-4)
        assert wheel.tire_load == pytest.approx(1800.0 * 9.81 / 4.0)
        assert wheel.long_force == pytest.approx(450.0 * along, rel=1e-3)
        assert wheel.torque == pytest.approx(wheel.long_force * 0.35, rel=1e-4)
        assert wheel.tire_friction == 3.5
    car.show_debug_telemetry(True)
    car.apply_control(carla.VehicleControl(throttle=0.5, reverse=True))
    rig.tick()
    assert car.get_telemetry_data().gear == -1


def test_ackermann_control_reaches_speed_and_angle(rig: Rig) -> None:
    car = rig.vehicle()
    target = carla.VehicleAckermannControl(speed=5.0, steer=0.05, steer_speed=0.1)
    car.apply_ackermann_control(target)
    rig.tick(4)
    # 0.1 rad/s for four ticks, less the wheels' lag.
    assert 0.2 < math.degrees(0.1 * 0.2) - car.get_wheel_steer_angle(FRONT_LEFT) < 1.0
    rig.tick(296)
    speeds = []
    for _ in range(60):
        rig.tick()
        speeds.append(car.get_velocity().length())
    assert sum(speeds) / len(speeds) == pytest.approx(5.0, abs=0.35)
    assert math.radians(car.get_wheel_steer_angle(FRONT_LEFT)) == pytest.approx(0.05, rel=0.01)
    car.apply_control(carla.VehicleControl(brake=1.0))
    rig.tick(40)
    assert car.get_velocity().length() == 0.0  # the plain control has taken over


def test_ackermann_goes_backwards_and_stops(rig: Rig) -> None:
    car = rig.vehicle()
    car.apply_ackermann_control(carla.VehicleAckermannControl(speed=-3.0))
    rig.tick(160)
    along, _ = _local(car, car.get_velocity())
    assert along == pytest.approx(-3.0, abs=0.6) and car.get_control().reverse
    car.apply_ackermann_control(carla.VehicleAckermannControl(speed=0.0))
    rig.tick(160)
    assert car.get_velocity().length() == pytest.approx(0.0, abs=0.1)


def test_ackermann_settings_are_read_back_and_matter(rig: Rig) -> None:
    car = rig.vehicle()
    usual = car.get_ackermann_controller_settings()
    assert (usual.speed_kp, usual.speed_kd, usual.accel_kp) == pytest.approx((0.15, 0.25, 0.01))
    car.apply_ackermann_controller_settings(
        carla.AckermannControllerSettings(0.0, 0.0, 0.0, 0.0, 0.0, 0.0)
    )
    told = car.get_ackermann_controller_settings()
    assert (told.speed_kp, told.accel_kp) == (0.0, 0.0)
    car.apply_ackermann_control(carla.VehicleAckermannControl(speed=5.0))
    rig.tick(40)
    assert car.get_velocity().length() == 0.0  # without gains nothing happens


def test_an_impulse_changes_velocity_by_the_mass_and_slides_sideways(rig: Rig) -> None:
    car = rig.vehicle()
    rig.tick()
    right = car.get_transform().get_right_vector()
    car.add_impulse(_ahead(car, 3600.0) + right * 5400.0)
    rig.tick()
    along, across = _local(car, car.get_velocity())
    assert along == pytest.approx(2.0 - 0.005, abs=0.01)  # N s by 1800 kg, rolling resistance off
    assert across == pytest.approx(3.0 - 6.5 * 0.05, abs=0.01)  # the tyres brake the slide
    rig.tick(20)
    along, across = _local(car, car.get_velocity())
    assert along > 1.8 and across == pytest.approx(0.0, abs=1e-6)


def test_a_force_acts_for_one_tick(rig: Rig) -> None:
    car = rig.vehicle()
    rig.tick()
    car.add_force(_ahead(car, 36_000.0))
    rig.tick()
    once, _ = _local(car, car.get_velocity())
    assert once == pytest.approx(36_000.0 * 0.05 / 1800.0 - 0.005, abs=0.01)
    rig.tick()
    assert _local(car, car.get_velocity())[0] < once


def test_angular_impulse_and_torque_turn_by_the_moment_of_inertia(rig: Rig) -> None:
    car = rig.vehicle()
    rig.tick()
    extent = car.bounding_box.extent
    inertia = 1800.0 * (extent.x**2 + extent.y**2) / 3.0
    yaw = car.get_transform().rotation.yaw
    car.add_angular_impulse(carla.Vector3D(z=60.0 * inertia))  # 60 deg/s
    rig.tick()
    assert car.get_angular_velocity().z == pytest.approx(60.0, abs=10.0)
    turned = (car.get_transform().rotation.yaw - yaw + 180.0) % 360.0 - 180.0
    assert turned == pytest.approx(60.0 * 0.05, abs=0.4)
    rig.tick(40)
    assert car.get_angular_velocity().z == pytest.approx(0.0, abs=1e-3)
    torque = carla.Vector3D(z=-1200.0 * inertia)  # for 0.05 s: 60 deg/s to the left
    # Not by car.add_torque, which the client sends as an angular impulse.
    rig.client.apply_batch_sync([carla.command.ApplyTorque(car, torque)], False)
    rig.tick()
    assert car.get_angular_velocity().z == pytest.approx(-60.0, abs=10.0)


def test_constant_velocity_holds_in_the_cars_own_frame(rig: Rig) -> None:
    car = rig.vehicle()
    car.enable_constant_velocity(carla.Vector3D(7.0, 0.0, 0.0))
    car.apply_control(carla.VehicleControl(brake=1.0, steer=0.05))
    rig.tick(20)
    assert _local(car, car.get_velocity()) == pytest.approx((7.0, 0.0), abs=1e-3)
    car.disable_constant_velocity()
    rig.tick(10)
    assert _local(car, car.get_velocity())[0] < 4.0


def test_target_velocities_set_anything_moving(rig: Rig) -> None:
    car, place = rig.vehicle(), rig.world.get_map().get_spawn_points()[6]
    prop = rig.spawn("static.prop.box01", place)
    prop.set_simulate_physics(True)
    rig.tick()
    car.set_target_velocity(_ahead(car, 4.0) + car.get_transform().get_right_vector() * 3.0)
    prop.set_target_velocity(carla.Vector3D(2.0, 0.0, 0.0))
    car.set_target_angular_velocity(carla.Vector3D(z=30.0))
    rig.tick()
    assert _local(car, car.get_velocity()) == pytest.approx((4.0, 3.0 - 6.5 * 0.05), abs=0.15)
    assert prop.get_velocity().x == pytest.approx(2.0 - 0.6 * 9.81 * 0.05, abs=1e-3)
    assert 5.0 < car.get_angular_velocity().z < 30.0
    rig.tick(20)
    assert prop.get_velocity().length() == 0.0
    moved = prop.get_location().x - place.location.x
    assert moved == pytest.approx(2.0**2 / (2.0 * 0.6 * 9.81), abs=0.06)


def test_without_gravity_a_car_floats_and_with_it_falls(rig: Rig) -> None:
    car = rig.vehicle()
    rig.tick()
    place = car.get_transform()
    place.location.z = 5.0
    car.set_enable_gravity(False)
    car.set_transform(place)
    rig.tick(20)
    assert car.get_location().z == pytest.approx(5.0)
    car.set_enable_gravity(True)
    rig.tick(10)
    assert car.get_location().z == pytest.approx(5.0 - 0.5 * 9.81 * 0.25, abs=0.2)
    rig.tick(20)
    assert car.get_location().z == 0.0


def test_wheels_look_as_told_while_physics_is_off(rig: Rig) -> None:
    car = rig.vehicle()
    car.set_wheel_steer_direction(FRONT_LEFT, 25.0)
    rig.tick()
    assert car.get_wheel_steer_angle(FRONT_LEFT) == 0.0
    car.set_simulate_physics(False)
    assert car.get_wheel_steer_angle(FRONT_LEFT) == 25.0
    car.set_wheel_pitch_angle(REAR_LEFT, 90.0)
    assert car.get_wheel_pitch_angle(REAR_LEFT) == 90.0
    car.set_simulate_physics(True)
    car.set_target_velocity(_ahead(car, 7.0))
    rig.tick(2)
    rolled = math.degrees(7.0 * 0.1 / 0.35)
    assert car.get_wheel_pitch_angle(REAR_LEFT) == pytest.approx(rolled, rel=0.01)


def test_doors_lights_and_failures_are_answered(rig: Rig) -> None:
    car = rig.vehicle()
    car.open_door(carla.VehicleDoor.All)
    car.close_door(carla.VehicleDoor.FL)
    lights = carla.VehicleLightState.Brake | carla.VehicleLightState.LeftBlinker
    car.set_light_state(carla.VehicleLightState(lights))
    rig.tick()
    assert car.get_light_state() == lights
    assert rig.world.get_vehicles_light_states()[car.id] == lights
    assert car.get_failure_state() == carla.VehicleFailureState.NONE
    assert car.get_speed_limit() > 0.0
    assert car.attributes["has_dynamic_doors"] == "false"


def test_every_physical_command_works_in_a_batch(rig: Rig) -> None:
    points = rig.world.get_map().get_spawn_points()
    car, walker = rig.vehicle(0), rig.spawn("walker.pedestrian.0002", points[3])
    rig.tick()
    control = car.get_physics_control()
    control.mass = 900.0
    command = carla.command
    ahead = _ahead(car, 1.0)
    onward = carla.Vector3D(0.0, 1.0, 0.0)

    def run(*commands: Any) -> None:
        answers = rig.client.apply_batch_sync(list(commands), False)
        assert [answer.error for answer in answers] == [""] * len(commands)
        rig.tick()

    run(command.ApplyVehiclePhysicsControl(car, control))
    assert car.get_physics_control().mass == 900.0
    run(command.ApplyImpulse(car, ahead * 2700.0), command.ApplyForce(car, ahead * 18_000.0))
    assert car.get_velocity().length() == pytest.approx(3.0 + 1.0, abs=0.05)
    run(command.ApplyTargetVelocity(car, carla.Vector3D()))
    assert car.get_velocity().length() == 0.0
    inertia = 900.0 * (car.bounding_box.extent.x**2 + car.bounding_box.extent.y**2) / 3.0
    run(command.ApplyAngularImpulse(car, carla.Vector3D(z=40.0 * inertia)))
    assert car.get_angular_velocity().z > 20.0
    run(command.ApplyTargetAngularVelocity(car, carla.Vector3D()))
    rig.tick(20)
    run(command.ApplyTorque(car, carla.Vector3D(z=-800.0 * inertia)))
    assert car.get_angular_velocity().z < -20.0
    run(command.ApplyWalkerControl(walker, carla.WalkerControl(onward, 1.0, False)))
    assert walker.get_velocity().y == pytest.approx(1.0)
    state = carla.Transform(points[8].location, carla.Rotation(yaw=90.0))
    run(command.ApplyWalkerState(walker, state, 2.0))
    assert walker.get_location().y - points[8].location.y == pytest.approx(0.1, abs=1e-3)
    run(command.ApplyVehicleAckermannControl(car, carla.VehicleAckermannControl(speed=4.0)))
    rig.tick(100)
    assert car.get_velocity().length() > 2.0
    # By number: with an actor the client takes the lights for a bool.
    run(command.SetVehicleLightState(car.id, int(carla.VehicleLightState.LowBeam)))
    assert car.get_light_state() == carla.VehicleLightState.LowBeam
    run(command.SetEnableGravity(car, False))
    run(command.SetSimulatePhysics(car, False))
    assert car.get_velocity().length() == 0.0
    (refused,) = rig.client.apply_batch_sync([command.ApplyImpulse(99_999, ahead)], False)
    assert "not found" in refused.error


def test_pushes_that_are_not_finite_are_ignored(rig: Rig) -> None:
    car = rig.vehicle()
    rig.tick()
    for bad in (math.nan, math.inf, 1e30):
        vector = carla.Vector3D(bad, 0.0, 0.0)
        car.add_impulse(vector)
        car.add_force(vector)
        car.add_torque(vector)
        car.add_angular_impulse(carla.Vector3D(z=bad))
        car.set_target_velocity(vector)
        car.enable_constant_velocity(vector)
        car.apply_ackermann_control(carla.VehicleAckermannControl(speed=bad))
        car.set_wheel_steer_direction(FRONT_LEFT, bad)
    rig.tick(5)
    assert _xyz(car.get_velocity()) == (0.0, 0.0, 0.0)
    assert math.isfinite(car.get_location().x)


@pytest.mark.parametrize(
    ("type_id", "base_type", "wheels", "tag"),
    [
        ("vehicle.tesla.model3", "car", "4", 14),
        ("vehicle.mercedes.sprinter", "van", "4", 14),
        ("vehicle.carlamotors.firetruck", "truck", "4", 15),
        ("vehicle.mitsubishi.fusorosa", "bus", "4", 16),
        ("vehicle.kawasaki.ninja", "motorcycle", "2", 18),
        ("vehicle.bh.crossbike", "bicycle", "2", 19),
    ],
)
def test_vehicles_of_every_class_tell_what_they_are_and_drive(
    rig: Rig, type_id: str, base_type: str, wheels: str, tag: int
) -> None:
    car = rig.vehicle(type_id=type_id)
    car.apply_control(carla.VehicleControl(throttle=1.0))
    rig.tick(40)
    assert car.attributes["base_type"] == base_type
    assert car.attributes["number_of_wheels"] == wheels
    assert car.semantic_tags == [tag]
    assert len(car.get_physics_control().wheels) == int(wheels)
    assert 1.5 < car.get_velocity().length() < 13.0
    assert car.bounding_box.location.z == pytest.approx(car.bounding_box.extent.z)
