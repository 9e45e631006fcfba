"""From an agent's action to a vehicle command."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Command:
    """A vehicle command as CARLA has it.

    Plain numbers, not judged here: ``gate.CommandGate`` is the one place that judges them.

    Args:
        throttle: [0, 1].
        steer: [-1, 1], positive to the right.
        brake: [0, 1].
    """

    throttle: float
    steer: float
    brake: float


def to_command(steer: float, acceleration: float) -> Command:
    """Positive acceleration is throttle, negative is brake; a non-finite one stays visible as such.

    Args:
        steer: [-1, 1], positive to the right.
        acceleration: [-1, 1].
    """
    # max() keeps its first argument unless another is larger, so a NaN passes on to the gate.
    return Command(max(acceleration, 0.0), steer, max(-acceleration, 0.0))
