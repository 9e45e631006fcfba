"""Rewards: pure functions of one tick, chosen by name.

To add one, write a function of (TickFacts, RewardConfig) that returns RewardTerms, and decorate it
with ``@register("its_name")``; every term it names is published and plotted.
"""

import math
from collections.abc import Callable, Mapping, Sequence
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
    scale: float = 0.1
    terminal: float = -1.0

    def __post_init__(self) -> None:
        require_finite(self)
        require_positive(self, "target_speed_mps", "lateral_limit_m", "heading_limit_rad", "scale")


@dataclass(frozen=True, slots=True)
class TickFacts:
    """What a reward may look at, after one tick.

    Args:
        speed_along_mps: Velocity along the route.
        lateral_m: Offset from the route, positive to the left.
        heading_error_rad: Vehicle heading minus route heading.
        steer_change: Steering command of this tick minus that of the tick before.
        terminated: Whether this tick ended the episode for good (not by truncation).
    """

    speed_along_mps: float
    lateral_m: float
    heading_error_rad: float
    steer_change: float = 0.0
    terminated: bool = False

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


RewardFunction = Callable[[TickFacts, RewardConfig], RewardTerms]
_REWARDS: dict[str, RewardFunction] = {}


def register(name: str) -> Callable[[RewardFunction], RewardFunction]:
    """Decorator that makes a reward known by name.

    Raises:
        ValueError: the name is taken.
    """

    def add(function: RewardFunction) -> RewardFunction:
        if name in _REWARDS:
            raise ValueError(f"a reward named {name!r} exists already; choose another name")
        _REWARDS[name] = function
        return function

    return add


def reward_function(name: str) -> RewardFunction:
    """The reward of that name.

    Raises:
        ValueError: there is none; the message lists those there are.
    """
    if name not in _REWARDS:
        raise ValueError(f"reward {name!r} is unknown; there are {', '.join(sorted(_REWARDS))}")
    return _REWARDS[name]


def average(ticks: Sequence[RewardTerms]) -> RewardTerms:
    """The reward of one decision from those of its ticks (an action repeat).

    Terms are averaged, not summed, so that the scale of values doesn't depend on the repeat; the
    terminal term is what it was, as it comes once per episode.

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
            / (1 if name == "terminal" else len(ticks))
            for name in ticks[0].values
        }
    )


def _speed_reward(facts: TickFacts, config: RewardConfig) -> float:
    share = facts.speed_along_mps / config.target_speed_mps
    return share if share <= 1.0 else 1.0 - config.overspeed_slope * (share - 1.0)


def _scaled(facts: TickFacts, config: RewardConfig, **terms: float) -> RewardTerms:
    terms["steer_change"] = -config.steer_change_weight * abs(facts.steer_change)
    values = {name: config.scale * value for name, value in terms.items()}
    values["terminal"] = config.terminal if facts.terminated else 0.0
    return RewardTerms(values)


@register("mul")
def multiplied(facts: TickFacts, config: RewardConfig) -> RewardTerms:
    """Speed times how well the lane is kept: speed (1 - |lat| / 2 m)+ (1 - |heading| / 0.5 rad)+.

    Standing still pays nothing and neither does speed off the lane; after the reward of
    alberto-mate's SB3-CARLA. The lateral and heading terms are what each factor takes away.
    """
    speed = _speed_reward(facts, config)
    in_lane = max(0.0, 1.0 - abs(facts.lateral_m) / config.lateral_limit_m)
    aligned = max(0.0, 1.0 - abs(facts.heading_error_rad) / config.heading_limit_rad)
    return _scaled(
        facts,
        config,
        speed=speed,
        lateral=speed * (in_lane - 1.0),
        heading=speed * in_lane * (aligned - 1.0),
    )


@register("add")
def added(facts: TickFacts, config: RewardConfig) -> RewardTerms:
    """Speed less penalties: speed - 0.5 min(|lat| / 2 m, 1) - 0.5 min(|heading| / 1 rad, 1).

    After Roach (Zhang et al. 2021, "End-to-End Urban Driving by Imitating a RL Coach").
    """
    return _scaled(
        facts,
        config,
        speed=_speed_reward(facts, config),
        lateral=-config.lateral_weight * min(abs(facts.lateral_m) / config.lateral_limit_m, 1.0),
        heading=-config.heading_weight * min(abs(facts.heading_error_rad), 1.0),
    )
