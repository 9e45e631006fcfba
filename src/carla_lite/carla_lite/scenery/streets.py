"""Furnishes the streets of a town: houses in rows, gardens, trees, lamps."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from carla_lite.scenery import kits
from carla_lite.scenery.ground_plan import GroundPlan, footprints
from carla_lite.scenery.kits import Kit
from carla_lite.scenery.site import Floats, Site, Spot

Indices = NDArray[np.intp]

_CORNER_M = 9.0
"""How far beyond a street's end its corner house may have its middle."""
_KERB_M = 1.05
"""From the kerb to a lamp post."""
_LAMP_SPACING_M = 26.0
_LEAST_POLE_GAP_M = 0.3
_BORDER_SLACK_M = 0.2
"""About how much the distances are below the truth."""
_BARRIER_M, _GATES = 3.0, 0.15
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
_SMALL = _Style(1.5, (1.0, 3.0), (7.0, 9.0), (6.5, 8.0), (1, 3))
_BEHIND = _Style(24.0, (6.0, 14.0), (12.0, 20.0), (9.0, 14.0), (4, 9))
_MAIN_STYLES, _SHARES = (_ROW, _BLOCKS, _VILLAS), (0.45, 0.25, 0.3)
"""What most streets look like, and how many of them; the others fill what is left."""
_BARRIERS = (("hedge", kits.hedges, 0.3), ("wall", kits.walls, 0.16), ("fence", kits.fences, 0.1))
"""Kind, maker and half width of what bounds gardens."""


def furnish_streets(site: Site, rng: np.random.Generator) -> tuple[list[Kit], Floats]:
    """Everything of a town, and the places of its street lamps' lights, (L, 3) in metres."""
    streets = np.flatnonzero(site.frontages.urban)
    plan = GroundPlan()
    plan.reserve(site.kept_free)
    lamps, lights = kits.lamps(_lamps(site, plan, streets), rng)
    houses, storeys = _houses(site, plan, streets, rng)
    return [
        kits.buildings(houses, storeys, rng),
        lamps,
        *_barriers(site, plan, streets, rng),
        kits.trees(_trees(site, plan, streets, rng), rng),
        kits.benches(_benches(site, plan, streets, rng)),
        kits.bushes(_bushes(site, plan, streets, rng), rng),
    ], lights


def _lamps(site: Site, plan: GroundPlan, streets: Indices) -> Floats:
    """Poses of the lamps: by the kerb, left and right in turn."""
    lines = site.frontages
    open_streets = streets[~lines.in_junction[streets]]
    poses = [np.empty((0, 3))]
    for side, phase in ((1, 0.3), (-1, 0.8)):
        which = open_streets[lines.side[open_streets] == side]
        spot = lines.every(_LAMP_SPACING_M, phase, which)
        to_kerb = site.carriageway.at(lines.places(spot, 0.0)[:, :2]) + _BORDER_SLACK_M
        poses.append(lines.places(spot, np.minimum(_KERB_M - to_kerb, 0.3)))
    candidates = np.concatenate(poses)
    rows = footprints(candidates, 0.15, kits.LAMP_REACH_M)
    chosen = plan.place(rows, site.carriageway, _LEAST_POLE_GAP_M, most=_MOST["lamp"])
    return candidates[chosen]


class _Lots(NamedTuple):
    """A chain of houses along each street: where, half width and depth, setback, storeys."""

    spot: Spot
    half_width: Floats
    half_depth: Floats
    setback: Floats
    storeys: Indices

    def footprints(self, site: Site, back_m: float) -> Floats:
        """Float64 (K, 6), `back_m` further from the street."""
        places = site.frontages.places(self.spot, self.setback + self.half_depth + back_m)
        return footprints(places, self.half_width, self.half_depth)


def _lots(site: Site, streets: Indices, style: _Style, rng: np.random.Generator) -> _Lots:
    """Lots of one style, corner houses included."""
    spots, widths = [], []
    for street in streets:
        spare = 2.0 if site.frontages.in_junction[street] else _CORNER_M
        length = site.frontages.lengths_m[street] + 2 * spare
        most = int(length / (style.width[0] + style.gap[0])) + 1
        width = rng.uniform(*style.width, most)
        middle = np.cumsum(width + rng.uniform(*style.gap, most)) - width / 2 - spare
        fits = middle < length - spare
        spots.append(Spot(np.full(int(fits.sum()), street), middle[fits] - rng.uniform(0.0, 3.0)))
        widths.append(width[fits])
    frontage, s_m = (np.concatenate(part) for part in zip(*spots, strict=True))
    count = len(frontage)
    return _Lots(
        Spot(frontage, s_m),
        np.concatenate(widths) / 2,
        rng.uniform(*style.depth, count) / 2,
        np.full(count, style.setback),
        rng.integers(style.storeys[0], style.storeys[1] + 1, count),
    )


