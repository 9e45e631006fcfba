"""Vehicles: what drives, with its commands, figures and telemetry."""

import math
from typing import NamedTuple

from carla_lite.world.ackermann import AckermannControl, AckermannController, AckermannSettings
from carla_lite.world.blueprints import Blueprint
from carla_lite.world.bodies import VEHICLE
from carla_lite.world.body import Body
from carla_lite.world.dynamics import MAX_SPIN_DEG_S, VehicleControl, VehiclePhysics
from carla_lite.world.errors import InvalidValueError
from carla_lite.world.geometry import Transform, Vector3, check_vector
from carla_lite.world.physics_control import PhysicsControl, describe, engine_rpm, gear_at, handling

GRAVITY_MPS2 = 9.81
_ROUNDING_MPS = 0.01
"""A heading in float32 turns a velocity along the body into one that is this little across it."""


class WheelTelemetry(NamedTuple):
    """CARLA's WheelTelemetryData: rad, rad/s, N and N m."""

    tire_friction: float
    lat_slip: float
    long_slip: float
    omega: float
    tire_load: float
    normalized_tire_load: float
    torque: float
    long_force: float
    lat_force: float
    normalized_long_force: float
    normalized_lat_force: float


class Telemetry(NamedTuple):
    """CARLA's VehicleTelemetryData: m/s, the pedals, rpm and N."""

    speed: float
    steer: float
    throttle: float
    brake: float
    engine_rpm: float
    gear: int
    drag: float
    wheels: tuple[WheelTelemetry, ...]


