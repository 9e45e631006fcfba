"""Random towns: a warped 4 x 4 grid of streets, with lights where four of them meet."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from carla_lite.roads.curves import biarc
from carla_lite.roads.equipment import Control, Equipment
from carla_lite.roads.lanes import spawn_points
from carla_lite.roads.model import LaneMark, Road, RoadLink, RoadNetwork, SpeedLimit
from carla_lite.roads.profiles import two_way
from carla_lite.roads.streets import Arm, connect

GRID = 4
MIN_BLOCK_M, MAX_BLOCK_M = 50.0, 80.0
TURN_RADIUS_M = 12.0
"""Least radius of a junction's reference lines; the right turn's lane centre is 1.75 m inside."""
_MIN_ARM_GAP_RAD = math.radians(66)
_MIN_STREET_M, _MIN_STREET_RADIUS_M = 18.0, 25.0

Edge = tuple[int, int]


def make_town(name: str, seed: int) -> RoadNetwork:
    """A town of about 200 x 200 m; the same seed gives the same town."""
    rng = np.random.default_rng((2, seed))
    edges = _thin_out(_grid_edges(), rng)
    centre = LaneMark(
        "broken" if rng.random() < 0.7 else "solid",
        "yellow" if rng.random() < 0.5 else "white",
        0.15,
    )
    while True:
        nodes = _warped_nodes(rng)
        bends = rng.uniform(-1, 1, (len(edges), 2)) * math.radians(14)
        headings = _arm_headings(nodes, edges, bends)
        trims = _trims(headings)
        if trims is None:
            continue
        streets, arms = _streets(nodes, edges, headings, trims, centre)
        if all(_is_comfortable(street) for street in streets):
            break
    return _equipped(name, streets, arms, np.random.default_rng((2, seed, 1)))


def _equipped(
    name: str, streets: list[Road], arms: dict[int, list[Arm]], rng: np.random.Generator
) -> RoadNetwork:
    """Joins the streets, and draws what does not change where the roads lie."""
    limits = {street.id: float(rng.choice((30.0, 50.0), p=(0.4, 0.6))) / 3.6 for street in streets}
    streets = [replace(s, speeds=(SpeedLimit(0.0, limits[s.id]),)) for s in streets]
    roads, junctions, equipment = list(streets), [], Equipment()
    for node, ends in sorted(arms.items()):
        ends = [replace(arm, limit_mps=limits[arm.road]) for arm in ends]
        connecting, junction, ordered = connect(100 + node, ends, first_road=1000 + 20 * node)
        roads += connecting
        draws = rng.random(5)
        control: Control = "none"
        if len(ends) > 2:
            control = "lights" if len(ends) == 4 else "stop" if draws[0] < 0.5 else "yield"
        crossed = [len(ends) == 4 or (len(ends) == 3 and draw < 0.5) for draw in draws[1:]]
        by_id = {street.id: street for street in streets}
        junctions.append(
            equipment.equip_junction(junction, ordered, by_id, control, crossed[: len(ends)])
        )
    for street in streets:
        equipment.add_limit_signs(street, lanes=1)
    places = spawn_points(roads)
    return RoadNetwork(name, tuple(roads), tuple(junctions), places, **equipment.parts())


def _grid_edges() -> list[Edge]:
    across = [(GRID * r + c, GRID * r + c + 1) for r in range(GRID) for c in range(GRID - 1)]
    along = [(GRID * r + c, GRID * r + c + GRID) for r in range(GRID - 1) for c in range(GRID)]
    return across + along


def _thin_out(edges: list[Edge], rng: np.random.Generator) -> list[Edge]:
    """Takes streets away while every lane can still be reached from every other one."""
    wanted = len(edges) - int(rng.integers(2, 7))
    kept = list(edges)
    for i in rng.permutation(len(edges)):
        candidate = [edge for edge in kept if edge != edges[i]]
        if len(kept) > wanted and _all_lanes_connected(candidate):
            kept = candidate
    return kept


def _all_lanes_connected(edges: list[Edge]) -> bool:
    """Whether each directed street leads to each other one without U-turns.

    Every street has both directions, so paths can be mirrored: two searches prove it for all.
    """
    ways = edges + [(b, a) for a, b in edges]
    for first in (edges[0], edges[0][::-1]):
        seen, todo = {first}, [first]
        while todo:
            a, b = todo.pop()
            for way in ways:
                if way[0] == b and way[1] != a and way not in seen:
                    seen.add(way)
                    todo.append(way)
        if len(seen) < len(ways):
            return False
    return True


def _warped_nodes(rng: np.random.Generator) -> NDArray[np.float64]:
    """float64 (16, 2) node positions around the origin."""
    columns, rows = (
        np.concatenate([[0.0], rng.uniform(MIN_BLOCK_M + 6, MAX_BLOCK_M - 6, GRID - 1).cumsum()])
        for _ in range(2)
    )
    nodes = np.stack(np.meshgrid(columns, rows), axis=-1).reshape(-1, 2)
    nodes = nodes - nodes.mean(axis=0) + rng.uniform(-5, 5, nodes.shape)
    c, s = np.cos(turn := rng.uniform(0, 2 * np.pi)), np.sin(turn)
    result: NDArray[np.float64] = nodes @ np.array([[c, s], [-s, c]])
    return result


def _arm_headings(
    nodes: NDArray[np.float64], edges: list[Edge], bends: NDArray[np.float64]
) -> dict[int, dict[Edge, float]]:
    """For each node, the outward heading of each street that ends there."""
    headings: dict[int, dict[Edge, float]] = {}
    for (a, b), (bend_a, bend_b) in zip(edges, bends, strict=True):
        dx, dy = nodes[b] - nodes[a]
        straight = math.atan2(dy, dx)
        headings.setdefault(a, {})[(a, b)] = straight + bend_a
        headings.setdefault(b, {})[(a, b)] = straight + math.pi + bend_b
    return headings


def _trims(headings: dict[int, dict[Edge, float]]) -> dict[int, float] | None:
    """How far from each node its streets end, or None where two arms are too close in angle."""
    trims = {}
    for node, arms in headings.items():
        angles = np.sort(np.array(list(arms.values())) % (2 * math.pi))
        gap = float(np.min(np.diff(angles, append=angles[0] + 2 * math.pi)))
        if gap < _MIN_ARM_GAP_RAD:
            return None
        trims[node] = max(TURN_RADIUS_M / math.tan(gap / 2), 8.0)
    return trims


def _streets(
    nodes: NDArray[np.float64],
    edges: list[Edge],
    headings: dict[int, dict[Edge, float]],
    trims: dict[int, float],
    centre: LaneMark,
) -> tuple[list[Road], dict[int, list[Arm]]]:
    """The roads between the junctions, and their ends by node."""
    streets: list[Road] = []
    arms: dict[int, list[Arm]] = {}
    for road_id, edge in enumerate(edges, start=1):
        ends = []
        for node in edge:
            heading = headings[node][edge]
            x = float(nodes[node, 0]) + trims[node] * math.cos(heading)
            y = float(nodes[node, 1]) + trims[node] * math.sin(heading)
            arm = Arm(road_id, node == edge[0], x, y, heading)
            arms.setdefault(node, []).append(arm)
            ends.append(arm)
        line = biarc(ends[0].leaving(), ends[1].entering())
        links = [RoadLink("junction", 100 + node) for node in edge]
        section = two_way(centre, sidewalk=True)
        streets.append(Road(road_id, tuple(line), (section,), links[0], links[1]))
    return streets, arms


def _is_comfortable(street: Road) -> bool:
    return street.length_m >= _MIN_STREET_M and all(
        abs(g.curvature_per_m) <= 1 / _MIN_STREET_RADIUS_M for g in street.geometries
    )
