"""Random towns: a warped 4 x 4 grid of streets with unmarked junctions."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from carla_lite.roads.curves import biarc
from carla_lite.roads.lanes import spawn_points
from carla_lite.roads.model import (
    Connection,
    Geometry,
    Junction,
    LaneMark,
    Road,
    RoadLink,
    RoadNetwork,
)
from carla_lite.roads.profiles import one_way, two_way

GRID = 4
MIN_BLOCK_M, MAX_BLOCK_M = 50.0, 80.0
TURN_RADIUS_M = 12.0
"""Least radius of a junction's reference lines; the right turn's lane centre is 1.75 m inside."""
_MIN_ARM_GAP_RAD = math.radians(66)
_MIN_STREET_M, _MIN_STREET_RADIUS_M = 18.0, 25.0

Edge = tuple[int, int]


@dataclass(frozen=True)
class _Arm:
    """A street's end at a junction, in the right-handed frame: the heading points outwards."""

    road: int
    at_start: bool
    x: float
    y: float
    heading: float

    def entering(self) -> tuple[float, float, float]:
        return self.x, self.y, self.heading + math.pi

    def leaving(self) -> tuple[float, float, float]:
        return self.x, self.y, self.heading

    @property
    def in_sign(self) -> int:
        """Sign of the lane ids that lead into the junction; the opposite lead out."""
        return 1 if self.at_start else -1


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
    roads, junctions = list(streets), []
    for node, ends in sorted(arms.items()):
        connecting, junction = _junction(100 + node, ends, first_road=1000 + 20 * node)
        roads += connecting
        junctions.append(junction)
    return RoadNetwork(name, tuple(roads), tuple(junctions), spawn_points(roads))


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
) -> tuple[list[Road], dict[int, list[_Arm]]]:
    """The roads between the junctions, and their ends by node."""
    streets: list[Road] = []
    arms: dict[int, list[_Arm]] = {}
    for road_id, edge in enumerate(edges, start=1):
        ends = []
        for node in edge:
            heading = headings[node][edge]
            x = float(nodes[node, 0]) + trims[node] * math.cos(heading)
            y = float(nodes[node, 1]) + trims[node] * math.sin(heading)
            arm = _Arm(road_id, node == edge[0], x, y, heading)
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


def _junction(junction_id: int, arms: list[_Arm], first_road: int) -> tuple[list[Road], Junction]:
    """Connecting roads from every arm to every other one."""
    arms = sorted(arms, key=lambda arm: arm.heading % (2 * math.pi))
    roads: list[Road] = []
    connections: list[Connection] = []
    for i, source in enumerate(arms):
        for step in range(1, len(arms)):
            target = arms[(i + step) % len(arms)]
            # Counter-clockwise, the next arm is the one to the right: its kerb is ours.
            section = one_way(step == 1, source.in_sign, -target.in_sign)
            line: list[Geometry] = biarc(source.entering(), target.leaving())
            road = Road(
                id=first_road + len(roads),
                geometries=tuple(line),
                sections=(section,),
                predecessor=RoadLink("road", source.road, "start" if source.at_start else "end"),
                successor=RoadLink("road", target.road, "start" if target.at_start else "end"),
                junction_id=junction_id,
            )
            links = tuple((source.in_sign * -n.id, n.id) for n in section.lanes if n.id)
            connections.append(Connection(len(roads), source.road, road.id, "start", links))
            roads.append(road)
    return roads, Junction(junction_id, tuple(connections))
