"""Small pictures as SVG text. Colours that depend on the theme are classes of the page's style."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from markupsafe import Markup, escape
from numpy.typing import NDArray

from td3_driving.driving.termination import EpisodeEnd
from td3_driving.evaluation.results import DrivenEpisode, ending_in_words

SPEED_COLOURS = (
    "#5b3fd6", "#3d6de0", "#1f95c9", "#16ab9c", "#45b864", "#8fbf2f", "#d9b319", "#f08c1e",
)  # fmt: skip
"""Slow to fast; each readable on a light and on a dark ground."""

MAP_PX = 320
_POINT_STEP_M = 0.8
_MARGIN_M = 9.0
_LANE_M = 3.5


def attributes(**values: object) -> str:
    """Attributes as text; a trailing underscore is dropped, another one is a hyphen."""
    parts = []
    for name, value in values.items():
        text = f"{value:.1f}".removesuffix(".0") if isinstance(value, float) else str(value)
        parts.append(f'{name.rstrip("_").replace("_", "-")}="{escape(text)}"')
    return " ".join(parts)


def element(name: str, content: str | Markup = "", **values: object) -> Markup:
    """One element; its content is escaped unless it is Markup."""
    return Markup(f"<{name} {attributes(**values)}>{escape(content)}</{name}>")


def picture(parts: Sequence[Markup], width: float, height: float, label: str) -> Markup:
    """An SVG of these elements, which says what it is to those who can't see it."""
    return element(
        "svg", Markup("").join(parts), viewBox=f"0 0 {width:g} {height:g}", role="img",
        aria_label=label,
    )  # fmt: skip


def points(xy: NDArray[np.floating]) -> str:
    """For a polyline."""
    return " ".join(f"{x:.1f},{y:.1f}" for x, y in xy)


def map_picture(episode: DrivenEpisode, top_speed_mps: float) -> Markup:
    """The road, the way driven coloured by speed, where it began, and where and why it ended."""
    record = episode.record
    driven = np.column_stack([record.x_m, record.y_m])
    planned = _planned(episode)
    both = np.concatenate([driven, planned])
    low, high = both.min(axis=0) - _MARGIN_M, both.max(axis=0) + _MARGIN_M
    # A map that is higher than wide is turned: every card has the same place for it.
    turned = bool((high - low)[1] > (high - low)[0])
    span = (high - low)[::-1] if turned else high - low
    scale = MAP_PX / float(max(span[0], 1.4 * span[1]))
    width, height = MAP_PX, MAP_PX / 1.4
    shift = (np.array([width, height]) - span * scale) / 2

    def place(xy: NDArray[np.floating]) -> NDArray[np.floating]:
        x, y = (np.atleast_2d(xy) - low).T
        flat = np.column_stack([y, x]) if turned else np.column_stack([x, (high - low)[1] - y])
        return flat * scale + shift

    road = max(3.0, 2 * _LANE_M * scale)
    parts = [
        element("polyline", class_="road faint", points=points(place(episode.route)),
                stroke_width=road),
        element("polyline", class_="road", points=points(place(planned)), stroke_width=road),
        element("polyline", class_="plan", points=points(place(planned))),
    ]  # fmt: skip
    parts += _trail(place(driven), driven, record.speed_mps, top_speed_mps)
    start, end = place(driven[0])[0], place(driven[-1])[0]
    parts.append(element("circle", class_="start", cx=start[0], cy=start[1], r=4.5))
    parts += _end(end, record.reason)
    words = f"{ending_in_words(record.reason)} after {episode.score.completion_pct:.0f} %"
    return picture(parts, width, height, f"{episode.map}, seen from above: {words}")


def _planned(episode: DrivenEpisode) -> NDArray[np.floating]:
    """The part of the route that was to be driven, and no less than two points of it."""
    steps = np.hypot(*np.diff(episode.route, axis=0).T)
    along = np.concatenate([[0.0], np.cumsum(steps)])
    begin = float(episode.record.s_m[0])
    inside = (along >= begin) & (along <= begin + episode.record.distance_m)
    return episode.route[inside] if inside.sum() > 1 else episode.route[:2]


