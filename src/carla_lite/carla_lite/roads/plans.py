"""Towns from plans: nodes, the streets between them, and who gives way at each node."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from carla_lite.roads.curves import biarc, rounded
from carla_lite.roads.equipment import Control, Equipment
from carla_lite.roads.lanes import spawn_points
from carla_lite.roads.model import Geometry, LaneMark, Road, RoadLink, RoadNetwork, SpeedLimit
from carla_lite.roads.profiles import LANE_WIDTH_M, two_way
from carla_lite.roads.streets import Arm, connect

_TURN_RADIUS_M = 12.0
_LEAST_TRIM_M = 8.0
_FLAT_RAD = math.radians(160)

Point = tuple[float, float]
BROKEN = LaneMark("broken", "white", 0.15)


@dataclass(frozen=True)
class Node:
    """A junction at a point of the right-handed frame."""

    at: Point
    control: Control
    crossed: bool = True


@dataclass(frozen=True)
class Street:
    """A street from one node to another.

    Attributes:
        ends: Names of its nodes.
        limit_kmh: Speed limit.
        lanes: Driving lanes each way.
        bends_deg: How far its ends turn to the left of the straight way, seen from each node;
            where there are corners, from the way to the first one.
        corners: Points at which it turns, with the radius of each.
        centre: The mark in its middle.
    """

    ends: tuple[str, str]
    limit_kmh: float
    lanes: int = 1
    bends_deg: Point = (0.0, 0.0)
    corners: tuple[tuple[float, float, float], ...] = ()
    centre: LaneMark = BROKEN


def build(name: str, nodes: Mapping[str, Node], streets: Sequence[Street]) -> RoadNetwork:
    """The town of a plan.

    Road ids count the streets from 1; junction ids are 100 and up, in the order of the nodes.
    """
    headings = [_headings(nodes, street) for street in streets]
    arms_at: dict[str, list[Arm]] = {node: [] for node in nodes}
    roads: dict[int, Road] = {}
    number_of = {node: 100 + i for i, node in enumerate(nodes)}
    for i, street in enumerate(streets):
        limit_mps = street.limit_kmh / 3.6
        pair = []
        for end, end_name in enumerate(street.ends):
            heading = headings[i][end]
            trim = _trim(end_name, heading, street.lanes, streets, headings)
            x = nodes[end_name].at[0] + trim * math.cos(heading)
            y = nodes[end_name].at[1] + trim * math.sin(heading)
            arm = Arm(i + 1, end == 0, x, y, heading, street.lanes, limit_mps)
            arms_at[end_name].append(arm)
            pair.append(arm)
        roads[i + 1] = Road(
            i + 1,
            tuple(_line(street, *pair)),
            (two_way(street.centre, sidewalk=True, lanes=street.lanes),),
            RoadLink("junction", number_of[street.ends[0]]),
            RoadLink("junction", number_of[street.ends[1]]),
            speeds=(SpeedLimit(0.0, limit_mps),),
        )
    everything, junctions, equipment = list(roads.values()), [], Equipment()
    for i, (node_name, node) in enumerate(nodes.items()):
        connecting, junction, arms = connect(
            number_of[node_name], arms_at[node_name], first_road=1000 + 20 * i
        )
        everything += connecting
        crossed = [node.crossed] * len(arms)
        junctions.append(equipment.equip_junction(junction, arms, roads, node.control, crossed))
    for i, street in enumerate(streets):
        equipment.add_limit_signs(roads[i + 1], street.lanes)
    places = spawn_points(everything)
    return RoadNetwork(name, tuple(everything), tuple(junctions), places, **equipment.parts())


def _headings(nodes: Mapping[str, Node], street: Street) -> tuple[float, float]:
    """Outward headings at both ends."""
    a, b = (nodes[end].at for end in street.ends)
    first = street.corners[0][:2] if street.corners else b
    last = street.corners[-1][:2] if street.corners else a
    bend_a, bend_b = (math.radians(bend) for bend in street.bends_deg)
    return _towards(a, first) + bend_a, _towards(b, last) + bend_b


def _towards(a: Point, b: Point) -> float:
    return math.atan2(b[1] - a[1], b[0] - a[0])


def _trim(
    node: str,
    heading: float,
    lanes: int,
    streets: Sequence[Street],
    headings: Sequence[tuple[float, float]],
) -> float:
    """How far from its node an arm ends, so that the right turns on both sides have room."""
    trim = _LEAST_TRIM_M
    own = (lanes - 1) * LANE_WIDTH_M
    for street, pair in zip(streets, headings, strict=True):
        for end, other in zip(street.ends, pair, strict=True):
            gap = abs((other - heading + math.pi) % (2 * math.pi) - math.pi)
            if end == node and 1e-6 < gap < _FLAT_RAD:
                theirs = (street.lanes - 1) * LANE_WIDTH_M
                # Where the left borders of both outer lanes cross, and the tangent from there.
                corner = (theirs + own * math.cos(gap)) / math.sin(gap)
                trim = max(trim, corner + _TURN_RADIUS_M / math.tan(gap / 2))
    return trim


def _line(street: Street, start: Arm, end: Arm) -> list[Geometry]:
    if not street.corners:
        return biarc(start.leaving(), end.entering())
    points = [(start.x, start.y), *(c[:2] for c in street.corners), (end.x, end.y)]
    return rounded(points, [radius for _, _, radius in street.corners])
