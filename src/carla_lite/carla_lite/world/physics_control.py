"""A vehicle's figures as CARLA's clients read and change them, and what a change does.

CARLA simulates engine, gears and tyres; here a vehicle has an acceleration, a grip and so on.
What a client changes scales these figures in proportion, so that those which it leaves alone keep
the motion exactly as it was:

- acceleration = engine torque * gear * final ratio / (wheel radius * mass), of the gear which pulls
  hardest at that speed, and no engine turns faster than `max_rpm`;
- braking = torque of all wheels / (wheel radius * mass);
- both at most 1.5 times the lateral grip, which grows with the tyres' friction;
- drag force = drag coefficient * speed^2, so that a heavier vehicle is held back less;
- the steering curve scales the wheels' angle by the speed in km/h.

Inertia of the engine, damping, clutch, stiffness and the like are kept and change nothing.
"""

import math
from collections.abc import Iterable
from dataclasses import astuple, dataclass, replace

import numpy as np
from numpy.typing import NDArray

from carla_lite.world.bodies import TABLE_POINTS
from carla_lite.world.dynamics import VehiclePhysics
from carla_lite.world.errors import InvalidValueError
from carla_lite.world.geometry import ORIGIN, BoundingBox, Vector3

RPM_PER_RAD_S = 60.0 / (2.0 * math.pi)
FINAL_RATIO = 9.0
"""Of every blueprint, with a single gear: the speed at which torque is spent is the top speed."""

_LONGITUDINAL_GRIP = 1.5
_AIR = 0.5 * 1.2 * 0.85
"""Half the density of air (kg/m^3) times the share of a box that faces the wind."""

Points = tuple[tuple[float, float], ...]
Table = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class WheelControl:
    """CARLA's WheelPhysicsControl; angles in degrees, the radius in cm, torques in N m.

    Attributes:
        position: in the vehicle's frame, metres; clients read it in the world's, in cm.
    """

    tire_friction: float = 3.5
    damping_rate: float = 0.25
    max_steer_angle: float = 70.0
    radius: float = 35.0
    max_brake_torque: float = 1500.0
    max_handbrake_torque: float = 3000.0
    lat_stiff_max_load: float = 3.0
    lat_stiff_value: float = 20.0
    long_stiff_value: float = 3000.0
    position: Vector3 = ORIGIN


@dataclass(frozen=True, slots=True)
class PhysicsControl:
    """CARLA's VehiclePhysicsControl; gears are (ratio, down ratio, up ratio)."""

    torque_curve: Points
    max_rpm: float
    moi: float
    damping_rate_full_throttle: float
    damping_rate_zero_throttle_clutch_engaged: float
    damping_rate_zero_throttle_clutch_disengaged: float
    use_gear_autobox: bool
    gear_switch_time: float
    clutch_strength: float
    final_ratio: float
    forward_gears: tuple[tuple[float, float, float], ...]
    mass: float
    drag_coefficient: float
    center_of_mass: Vector3
    steering_curve: Points
    wheels: tuple[WheelControl, ...]
    use_sweep_wheel_collision: bool

    def checked(self, wheels: int) -> "PhysicsControl":
        """Itself, or InvalidValueError when a figure is none that a vehicle can have."""
        if len(self.wheels) != wheels:
            raise InvalidValueError(
                f"physics control has {len(self.wheels)} wheels, but this vehicle has {wheels}: "
                "change the control which get_physics_control returned"
            )
        if not 1 <= len(self.forward_gears) <= 32:
            raise InvalidValueError(f"{len(self.forward_gears)} forward gears: use 1 to 32")
        for name, points in (
            ("torque_curve", self.torque_curve),
            ("steering_curve", self.steering_curve),
        ):
            places = [place for place, _ in points]
            if not 1 <= len(points) <= 256 or places != sorted(places):
                raise InvalidValueError(f"{name} needs 1 to 256 points with ascending x")
            _check(name, (value for point in points for value in point), 0.0, 1e6)
        _check("mass (kg)", [self.mass], 1.0, 1e6)
        _check("max_rpm", [self.max_rpm], 1.0, 1e6)
        _check("final_ratio", [self.final_ratio], 1e-3, 1e3)
        _check("gear ratio", [gear[0] for gear in self.forward_gears], 1e-3, 1e3)
        _check("drag_coefficient", [self.drag_coefficient], 0.0, 1e4)
        _check("wheel radius (cm)", [wheel.radius for wheel in self.wheels], 1.0, 1e3)
        _check("max_steer_angle", [wheel.max_steer_angle for wheel in self.wheels], 0.0, 85.0)
        _check("tire_friction", [wheel.tire_friction for wheel in self.wheels], 0.0, 1e3)
        for wheel in self.wheels:
            torques = (wheel.max_brake_torque, wheel.max_handbrake_torque)
            _check("brake torque (N m)", torques, 0.0, 1e8)
        _check("physics control", _numbers(astuple(self)), -1e9, 1e9)
        return self


