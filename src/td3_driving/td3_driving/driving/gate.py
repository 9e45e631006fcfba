"""The last guard between a policy and the vehicle.

It is not a comfort filter: in normal driving it changes nothing. What may happen to a command
(taken, ignored, braked) follows ros2_control's diff_drive_controller; the report of it, Autoware's
vehicle_cmd_gate.
"""

import math
from dataclasses import dataclass, replace

from td3_driving.driving.action import Command
from td3_driving.driving.validation import require_finite, require_positive


@dataclass(frozen=True, slots=True)
class GateLimits:
    """What the gate lets through.

    Args:
        stale_after_s: A command older than this is no longer obeyed.
        steer_rate_per_s: Largest change of steering per second; 10 is from lock to lock in 0.2 s.
        max_steer: Largest steering, in (0, 1].
        max_throttle: Largest throttle, in (0, 1].
        recovery_commands: Fresh commands in a row that release the brake after a stop: 1 in
            lock-step, where no command is ever late; 3 at a fixed rate.

    Raises:
        ValueError: a limit outside of its range; the message names it.
    """

    stale_after_s: float = 0.5
    steer_rate_per_s: float = 10.0
    max_steer: float = 1.0
    max_throttle: float = 1.0
    recovery_commands: int = 1

    def __post_init__(self) -> None:
        require_finite(self)
        require_positive(self, *self.__slots__)
        for name in ("max_steer", "max_throttle"):
            if getattr(self, name) > 1.0:
                raise ValueError(
                    f"GateLimits.{name} is {getattr(self, name)}; it must be at most 1"
                )


@dataclass(frozen=True, slots=True)
class GuardReport:
    """What the gate did to one command.

    Args:
        non_finite: It held a NaN or an infinity and was ignored.
        clipped: A value was out of range, or throttle came with brake.
        rate_limited: The steering was slowed down.
        stale: There was no command to trust: full brake.
    """

    non_finite: bool = False
    clipped: bool = False
    rate_limited: bool = False
    stale: bool = False

    @property
    def active(self) -> bool:
        """Whether the gate intervened at all."""
        return self.non_finite or self.clipped or self.rate_limited or self.stale


class CommandGate:
    """Lets only finite, limited, fresh commands through; everything else brakes.

    Until the first command arrives the vehicle is held by the brake. No clock is read here: time
    comes in as arguments.

    Args:
        limits: What to let through.
    """

    def __init__(self, limits: GateLimits) -> None:
        self.limits = limits
        self.reset()

    def reset(self, steer: float = 0.0) -> None:
        """Forget all commands; the wheels stand at ``steer``, as after a teleport."""
        self._steer = _clip(steer, self.limits.max_steer) if math.isfinite(steer) else 0.0
        self._held: Command | None = None
        self._held_age_s = math.inf
        self._stopped = True
        self._fresh_in_a_row = 0

    def filter(
        self, command: Command | None, age_s: float, dt_s: float
    ) -> tuple[Command, GuardReport]:
        """What to send to the vehicle now.

        Args:
            command: The command that arrived since the last call. None if none did: the one in
                force stays so until it is stale.
            age_s: Now minus the command's stamp; not read without a command. A stamp from the
                future is trusted no more than one from the past.
            dt_s: Time since the last call. A clock that runs backwards is a reason to brake.

        Returns:
            A command that is finite and within limits, whatever came in, and what was done to it.
        """
        clock_is_sane = math.isfinite(dt_s) and dt_s >= 0.0
        non_finite = command is not None and not _is_finite(command)
        if command is not None and not non_finite:
            self._held = command
            self._held_age_s = abs(age_s) if math.isfinite(age_s) else math.inf
            self._fresh_in_a_row += 1
        else:
            self._held_age_s += dt_s if clock_is_sane else math.inf
            if non_finite:
                self._fresh_in_a_row = 0

        if self._held is None or self._held_age_s > self.limits.stale_after_s or not clock_is_sane:
            self._stopped = True
            self._fresh_in_a_row = 0
        elif self._fresh_in_a_row >= self.limits.recovery_commands:
            self._stopped = False
        if self._held is None or self._stopped:
            return Command(0.0, self._steer, 1.0), GuardReport(non_finite=non_finite, stale=True)

        bounded = self._bounded(self._held)
        change = self.limits.steer_rate_per_s * dt_s
        steer = min(max(bounded.steer, self._steer - change), self._steer + change)
        report = GuardReport(
            non_finite=non_finite,
            clipped=bounded != self._held,
            rate_limited=steer != bounded.steer,
        )
        self._steer = steer
        return replace(bounded, steer=steer), report

    def _bounded(self, command: Command) -> Command:
        """Every value in its range; the brake wins over the throttle."""
        brake = min(max(command.brake, 0.0), 1.0)
        throttle = 0.0 if brake > 0.0 else min(max(command.throttle, 0.0), self.limits.max_throttle)
        return Command(throttle, _clip(command.steer, self.limits.max_steer), brake)


def _clip(value: float, limit: float) -> float:
    return min(max(value, -limit), limit)


def _is_finite(command: Command) -> bool:
    return (
        math.isfinite(command.throttle)
        and math.isfinite(command.steer)
        and math.isfinite(command.brake)
    )
