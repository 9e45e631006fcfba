"""CARLA's Ackermann controller: drives at a wished-for speed and wheel angle.

Two controllers in a row, as in CARLA's FAckermannController: one turns the speed's error into an
acceleration, the other the acceleration's error into pedals. Both work on changes, so what they
hold is the present acceleration and the present pedal.
"""

import math
from dataclasses import astuple, dataclass

from carla_lite.world.dynamics import VehicleControl
from carla_lite.world.errors import InvalidValueError

_STANDING_MPS = 0.1
_MAX_ACCELERATION, _MAX_DECELERATION = 3.0, 8.0
_SMOOTHING = 0.8
_LIMIT = 1e6


@dataclass(frozen=True, slots=True)
class AckermannControl:
    """CARLA's VehicleAckermannControl: rad, rad/s, m/s, m/s^2, m/s^3; positive steers to the right.

    A steer speed of 0 turns the wheels at once, an acceleration of 0 allows the greatest. The jerk
    has no effect, as in CARLA.
    """

    steer: float = 0.0
    steer_speed: float = 0.0
    speed: float = 0.0
    acceleration: float = 0.0
    jerk: float = 0.0

    def checked(self) -> "AckermannControl":
        """Itself, or InvalidValueError when it is not finite."""
        _check("Ackermann control", astuple(self))
        return self


@dataclass(frozen=True, slots=True)
class AckermannSettings:
    """Gains of the two controllers, with CARLA's defaults."""

    speed_kp: float = 0.15
    speed_ki: float = 0.0
    speed_kd: float = 0.25
    accel_kp: float = 0.01
    accel_ki: float = 0.0
    accel_kd: float = 0.01

    def checked(self) -> "AckermannSettings":
        """Itself, or InvalidValueError when it is not finite."""
        _check("Ackermann controller settings", astuple(self))
        return self


def _check(what: str, values: tuple[float, ...]) -> None:
    if not all(abs(value) <= _LIMIT for value in values):  # also false for NaN
        raise InvalidValueError(f"{what} {values}: each part must be finite, within +-{_LIMIT:g}")


class _Pid:
    """A PID controller whose derivative acts on the measurement, with output in [-1, 1]."""

    def __init__(self) -> None:
        self._integral = 0.0
        self._last: float | None = None

    def step(
        self, gains: tuple[float, float, float], wish: float, measured: float, duration_s: float
    ) -> float:
        kp, ki, kd = gains
        error = wish - measured
        self._integral = _clip(self._integral + ki * error * duration_s, 1.0)
        last = measured if self._last is None else self._last
        self._last = measured
        return _clip(kp * error + self._integral - kd * (measured - last) / duration_s, 1.0)


def _clip(value: float, limit: float) -> float:
    return min(max(value, -limit), limit)


class AckermannController:
    """One vehicle's controller.

    Attributes:
        settings: its gains; may be replaced at any time.
        target: what it drives at.
    """

    def __init__(self, settings: AckermannSettings) -> None:
        """Starts at rest."""
        self.settings = settings
        self.target = AckermannControl()
        self._speed_pid, self._pedal_pid = _Pid(), _Pid()
        self._acceleration = self._wished_acceleration = self._pedal = 0.0
        self._last_speed: float | None = None
        self._reverse = False

    def step(
        self, speed_mps: float, steer: float, max_wheel_angle_rad: float, duration_s: float
    ) -> VehicleControl:
        """The command for the next tick.

        Args:
            speed_mps: along the body.
            steer: that of the last command, -1 to 1.
            max_wheel_angle_rad: which a steer of 1 stands for.
            duration_s: of the tick.
        """
        last = speed_mps if self._last_speed is None else self._last_speed
        change = (speed_mps - last) / duration_s
        self._acceleration = _SMOOTHING * self._acceleration + (1.0 - _SMOOTHING) * change
        self._last_speed = speed_mps
        steer = self._steer(steer * max_wheel_angle_rad, max_wheel_angle_rad, duration_s)
        throttle, brake = self._pedals(speed_mps, duration_s)
        return VehicleControl(throttle, steer, brake, reverse=self._reverse)

    def _steer(self, angle: float, most: float, duration_s: float) -> float:
        wish, rate = _clip(self.target.steer, most), abs(self.target.steer_speed)
        if rate >= 1e-3:
            wish = angle + _clip(wish - angle, rate * duration_s)
        return wish / most if most > 0.0 else 0.0

    def _pedals(self, speed: float, duration_s: float) -> tuple[float, float]:
        target, wish = self.target, self.target.speed
        if abs(speed) < _STANDING_MPS:
            if abs(wish) < _STANDING_MPS:
                return 0.0, 1.0
            self._reverse = wish < 0.0
        elif speed * wish < 0.0:
            wish = 0.0  # stop first, then change the direction
        gains = self.settings
        most = abs(target.acceleration)
        low, high = (-most, most) if most >= 1e-4 else (-_MAX_DECELERATION, _MAX_ACCELERATION)
        self._wished_acceleration += self._speed_pid.step(
            (gains.speed_kp, gains.speed_ki, gains.speed_kd), wish, speed, duration_s
        )
        self._wished_acceleration = min(max(self._wished_acceleration, low), high)
        self._pedal += self._pedal_pid.step(
            (gains.accel_kp, gains.accel_ki, gains.accel_kd),
            self._wished_acceleration,
            self._acceleration,
            duration_s,
        )
        self._pedal = _clip(self._pedal, 1.0)
        forward = self._pedal * math.copysign(1.0, -1.0 if self._reverse else 1.0)
        return max(forward, 0.0), max(-forward, 0.0)
