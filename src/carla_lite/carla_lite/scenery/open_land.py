"""Furnishes circuits and open roads: posts, rails in curves, a few trees, houses further off.

Policies learn to keep their lane here, so the road ahead stays in view: nothing taller than a
guard rail stands within 4 m of a lane.
"""

from __future__ import annotations

import numpy as np

from carla_lite.scenery import kits
from carla_lite.scenery.ground_plan import GroundPlan, footprints
from carla_lite.scenery.kits import Kit
from carla_lite.scenery.site import Floats, Site, Spot

TALL_GAP_M = 4.0
"""Least distance between lanes and everything that can hide them."""
_POST_SPACING_M = 25.0
_RAIL_M = 3.0
_RAIL_RADIUS_M = 45.0
_MOST = {"post": 60, "rail": 40, "house": 10, "tree": 55, "bush": 40}


def furnish_open_land(site: Site, rng: np.random.Generator) -> list[Kit]:
    """Everything beside the roads of a network that is no town."""
    plan = GroundPlan()
    plan.reserve(site.kept_free)
    posts, rails = _posts(site, plan), _rails(site, plan)
    houses, storeys = _houses(site, plan, rng)
    return [
        kits.buildings(houses, storeys, rng),
        kits.delineators(posts),
        kits.guard_rails(rails),
        kits.trees(_trees(site, plan, rng), rng),
        kits.bushes(_bushes(site, plan, rng), rng),
    ]


def _posts(site: Site, plan: GroundPlan) -> Floats:
    """Poses along both sides of every road."""
    lines = site.frontages
    poses = lines.places(lines.every(_POST_SPACING_M, 0.5, np.arange(len(lines.side))), 1.0)
    return poses[plan.place(kits.post_footprints(poses), site.lanes, 0.3, most=_MOST["post"])]


def _rails(site: Site, plan: GroundPlan) -> Floats:
    """Footprints along the outer side of narrow curves."""
    lines = site.frontages
    spot = lines.every(_RAIL_M, 0.5, np.arange(len(lines.side)))
    outer = lines.bend_per_m(spot) > 1.0 / _RAIL_RADIUS_M
    curves = Spot(spot.frontage[outer], spot.s_m[outer])
    rows = footprints(lines.places(curves, 1.25), _RAIL_M / 2 + 0.15, 0.1)
    # Rails overlap at their ends, as real ones do.
    return rows[plan.place(rows, site.lanes, 0.4, gap_m=-0.35, most=_MOST["rail"])]


def _scattered(site: Site, rng: np.random.Generator, count: int) -> Floats:
    """Poses anywhere on the land."""
    places = rng.uniform(site.low_m, site.high_m, (count, 2))
    return np.column_stack([places, rng.uniform(-np.pi, np.pi, count)])


def _houses(
    site: Site, plan: GroundPlan, rng: np.random.Generator
) -> tuple[Floats, np.ndarray[tuple[int, ...], np.dtype[np.intp]]]:
    """Farms: a house and a barn, well away from the road."""
    poses = _scattered(site, rng, 60)
    rows = footprints(poses, rng.uniform(5.0, 8.0, 60), rng.uniform(4.0, 5.5, 60))
    chosen = plan.place(rows, site.lanes, 16.0, gap_m=3.0, most=_MOST["house"])
    return rows[chosen], rng.integers(1, 3, len(chosen))


def _trees(site: Site, plan: GroundPlan, rng: np.random.Generator) -> Floats:
    poses = _scattered(site, rng, 260)
    rows = footprints(poses, half := rng.uniform(1.4, 3.0, len(poses)), half)
    return rows[plan.place(rows, site.lanes, TALL_GAP_M, gap_m=1.0, most=_MOST["tree"])]


def _bushes(site: Site, plan: GroundPlan, rng: np.random.Generator) -> Floats:
    poses = _scattered(site, rng, 160)
    rows = footprints(poses, rng.uniform(0.6, 1.3, 160), rng.uniform(0.5, 0.9, 160))
    return rows[plan.place(rows, site.lanes, TALL_GAP_M / 2, gap_m=0.3, most=_MOST["bush"])]