def _houses(
    site: Site, plan: GroundPlan, streets: Indices, rng: np.random.Generator
) -> tuple[Floats, Indices]:
    """Footprints (N, 6) and storeys (N,): first along the streets, then what fits between."""
    shuffled = rng.permutation(streets)
    share = np.searchsorted(np.cumsum(_SHARES), np.arange(len(streets)) / len(streets), "right")
    mains = [
        _lots(site, shuffled[share == i], style, rng)
        for i, style in enumerate(_MAIN_STYLES)
        if np.any(share == i)
    ]
    small, behind = (_lots(site, shuffled, style, rng) for style in (_SMALL, _BEHIND))
    tiers = [(lots, back) for back in (0.0, 1.5, 3.5) for lots in mains]
    tiers += [(small, 0.0), (small, 2.5), (behind, 0.0)]
    rows = np.concatenate([lots.footprints(site, back) for lots, back in tiers])
    storeys = np.concatenate([lots.storeys for lots, _ in tiers])
    chosen = plan.place(rows, site.lanes, 0.5, gap_m=0.02, most=_MOST["house"])
    return rows[chosen], storeys[chosen]


def _barriers(
    site: Site, plan: GroundPlan, streets: Indices, rng: np.random.Generator
) -> list[Kit]:
    """Hedges, walls and fences along the sidewalk where no house stands, one kind per street."""
    kinds = rng.integers(0, len(_BARRIERS), len(streets))
    result = []
    for kind, (name, make, across) in enumerate(_BARRIERS):
        its = streets[kinds == kind]
        spot = site.frontages.every(_BARRIER_M, 0.5, its)
        half = np.diff(spot.s_m, prepend=0.0)
        half = np.where(half > 0.0, half, 2 * spot.s_m) / 2
        rows = footprints(site.frontages.places(spot, 0.95), half, across)
        kept = np.flatnonzero(rng.random(len(half)) >= _GATES)
        # Neighbours touch, so a little overlap is allowed.
        chosen = plan.place(
            rows[kept], site.lanes, 0.2, gap_m=-0.08, most=_MOST["barrier"] // len(_BARRIERS)
        )
        chosen = kept[chosen]
        of_street = kits.barrier_colours(name, len(its), rng)
        rgb = of_street[np.searchsorted(its, spot.frontage[chosen])]
        if len(chosen):
            result.append(make(rows[chosen], rgb, rng))
    return result


def _trees(site: Site, plan: GroundPlan, streets: Indices, rng: np.random.Generator) -> Floats:
    """Footprints of trees in front gardens and yards."""
    row = _jittered(site, streets, 8.0, 1.5, rng)
    in_row = rng.uniform(1.2, 2.0, len(row.s_m))
    row_poses = site.frontages.places(row, 1.2 + in_row + rng.uniform(0.0, 0.8, len(in_row)))
    count = int(np.clip(np.prod(site.high_m - site.low_m) / 120.0, 50, 1500))
    scattered = rng.uniform((*site.low_m, -np.pi), (*site.high_m, np.pi), (count, 3))
    half = np.concatenate([in_row, rng.uniform(1.6, 3.2, count)])
    rows = footprints(np.concatenate([row_poses, scattered]), half, half)
    return rows[plan.place(rows, site.lanes, 0.3, gap_m=0.3, most=_MOST["tree"])]


def _benches(site: Site, plan: GroundPlan, streets: Indices, rng: np.random.Generator) -> Floats:
    """Poses of benches that look at the street from behind the sidewalk."""
    spot = _jittered(site, streets, 30.0, 3.0, rng)
    poses = site.frontages.places(spot, 0.95)
    poses[:, 2] += np.where(site.frontages.side[spot.frontage] < 0, 0.0, np.pi)
    rows = footprints(poses, *kits.BENCH_HALF_M)
    return poses[plan.place(rows, site.lanes, 0.2, most=_MOST["bench"])]


def _bushes(site: Site, plan: GroundPlan, streets: Indices, rng: np.random.Generator) -> Floats:
    """Footprints of shrubs at the feet of houses and in gardens."""
    spot = _jittered(site, streets, 7.0, 3.0, rng)
    count = len(spot.s_m)
    half = rng.uniform(0.5, 0.9, count)
    rows = footprints(site.frontages.places(spot, rng.uniform(1.2, 4.0, count)), half, half)
    return rows[plan.place(rows, site.lanes, 0.2, gap_m=0.15, most=_MOST["bush"])]


def _jittered(
    site: Site, streets: Indices, spacing_m: float, jitter_m: float, rng: np.random.Generator
) -> Spot:
    """Spots along streets, each moved by up to `jitter_m`."""
    spot = site.frontages.every(spacing_m, 0.5, streets)
    return Spot(spot.frontage, spot.s_m + rng.uniform(-jitter_m, jitter_m, len(spot.s_m)))