def _check(name: str, values: Iterable[float], lowest: float, highest: float) -> None:
    for value in values:
        if not lowest <= value <= highest:  # also false for NaN
            raise InvalidValueError(
                f"{name} is {value:g}; it must be between {lowest:g} and {highest:g}"
            )


def _numbers(values: Iterable[object]) -> Iterable[float]:
    for value in values:
        if isinstance(value, tuple):
            yield from _numbers(value)
        elif isinstance(value, (int, float)):
            yield float(value)


def describe(physics: VehiclePhysics, box: BoundingBox) -> PhysicsControl:
    """The control that a vehicle of these figures answers with before anyone changed it."""
    radius, mass = physics.wheel_radius_m, physics.mass_kg
    torque = physics.acceleration_mps2 * mass * radius / FINAL_RATIO
    max_rpm = physics.top_speed_mps / radius * FINAL_RATIO * RPM_PER_RAD_S
    return PhysicsControl(
        torque_curve=((0.0, torque), (max_rpm, 0.0)),
        max_rpm=max_rpm,
        moi=1.0,
        damping_rate_full_throttle=0.15,
        damping_rate_zero_throttle_clutch_engaged=2.0,
        damping_rate_zero_throttle_clutch_disengaged=0.35,
        use_gear_autobox=True,
        gear_switch_time=0.0,
        clutch_strength=10.0,
        final_ratio=FINAL_RATIO,
        forward_gears=((1.0, 0.5, 0.65),),
        mass=mass,
        drag_coefficient=physics.drag_per_m * mass / (_AIR * 4.0 * box.extent.y * box.extent.z),
        center_of_mass=ORIGIN,
        steering_curve=((0.0, 1.0), (120.0, 1.0)),
        wheels=tuple(_wheels(physics, box)),
        use_sweep_wheel_collision=False,
    )


def _wheels(physics: VehiclePhysics, box: BoundingBox) -> Iterable[WheelControl]:
    per_nm = physics.mass_kg * physics.wheel_radius_m
    sides = (-1.0, 1.0) if physics.wheels == 4 else (0.0,)
    for front in (True, False):
        for side in sides:
            along = physics.wheelbase_m / (2.0 if front else -2.0)
            yield WheelControl(
                max_steer_angle=math.degrees(physics.max_wheel_angle_rad) if front else 0.0,
                radius=100.0 * physics.wheel_radius_m,
                max_brake_torque=physics.brake_mps2 * per_nm / physics.wheels,
                max_handbrake_torque=(
                    0.0 if front else physics.hand_brake_mps2 * per_nm / len(sides)
                ),
                position=Vector3(along, side * (box.extent.y - 0.15), physics.wheel_radius_m),
            )


@dataclass(frozen=True, slots=True)
class Handling:
    """What a control makes of a vehicle.

    Attributes:
        physics: its figures.
        drive: float64 (33,), acceleration at full throttle (m/s^2) over `drive_speed_mps`; None
            for a line from `physics.acceleration_mps2` down to 0 at `physics.top_speed_mps`.
        drive_speed_mps: the speed of the table's last entry.
        steering: float64 (33,), the share of the wheels' angle over `steering_speed_mps`; None
            for all of it at any speed.
        steering_speed_mps: the speed of the table's last entry.
    """

    physics: VehiclePhysics
    drive: Table | None = None
    drive_speed_mps: float = 1.0
    steering: Table | None = None
    steering_speed_mps: float = 1.0


