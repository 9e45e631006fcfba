"""Rewards: pure functions of one tick, chosen by name.

To add one here, write a function of (TickFacts, RewardConfig) that returns RewardTerms and decorate
it with ``@register("its_name")``; every term it names is published and plotted. Each is scaled so
that a tick of perfect driving earns about ``RewardConfig.scale``, and adds
``RewardConfig.terminal`` where an episode is terminated, unless it says otherwise.

One of your own needs no change here: such a function in a module of yours is the reward
``"module:function"``, as Gymnasium names environments.
"""

import importlib
import math
from collections.abc import Callable

from td3_driving.driving.reward_terms import RewardConfig, RewardTerms, TickFacts

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
    """The reward of that name, or "module:function" for one's own; its module is imported.

    Raises:
        ValueError: there is none, or one's own gives something else than finite terms.
    """
    if ":" in name:
        return _own(name)
    if name not in _REWARDS:
        raise ValueError(
            f"reward {name!r} is unknown; there are {', '.join(reward_names())}, or your own as "
            "module:function"
        )
    return _REWARDS[name]


def _own(name: str) -> RewardFunction:
    """A reward of the user's, tried once."""
    module, _, function = name.partition(":")
    try:
        found = getattr(importlib.import_module(module), function)
    except (ImportError, AttributeError, TypeError, ValueError) as error:
        raise ValueError(
            f"reward {name!r} can't be had: {error}; is its folder on PYTHONPATH?"
        ) from error

    def checked(facts: TickFacts, config: RewardConfig) -> RewardTerms:
        terms = found(facts, config)
        if not isinstance(terms, RewardTerms) or not terms.values:
            raise ValueError(f"reward {name!r} gave {terms!r:.60}; it must give RewardTerms")
        if not all(map(math.isfinite, terms.values.values())):
            raise ValueError(f"reward {name!r} gave {dict(terms.values)} for {facts}, not finite")
        return terms

    try:
        checked(TickFacts(0.0, 0.0, 0.0), RewardConfig())
    except Exception as error:  # whatever a user's code raises
        raise ValueError(f"reward {name!r} fails for a vehicle that stands: {error}") from error
    return checked


def reward_names() -> list[str]:
    """The names of all rewards, in alphabetical order."""
    return sorted(_REWARDS)


def _speed_reward(facts: TickFacts, config: RewardConfig) -> float:
    share = facts.speed_along_mps / config.target_speed_mps
    return share if share <= 1.0 else 1.0 - config.overspeed_slope * (share - 1.0)


def _scaled(facts: TickFacts, config: RewardConfig, **terms: float) -> RewardTerms:
    """The terms and those for others on the road, times the scale, and the terminal one."""
    if config.gap_weight:
        terms["gap"] = -config.gap_weight * _too_close(facts, config)
    if config.light_weight:
        speed = max(facts.speed_along_mps, 0.0) / config.target_speed_mps
        terms["red_light"] = -config.light_weight * speed if facts.red_light else 0.0
    values = {name: config.scale * value for name, value in terms.items()}
    values["terminal"] = config.terminal if facts.terminated else 0.0
    return RewardTerms(values)


def _too_close(facts: TickFacts, config: RewardConfig) -> float:
    """1 at the bumper of what is ahead, 0 from the wanted distance on."""
    if facts.gap_m is None:
        return 0.0
    wanted_m = config.gap_min_m + config.gap_headway_s * max(facts.speed_along_mps, 0.0)
    return min(max(1.0 - facts.gap_m / wanted_m, 0.0), 1.0)


def _steer_change(facts: TickFacts, config: RewardConfig) -> float:
    return -config.steer_change_weight * abs(facts.steer_change)


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
        steer_change=_steer_change(facts, config),
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
        steer_change=_steer_change(facts, config),
    )


@register("default")
def by_factors(facts: TickFacts, config: RewardConfig) -> RewardTerms:
    """Progress times how well the lane and the speed limit are kept, each factor in [0, 1].

    clip(v / v*, -0.5, 1) (1 - |lat| / 2 m)+ (1 - |heading| / 90 deg)+ (1 - (v - v*)+ / 2.23)+, the
    soft factors of CaRL (Jaeger et al. 2025, "CaRL: Learning Scalable Planning Policies with Simple
    Rewards") on a dense progress. Every term but the first is what its factor takes away.
    """
    ahead = min(max(facts.speed_along_mps / config.target_speed_mps, -0.5), 1.0)
    over_mps = max(facts.speed_along_mps - config.target_speed_mps, 0.0)
    factors = {
        "lateral": max(0.0, 1.0 - abs(facts.lateral_m) / config.lateral_limit_m),
        "heading": max(0.0, 1.0 - abs(facts.heading_error_rad) / (math.pi / 2.0)),
        "overspeed": max(0.0, 1.0 - over_mps / 2.23),
    }
    terms, left = {"progress": ahead}, ahead
    for name, factor in factors.items():
        terms[name] = left * (factor - 1.0)
        left *= factor
    return _scaled(facts, config, **terms, steer_change=_steer_change(facts, config))


@register("progress")
def progressed(facts: TickFacts, config: RewardConfig) -> RewardTerms:
    """The way made along the route, up to the target speed, and nothing else.

    The change of route completion, as CaRL (Jaeger et al. 2025) pays it without its soft factors.
    """
    share = facts.speed_along_mps / config.target_speed_mps
    return _scaled(facts, config, progress=min(max(share, -1.0), 1.0))


@register("roach")
def coached(facts: TickFacts, config: RewardConfig) -> RewardTerms:
    """(1 - |v - v*| / v_max) - |lat| / 2 - |heading| - 0.1 [|steer change| > 0.01].

    v* is the target speed (v_max; 6 m/s in the paper), less the nearer something is ahead:
    times clip(gap - 3 m, 0, 5 m) / 5 m, and 0 at a red light, so that waiting pays. A collision or
    a run red light costs the speed in m/s besides the terminal -1. Roach (Zhang et al. 2021,
    "End-to-End Urban Driving by Imitating a Reinforcement Learning Coach"; valeo_action.py).
    """
    share = 1.0 if facts.gap_m is None else min(max(facts.gap_m - 3.0, 0.0), 5.0) / 5.0
    wanted_mps = 0.0 if facts.red_light else share * config.target_speed_mps
    error = abs(facts.speed_along_mps - wanted_mps) / config.target_speed_mps
    terms = _scaled(
        facts,
        config,
        speed=1.0 - error,
        lateral=-abs(facts.lateral_m) / 2.0,
        heading=-abs(facts.heading_error_rad),
        steer_change=-0.1 if abs(facts.steer_change) > 0.01 else 0.0,
    )
    # Scaled as the rest: what must not happen may not cost more than an episode earns.
    fault = -config.scale * max(facts.speed_along_mps, 0.0) if facts.at_fault else 0.0
    return RewardTerms({**terms.values, "fault": fault})


@register("kendall")
def until_taken_over(facts: TickFacts, config: RewardConfig) -> RewardTerms:
    """Forward speed, until someone would have to take over; the end itself costs nothing.

    Kendall et al. 2018, "Learning to Drive in a Day": the value is the distance driven until the
    first infraction.
    """
    speed = config.scale * facts.speed_along_mps / config.target_speed_mps
    return RewardTerms({"speed": speed, "terminal": 0.0})
