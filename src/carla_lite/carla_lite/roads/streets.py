"""Streets that meet at junctions: the arms of a junction and the ways from one to another."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from carla_lite.roads.curves import biarc
from carla_lite.roads.model import Connection, Junction, Poly3, Road, RoadLink, SpeedLimit
from carla_lite.roads.profiles import LANE_WIDTH_M, one_way

_STRAIGHT_RAD = math.radians(40)
_APRON_M, _APRON_FADE = 4.4, 0.35


@dataclass(frozen=True)
class Arm:
    """A street's end at a junction, in the right-handed frame: the heading points outwards."""

    road: int
    at_start: bool
    x: float
    y: float
    heading: float
    lanes: int = 1
    limit_mps: float = 50 / 3.6

    @property
    def in_sign(self) -> int:
        """Sign of the lane ids that lead into the junction; the opposite lead out."""
        return 1 if self.at_start else -1

    def entering(self, lane: int = 1) -> tuple[float, float, float]:
        """Pose of the left border of a lane into the junction; 1 is the innermost."""
        offset = (lane - 1) * LANE_WIDTH_M
        heading = self.heading + math.pi
        return self._beside(heading, offset) if offset else (self.x, self.y, heading)

    def leaving(self, lane: int = 1) -> tuple[float, float, float]:
        """Pose of the left border of a lane out of the junction."""
        offset = (lane - 1) * LANE_WIDTH_M
        return self._beside(self.heading, offset) if offset else (self.x, self.y, self.heading)

    def _beside(self, heading: float, right_m: float) -> tuple[float, float, float]:
        x = self.x + right_m * math.sin(heading)
        y = self.y - right_m * math.cos(heading)
        return x, y, heading

    def turn_to(self, other: Arm) -> float:
        """How far traffic from here turns to leave by another arm, positive to the left."""
        turn = other.heading - self.heading - math.pi
        return (turn + math.pi) % (2 * math.pi) - math.pi


def connect(
    junction_id: int, arms: Sequence[Arm], first_road: int
) -> tuple[list[Road], Junction, list[Arm]]:
    """Connecting roads from every arm to every other one.

    Returns:
        The roads, the junction, and the arms in the order in which they lie around it,
        counter-clockwise.
    """
    ordered = sorted(arms, key=lambda arm: arm.heading % (2 * math.pi))
    roads: list[Road] = []
    connections: list[Connection] = []
    for i, source in enumerate(ordered):
        for step in range(1, len(ordered)):
            target = ordered[(i + step) % len(ordered)]
            for lane, to_lane in _lane_pairs(source, target):
                # Counter-clockwise, the next arm is the one to the right: its kerb is ours.
                kerb = step == 1 and lane == source.lanes and to_lane == target.lanes
                from_ids = _ids(source.in_sign, lane, source.lanes, kerb)
                to_ids = _ids(-target.in_sign, to_lane, target.lanes, kerb)
                line = tuple(biarc(source.entering(lane), target.leaving(to_lane)))
                apron = _apron(source, lane, target, to_lane, line[-1].s_m + line[-1].length_m)
                section = one_way(from_ids, to_ids, apron)
                road = Road(
                    id=first_road + len(roads),
                    geometries=line,
                    sections=(section,),
                    predecessor=RoadLink(
                        "road", source.road, "start" if source.at_start else "end"
                    ),
                    successor=RoadLink("road", target.road, "start" if target.at_start else "end"),
                    junction_id=junction_id,
                    speeds=(SpeedLimit(0.0, source.limit_mps),),
                )
                links = tuple((a, -n) for n, a in enumerate(from_ids, start=1))
                connections.append(Connection(len(roads), source.road, road.id, "start", links))
                roads.append(road)
    return roads, Junction(junction_id, tuple(connections)), ordered


def _lane_pairs(source: Arm, target: Arm) -> list[tuple[int, int]]:
    """Which lanes lead to which: kept going straight, the outer to the right, the inner left."""
    turn = source.turn_to(target)
    if abs(turn) < _STRAIGHT_RAD:
        return [(lane, lane) for lane in range(1, min(source.lanes, target.lanes) + 1)]
    return [(1, 1)] if turn > 0 else [(source.lanes, target.lanes)]


def _apron(source: Arm, lane: int, target: Arm, to_lane: int, length_m: float) -> tuple[Poly3, ...]:
    """What fills the wedge between a turn and the lane beside it that it parts from or joins.

    Wider than a lane there, and nothing where the turn nears the kerb on the other side.
    """
    width = _APRON_M
    if abs(source.turn_to(target)) < _STRAIGHT_RAD:
        return ()
    fade = _APRON_FADE * length_m
    step = (3 * width / fade**2, -2 * width / fade**3)
    if lane < source.lanes:
        start = 0.5 * length_m
        return (
            Poly3(0.0, width),
            Poly3(start, width, 0.0, -step[0], -step[1]),
            Poly3(start + fade, 0.0),
        )
    if to_lane < target.lanes:
        start = 0.5 * length_m - fade
        return Poly3(0.0, 0.0), Poly3(start, 0.0, 0.0, *step), Poly3(start + fade, width)
    return ()


def _ids(sign: int, lane: int, lanes: int, kerb: bool) -> tuple[int, ...]:
    """Ids of a driving lane and, along the kerb, of the shoulder and sidewalk beside it."""
    return (sign * lane, *((sign * (lanes + 1), sign * (lanes + 2)) if kerb else ()))
