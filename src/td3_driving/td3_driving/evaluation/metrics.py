"""From driven episodes to the figures of a report."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from td3_driving.driving.termination import EpisodeEnd
from td3_driving.evaluation.comfort import comfort
from td3_driving.evaluation.intervals import Clusters, Interval, student
from td3_driving.evaluation.leaderboard import driving_score
from td3_driving.evaluation.records import EpisodeRecord

ENDING_INFRACTIONS = frozenset({"collision", "red_light", "off_lane", "wrong_way"})
"""Ends that are infractions."""


@dataclass(frozen=True, slots=True)
class EpisodeScore:
    """How one episode went.

    Args:
        completion_pct: Share of the planned distance driven along the route.
        success: Whether all of it was driven without an infraction.
        mean_speed_mps: Over all steps.
        lane_deviation_m: Mean distance from the route.
        infractions: How many of each kind.
        km: Distance driven along the route.
        reason: Why the episode ended.
        driving_score: Of the CARLA leaderboard, [0, 100].
        lane_deviation_p95_m: Distance from the route that 95 % of the steps stay within.
        heading_error_deg: Mean angle to the route.
        speed_rmse_mps: Root mean square distance from the target speed.
        comfort_pct: Share of the time within each bound of comfort, and within "all".
    """

    completion_pct: float
    success: bool
    mean_speed_mps: float
    lane_deviation_m: float
    infractions: Mapping[str, int]
    km: float
    reason: EpisodeEnd
    driving_score: float
    lane_deviation_p95_m: float
    heading_error_deg: float
    speed_rmse_mps: float
    comfort_pct: Mapping[str, float]


def score(record: EpisodeRecord) -> EpisodeScore:
    """Score one episode."""
    # Standing still for too long is a failure, but harms nobody.
    infractions = Counter(
        infraction.kind
        for infraction in record.infractions
        if infraction.kind != EpisodeEnd.STUCK.value
    )
    if record.reason.value in ENDING_INFRACTIONS and not infractions:
        infractions[record.reason.value] = 1
    # Arriving is the monitor's judgement: it allows a small gap before a route's end.
    arrived = (
        record.reason is EpisodeEnd.ROUTE_DONE or record.driven_m >= record.distance_m
    ) and record.reason.value not in ENDING_INFRACTIONS
    completion_pct = 100.0 * (1.0 if arrived else min(1.0, record.driven_m / record.distance_m))
    deviation_m = np.abs(record.lateral_m)
    off_target = record.speed_mps - record.target_speed_mps
    return EpisodeScore(
        completion_pct=completion_pct,
        success=arrived and not infractions,
        mean_speed_mps=float(record.speed_mps.mean()),
        lane_deviation_m=float(deviation_m.mean()),
        infractions=dict(infractions),
        km=record.driven_m / 1000.0,
        reason=record.reason,
        driving_score=driving_score(completion_pct, infractions),
        lane_deviation_p95_m=float(np.percentile(deviation_m, 95)),
        heading_error_deg=float(np.degrees(np.abs(record.heading_error_rad)).mean()),
        speed_rmse_mps=float(np.sqrt((off_target**2).mean())),
        comfort_pct=comfort(record.speed_mps, record.yaw_rate_radps, record.tick_s),
    )


MEANS = (
    "completion_pct", "driving_score", "mean_speed_mps", "lane_deviation_m",
    "lane_deviation_p95_m", "heading_error_deg", "speed_rmse_mps",
)  # fmt: skip
"""Figures of a summary that are means over episodes."""


@dataclass(frozen=True, slots=True)
class Summary:
    """Means over episodes, and how sure they are.

    Args:
        completion_pct: Mean share of the distance driven.
        success_pct: Share of the episodes completed without an infraction.
        driving_score: Mean of the CARLA leaderboard's.
        mean_speed_mps: Mean over the episodes, as are the next four.
        lane_deviation_m: Distance from the route.
        lane_deviation_p95_m: Distance from the route that 95 % of an episode stay within.
        heading_error_deg: Angle to the route.
        speed_rmse_mps: Distance from the target speed.
        comfort_pct: Mean share of the time within each bound of comfort, and within "all".
        infractions_per_km: All infractions over all kilometres; None if no distance was driven.
        infractions_per_km_by_kind: The same for each kind that occurred.
        infractions: How many of each kind.
        endings: Episodes by reason of their end.
        km: Distance driven in all.
        episodes: Number of episodes scored.
        maps: Number of maps they were driven on.
        faults: Episodes left out because something other than the policy failed.
        intervals: 95 % interval (low, high) of each figure that has one; those within a dictionary
            are named like "comfort_pct.jerk".
    """

    completion_pct: float
    success_pct: float
    driving_score: float
    mean_speed_mps: float
    lane_deviation_m: float
    lane_deviation_p95_m: float
    heading_error_deg: float
    speed_rmse_mps: float
    comfort_pct: dict[str, float]
    infractions_per_km: float | None
    infractions_per_km_by_kind: dict[str, float]
    infractions: dict[str, int]
    endings: dict[str, int]
    km: float
    episodes: int
    maps: int
    faults: int
    intervals: dict[str, Interval]

    def as_dict(self) -> dict[str, Any]:
        """For JSON: plain numbers, strings and dictionaries, all finite."""
        return asdict(self)

    def figure(self, name: str) -> float | None:
        """The figure that an interval's name means, such as "comfort_pct.jerk"."""
        outer, _, inner = name.partition(".")
        value = getattr(self, outer)
        return value.get(inner) if inner else value