def _trail(
    placed: NDArray[np.floating],
    driven: NDArray[np.floating],
    speed_mps: NDArray[np.floating],
    top_speed_mps: float,
) -> list[Markup]:
    """A line for every stretch of one colour; points closer than the eye sees are left out."""
    moved = np.concatenate([[0.0], np.cumsum(np.hypot(*np.diff(driven, axis=0).T))])
    kept = np.flatnonzero(np.diff(np.floor(moved / _POINT_STEP_M), prepend=-1.0))
    kept = np.unique(np.append(kept, len(driven) - 1))
    share = np.clip(speed_mps[kept] / top_speed_mps, 0.0, 0.999)
    colour = (share * len(SPEED_COLOURS)).astype(int)
    borders = [0, *(np.flatnonzero(np.diff(colour)) + 1), len(kept) - 1]
    return [
        element(
            "polyline", class_="trail", points=points(placed[kept[first : last + 1]]),
            stroke=SPEED_COLOURS[colour[first]],
        )
        for first, last in pairwise(borders)
        if last > first
    ]  # fmt: skip


def _end(at: NDArray[np.floating], reason: EpisodeEnd) -> list[Markup]:
    x, y = float(at[0]), float(at[1])
    if reason is EpisodeEnd.ROUTE_DONE:
        return [
            element("circle", class_="good", cx=x, cy=y, r=8.0),
            element("path", class_="sign", d=f"M{x - 3.6:.1f} {y:.1f}l2.7 2.9 4.6-5.6"),
        ]
    return [
        element("circle", class_="bad", cx=x, cy=y, r=8.0),
        element("path", class_="sign", d=f"M{x - 3:.1f} {y - 3:.1f}l6 6m0-6l-6 6"),
    ]


def speed_legend(top_speed_mps: float) -> Markup:
    """The colours and what they mean."""
    step = 22.0
    boxes = [
        element("rect", x=i * step, y=0, width=step, height=8, fill=colour)
        for i, colour in enumerate(SPEED_COLOURS)
    ]
    width = step * len(SPEED_COLOURS)
    words = [
        element("text", "0", x=0, y=20),
        element("text", f"{top_speed_mps:.0f} m/s", x=width, y=20, text_anchor="end"),
    ]
    return picture([*boxes, *words], width, 24, "colours of speeds")


def histogram(
    values: NDArray[np.floating], low: float, high: float, unit: str, digits: int = 1
) -> Markup:
    """A small histogram with its ends and its median; what lies beyond them is in the last bars.

    Args:
        values: (N,), N >= 1.
        low: Where it begins.
        high: Where it ends.
        unit: Written after the numbers.
        digits: Of the median.
    """
    width, height, ground, bins = 220.0, 66.0, 50.0, 24
    counts, _ = np.histogram(np.clip(values, low, high), bins, (low, high))
    step = width / bins
    bars = [
        element("rect", class_="bar", x=i * step + 0.5, y=ground - tall, width=step - 1.0,
                height=tall)
        for i, count in enumerate(counts)
        if (tall := float(max(1.5, 46.0 * count / counts.max())) if count else 0.0) > 0.0
    ]  # fmt: skip
    median = float(np.median(values))
    at = width * (min(max(median, low), high) - low) / (high - low)
    anchor = "start" if at < 0.2 * width else "end" if at > 0.8 * width else "middle"
    marks = [
        element("line", class_="axis", x1=0, y1=ground, x2=width, y2=ground),
        element("line", class_="median", x1=at, y1=2, x2=at, y2=ground),
        element("text", f"{median:.{digits}f} {unit}", x=at, y=62, text_anchor=anchor),
    ]
    ends = ((0.0, f"{low:g}", "start"), (width, f"{high:g}", "end"))
    for x, text, at_end in ends:
        if abs(x - at) > 0.32 * width:
            marks.append(element("text", text, class_="dim", x=x, y=62, text_anchor=at_end))
    return picture(
        [*bars, *marks], width, height, f"distribution, median {median:.{digits}f} {unit}"
    )


def share_bar(value: float, interval: tuple[float, float] | None) -> Markup:
    """A bar for a share in percent, with its interval as a line across its end."""
    parts = [
        element("rect", class_="track", x=0, y=3, width=100, height=6, rx=3),
        element("rect", class_="bar", x=0, y=3, width=float(value), height=6, rx=3),
    ]
    if interval is not None:
        low, high = interval
        parts.append(element("line", class_="whisker", x1=low, y1=6, x2=max(high, low + 0.5), y2=6))
        parts += [
            element("line", class_="whisker", x1=end, y1=2, x2=end, y2=10) for end in interval
        ]
    return picture(parts, 100, 12, f"{value:.1f} %")
