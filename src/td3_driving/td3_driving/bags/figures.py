"""What a replay came to, in figures."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from td3_driving.bags.replay import Guarded, Replayed

DIMENSIONS = ("steer", "acceleration")


def figures(replayed: Replayed) -> dict[str, Any]:
    """All figures, JSON-able and finite; None where there is nothing to tell of.

    Args:
        replayed: With one decision or more.
    """
    error = np.abs(replayed.driven.astype(np.float64) - replayed.replayed)
    return {
        "decisions": len(replayed.time_s),
        "episodes": int(np.count_nonzero(np.diff(replayed.episode)) + 1),
        "ticks": replayed.ticks,
        "duration_s": round(replayed.duration_s, 3),
        "actions_sha256": replayed.sha256,
        "identical": bool((error == 0.0).all()),
        "action_error": {
            "all": _error(error.max(axis=1)),
            **{name: _error(error[:, i]) for i, name in enumerate(DIMENSIONS)},
        },
        "interventions": {
            "driven": _guarded(replayed.guard_driven), "replayed": _guarded(replayed.guard_replayed)
        },
        "smoothness": {
            "driven": smoothness(replayed, replayed.driven),
            "replayed": smoothness(replayed, replayed.replayed),
        },
        "reward_mean": _mean(replayed.reward),
        "value_mean": _mean(replayed.value),
        "td_error": {
            "mean": _mean(replayed.td_error),
            "abs_mean": _mean(np.abs(replayed.td_error)),
        },
        "pictures_differ": replayed.pictures_differ,
        "ticks_missing": replayed.missing,
        "ticks_refused": replayed.refused,
    }  # fmt: skip


def smoothness(replayed: Replayed, actions: NDArray[np.float32]) -> dict[str, float | None]:
    """How calm the steering is: its mean rate, and its jerk.

    Args:
        replayed: Says which decisions follow each other.
        actions: float32 (N, 2).

    Returns:
        steering_rate: mean of the change per second; steering_jerk: root mean square of the change
        of that, per second squared. Within episodes alone, None where they are too short.
    """
    steer, dt = actions[:, 0].astype(np.float64), replayed.decision_s
    next_ = np.diff(replayed.episode) == 0
    next_ &= np.isclose(np.diff(replayed.time_s), dt, atol=1e-6)
    rate = np.diff(steer) / dt
    both = next_[1:] & next_[:-1]
    jerk = np.diff(rate)[both] / dt
    return {
        "steering_rate": float(np.abs(rate[next_]).mean()) if next_.any() else None,
        "steering_jerk": float(np.sqrt(np.square(jerk).mean())) if both.any() else None,
    }


def _error(values: NDArray[np.float64]) -> dict[str, float]:
    return {
        "mean": float(values.mean()),
        "p95": float(np.percentile(values, 95)),
        "max": float(values.max()),
    }


def _guarded(guarded: Guarded) -> dict[str, int]:
    return {
        "total": guarded.total, "clipped": guarded.clipped,
        "rate_limited": guarded.rate_limited, "non_finite": guarded.non_finite,
    }  # fmt: skip


def _mean(values: NDArray[np.float64]) -> float | None:
    known = values[np.isfinite(values)]
    return float(known.mean()) if len(known) else None
