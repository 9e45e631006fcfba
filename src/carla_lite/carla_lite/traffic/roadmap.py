"""What scripted drivers know of a map: speeds in curves, where to stop, which ways cross."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple
from weakref import WeakKeyDictionary

import numpy as np
from numpy.typing import NDArray

from carla_lite.roads import RoadNetwork
from carla_lite.roads.furniture import SignalKind
from carla_lite.roads.index import LaneIndex
from carla_lite.world import Rotation, Transform, Vector3

Floats = NDArray[np.float64]

SIDE_ACCELERATION_MPS2 = 2.5
"""What drivers allow themselves in curves."""
CLEARANCE_M = 3.0
"""Ways through a junction whose centres come closer than this must not be driven at once."""
SPACING_M = 12.0
"""Between the places where vehicles may start."""
_MIN_CURVE_MPS = 2.5
_BEFORE_JUNCTION_M = 0.5


_KNOWN: WeakKeyDictionary[RoadNetwork, Roadmap] = WeakKeyDictionary()


class StopControl(NamedTuple):
    """Where a lane ends at a junction, and what tells drivers to wait there.

    Attributes:
        along_m: of the line, on its lane.
        kind: of the signal; "other" for none.
        signal_id: "" for none.
    """

    along_m: float
    kind: SignalKind
    signal_id: str


class Place(NamedTuple):
    """Where a vehicle may start.

    Attributes:
        row: of its lane.
        along_m: from the lane's start.
        pose: facing along the lane.
        crowded: whether one of the map's spawn points is near.
    """

    row: int
    along_m: float
    pose: Transform
    crowded: bool


class Way(NamedTuple):
    """One way through a junction.

    Attributes:
        junction_id: which one.
        lanes: rows of the lane index, in driving direction.
        bits: one bit for each of these lanes.
        conflicts: the bits of all lanes which must be empty.
        turn: of the heading in radians, positive to the right.
    """

    junction_id: int
    lanes: tuple[int, ...]
    bits: int
    conflicts: int
    turn: float


@dataclass(frozen=True, eq=False)
class Roadmap:
    """A lane index with what driving needs besides.

    Attributes:
        index: the lanes.
        cap_mps: float64 (P,), for each point of the index: the limit, or less in a curve.
        stops: where lanes meet junctions, by row.
        bits: for each row in a junction, its own bit among those of the junction; else 0.
        conflicts: for each row, the bits of the lanes that cross it or merge with it.
        goes_on: for each row, whether one can drive on from there for ever.
        places: where vehicles may start: on lanes between junctions, `SPACING_M` apart.
    """

    index: LaneIndex
    cap_mps: Floats
    stops: dict[int, StopControl]
    bits: tuple[int, ...]
    conflicts: tuple[int, ...]
    goes_on: tuple[bool, ...]
    places: tuple[Place, ...]

    @classmethod
    def of(cls, network: RoadNetwork) -> Roadmap:
        """A network's roadmap, worked out once; may be asked for on any thread."""
        known = _KNOWN.get(network)
        if known is None:
            known = _KNOWN[network] = cls.build(network)
        return known

    @classmethod
    def build(cls, network: RoadNetwork) -> Roadmap:
        """Works out a network; some 50 ms for a town."""
        index = network.lane_index
        bits, conflicts = _crossings(index)
        caps, stops, goes_on = _caps(index), _stops(network, index), _goes_on(index)
        places = _places(index, goes_on, network.spawn_points)
        return cls(index, caps, stops, bits, conflicts, goes_on, places)

    def way(self, lanes: tuple[int, ...]) -> Way:
        """The way through a junction along these rows, none of which is empty."""
        bits = conflicts = 0
        for lane in lanes:
            bits |= self.bits[lane]
            conflicts |= self.conflicts[lane]
        index = self.index
        yaws = index.stations[:, 2]
        turn = yaws[index.start[lanes[-1] + 1] - 1] - yaws[index.start[lanes[0]]]
        junction = index.lanes[lanes[0]].junction_id
        assert junction is not None, "a way leads through a junction"
        return Way(junction, lanes, bits, conflicts, float((turn + np.pi) % (2 * np.pi) - np.pi))

    def choices(self, row: int) -> tuple[int, ...]:
        """Where to go after a lane: nowhere that ends, as long as another way does not."""
        after = self.index.successors[row]
        return tuple(lane for lane in after if self.goes_on[lane]) or after

    def caps(self, rows: NDArray[np.int32], along_m: Floats) -> Floats:
        """float64 (N,), the speeds allowed at distances along lanes."""
        caps: Floats = self.cap_mps[self.index.points_at(rows, along_m)]
        return caps


