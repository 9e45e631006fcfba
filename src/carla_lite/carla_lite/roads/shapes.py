"""Points on the plan-view segments that are no lines or arcs: clothoids and parametric cubics."""

from __future__ import annotations

import numpy as np
from numpy.polynomial.legendre import leggauss
from numpy.typing import NDArray

from carla_lite.roads.model import Geometry, ParamPoly, Spiral

Floats = NDArray[np.float64]

_NODES, _WEIGHTS = leggauss(8)
_TURN_PER_PANEL_RAD = 0.5
_PANEL_M, _LEAST_PANELS, _MOST_PANELS = 2.0, 16, 4096
_NEWTON_STEPS = 4


def evaluate_shape(geometry: Geometry, ds_m: Floats) -> Floats:
    """Poses on a segment with a `shape`.

    Args:
        geometry: The segment.
        ds_m: float64 (N,), arc lengths from its start, at least 0.

    Returns:
        float64 (N, 3): x, y and heading in radians, in the segment's right-handed frame.
    """
    if isinstance(geometry.shape, Spiral):
        local = _spiral(geometry, geometry.shape, ds_m)
    elif isinstance(geometry.shape, ParamPoly):
        local = _param_poly(geometry.shape, geometry.length_m, ds_m)
    else:
        raise TypeError(f"{geometry} has no shape; `curves.evaluate` knows lines and arcs")
    c, s = np.cos(geometry.heading_rad), np.sin(geometry.heading_rad)
    x = geometry.x_m + c * local[:, 0] - s * local[:, 1]
    y = geometry.y_m + s * local[:, 0] + c * local[:, 1]
    return np.stack([x, y, local[:, 2] + geometry.heading_rad], axis=1)


def turn_rad(geometry: Geometry) -> float:
    """An upper bound of how much a line, arc or spiral turns, both ways added up."""
    end = geometry.shape.end_curvature_per_m if isinstance(geometry.shape, Spiral) else 0.0
    return max(abs(geometry.curvature_per_m), abs(end)) * geometry.length_m


def _spiral(geometry: Geometry, spiral: Spiral, ds: Floats) -> Floats:
    """The Fresnel integrals by Gauss's quadrature, panel by panel."""
    start = geometry.curvature_per_m
    rate = (spiral.end_curvature_per_m - start) / geometry.length_m

    def heading(s: Floats) -> Floats:
        return s * (start + s * rate / 2)

    def integral(low: Floats, high: Floats) -> Floats:
        half = (high - low) / 2
        angle = heading((low + half)[:, None] + half[:, None] * _NODES)
        return (
            np.stack([np.cos(angle) @ _WEIGHTS, np.sin(angle) @ _WEIGHTS], axis=1) * half[:, None]
        )

    panels = min(_MOST_PANELS, int(turn_rad(geometry) / _TURN_PER_PANEL_RAD) + 1)
    edges = np.linspace(0.0, geometry.length_m, panels + 1)
    before = np.zeros((panels + 1, 2))
    np.cumsum(integral(edges[:-1], edges[1:]), axis=0, out=before[1:])
    panel = np.clip(np.searchsorted(edges, ds, side="right") - 1, 0, panels - 1)
    return np.column_stack([before[panel] + integral(edges[panel], ds), heading(ds)])


def _param_poly(poly: ParamPoly, length_m: float, ds: Floats) -> Floats:
    """Inverts the arc length; a curve shorter than its segment goes on straight."""
    u, v = np.array(poly.u), np.array(poly.v)

    def speed(p: Floats) -> Floats:
        return np.hypot(_slope(u, p), _slope(v, p))

    def arc(low: Floats, high: Floats) -> Floats:
        half = (high - low) / 2
        at = (low + half)[:, None] + half[:, None] * _NODES
        return half * (speed(at) @ _WEIGHTS)

    panels = int(np.clip(length_m / _PANEL_M, _LEAST_PANELS, _MOST_PANELS))
    edges = np.linspace(0.0, poly.end, panels + 1)
    before = np.concatenate([[0.0], np.cumsum(arc(edges[:-1], edges[1:]))])
    inside = np.minimum(ds, before[-1])
    panel = np.clip(np.searchsorted(before, inside, side="right") - 1, 0, panels - 1)
    low, high = edges[panel], edges[panel + 1]
    span = np.maximum(before[panel + 1] - before[panel], 1e-12)
    p = low + (high - low) * np.clip((inside - before[panel]) / span, 0.0, 1.0)
    for _ in range(_NEWTON_STEPS):
        missing = inside - before[panel] - arc(low, p)
        p = np.clip(p + missing / np.maximum(speed(p), 1e-9), low, high)
    heading = np.arctan2(_slope(v, p), _slope(u, p))
    beyond = ds - inside
    return np.column_stack(
        [
            _value(u, p) + beyond * np.cos(heading),
            _value(v, p) + beyond * np.sin(heading),
            heading,
        ]
    )


def _value(c: Floats, p: Floats) -> Floats:
    result: Floats = c[0] + p * (c[1] + p * (c[2] + p * c[3]))
    return result


def _slope(c: Floats, p: Floats) -> Floats:
    result: Floats = c[1] + p * (2 * c[2] + p * 3 * c[3])
    return result
