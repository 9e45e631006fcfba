"""Physics control, telemetry and commands of bodies to and from CARLA's arrays; see `codec`."""

from carla_lite.server.codec import (
    Wire,
    decode_bool,
    decode_list,
    decode_number,
    decode_vector,
)
from carla_lite.world import Vector3, Vehicle, WalkerControl
from carla_lite.world.ackermann import AckermannControl, AckermannSettings
from carla_lite.world.geometry import rotate
from carla_lite.world.physics_control import PhysicsControl, Points, WheelControl

_CM_PER_M = 100.0


def decode_numbers(value: Wire, length: int, what: str) -> list[float]:
    """A list of so many numbers."""
    return [decode_number(item, what) for item in decode_list(value, length, what)]


def decode_ackermann(value: Wire) -> AckermannControl:
    """[steer, steer_speed, speed, acceleration, jerk]."""
    return AckermannControl(*decode_numbers(value, 5, "Ackermann control"))


def decode_ackermann_settings(value: Wire) -> AckermannSettings:
    """[speed_kp, speed_ki, speed_kd, accel_kp, accel_ki, accel_kd]."""
    return AckermannSettings(*decode_numbers(value, 6, "Ackermann controller settings"))


def decode_walker_control(value: Wire) -> WalkerControl:
    """[[x, y, z], speed, jump]."""
    direction, speed, jump = decode_list(value, 3, "walker control")
    return WalkerControl(
        decode_vector(direction, "direction"),
        decode_number(speed, "speed"),
        decode_bool(jump, "jump"),
    )


def encode_physics(vehicle: Vehicle) -> Wire:
    """The 17 fields of VehiclePhysicsControl; wheels tell their places in the world, in cm."""
    control = vehicle.physics_control
    return [
        [list(point) for point in control.torque_curve],
        control.max_rpm,
        control.moi,
        control.damping_rate_full_throttle,
        control.damping_rate_zero_throttle_clutch_engaged,
        control.damping_rate_zero_throttle_clutch_disengaged,
        control.use_gear_autobox,
        control.gear_switch_time,
        control.clutch_strength,
        control.final_ratio,
        [list(gear) for gear in control.forward_gears],
        control.mass,
        control.drag_coefficient,
        control.center_of_mass,
        [list(point) for point in control.steering_curve],
        [_encode_wheel(vehicle, wheel) for wheel in control.wheels],
        control.use_sweep_wheel_collision,
    ]


def _encode_wheel(vehicle: Vehicle, wheel: WheelControl) -> Wire:
    place = vehicle.transform
    arm = rotate(place.rotation, wheel.position)
    return [
        wheel.tire_friction,
        wheel.damping_rate,
        wheel.max_steer_angle,
        wheel.radius,
        wheel.max_brake_torque,
        wheel.max_handbrake_torque,
        wheel.lat_stiff_max_load,
        wheel.lat_stiff_value,
        wheel.long_stiff_value,
        [_CM_PER_M * (a + b) for a, b in zip(place.location, arm, strict=True)],
    ]


def decode_physics(value: Wire, vehicle: Vehicle) -> PhysicsControl:
    """VehiclePhysicsControl for a vehicle; where its wheels are cannot be changed."""
    (
        torque, max_rpm, moi, full, engaged, disengaged, autobox, switch_s, clutch, final, gears,
        mass, drag, middle, steering, wheels, sweep,
    ) = decode_list(value, 17, "physics control")  # fmt: skip
    known = vehicle.physics_control.wheels
    wanted = decode_list(wheels, len(known), "wheels")
    return PhysicsControl(
        _decode_points(torque, "torque_curve"),
        decode_number(max_rpm, "max_rpm"),
        decode_number(moi, "moi"),
        decode_number(full, "damping rate"),
        decode_number(engaged, "damping rate"),
        decode_number(disengaged, "damping rate"),
        decode_bool(autobox, "use_gear_autobox"),
        decode_number(switch_s, "gear_switch_time"),
        decode_number(clutch, "clutch_strength"),
        decode_number(final, "final_ratio"),
        tuple(
            (ratio, down, up)
            for ratio, down, up in (
                decode_numbers(gear, 3, "gear") for gear in decode_list(gears, None, "gears")
            )
        ),
        decode_number(mass, "mass"),
        decode_number(drag, "drag_coefficient"),
        decode_vector(middle, "center_of_mass"),
        _decode_points(steering, "steering_curve"),
        tuple(
            _decode_wheel(wheel, place.position) for wheel, place in zip(wanted, known, strict=True)
        ),
        decode_bool(sweep, "use_sweep_wheel_collision"),
    )


def _decode_points(value: Wire, what: str) -> Points:
    points = (decode_numbers(point, 2, what) for point in decode_list(value, None, what))
    return tuple((x, y) for x, y in points)


def _decode_wheel(value: Wire, position: Vector3) -> WheelControl:
    *figures, place = decode_list(value, 10, "wheel")
    decode_vector(place, "wheel position")
    a, b, c, d, e, f, g, h, i = decode_numbers(figures, 9, "wheel")
    return WheelControl(a, b, c, d, e, f, g, h, i, position)


def encode_telemetry(vehicle: Vehicle) -> Wire:
    """VehicleTelemetryData, with 11 numbers for each wheel."""
    *dials, wheels = vehicle.telemetry()
    return [*dials, [list(wheel) for wheel in wheels]]
