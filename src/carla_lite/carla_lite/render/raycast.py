"""Rays that end at the first solid or on the ground: for lidar, radar and clients' questions."""

from __future__ import annotations

from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray

from carla_lite.render._raycast import cast
from carla_lite.render._solids import fill_bounds
from carla_lite.render.solids_static import StaticSolids, checked_solids, padded_bounds
from carla_lite.scenery.solids import Solids, Tag

MOST_RAYS = 10_000_000
_GROUND = 255


class Surroundings(Protocol):
    """What rays may hit besides moving solids; a `Scene`."""

    @property
    def static(self) -> StaticSolids:
        """What stands on the map for good."""

    def ground_tags(self, x_m: NDArray[np.float64], y_m: NDArray[np.float64]) -> NDArray[np.uint8]:
        """CARLA's semantic tags of the ground at N places: uint8 (N,)."""


class InvalidRaysError(ValueError):
    """Rays that lead nowhere."""


class RayHits(NamedTuple):
    """Where N rays end.

    Attributes:
        distance: float32 (N,), metres from the origin; infinity where nothing is hit.
        tag: uint8 (N,), see `Tag`; that of the sky where nothing is hit.
        id: uint32 (N,), of the actor or environment object; 0 for the ground and for nothing.
        cosine: float32 (N,), of the angle between the ray and the surface's normal, 0 to 1.
    """

    distance: NDArray[np.float32]
    tag: NDArray[np.uint8]
    id: NDArray[np.uint32]
    cosine: NDArray[np.float32]


def cast_rays(
    scene: Surroundings,
    moving: Solids,
    origin: ArrayLike,
    directions: ArrayLike,
    max_range_m: float,
) -> RayHits:
    """Casts rays from one place.

    The ground is the plane z = 0. A solid that the origin is inside of is not hit.

    Args:
        scene: The map.
        moving: SOLID (K,), the other solids of this frame.
        origin: x, y, z in metres, CARLA's frame.
        directions: (N, 3), of any length but 0.
        max_range_m: How far rays reach, above 0.

    Raises:
        InvalidRaysError: A value is not finite or out of range.
        InvalidSolidsError: `moving` does not hold solids.
    """
    start = np.array(origin, np.float64)
    ways = np.ascontiguousarray(directions, np.float64)
    _check(start, ways, max_range_m)
    solids, static = checked_solids(moving), scene.static
    bounds = padded_bounds(len(solids))
    fill_bounds(solids.view(np.uint8), bounds)
    count = len(ways)
    hits = RayHits(
        np.empty(count, np.float32),
        np.empty(count, np.uint8),
        np.empty(count, np.uint32),
        np.empty(count, np.float32),
    )
    cast(
        static,
        static.solids.view(np.uint8),
        static.bounds,
        solids.view(np.uint8),
        bounds,
        np.empty_like(static.bounds),
        np.empty_like(bounds),
        start,
        ways,
        max_range_m,
        *hits,
    )
    hits.tag[np.isinf(hits.distance)] = Tag.SKY
    ground = np.flatnonzero(hits.tag == _GROUND)
    if len(ground):
        lengths = np.sqrt(np.square(ways[ground]).sum(axis=1))
        scale = hits.distance[ground] / lengths
        at = start[:2] + ways[ground, :2] * scale[:, None]
        hits.tag[ground] = scene.ground_tags(at[:, 0], at[:, 1])
    return hits


def _check(origin: NDArray[np.float64], ways: NDArray[np.float64], max_range_m: float) -> None:
    if origin.shape != (3,) or not np.abs(origin).max() <= 1e7:
        raise InvalidRaysError(f"the rays' origin is {origin}: use three finite metres below 10^7")
    if not 0.0 < max_range_m <= 1e7:
        raise InvalidRaysError(f"the rays' range is {max_range_m} m: use more than 0, at most 10^7")
    if ways.ndim != 2 or ways.shape[1] != 3 or len(ways) > MOST_RAYS:
        raise InvalidRaysError(
            f"directions have shape {ways.shape}: use (N, 3) with at most {MOST_RAYS} rays"
        )
    squares = np.square(ways).sum(axis=1)
    bad = np.flatnonzero(~((squares >= 1e-12) & (squares <= 1e12)))
    if len(bad):
        raise InvalidRaysError(
            f"direction {bad[0]} is {ways[bad[0]]}: use finite vectors of a length between 10^-6 "
            "and 10^6"
        )
