"""Furnishes the streets of a town: houses in rows, gardens, trees, lamps."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from carla_lite.scenery import kits
from carla_lite.scenery.ground_plan import GroundPlan, footprints
from carla_lite.scenery.kits import Kit
from carla_lite.scenery.site import Floats, Frontage, Site

_CORNER_M = 9.0
"""How far beyond a street's end its corner house may have its middle."""
_KERB_M = 1.05
"""From the kerb to a lamp post."""
_LAMP_SPACING_M = 26.0
_LEAST_POLE_GAP_M = 0.3
_MOST = {"house": 420, "barrier": 320, "tree": 320, "bush": 100, "lamp": 180, "bench": 30}
"""Objects of a kind in one town, so that a city of many kilometres is drawn as fast as a small one.
"""


class _Style(NamedTuple):
    """How the houses of one side of a street stand: ranges in metres and storeys."""

    setback: float
    gap: tuple[float, float]
    width: tuple[float, float]
    depth: tuple[float, float]
    storeys: tuple[int, int]


_ROW = _Style(0.7, (0.0, 0.3), (9.0, 15.0), (9.0, 12.0), (2, 5))
_BLOCKS = _Style(1.6, (2.5, 6.0), (14.0, 22.0), (11.0, 14.0), (4, 8))
_VILLAS = _Style(4.5, (4.0, 9.0), (8.0, 12.0), (7.0, 10.0), (1, 3))
_BEHIND = _Style(24.0, (6.0, 14.0), (12.0, 20.0), (9.0, 14.0), (4, 9))


def furnish_streets(site: Site, rng: np.random.Generator) -> tuple[list[Kit], Floats]:
    """Everything of a town, and the places of its street lamps' lights, (L, 3) in metres."""
    streets = [f for f in site.frontages if f.urban]
    plan = GroundPlan()
    lamp_places = _lamps(site, plan, streets, rng)
    lamps, lights = kits.lamps(lamp_places, rng)
    houses, storeys = _houses(site, plan, streets, rng)
    return [
        kits.buildings(houses, storeys, rng),
        lamps,
        *_barriers(site, plan, streets, rng),
        kits.trees(_trees(site, plan, streets, rng), rng),
        kits.benches(_benches(site, plan, streets, rng)),
        kits.bushes(_bushes(site, plan, streets, rng), rng),
    ], lights


def _regular(frontage: Frontage, spacing_m: float, phase: float) -> Floats:
    """Arc lengths about `spacing_m` apart; the phase in [0, 1] is where in its span each lies."""
    count = max(1, round(frontage.length_m / spacing_m))
    result: Floats = (np.arange(count) + phase) * frontage.length_m / count
    return result


def _sidewalk_m(site: Site, places: Floats) -> Floats:
    """Lower bounds of the distances between places on the outer border and the kerb."""
    return site.carriageway.at(places[:, :2])


def _lamps(
    site: Site, plan: GroundPlan, streets: list[Frontage], rng: np.random.Generator
) -> Floats:
    """Poses of the lamps: by the kerb, left and right in turn."""
    places = []
    for street in streets:
        if street.in_junction or street.length_m < 6.0:
            continue
        s_m = _regular(street, _LAMP_SPACING_M, 0.3 if street.side > 0 else 0.8)
        border = street.places(s_m, 0.0)
        inwards = np.maximum(_sidewalk_m(site, border) + 0.2 - _KERB_M, -0.3)
        places.append(street.places(s_m, -inwards))
    poses = np.concatenate(places)
    rows = footprints(poses, 0.15, kits.LAMP_REACH_M)
    chosen = plan.place(rows, site.carriageway, _LEAST_POLE_GAP_M, most=_MOST["lamp"])
    return poses[chosen]


def _lots(
    street: Frontage, style: _Style, rng: np.random.Generator, back_m: float
) -> tuple[Floats, Floats]:
    """A chain of houses along a street, corner houses included: footprints and storeys."""
    start, end = (-2.0, street.length_m + 2.0) if street.in_junction else (
        -_CORNER_M, street.length_m + _CORNER_M
    )  # fmt: skip
    most = int((end - start) / (style.width[0] + style.gap[0])) + 1
    width = rng.uniform(*style.width, most)
    gap = rng.uniform(*style.gap, most)
    middle = start + np.cumsum(width + gap) - width / 2 - rng.uniform(0.0, 3.0)
    depth = rng.uniform(*style.depth, most)
    offset = style.setback + back_m + depth / 2
    fits = middle + width / 2 <= end + _CORNER_M
    places = street.places(middle, offset)
    storeys = rng.integers(style.storeys[0], style.storeys[1] + 1, most)
    rows = footprints(places, width / 2, depth / 2)
    return rows[fits], storeys[fits].astype(np.float64)


