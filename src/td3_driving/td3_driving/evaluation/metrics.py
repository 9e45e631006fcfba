"""From driven episodes to the figures of a report."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from td3_driving.driving.termination import EpisodeEnd

INFRACTIONS = frozenset({EpisodeEnd.COLLISION, EpisodeEnd.OFF_LANE, EpisodeEnd.WRONG_WAY})
"""What counts as an infraction. Standing still for too long is a failure, but harms nobody."""

_RESAMPLES = 2000


@dataclass(frozen=True, slots=True)
class EpisodeRecord:
    """One driven episode; all arrays (T,) float, one entry per step, T >= 1.

    Args:
        s_m: Arc length along the route.
        lateral_m: Offset from the route, positive to the left.
        heading_error_rad: Vehicle heading minus route heading.
        speed_mps: Forward speed.
        steer: Steering command, [-1, 1], positive to the right.
        distance_m: Planned distance along the route.
        reason: Why the episode ended.

    Raises:
        ValueError: arrays empty, of different lengths or not finite, or no distance.
    """

    s_m: NDArray[np.floating]
    lateral_m: NDArray[np.floating]
    heading_error_rad: NDArray[np.floating]
    speed_mps: NDArray[np.floating]
    steer: NDArray[np.floating]
    distance_m: float
    reason: EpisodeEnd

    def __post_init__(self) -> None:
        for name in ("s_m", "lateral_m", "heading_error_rad", "speed_mps", "steer"):
            values = getattr(self, name)
            if values.shape != (len(self.s_m),) or len(values) == 0:
                raise ValueError(
                    f"EpisodeRecord.{name} has shape {values.shape}; expected ({len(self.s_m)},) "
                    "with at least one step"
                )
            if not np.isfinite(values).all():
                step = int(np.argmin(np.isfinite(values)))
                raise ValueError(f"EpisodeRecord.{name} is {values[step]} at step {step}")
        if not (np.isfinite(self.distance_m) and self.distance_m > 0):
            raise ValueError(f"EpisodeRecord.distance_m is {self.distance_m}; it must be above 0")


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
    """

    completion_pct: float
    success: bool
    mean_speed_mps: float
    lane_deviation_m: float
    infractions: dict[str, int]
    km: float
    reason: EpisodeEnd


def score(record: EpisodeRecord) -> EpisodeScore:
    """Score one episode. It ends at its first infraction, so that there is at most one."""
    driven_m = max(0.0, float(record.s_m.max() - record.s_m[0]))
    infraction = record.reason in INFRACTIONS
    # Arriving is the monitor's judgement: it allows a small gap before a route's end.
    arrived = record.reason is EpisodeEnd.ROUTE_DONE or driven_m >= record.distance_m
    share = 1.0 if arrived and not infraction else min(1.0, driven_m / record.distance_m)
    return EpisodeScore(
        completion_pct=100.0 * share,
        success=arrived and not infraction,
        mean_speed_mps=float(record.speed_mps.mean()),
        lane_deviation_m=float(np.abs(record.lateral_m).mean()),
        infractions={record.reason.value: 1} if infraction else {},
        km=driven_m / 1000.0,
        reason=record.reason,
    )


@dataclass(frozen=True, slots=True)
class Summary:
    """Means over episodes, and how sure they are.

    Args:
        completion_pct: Mean share of the distance driven.
        success_pct: Share of the episodes completed without an infraction.
        mean_speed_mps: Mean over the episodes.
        lane_deviation_m: Mean over the episodes.
        infractions_per_km: All infractions over all kilometres; None if no distance was driven.
        infractions: How many of each kind.
        endings: Episodes by reason of their end.
        km: Distance driven in all.
        episodes: Number of episodes scored.
        faults: Episodes left out because something other than the policy failed.
        intervals: 95 % bootstrap interval (low, high) of each of the first five that has a value.
    """

    completion_pct: float
    success_pct: float
    mean_speed_mps: float
    lane_deviation_m: float
    infractions_per_km: float | None
    infractions: dict[str, int]
    endings: dict[str, int]
    km: float
    episodes: int
    faults: int
    intervals: dict[str, tuple[float, float]]

    def as_dict(self) -> dict[str, Any]:
        """For JSON: plain numbers, strings and dictionaries, all finite."""
        return asdict(self)


def summarise(scores: Sequence[EpisodeScore], seed: int = 0) -> Summary:
    """Summarise episodes that were all driven by one policy.

    Args:
        scores: Of the episodes. Those ended by a fault are counted but not scored.
        seed: Of the bootstrap (2000 resamples of whole episodes, percentile method).

    Raises:
        ValueError: no episode to score.
    """
    valid = [s for s in scores if s.reason is not EpisodeEnd.FAULT]
    if not valid:
        raise ValueError(
            f"no episode to summarise: {len(scores)} given, all of them ended by a fault"
            if scores
            else "no episode to summarise: none was driven"
        )
    columns = {
        "completion_pct": np.array([s.completion_pct for s in valid]),
        "success_pct": np.array([100.0 * s.success for s in valid]),
        "mean_speed_mps": np.array([s.mean_speed_mps for s in valid]),
        "lane_deviation_m": np.array([s.lane_deviation_m for s in valid]),
    }
    counts = np.array([float(sum(s.infractions.values())) for s in valid])
    km = np.array([s.km for s in valid])

    drawn = np.random.default_rng(seed).integers(len(valid), size=(_RESAMPLES, len(valid)))
    intervals = {name: _interval(values[drawn].mean(axis=1)) for name, values in columns.items()}
    drawn_km = km[drawn].sum(axis=1)
    moved = drawn_km > 0.0
    if moved.any():
        rates = counts[drawn].sum(axis=1)[moved] / drawn_km[moved]
        intervals["infractions_per_km"] = _interval(rates)

    by_kind: Counter[str] = Counter()
    for episode in valid:
        by_kind.update(episode.infractions)
    return Summary(
        **{name: float(values.mean()) for name, values in columns.items()},
        infractions_per_km=float(counts.sum() / km.sum()) if km.sum() > 0.0 else None,
        infractions=dict(by_kind),
        endings=dict(Counter(s.reason.value for s in valid)),
        km=float(km.sum()),
        episodes=len(valid),
        faults=len(scores) - len(valid),
        intervals=intervals,
    )


def _interval(resampled: NDArray[np.float64]) -> tuple[float, float]:
    low, high = np.percentile(resampled, (2.5, 97.5))
    return float(low), float(high)
