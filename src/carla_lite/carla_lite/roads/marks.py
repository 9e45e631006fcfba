"""The lines to be painted along lanes: marks with their runs and their doubles told apart."""

from __future__ import annotations

from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from carla_lite.roads.lanes import LaneStrip
from carla_lite.roads.model import LaneMark, MarkColour, MarkKind

Floats = NDArray[np.float64]

_LINES: dict[MarkKind, tuple[Literal["solid", "broken"], ...]] = {
    "solid": ("solid",),
    "broken": ("broken",),
    "botts dots": ("broken",),
    "custom": ("solid",),
    "solid solid": ("solid", "solid"),
    "solid broken": ("solid", "broken"),
    "broken solid": ("broken", "solid"),
    "broken broken": ("broken", "broken"),
}
"""From the inner to the outer one; kerbs, grass and edges are no paint."""


class PaintedLine(NamedTuple):
    """One line: `s_m` float64 (N,) on the road, `points` float64 (N, 2) in CARLA's frame."""

    pattern: Literal["solid", "broken"]
    colour: MarkColour
    width_m: float
    s_m: Floats
    points: Floats


def painted_lines(strip: LaneStrip) -> list[PaintedLine]:
    """The lines on a lane's outer border; of lane 0, on the lane reference line.

    Double lines lie as far apart as they are wide.
    """
    lines = []
    starts = [strip.section.s_m + mark.s_m for mark in strip.lane.marks]
    ends = [*starts[1:], np.inf]
    for mark, start, end in zip(strip.lane.marks, starts, ends, strict=False):
        patterns = _LINES.get(mark.kind, ())
        s_m = _run(strip.s_m, start, end)
        if len(s_m) < 2 or not patterns:
            continue
        points = np.column_stack([np.interp(s_m, strip.s_m, strip.outer[:, i]) for i in (0, 1)])
        if len(patterns) == 1:
            lines.append(PaintedLine(patterns[0], mark.colour, mark.width_m, s_m, points))
            continue
        aside = _outwards(strip, mark, points)
        for side, pattern in zip((-1.0, 1.0), patterns, strict=True):
            moved = points + side * aside
            lines.append(PaintedLine(pattern, mark.colour, mark.width_m, s_m, moved))
    return lines


def _run(s_m: Floats, start: float, end: float) -> Floats:
    """The samples from start to end, both included as far as there are samples."""
    first, last = max(start, s_m[0]), min(end, s_m[-1])
    if last - first < 1e-6:
        return np.empty(0)
    inside = s_m[(s_m > first) & (s_m < last)]
    return np.concatenate([[first], inside, [last]])


def _outwards(strip: LaneStrip, mark: LaneMark, points: Floats) -> Floats:
    """From the middle to the outer one of two lines; on lane 0 outwards is to the right."""
    along = np.gradient(points, axis=0)
    along /= np.maximum(np.hypot(along[:, 0], along[:, 1]), 1e-9)[:, None]
    right = np.column_stack([-along[:, 1], along[:, 0]])
    return right * mark.width_m * (-1.0 if strip.lane.id > 0 else 1.0)
