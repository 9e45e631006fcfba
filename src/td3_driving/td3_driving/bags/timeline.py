"""A replay over time, as SVG text; classes are those of the report's style."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from markupsafe import Markup
from numpy.typing import NDArray

from td3_driving.evaluation.report.svg import element, picture, points

WIDTH, HEIGHT = 1200.0, 120.0
_LEFT, _TOP, _GROUND = 44.0, 14.0, 102.0
Series = NDArray[np.floating]


@dataclass(frozen=True, slots=True, eq=False)
class Line:
    """Values over time, and the class that says how they are drawn."""

    style: str
    values: Series


@dataclass(frozen=True, slots=True, eq=False)
class Marks:
    """What is marked on the time axis: where episodes begin, interventions, numbered moments."""

    borders: Series
    guarded: Series
    moments: Series


def panel(
    name: str,
    time_s: Series,
    lines: Sequence[Line],
    marks: Marks,
    limits: tuple[float, float] | None = None,
) -> Markup:
    """Lines over time.

    Args:
        name: Of what is drawn.
        time_s: (N,) of every value, N >= 1, increasing.
        lines: Each with (N,) values; NaN is left out.
        marks: On the time axis.
        limits: Of the value axis; those of the values unless given.
    """
    low, high = limits or _limits(lines)
    first, span = float(time_s[0]), max(float(time_s[-1] - time_s[0]), 1e-9)

    def across(at_s: Series | float) -> Series:
        return _LEFT + (np.asarray(at_s) - first) / span * (WIDTH - _LEFT - 8.0)

    def up(values: Series | float) -> Series:
        share = (np.clip(values, low, high) - low) / (high - low)
        return _GROUND - share * (_GROUND - _TOP)

    parts = [
        element("line", class_="border", x1=float(x), y1=_TOP, x2=float(x), y2=_GROUND)
        for x in across(marks.borders)
    ]
    parts.append(element("line", class_="axis", x1=_LEFT, y1=_GROUND, x2=WIDTH - 8.0, y2=_GROUND))
    parts += [
        element("text", f"{value:.2g}", class_="dim", x=_LEFT - 5.0, y=float(up(value)) + 4.0,
                text_anchor="end")
        for value in (low, high)
    ]  # fmt: skip
    for line in lines:
        known = np.isfinite(line.values)
        x, y = thinned(across(time_s[known]), up(line.values[known]))
        if len(x):
            xy = points(np.column_stack([x, y]))
            parts.append(element("polyline", class_=line.style, points=xy))
    parts += [
        element("line", class_="guard", x1=float(x), y1=_GROUND, x2=float(x), y2=_GROUND + 6.0)
        for x in np.unique(np.round(across(marks.guarded)))
    ]
    for number, x in enumerate(across(marks.moments), 1):
        parts.append(element("circle", class_="pin", cx=float(x), cy=_TOP - 4.0, r=7))
        parts.append(element("text", str(number), class_="number", x=float(x), y=_TOP - 1.0,
                             text_anchor="middle"))  # fmt: skip
    parts.append(element("text", name, x=_LEFT, y=118.0))
    parts.append(element("text", f"{first + span:.0f} s", class_="dim", x=WIDTH - 8.0, y=118.0,
                         text_anchor="end"))  # fmt: skip
    return picture(parts, WIDTH, HEIGHT, f"{name} over {span:.0f} s")


def zoom(time_s: Series, lines: Sequence[Line], at_s: float, reach_s: float = 3.0) -> Markup:
    """Lines around one moment, values from -1 to 1."""
    width, height = 320.0, 90.0
    inside = np.abs(time_s - at_s) <= reach_s
    x = (time_s[inside] - at_s) / (2 * reach_s) * width + width / 2
    parts = [
        element("line", class_="border", x1=width / 2, y1=0, x2=width / 2, y2=height),
        element("line", class_="axis", x1=0, y1=height / 2, x2=width, y2=height / 2),
    ]
    for line in lines:
        y = (1.0 - np.clip(line.values[inside], -1.0, 1.0)) * (height / 2 - 4.0) + 4.0
        xy = points(np.column_stack([x, y]))
        parts.append(element("polyline", class_=line.style, points=xy))
    return picture(parts, width, height, "what was driven and replayed around the moment")


def thinned(x: Series, y: Series, columns: int = 1200) -> tuple[Series, Series]:
    """The lowest and highest point of each column: the same picture from fewer points."""
    if len(x) <= 2 * columns:
        return x, y
    edges = np.linspace(0, len(x), columns + 1).astype(int)
    kept = []
    for low, high in pairwise(edges):
        part = y[low:high]
        kept += sorted({low + int(part.argmin()), low + int(part.argmax())})
    return x[kept], y[kept]


def _limits(lines: Sequence[Line]) -> tuple[float, float]:
    values = np.concatenate([line.values for line in lines])
    values = values[np.isfinite(values)]
    if len(values) == 0:
        return 0.0, 1.0
    low, high = float(values.min()), float(values.max())
    return (low, high) if high - low > 1e-9 else (low - 0.5, high + 0.5)
