"""Random closed circuits: a star-shaped polygon whose corners are rounded to lines and arcs."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from carla_lite.roads.curves import cut, evaluate, fillet
from carla_lite.roads.lanes import spawn_points
from carla_lite.roads.model import Geometry, LaneMark, Road, RoadLink, RoadNetwork
from carla_lite.roads.profiles import linked, two_way

MIN_LENGTH_M, MAX_LENGTH_M = 350.0, 720.0
MIN_RADIUS_M = 12.5
MIN_GAP_M = 16.0
_ROADS = 4


def make_circuit(name: str, seed: int) -> RoadNetwork:
    """A two-lane ring of 350 to 720 m; the same seed gives the same circuit."""
    rng = np.random.default_rng((1, seed))
    ring = _random_ring(rng)
    centre = LaneMark("broken", "yellow" if rng.random() < 0.5 else "white", 0.15)
    section = linked(two_way(centre, sidewalk=rng.random() < 0.5), True, True)
    length = ring[-1].s_m + ring[-1].length_m
    roads = tuple(
        Road(
            id=i + 1,
            geometries=tuple(cut(ring, length * i / _ROADS, length * (i + 1) / _ROADS)),
            sections=(section,),
            predecessor=RoadLink("road", (i - 1) % _ROADS + 1, "end"),
            successor=RoadLink("road", (i + 1) % _ROADS + 1, "start"),
        )
        for i in range(_ROADS)
    )
    return RoadNetwork(name, roads, (), spawn_points(roads))


def _random_ring(rng: np.random.Generator) -> list[Geometry]:
    """Draws until a ring keeps the promises on length, radius and distance to itself."""
    while True:
        corners = _random_polygon(rng)
        tangents = _random_tangents(corners, rng)
        if tangents is None:
            continue
        ring = fillet(corners, tangents)
        if _far_from_itself(ring):
            return ring


def _random_polygon(rng: np.random.Generator) -> NDArray[np.float64]:
    count = int(rng.integers(5, 12))
    angles = 2 * np.pi * (np.arange(count) + rng.uniform(-0.35, 0.35, count)) / count
    radii = rng.uniform(0.35, 1.0, count)
    polygon = np.column_stack([radii * np.cos(angles), radii * np.sin(angles)])
    polygon[:, 1] *= rng.uniform(0.6, 1.0)
    turn = rng.uniform(0, 2 * np.pi)
    c, s = np.cos(turn), np.sin(turn)
    polygon = polygon @ np.array([[c, s], [-s, c]])
    edges = np.roll(polygon, -1, axis=0) - polygon
    polygon *= rng.uniform(MIN_LENGTH_M, MAX_LENGTH_M) / np.hypot(edges[:, 0], edges[:, 1]).sum()
    # The polygon runs counter-clockwise; half of the circuits shall turn mostly right.
    return polygon[::-1] if rng.random() < 0.5 else polygon


def _random_tangents(
    corners: NDArray[np.float64], rng: np.random.Generator
) -> NDArray[np.float64] | None:
    """Tangent lengths of the corners' arcs, or None where the least radius does not fit."""
    edges = np.roll(corners, -1, axis=0) - corners
    lengths = np.hypot(edges[:, 0], edges[:, 1])
    headings = np.arctan2(edges[:, 1], edges[:, 0])
    turns = (headings - np.roll(headings, 1) + np.pi) % (2 * np.pi) - np.pi
    steepness = np.tan(np.abs(turns) / 2)
    room = np.minimum(lengths, np.roll(lengths, 1)) / 2
    tangents = room * rng.uniform(0.4, 1.0, len(corners))
    tangents = np.maximum(tangents, MIN_RADIUS_M * steepness)
    fits = np.all(tangents <= room) and np.all(np.abs(turns) > 0.02)
    return tangents if fits else None


def _far_from_itself(ring: list[Geometry]) -> bool:
    length = ring[-1].s_m + ring[-1].length_m
    if not MIN_LENGTH_M <= length <= MAX_LENGTH_M:
        return False
    s = np.arange(0.0, length, 2.0)
    points = evaluate(ring, s)[:, :2]
    distance = np.hypot(*(points[:, None] - points[None]).transpose(2, 0, 1))
    apart = np.abs(s[:, None] - s[None])
    apart = np.minimum(apart, length - apart)
    # On the least radius two points this far apart along the road are already the gap apart.
    return bool(np.all(distance[apart > 2 * MIN_GAP_M] > MIN_GAP_M))