def summarise(
    scores: Sequence[EpisodeScore], seed: int = 0, maps: Sequence[str] | None = None
) -> Summary:
    """Summarise episodes that were all driven by one policy.

    Args:
        scores: Of the episodes. Those ended by a fault are counted but not scored.
        seed: Of the bootstrap.
        maps: The map of each episode; None: each was driven on one of its own.

    Raises:
        ValueError: no episode to score.
    """
    names = [str(i) for i in range(len(scores))] if maps is None else maps
    pairs = [(s, n) for s, n in zip(scores, names, strict=True) if s.reason is not EpisodeEnd.FAULT]
    if not pairs:
        raise ValueError(
            f"no episode to summarise: {len(scores)} given, all of them ended by a fault"
            if scores
            else "no episode to summarise: none was driven"
        )
    valid = [s for s, _ in pairs]
    clusters = Clusters([name for _, name in pairs], seed)
    intervals: dict[str, Interval] = {}

    def mean(name: str, values: list[float]) -> float:
        column = np.array(values, np.float64)
        intervals[name] = clusters.mean(column)
        return float(column.mean())

    means = {name: mean(name, [getattr(s, name) for s in valid]) for name in MEANS}
    succeeded = np.array([s.success for s in valid])
    low, high = clusters.proportion(succeeded)
    intervals["success_pct"] = 100.0 * low, 100.0 * high
    comfort_pct = {
        kind: mean(f"comfort_pct.{kind}", [s.comfort_pct[kind] for s in valid])
        for kind in valid[0].comfort_pct
    }

    km = np.array([s.km for s in valid])
    by_kind: Counter[str] = Counter()
    for episode in valid:
        by_kind.update(episode.infractions)

    def rate(name: str, counts: list[int]) -> float | None:
        column = np.array(counts, np.float64)
        interval = clusters.rate(column, km)
        if interval is not None:
            intervals[name] = interval
        return float(column.sum() / km.sum()) if km.sum() > 0.0 else None

    per_kind = {
        kind: rate(
            f"infractions_per_km_by_kind.{kind}", [s.infractions.get(kind, 0) for s in valid]
        )
        for kind in sorted(by_kind)
    }
    return Summary(
        **means,
        success_pct=100.0 * float(succeeded.mean()),
        comfort_pct=comfort_pct,
        infractions_per_km=rate("infractions_per_km", [sum(s.infractions.values()) for s in valid]),
        infractions_per_km_by_kind={k: v for k, v in per_kind.items() if v is not None},
        infractions=dict(by_kind),
        endings=dict(Counter(s.reason.value for s in valid)),
        km=float(km.sum()),
        episodes=len(valid),
        maps=len({name for _, name in pairs}),
        faults=len(scores) - len(valid),
        intervals=intervals,
    )


FIGURES = (*MEANS, "success_pct", "infractions_per_km", "comfort_pct.all")
"""What is averaged over training seeds."""


def across(summaries: Sequence[Summary]) -> dict[str, tuple[float, Interval | None]]:
    """Means of the figures over policies that were trained alike, from different seeds.

    The interval is Student's t over the policies: how well another training run may be expected to
    do; where all score alike, that of the episodes. Shares stay within 0 and 100 %, and nothing
    falls below 0. A figure that some policy lacks is left out.

    Raises:
        ValueError: no policies.
    """
    if not summaries:
        raise ValueError("no policies to average over")
    result: dict[str, tuple[float, Interval | None]] = {}
    for name in FIGURES:
        values = [value for s in summaries if (value := s.figure(name)) is not None]
        if len(values) < len(summaries):
            continue
        own = [s.intervals[name] for s in summaries if name in s.intervals]
        interval = student(values)
        if interval is not None and max(values) == min(values) and own:
            # Policies that score alike, such as all 100 %, tell nothing of others' spread.
            interval = min(low for low, _ in own), max(high for _, high in own)
        if interval is not None:
            most = 100.0 if "_pct" in name or name == "driving_score" else np.inf
            interval = max(0.0, interval[0]), float(min(most, interval[1]))
        result[name] = float(np.mean(values)), interval
    return result
