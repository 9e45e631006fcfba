"""How a vehicle moves: a kinematic bicycle with lags and a tyre limit.

The figures are those with which the learning recipe was measured: they make a car that is easy to
drive at 8 m/s, slides wide when cornered too fast and needs a moment to answer the wheel.
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from carla_lite.world._dynamics import advance as _advance
from carla_lite.world.errors import InvalidValueError

MAX_SUBSTEP_S = 0.025
MAX_SPEED_MPS = 200.0
"""The fastest a client may throw a vehicle with set_target_velocity."""
MAX_SPIN_DEG_S = 3600.0

# Rows of a state vector.
X, Y, YAW, SPEED, WHEEL, YAW_RATE = range(6)
STATE_SIZE = 6


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

    def as_array(self) -> NDArray[np.float64]:
        """The figures in the order `advance` reads them."""
        return np.array(
            [
                self.wheelbase_m,
                self.max_wheel_angle_rad,
                self.steering_lag_s,
                self.yaw_lag_s,
                self.lateral_limit_mps2,
                self.acceleration_mps2,
                self.top_speed_mps,
                self.brake_mps2,
                self.hand_brake_mps2,
                self.rolling_mps2,
                self.drag_per_m,
            ]
        )


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


def advance(
    state: NDArray[np.float64],
    physics: NDArray[np.float64],
    throttle: float,
    steer: float,
    brake: float,
    hand_brake: bool,
    reverse: bool,
    duration_s: float,
) -> None:
    """Moves one vehicle on by `duration_s`, in equal substeps of at most 25 ms, in place.

    Args:
        state: float64 (6,): x, y (m), yaw (rad), speed along the body (m/s, negative when it
            rolls backwards), angle of the front wheels (rad), yaw rate (rad/s).
        physics: `VehiclePhysics.as_array()`.
        throttle: 0 to 1.
        steer: -1 to 1, positive to the right.
        brake: 0 to 1.
        hand_brake: whether the hand brake is pulled.
        reverse: whether the throttle drives backwards.
        duration_s: simulated time.
    """
    _advance(state, physics, throttle, steer, brake, hand_brake, reverse, duration_s, MAX_SUBSTEP_S)