def _houses(
    site: Site, plan: GroundPlan, streets: list[Frontage], rng: np.random.Generator
) -> tuple[Floats, np.ndarray[tuple[int, ...], np.dtype[np.intp]]]:
    """Footprints and storeys, (N, 6) and (N,): rows first, then what still fits between."""
    order = rng.permutation(len(streets))
    styles = rng.choice(3, len(streets), p=(0.45, 0.25, 0.3))
    tiers: list[tuple[Floats, Floats]] = []
    for back_m in (0.0, 1.5, 3.5):
        tiers += [
            _lots(streets[i], (_ROW, _BLOCKS, _VILLAS)[styles[i]], rng, back_m) for i in order
        ]
    small = _VILLAS._replace(gap=(1.0, 3.0), width=(7.0, 9.0), depth=(6.5, 8.0), setback=1.5)
    tiers += [_lots(streets[i], small, rng, back) for back in (0.0, 2.5) for i in order]
    tiers += [_lots(streets[i], _BEHIND, rng, 0.0) for i in order]
    rows, storeys = (np.concatenate(part) for part in zip(*tiers, strict=True))
    chosen = plan.place(rows, site.lanes, 0.5, gap_m=0.02, most=_MOST["house"])
    return rows[chosen], storeys[chosen].astype(np.intp)


def _barriers(
    site: Site, plan: GroundPlan, streets: list[Frontage], rng: np.random.Generator
) -> list[Kit]:
    """Hedges, walls and fences along the sidewalk where no house stands, one kind per street."""
    makers = (kits.hedges, kits.walls, kits.fences)
    half_across = (0.3, 0.16, 0.1)
    kinds = rng.integers(0, 3, len(streets))
    result = []
    for kind, (make, across) in enumerate(zip(makers, half_across, strict=True)):
        rows = [np.empty((0, 6))]
        for street, its in zip(streets, kinds, strict=True):
            if its != kind:
                continue
            s_m = _regular(street, 3.0, 0.5)
            half = street.length_m / len(s_m) / 2
            # A gate here and there.
            s_m = s_m[rng.random(len(s_m)) < 0.85]
            rows.append(footprints(street.places(s_m, 0.95), half, across))
        candidates = np.concatenate(rows)
        # Neighbours touch, so each kind is placed with a little overlap allowed.
        chosen = plan.place(candidates, site.lanes, 0.2, gap_m=-0.08, most=_MOST["barrier"] // 3)
        if len(chosen):
            result.append(make(candidates[chosen], rng))
    return result


def _trees(
    site: Site, plan: GroundPlan, streets: list[Frontage], rng: np.random.Generator
) -> Floats:
    """Footprints of trees in front gardens and yards."""
    poses, radii = [], []
    for street in streets:
        s_m = _regular(street, 8.0, 0.5)
        s_m = s_m + rng.uniform(-1.5, 1.5, len(s_m))
        radius = rng.uniform(1.2, 2.0, len(s_m))
        poses.append(street.places(s_m, 1.2 + radius + rng.uniform(0, 0.8, len(s_m))))
        radii.append(radius)
    count = int(np.clip(np.prod(site.high_m - site.low_m) / 120.0, 50, 1500))
    scattered = rng.uniform(site.low_m, site.high_m, (count, 2))
    poses.append(np.column_stack([scattered, rng.uniform(-np.pi, np.pi, count)]))
    radii.append(rng.uniform(1.6, 3.2, count))
    rows = footprints(np.concatenate(poses), half := np.concatenate(radii), half)
    return rows[plan.place(rows, site.lanes, 0.3, gap_m=0.3, most=_MOST["tree"])]


def _benches(
    site: Site, plan: GroundPlan, streets: list[Frontage], rng: np.random.Generator
) -> Floats:
    """Poses of benches that look at the street from behind the sidewalk."""
    poses = []
    for street in streets:
        s_m = _regular(street, 30.0, 0.55)
        place = street.places(s_m + rng.uniform(-3, 3, len(s_m)), 0.8)
        place[:, 2] += 0.0 if street.side < 0 else np.pi
        poses.append(place)
    rows = np.concatenate(poses)
    chosen = plan.place(footprints(rows, *kits.BENCH_HALF_M), site.lanes, 0.2, most=_MOST["bench"])
    return rows[chosen]


def _bushes(
    site: Site, plan: GroundPlan, streets: list[Frontage], rng: np.random.Generator
) -> Floats:
    """Footprints of shrubs at the feet of houses and in gardens."""
    poses, radii = [], []
    for street in streets:
        s_m = _regular(street, 7.0, 0.5)
        poses.append(street.places(s_m + rng.uniform(-3, 3, len(s_m)), rng.uniform(1.2, 4.0)))
        radii.append(rng.uniform(0.5, 0.9, len(s_m)))
    rows = footprints(np.concatenate(poses), half := np.concatenate(radii), half)
    return rows[plan.place(rows, site.lanes, 0.2, gap_m=0.15, most=_MOST["bush"])]
