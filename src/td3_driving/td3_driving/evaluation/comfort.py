"""How a ride feels: accelerations, jerks and turning against the field's bounds.

The bounds are nuPlan's (Karnchanachari et al. 2024, "Towards learning-based planning: the nuPlan
benchmark"), which Bench2Drive and CaRL report on CARLA's leaderboard. Like nuPlan, derivatives are
those of a parabola fitted around each moment (Savitzky and Golay 1964).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Series = NDArray[np.floating]


@dataclass(frozen=True, slots=True)
class Bound:
    """What is still comfortable, and its unit."""

    low: float
    high: float
    unit: str


BOUNDS: Mapping[str, Bound] = {
    "longitudinal_acceleration": Bound(-4.05, 2.40, "m/s²"),
    "lateral_acceleration": Bound(-4.89, 4.89, "m/s²"),
    "jerk": Bound(-8.37, 8.37, "m/s³"),
    "longitudinal_jerk": Bound(-4.13, 4.13, "m/s³"),
    "yaw_rate": Bound(-0.95, 0.95, "rad/s"),
    "yaw_acceleration": Bound(-1.93, 1.93, "rad/s²"),
}

WINDOW_S = 0.75
"""Width of the parabolas: nuPlan's 15 samples, at 20 Hz."""


def smooth(values: Series, tick_s: float, derivative: int = 0) -> Series:
    """The parabolas' values, or their slopes, at every entry.

    At both ends the first and the last whole window's parabola goes on, as scipy's savgol_filter
    has it in mode "interp". A series shorter than the window is one window.

    Args:
        values: (T,), one per tick.
        tick_s: Time between two.
        derivative: 0 for values, 1 for slopes per second.
    """
    count = len(values)
    width = min(max(3, round(WINDOW_S / tick_s) | 1), count)
    degree = min(2, width - 1)
    times = (np.arange(width) - (width - 1) / 2) * tick_s
    powers = np.arange(degree + 1)
    fit = np.linalg.pinv(times[:, None] ** powers)
    starts = np.clip(np.arange(count) - width // 2, 0, count - width)
    windows = np.lib.stride_tricks.sliding_window_view(np.asarray(values, np.float64), width)
    coefficients = windows[starts] @ fit.T
    at = times[np.arange(count) - starts, None]
    if derivative == 0:
        return (coefficients * at**powers).sum(axis=1)
    return (coefficients[:, 1:] * powers[1:] * at ** (powers[1:] - 1)).sum(axis=1)


def signals(speed_mps: Series, yaw_rate_radps: Series, tick_s: float) -> dict[str, Series]:
    """Each of BOUNDS over an episode; lateral acceleration is speed times yaw rate.

    Args:
        speed_mps: (T,) forward speed.
        yaw_rate_radps: (T,), positive when turning left.
        tick_s: Time between two entries.
    """
    forward = smooth(speed_mps, tick_s, 1)
    sideways = smooth(speed_mps * yaw_rate_radps, tick_s)
    return {
        "longitudinal_acceleration": forward,
        "lateral_acceleration": sideways,
        # Of the acceleration's size, as nuPlan has it.
        "jerk": smooth(np.hypot(forward, sideways), tick_s, 1),
        "longitudinal_jerk": smooth(forward, tick_s, 1),
        "yaw_rate": smooth(yaw_rate_radps, tick_s),
        "yaw_acceleration": smooth(yaw_rate_radps, tick_s, 1),
    }


def comfort(speed_mps: Series, yaw_rate_radps: Series, tick_s: float) -> dict[str, float]:
    """Share of the time within each bound in percent, and within all of them at once ("all")."""
    within = {
        name: (series >= BOUNDS[name].low) & (series <= BOUNDS[name].high)
        for name, series in signals(speed_mps, yaw_rate_radps, tick_s).items()
    }
    shares = {name: 100.0 * float(inside.mean()) for name, inside in within.items()}
    return shares | {"all": 100.0 * float(np.logical_and.reduce(list(within.values())).mean())}