def handling(base: VehiclePhysics, usual: PhysicsControl, wanted: PhysicsControl) -> Handling:
    """How a vehicle moves with a control.

    Args:
        base: its figures as they come.
        usual: `describe` of these.
        wanted: the control, checked.
    """
    mass = _ratio(wanted.mass, usual.mass)
    radius = _ratio(_mean(wanted, "radius"), _mean(usual, "radius"))
    friction = _ratio(_mean(wanted, "tire_friction"), _mean(usual, "tire_friction"))
    brake = _ratio(_mean(wanted, "max_brake_torque"), _mean(usual, "max_brake_torque"))
    hand_brake = _ratio(_mean(wanted, "max_handbrake_torque"), _mean(usual, "max_handbrake_torque"))
    angle = _ratio(_most(wanted), _most(usual))
    lateral = base.lateral_limit_mps2 * friction
    grip = _LONGITUDINAL_GRIP * lateral
    physics = replace(
        base,
        mass_kg=wanted.mass if mass != 1.0 else base.mass_kg,
        wheel_radius_m=base.wheel_radius_m * radius,
        max_wheel_angle_rad=base.max_wheel_angle_rad * angle,
        lateral_limit_mps2=lateral,
        acceleration_mps2=base.acceleration_mps2 / mass,
        brake_mps2=min(base.brake_mps2 * brake / radius / mass, grip),
        hand_brake_mps2=min(base.hand_brake_mps2 * hand_brake / radius / mass, grip),
        drag_per_m=base.drag_per_m * _ratio(wanted.drag_coefficient, usual.drag_coefficient) / mass,
    )
    drive, drive_speed = None, 1.0
    same_engine = radius == 1.0 and _engine(wanted) == _engine(usual)
    if not same_engine or physics.acceleration_mps2 > grip:
        drive_speed = _top_speed(wanted)
        drive = np.minimum(_drive(wanted, drive_speed), grip)
    steering, steering_speed = None, 1.0
    if any(share != 1.0 for _, share in wanted.steering_curve):
        places, shares = zip(*wanted.steering_curve, strict=True)
        steering_speed = max(places[-1] / 3.6, 1.0)
        steering = np.interp(
            np.linspace(0.0, steering_speed, TABLE_POINTS) * 3.6, places, np.minimum(shares, 1.0)
        )
    return Handling(physics, drive, drive_speed, steering, steering_speed)


def _ratio(wanted: float, usual: float) -> float:
    """Exactly 1 for what came back as it was sent, which is as float32."""
    if np.float32(wanted) == np.float32(usual):
        return 1.0
    return wanted / usual


def _mean(control: PhysicsControl, name: str) -> float:
    return math.fsum(getattr(wheel, name) for wheel in control.wheels) / len(control.wheels)


def _most(control: PhysicsControl) -> float:
    return max(wheel.max_steer_angle for wheel in control.wheels)


def _engine(control: PhysicsControl) -> tuple[np.float32, ...]:
    gears = (gear[0] for gear in control.forward_gears)
    points = (value for point in control.torque_curve for value in point)
    return tuple(map(np.float32, (control.max_rpm, control.final_ratio, *gears, *points)))


def _top_speed(control: PhysicsControl) -> float:
    """At which the engine turns at its limit in the highest gear."""
    longest = min(gear[0] for gear in control.forward_gears) * control.final_ratio
    return control.max_rpm / RPM_PER_RAD_S * _mean(control, "radius") / 100.0 / longest


def _drive(control: PhysicsControl, top_speed_mps: float) -> Table:
    speeds = np.linspace(0.0, top_speed_mps, TABLE_POINTS)
    rates, torques = zip(*control.torque_curve, strict=True)
    radius = _mean(control, "radius") / 100.0
    best = np.zeros(TABLE_POINTS)
    for ratio, _, _ in control.forward_gears:
        gearing = ratio * control.final_ratio / radius
        rpm = speeds * gearing * RPM_PER_RAD_S
        torque = np.where(rpm <= control.max_rpm, np.interp(rpm, rates, torques), 0.0)
        best = np.maximum(best, torque * gearing / control.mass)
    best[-1] = 0.0  # the limiter
    return best


def gear_at(control: PhysicsControl, speed_mps: float) -> int:
    """The forward gear, from 1, which pulls hardest at a speed."""
    radius = _mean(control, "radius") / 100.0
    rates, torques = zip(*control.torque_curve, strict=True)
    pulls = []
    for ratio, _, _ in control.forward_gears:
        gearing = ratio * control.final_ratio / radius
        rpm = abs(speed_mps) * gearing * RPM_PER_RAD_S
        pull = float(np.interp(rpm, rates, torques)) * gearing if rpm <= control.max_rpm else -1.0
        pulls.append(pull)
    return pulls.index(max(pulls)) + 1


def engine_rpm(control: PhysicsControl, speed_mps: float) -> float:
    """How fast the engine turns in that gear, at most `max_rpm`."""
    gearing = control.forward_gears[gear_at(control, speed_mps) - 1][0] * control.final_ratio
    radius = _mean(control, "radius") / 100.0
    return min(abs(speed_mps) / radius * gearing * RPM_PER_RAD_S, control.max_rpm)
