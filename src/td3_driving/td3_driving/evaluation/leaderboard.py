"""The CARLA leaderboard's driving score: how far, times a penalty for each infraction.

Leaderboard 2.0: route completion in percent times the product of p ** count over infraction kinds
(https://leaderboard.carla.org, "Evaluation and metrics"; leaderboard/utils/statistics_manager.py).
"""

from __future__ import annotations

from collections.abc import Mapping

PENALTIES: Mapping[str, float] = {
    "collision_pedestrian": 0.50,
    "collision_vehicle": 0.60,
    "collision_static": 0.65,
    "red_light": 0.70,
    "stop": 0.80,
}
"""Factor of one infraction of each kind."""

UNNAMED_COLLISION = "collision"
"""A collision of which the simulator doesn't say with what; it counts as the worst of them."""


def penalty(infractions: Mapping[str, int]) -> float:
    """The product of all penalties, in (0, 1].

    Kinds that the leaderboard has no factor for count 1: leaving the lane or the direction ends the
    route there, which costs completion instead, as a route deviation does.

    Args:
        infractions: How many of each kind.
    """
    product = 1.0
    for kind, count in infractions.items():
        worst = min(PENALTIES.values()) if kind == UNNAMED_COLLISION else 1.0
        product *= PENALTIES.get(kind, worst) ** count
    return product


def driving_score(completion_pct: float, infractions: Mapping[str, int]) -> float:
    """Route completion in percent times the penalty, [0, 100]."""
    return completion_pct * penalty(infractions)
