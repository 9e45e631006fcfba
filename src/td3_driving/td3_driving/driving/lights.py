"""Traffic lights as the vehicle meets them: which one is in force, and whether it ran a red one."""

from __future__ import annotations

from enum import Enum

_MOVING_MPS = 0.1


class Light(str, Enum):
    """The traffic light that concerns the vehicle: from some metres before its stop line to it."""

    NONE = "none"
    GREEN = "green"
    YELLOW = "yellow"
    RED = "red"


class RedLightWatch:
    """Tells when the vehicle drives over the stop line of a red light.

    A light is in force until the vehicle's front passes its line. So a vehicle that moves, and for
    which a red light is in force in one tick and none in the next, has run it. CARLA's leaderboard
    looks at the stop line's geometry instead; where a map's trigger boxes end before the line, ours
    is the stricter.
    """

    def __init__(self) -> None:
        self._last = Light.NONE

    def update(self, light: Light, speed_mps: float) -> bool:
        """Whether a red light was run in this tick.

        Args:
            light: The one in force after the tick.
            speed_mps: Forward speed.
        """
        ran = self._last is Light.RED and light is Light.NONE and speed_mps > _MOVING_MPS
        self._last = light
        return ran
