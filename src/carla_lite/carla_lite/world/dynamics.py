"""How a vehicle moves: a kinematic bicycle with lags and a tyre limit.

The figures are those with which the learning recipe was measured: they make a car that is easy to
drive at 8 m/s, slides wide when cornered too fast and needs a moment to answer the wheel.
"""

import math
from dataclasses import dataclass

from carla_lite.world._motion import advance as _advance
from carla_lite.world.bodies import Bodies
from carla_lite.world.errors import InvalidValueError

MAX_SUBSTEP_S = 0.025
MAX_SPEED_MPS = 200.0
"""The fastest a client may throw a vehicle with set_target_velocity."""
MAX_SPIN_DEG_S = 3600.0


@dataclass(frozen=True, slots=True)
class VehiclePhysics:
    """What makes one vehicle model drive differently from another (SI units)."""

    mass_kg: float = 1800.0
    wheelbase_m: float = 2.87
    max_wheel_angle_rad: float = math.radians(70.0)
    steering_lag_s: float = 0.1
    yaw_lag_s: float = 0.08
    lateral_limit_mps2: float = 6.5
    acceleration_mps2: float = 4.0
    top_speed_mps: float = 25.0
    brake_mps2: float = 8.0
    hand_brake_mps2: float = 5.0
    rolling_mps2: float = 0.1
    drag_per_m: float = 0.0004
    wheel_radius_m: float = 0.35
    wheels: int = 4


@dataclass(frozen=True, slots=True)
class VehicleControl:
    """CARLA's vehicle command; steer is positive to the right."""

    throttle: float = 0.0
    steer: float = 0.0
    brake: float = 0.0
    hand_brake: bool = False
    reverse: bool = False
    manual_gear_shift: bool = False
    gear: int = 0

    def checked(self) -> "VehicleControl":
        """The command clipped to its ranges, or InvalidValueError when it is not finite."""
        for name, value in (
            ("throttle", self.throttle),
            ("steer", self.steer),
            ("brake", self.brake),
        ):
            if not math.isfinite(value):
                raise InvalidValueError(
                    f"{name} is {value}; a vehicle control must be finite, so it is refused and "
                    "the last good one stays in force"
                )
        return VehicleControl(
            min(max(self.throttle, 0.0), 1.0),
            min(max(self.steer, -1.0), 1.0),
            min(max(self.brake, 0.0), 1.0),
            self.hand_brake,
            self.reverse,
            self.manual_gear_shift,
            min(max(self.gear, -1), 100),
        )


def advance(bodies: Bodies, duration_s: float) -> None:
    """Moves all bodies on, in place; vehicles in equal substeps of at most 25 ms.

    A vehicle is driven along its body by `VehiclePhysics`. What its tyres do not allow - a slide
    across the body, a spin beyond what its wheels steer - comes only from outside, by collisions
    and pushes, and friction takes it away at the tyres' limit. Walkers walk; walkers who fell and
    props slide. What is in the air falls, or floats without gravity, as it went.

    Args:
        bodies: those of a world.
        duration_s: simulated time.
    """
    if bodies.count:
        _advance(bodies.bytes, bodies.count, duration_s, MAX_SUBSTEP_S)