def _places(index: LaneIndex, goes_on: tuple[bool, ...], spawn_points: Floats) -> tuple[Place, ...]:
    spots = [
        (row, (step + 0.5) * SPACING_M)
        for row, lane in enumerate(index.lanes)
        if lane.junction_id is None and goes_on[row]
        for step in range(int(float(index.length_m[row]) / SPACING_M))
    ]
    poses = index.poses([row for row, _ in spots], [along for _, along in spots])
    away = poses[:, None, :2] - spawn_points[None, :, :2]
    crowded = np.any(np.hypot(away[..., 0], away[..., 1]) < SPACING_M / 2, axis=1)
    places = []
    for (row, along), (x, y, yaw), near in zip(spots, poses.tolist(), crowded, strict=True):
        pose = Transform(Vector3(x, y, 0.0), Rotation(0.0, math.degrees(yaw), 0.0))
        places.append(Place(row, along, pose, bool(near)))
    return tuple(places)


def _goes_on(index: LaneIndex) -> tuple[bool, ...]:
    left = [len(after) for after in index.successors]
    ends = [row for row, count in enumerate(left) if not count]
    while ends:
        for before in index.predecessors[ends.pop()]:
            left[before] -= 1
            if not left[before]:
                ends.append(before)
    return tuple(count > 0 for count in left)


def _caps(index: LaneIndex) -> Floats:
    caps = index.speed_mps.copy()
    for row in range(len(index.lanes)):
        part = slice(int(index.start[row]), int(index.start[row + 1]))
        along, yaw = index.stations[part, 1], np.unwrap(index.stations[part, 2])
        if len(along) < 3 or along[-1] < 1.0:
            continue
        curvature = np.abs(np.gradient(yaw, along))
        safe = np.sqrt(SIDE_ACCELERATION_MPS2 / np.maximum(curvature, 1e-6))
        caps[part] = np.minimum(caps[part], np.maximum(safe, _MIN_CURVE_MPS))
    return caps


def _stops(network: RoadNetwork, index: LaneIndex) -> dict[int, StopControl]:
    """Where lanes outside junctions meet one; signals that stand far from it do not count."""
    stops: dict[int, StopControl] = {}
    for row, lane in enumerate(index.lanes):
        leads_in = any(
            index.lanes[after].junction_id is not None for after in index.successors[row]
        )
        if lane.junction_id is None and leads_in:
            end = max(float(index.length_m[row]) - _BEFORE_JUNCTION_M, 0.0)
            stops[row] = StopControl(end, "other", "")
    weight = {"light": 2, "stop": 1, "yield": 0}
    for line in network.stop_lines:
        row = index.row.get((line.road_id, line.section, line.lane_id), -1)
        known = stops.get(row)
        if known is None or weight[line.kind] < weight.get(known.kind, -1):
            continue
        stops[row] = StopControl(index.along(row, line.s_m), line.kind, line.signal_id)
    return stops


def _crossings(index: LaneIndex) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Bits and conflicts of all rows; lanes with a common beginning follow each other instead."""
    members: dict[int, list[int]] = {}
    for row, lane in enumerate(index.lanes):
        if lane.junction_id is not None:
            members.setdefault(lane.junction_id, []).append(row)
    bits, conflicts = [0] * len(index.lanes), [0] * len(index.lanes)
    for rows in members.values():
        for place, row in enumerate(rows):
            bits[row] = 1 << place
        for place, row in enumerate(rows):
            for other in rows[place + 1 :]:
                if not _diverge(index, row, other) and _meet(index, row, other):
                    conflicts[row] |= bits[other]
                    conflicts[other] |= bits[row]
    return tuple(bits), tuple(conflicts)


def _diverge(index: LaneIndex, row: int, other: int) -> bool:
    same_start = bool(set(index.predecessors[row]) & set(index.predecessors[other]))
    in_line = other in index.successors[row] or row in index.successors[other]
    return same_start or in_line


def _meet(index: LaneIndex, row: int, other: int) -> bool:
    a, b = index.line(row), index.line(other)
    squares = ((a[:, None] - b[None]) ** 2).sum(axis=-1)
    return bool(squares.min() < CLEARANCE_M**2)