class Vehicle(Body):
    """A car, van, truck, bus, motorbike or bicycle with its rider.

    Attributes:
        physics: the figures it drives with now.
        ackermann: its Ackermann controller, which drives it while `ackermann_on`.
        wheel_angles: what clients made its wheels look like, by CARLA's wheel number, in degrees:
            steer and pitch. Seen only while physics is off, as in CARLA.
    """

    __slots__ = ("_usual", "_wanted", "ackermann", "ackermann_on", "physics", "wheel_angles")

    KIND = VEHICLE
    SIMULATED = True

    def __init__(self, *arguments: object, physics: VehiclePhysics, **named: object) -> None:
        """As `Body`, with the figures it drives with."""
        super().__init__(*arguments, **named)  # type: ignore[arg-type]
        self._usual = describe(physics, self.bounding_box)
        self._wanted = self._usual
        self.ackermann: AckermannController | None = None
        self.ackermann_on = False
        self.wheel_angles: dict[int, tuple[float, float]] = {}
        self.row["speed_limit"] = 30.0
        self.row["light_state"] = 2  # green: nothing to wait for
        self._take(physics)

    def _take(self, physics: VehiclePhysics) -> None:
        self.physics = physics
        row = self.row
        self._weigh(physics.mass_kg)
        row["wheelbase"], row["max_angle"] = physics.wheelbase_m, physics.max_wheel_angle_rad
        row["steering_lag"], row["yaw_lag"] = physics.steering_lag_s, physics.yaw_lag_s
        row["lateral_limit"] = physics.lateral_limit_mps2
        row["push"], row["top_speed"] = physics.acceleration_mps2, physics.top_speed_mps
        row["brake_rate"] = physics.brake_mps2
        row["hand_brake_rate"] = physics.hand_brake_mps2
        row["rolling"], row["drag"] = physics.rolling_mps2, physics.drag_per_m

    # Motion

    @property
    def speed_mps(self) -> float:
        """Along the body; negative when it rolls backwards."""
        return float(self.row["speed"])

    def teleport(self, transform: Transform) -> None:
        """Puts the vehicle elsewhere with straight wheels; it keeps the part of its velocity which
        lies along its new heading."""
        velocity = self.velocity
        self.transform = transform
        row, yaw = self.row, float(self.row["yaw"])
        row["wheel"] = row["yaw_rate"] = row["slip"] = row["spin"] = row["climb"] = 0.0
        row["speed"] = velocity.x * math.cos(yaw) + velocity.y * math.sin(yaw)
        self.forget_acceleration()

    def set_target_velocity(self, velocity: Vector3) -> None:
        """As `Body`; what lies across the body becomes a slide, which the tyres end."""
        super().set_target_velocity(velocity)
        if abs(float(self.row["slip"])) < _ROUNDING_MPS:
            self.row["slip"] = 0.0
            self.forget_acceleration()

    def set_target_angular_velocity(self, velocity_deg_s: Vector3) -> None:
        """As `Body`; the wheels take over from there."""
        check_vector(velocity_deg_s, "target angular velocity (deg/s)", MAX_SPIN_DEG_S)
        self.row["yaw_rate"], self.row["spin"] = math.radians(velocity_deg_s.z), 0.0

    # Commands

    @property
    def control(self) -> VehicleControl:
        """The command in force."""
        row = self.row
        return VehicleControl(
            float(row["throttle"]),
            float(row["steer"]),
            float(row["brake"]),
            bool(row["hand_brake"]),
            bool(row["reverse"]),
            bool(row["manual_gear"]),
            int(row["gear"]),
        )

    @control.setter
    def control(self, control: VehicleControl) -> None:
        row = self.row
        row["throttle"], row["steer"], row["brake"] = control.throttle, control.steer, control.brake
        row["hand_brake"], row["reverse"] = control.hand_brake, control.reverse
        row["manual_gear"], row["gear"] = control.manual_gear_shift, control.gear

    def apply_control(self, control: VehicleControl) -> None:
        """Obeys a checked control, which takes over from the Ackermann controller."""
        self.control, self.ackermann_on = control, False

    def apply_ackermann(self, target: AckermannControl) -> None:
        """Drives at a speed and wheel angle until a plain control comes."""
        checked = target.checked()
        if self.ackermann is None:
            self.ackermann = AckermannController(AckermannSettings())
        elif not self.ackermann_on:
            self.ackermann = AckermannController(self.ackermann.settings)
        self.ackermann.target, self.ackermann_on = checked, True

    @property
    def ackermann_settings(self) -> AckermannSettings:
        """The gains of its Ackermann controller."""
        return self.ackermann.settings if self.ackermann else AckermannSettings()

    @ackermann_settings.setter
    def ackermann_settings(self, settings: AckermannSettings) -> None:
        checked = settings.checked()
        if self.ackermann is None:
            self.ackermann = AckermannController(checked)
        self.ackermann.settings = checked

    def follow_ackermann(self, duration_s: float) -> None:
        """Lets the Ackermann controller set the pedals for the next tick."""
        if self.ackermann is not None:
            row = self.row
            self.control = self.ackermann.step(
                float(row["speed"]), float(row["steer"]), float(row["max_angle"]), duration_s
            )

    # Figures

    @property
    def physics_control(self) -> PhysicsControl:
        """Its figures as clients know them."""
        return self._wanted

    @physics_control.setter
    def physics_control(self, control: PhysicsControl) -> None:
        self._wanted = control.checked(self.blueprint_physics.wheels)
        made = handling(self.blueprint_physics, self._usual, self._wanted)
        self._take(made.physics)
        row = self.row
        row["has_drive"], row["has_steering"] = made.drive is not None, made.steering is not None
        if made.drive is not None:
            row["drive"], row["table_speed"] = made.drive, made.drive_speed_mps
        if made.steering is not None:
            row["steering"], row["steer_speed"] = made.steering, made.steering_speed_mps

    @property
    def blueprint_physics(self) -> VehiclePhysics:
        """The figures with which it was spawned."""
        blueprint: Blueprint | None = self.blueprint
        return (blueprint.physics if blueprint else None) or self.physics

    @property
    def lights(self) -> int:
        """CARLA's VehicleLightState."""
        return int(self.row["lights"])

    @lights.setter
    def lights(self, lights: int) -> None:
        self.row["lights"] = lights

    def set_traffic(
        self,
        speed_limit_kmh: float,
        light_state: int | None = None,
        light_id: int = 0,
    ) -> None:
        """What its snapshot tells of the road: the speed limit, and the traffic light it is at.

        Args:
            speed_limit_kmh: that of its lane.
            light_state: of its light, as CARLA numbers them; None when it is at none.
            light_id: that light's actor.
        """
        row = self.row
        row["speed_limit"] = speed_limit_kmh
        row["at_light"] = light_state is not None
        row["light_state"] = 2 if light_state is None else light_state
        row["light_id"] = light_id

    def wheel_steer_angle(self, wheel: int) -> float:
        """Degrees, positive to the right; wheels 0 and 1 are the front ones."""
        if not self.simulate_physics and wheel in self.wheel_angles:
            return self.wheel_angles[wheel][0]
        return math.degrees(float(self.row["wheel"])) if wheel in (0, 1) else 0.0

    def wheel_pitch_angle(self, wheel: int) -> float:
        """How far the wheel has rolled, in degrees within a turn."""
        if not self.simulate_physics and wheel in self.wheel_angles:
            return self.wheel_angles[wheel][1]
        return math.degrees(float(self.row["rolled"]) / self.physics.wheel_radius_m) % 360.0

    def show_wheel(
        self, wheel: int, steer_deg: float | None = None, pitch_deg: float | None = None
    ) -> None:
        """Makes a wheel look turned while physics is off."""
        for angle in (steer_deg, pitch_deg):
            if angle is not None and not math.isfinite(angle):
                raise InvalidValueError(f"wheel angle is {angle}; it must be finite")
        steer, pitch = self.wheel_angles.get(wheel, (0.0, 0.0))
        self.wheel_angles[wheel] = (
            steer if steer_deg is None else steer_deg,
            pitch if pitch_deg is None else pitch_deg,
        )

    def telemetry(self) -> Telemetry:
        """What its dials would show; forces are shared equally by the wheels."""
        control, command, speed = self._wanted, self.control, self.speed_mps
        mass, wheels = self.mass_kg, self.physics.wheels
        felt = self.local(self.acceleration)
        load = mass * GRAVITY_MPS2 / wheels
        along, across = mass * felt.x / wheels, mass * felt.y / wheels
        slip = math.atan2(float(self.row["slip"]), max(abs(speed), 0.1))
        wheel = WheelTelemetry(
            control.wheels[0].tire_friction,
            slip,
            0.0,
            speed / self.physics.wheel_radius_m,
            load,
            1.0,
            along * self.physics.wheel_radius_m,
            along,
            across,
            along / load,
            across / load,
        )
        return Telemetry(
            speed,
            command.steer,
            command.throttle,
            command.brake,
            engine_rpm(control, speed),
            self._gear(command),
            self.physics.drag_per_m * mass * speed * speed,
            (wheel,) * wheels,
        )

    def _gear(self, command: VehicleControl) -> int:
        if command.reverse:
            return -1
        return gear_at(self._wanted, self.speed_mps)
