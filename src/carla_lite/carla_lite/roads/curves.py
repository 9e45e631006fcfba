"""Plane curves (right-handed frame): evaluation; and of lines and arcs, cuts, biarcs, fillets."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from carla_lite.roads.model import Geometry
from carla_lite.roads.shapes import evaluate_shape

Floats = NDArray[np.float64]
STRAIGHT_PER_M = 1e-7
"""Curvatures below this (a radius of 10 000 km) are lines."""


def evaluate(geometries: Sequence[Geometry], s_m: Floats) -> Floats:
    """Poses on a chain of segments.

    Args:
        geometries: Segments in order of their `s_m`.
        s_m: float64 (N,), clamped to the chain.

    Returns:
        float64 (N, 3): x, y in metres and the heading in radians (not wrapped).
    """
    table = np.array(
        [(g.s_m, g.x_m, g.y_m, g.heading_rad, g.curvature_per_m, g.length_m) for g in geometries]
    )
    s = np.clip(s_m, 0.0, table[-1, 0] + table[-1, 5])
    number = np.clip(np.searchsorted(table[:, 0], s, side="right") - 1, 0, None)
    row = table[number]
    ds, heading, turn = s - row[:, 0], row[:, 3], (s - row[:, 0]) * row[:, 4]
    # The chord of an arc is ds sin(turn / 2) / (turn / 2) long and points half the turn aside.
    chord = ds * np.sinc(turn / (2 * np.pi))
    x = row[:, 1] + chord * np.cos(heading + turn / 2)
    y = row[:, 2] + chord * np.sin(heading + turn / 2)
    poses = np.stack([x, y, heading + turn], axis=1)
    for i, geometry in enumerate(geometries):
        here = number == i if geometry.shape is not None else np.zeros(0, bool)
        if here.any():
            poses[here] = evaluate_shape(geometry, ds[here])
    return poses


def chain(
    start: tuple[float, float, float], pieces: Iterable[tuple[float, float]]
) -> list[Geometry]:
    """Joins (length, curvature) pieces with continuous heading from a pose (x, y, heading)."""
    (x, y, heading), s = start, 0.0
    result = []
    for length, curvature in pieces:
        if length < 1e-6:
            continue
        piece = Geometry(s, x, y, heading, length, curvature)
        result.append(piece)
        x, y, heading = (
            float(v) for v in evaluate([replace(piece, s_m=0.0)], np.array([length]))[0]
        )
        s += length
    return result


def cut(geometries: Sequence[Geometry], start_m: float, end_m: float) -> list[Geometry]:
    """The part of a chain between two arc lengths, its `s_m` counted from `start_m`."""
    pieces = []
    for g in geometries:
        a, b = max(start_m, g.s_m), min(end_m, g.s_m + g.length_m)
        if b - a > 1e-6:
            pieces.append((b - a, g.curvature_per_m))
    x, y, heading = (float(v) for v in evaluate(geometries, np.array([start_m]))[0])
    return chain((x, y, heading), pieces)


def _arc_to(dx: float, dy: float, heading: float) -> tuple[float, float, float]:
    """Length, curvature and turn of the arc that leaves along `heading` and ends at (dx, dy)."""
    along = dx * math.cos(heading) + dy * math.sin(heading)
    across = dy * math.cos(heading) - dx * math.sin(heading)
    chord = math.hypot(dx, dy)
    curvature = 2 * across / chord**2
    if abs(curvature) < STRAIGHT_PER_M:
        return chord, 0.0, 0.0
    turn = 2 * math.atan2(across, along)
    return turn / curvature, curvature, turn


def biarc(start: tuple[float, float, float], end: tuple[float, float, float]) -> list[Geometry]:
    """Two arcs (or lines) that join two poses (x, y, heading) with continuous heading.

    The joint is the one of equal tangent lengths (Bolton, "Biarc curves", 1975).
    """
    (x0, y0, h0), (x1, y1, h1) = start, end
    vx, vy = x1 - x0, y1 - y0
    t0x, t0y, t1x, t1y = math.cos(h0), math.sin(h0), math.cos(h1), math.sin(h1)
    v_t = vx * (t0x + t1x) + vy * (t0y + t1y)
    v_v = vx * vx + vy * vy
    a = 2 * (1 - t0x * t1x - t0y * t1y)
    # The positive root of a d^2 + 2 v_t d = v_v, in the form that stays exact where a is 0.
    d = v_v / (math.sqrt(v_t * v_t + a * v_v) + v_t)
    qx = (vx + d * (t0x - t1x)) / 2
    qy = (vy + d * (t0y - t1y)) / 2
    length_a, curvature_a, turn = _arc_to(qx, qy, h0)
    length_b, curvature_b, _ = _arc_to(vx - qx, vy - qy, h0 + turn)
    if abs(curvature_a - curvature_b) < STRAIGHT_PER_M:
        return chain(start, [(length_a + length_b, curvature_a)])
    return chain(start, [(length_a, curvature_a), (length_b, curvature_b)])


def rounded(corners: Sequence[tuple[float, float]], radii_m: Sequence[float]) -> list[Geometry]:
    """An open polyline whose inner corners are rounded.

    Args:
        corners: Start, the points where it turns, end.
        radii_m: Of the arcs at the turning points; the straights between must be long enough.

    Raises:
        ValueError: An arc does not fit.
    """
    points = np.array(corners)
    edges = np.diff(points, axis=0)
    lengths = np.hypot(edges[:, 0], edges[:, 1])
    headings = np.arctan2(edges[:, 1], edges[:, 0])
    turns = (np.diff(headings) + np.pi) % (2 * np.pi) - np.pi
    tangents = np.concatenate([[0.0], np.array(radii_m) * np.tan(np.abs(turns) / 2), [0.0]])
    straights = lengths - tangents[:-1] - tangents[1:]
    if np.any(straights < 0):
        raise ValueError(f"arcs of {radii_m} m do not fit between {corners}; take smaller radii")
    pieces = [(float(straights[0]), 0.0)]
    for turn, radius, straight in zip(turns, radii_m, straights[1:], strict=True):
        pieces.append((abs(float(turn)) * radius, math.copysign(1 / radius, float(turn))))
        pieces.append((float(straight), 0.0))
    return chain((*corners[0], float(headings[0])), pieces)


def fillet(corners: Floats, tangents_m: Floats) -> list[Geometry]:
    """A closed polygon with its corners rounded by arcs.

    Args:
        corners: float64 (N, 2).
        tangents_m: float64 (N,), distance from each corner to where its arc begins and ends; the
            two on one edge must fit on it.

    Returns:
        The closed chain, from the end of the first corner's arc.
    """
    edges = np.roll(corners, -1, axis=0) - corners
    lengths = np.hypot(edges[:, 0], edges[:, 1])
    headings = np.arctan2(edges[:, 1], edges[:, 0])
    turns = (np.diff(headings, append=headings[0]) + np.pi) % (2 * np.pi) - np.pi
    pieces: list[tuple[float, float]] = []
    for i in range(len(corners)):
        j = (i + 1) % len(corners)
        pieces.append((float(lengths[i] - tangents_m[i] - tangents_m[j]), 0.0))
        curvature = float(math.tan(turns[i] / 2) / tangents_m[j])
        pieces.append((float(turns[i] / curvature), curvature))
    x, y = corners[0] + edges[0] / lengths[0] * tangents_m[0]
    return chain((float(x), float(y), float(headings[0])), pieces)
