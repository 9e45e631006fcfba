"""What a reward looks at, how it is set, and what it comes to: named terms."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from td3_driving.driving.validation import require_finite, require_positive


@dataclass(frozen=True, slots=True)
class RewardConfig:
    """Parameters of the rewards. The defaults are the ones that learned fastest.

    Args:
        target_speed_mps: Speed along the route with the highest reward.
        overspeed_slope: How much steeper the speed reward falls above the target than it rises.
        lateral_limit_m: Offset at which ``mul``'s lateral factor is 0 and ``add``'s penalty full.
        heading_limit_rad: Heading error at which the heading factor of ``mul`` is 0.
        lateral_weight: Full lateral penalty of ``add``.
        heading_weight: Penalty of ``add`` per radian of heading error, up to 1 rad.
        steer_change_weight: Penalty per unit of change of the steering command.
        gap_weight: Full penalty for being too close to what is ahead; 0: no such term.
        gap_min_m: The gap to keep at rest,
        gap_headway_s: and that much time's way on top of it.
        light_weight: Penalty for moving at the target speed towards a red light; 0: no such term.
        scale: Applied to all of the above; keeps values near 10 at a discount of 0.99.
        terminal: Added, unscaled, where an episode is terminated.
    """

    target_speed_mps: float = 8.0
    overspeed_slope: float = 2.0
    lateral_limit_m: float = 2.0
    heading_limit_rad: float = 0.5
    lateral_weight: float = 0.5
    heading_weight: float = 0.5
    steer_change_weight: float = 0.3
    gap_weight: float = 0.0
    gap_min_m: float = 2.0
    gap_headway_s: float = 1.0
    light_weight: float = 0.0
    scale: float = 0.1
    terminal: float = -1.0

    def __post_init__(self) -> None:
        require_finite(self)
        require_positive(
            self, "target_speed_mps", "lateral_limit_m", "heading_limit_rad", "scale", "gap_min_m"
        )


@dataclass(frozen=True, slots=True)
class TickFacts:
    """What a reward may look at, after one tick.

    Args:
        speed_along_mps: Velocity along the route.
        lateral_m: Offset from the route, positive to the left.
        heading_error_rad: Vehicle heading minus route heading.
        steer_change: Steering command of this tick minus that of the tick before.
        terminated: Whether this tick ended the episode for good (not by truncation).
        gap_m: Free way to what is ahead on the route; None: nothing is.
        red_light: Whether a red light is in force: its stop line is a few metres ahead.
        at_fault: Whether the tick ended the episode by a collision or a run red light.
    """

    speed_along_mps: float
    lateral_m: float
    heading_error_rad: float
    steer_change: float = 0.0
    terminated: bool = False
    gap_m: float | None = None
    red_light: bool = False
    at_fault: bool = False

    def __post_init__(self) -> None:
        require_finite(self)


@dataclass(frozen=True, slots=True)
class RewardTerms:
    """A reward as named terms. Their sum is the reward, whichever the function."""

    values: Mapping[str, float]

    @property
    def total(self) -> float:
        """The reward."""
        return math.fsum(self.values.values())


_ONCE = ("terminal", "fault")
"""Terms that come with the end of an episode alone."""


def average(ticks: Sequence[RewardTerms]) -> RewardTerms:
    """The reward of one decision from those of its ticks (an action repeat).

    Terms are averaged, not summed, so that the scale of values doesn't depend on the repeat; the
    terms of the end are what they were, as they come once per episode.

    Args:
        ticks: At least one, all of the same reward function.

    Raises:
        ValueError: no ticks.
    """
    if not ticks:
        raise ValueError("a decision without ticks has no reward")
    return RewardTerms(
        {
            name: math.fsum(tick.values[name] for tick in ticks)
            / (1 if name in _ONCE else len(ticks))
            for name in ticks[0].values
        }
    )
