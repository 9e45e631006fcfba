"""Where points are on the drivable lanes, and what comes next: a grid hash over centre lines."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from carla_lite.roads._index import nearest, poses_along
from carla_lite.roads.following import followers
from carla_lite.roads.grid import Grid
from carla_lite.roads.lanes import LaneStrip, sample_section, section_spans, speed_limits
from carla_lite.roads.model import DRIVABLE, RoadNetwork

Floats = NDArray[np.float64]
Ints = NDArray[np.int32]

_STEP_M = 0.5
_MOST_POINTS = 2_000_000
_FAR_M = 1e8


class LaneRef(NamedTuple):
    """A lane of one section; `junction_id` is None outside junctions."""

    road_id: int
    section: int
    lane_id: int
    junction_id: int | None


class Places(NamedTuple):
    """Where N points are; rows whose `lane` is -1 hold zeros.

    Attributes:
        lane: int32 (N,), rows of the index.
        s_m: float64 (N,), on the road's reference line.
        along_m: From the lane's start in driving direction, on its centre line.
        lateral_m: From the centre line, positive to the right of the traffic.
        yaw_rad: Of the lane's traffic, CARLA's frame.
        distance_m: From the centre line; more than |lateral_m| beyond a dead end.
    """

    lane: Ints
    s_m: Floats
    along_m: Floats
    lateral_m: Floats
    yaw_rad: Floats
    distance_m: Floats


class Place(NamedTuple):
    """Where one point is; see `Places`."""

    lane: int
    road_id: int
    section: int
    lane_id: int
    s_m: float
    along_m: float
    lateral_m: float
    yaw_rad: float
    distance_m: float


@dataclass(frozen=True, eq=False)
class LaneIndex:
    """All drivable lanes of a network in rows, sampled along their centres in driving direction.

    Every array is read-only. Points of lane `row` are `start[row]` to `start[row + 1]`.

    Attributes:
        lanes: What the rows are.
        start: int32 (L + 1,).
        points: float64 (P, 2), x and y in CARLA's frame, at most half a metre apart (more on maps
            of over 1000 km of lanes).
        stations: float64 (P, 3), s on the road, distance along the lane, yaw in radians.
        width_m: float64 (P,), of the lane.
        speed_mps: float64 (P,), limit.
        lane_of_point: int32 (P,).
        length_m: float64 (L,), of the centre lines.
        successors, predecessors: Rows that traffic may go on to, or come from.
        left, right: int32 (L,), the next lane in the same direction on that side, or -1.
        row: Row by (road id, section, lane id).
    """

    lanes: tuple[LaneRef, ...]
    start: Ints
    points: Floats
    stations: Floats
    width_m: Floats
    speed_mps: Floats
    lane_of_point: Ints
    length_m: Floats
    successors: tuple[tuple[int, ...], ...]
    predecessors: tuple[tuple[int, ...], ...]
    left: Ints
    right: Ints
    row: dict[tuple[int, int, int], int]
    _grid: Grid

    @staticmethod
    def build(network: RoadNetwork) -> LaneIndex:
        """Samples a network; about 0.1 s for a town."""
        strips, refs = _strips(network)
        lines = [_line(strip) for strip in strips]
        start = np.cumsum([0] + [len(line) for line in lines], dtype=np.int32)
        table = np.concatenate(lines) if lines else np.empty((0, 6))
        row = {(ref.road_id, ref.section, ref.lane_id): i for i, ref in enumerate(refs)}
        after = followers(network, row)
        before: list[list[int]] = [[] for _ in refs]
        for i, following in enumerate(after):
            for j in following:
                before[j].append(i)
        points = np.ascontiguousarray(table[:, :2])
        lane_of_point = np.repeat(np.arange(len(refs), dtype=np.int32), np.diff(start))
        stations = np.ascontiguousarray(table[:, 2:5])
        result = LaneIndex(
            lanes=tuple(refs),
            start=start,
            points=points,
            stations=stations,
            width_m=np.ascontiguousarray(table[:, 5]),
            speed_mps=_speeds(strips),
            lane_of_point=lane_of_point,
            length_m=stations[start[1:] - 1, 1],
            successors=tuple(after),
            predecessors=tuple(tuple(rows) for rows in before),
            left=_beside(network, refs, row, 1),
            right=_beside(network, refs, row, -1),
            row=row,
            _grid=Grid.build(points, lane_of_point),
        )
        for array in vars(result).values():
            if isinstance(array, np.ndarray):
                array.flags.writeable = False
        return result

    def locate(
        self,
        points: ArrayLike,
        yaw_rad: ArrayLike | None = None,
        reach_m: float = 25.0,
        wrong_way_m: float = 6.0,
    ) -> Places:
        """The nearest lane of each of many points.

        Args:
            points: float (N, 2), x and y in CARLA's frame.
            yaw_rad: float (N,), where each one heads. Then a lane in the opposite direction counts
                as `wrong_way_m` farther away, one across as half of it; where lanes cross or lie
                side by side this picks the one that is driven.
            reach_m: Lanes farther away than this are not found, up to 1000.
            wrong_way_m: See `yaw_rad`.

        Raises:
            ValueError: Another shape, or a value that is not finite.
        """
        queries = np.ascontiguousarray(points, np.float64)
        if queries.ndim != 2 or queries.shape[1] != 2 or not np.all(np.isfinite(queries)):
            raise ValueError(f"points must be finite and (N, 2), not of shape {queries.shape}")
        yaws = np.zeros(0) if yaw_rad is None else np.ascontiguousarray(yaw_rad, np.float64)
        if yaw_rad is not None and (
            yaws.shape != queries.shape[:1] or not np.all(np.isfinite(yaws))
        ):
            raise ValueError(f"yaw_rad must be finite and ({len(queries)},), not {yaws.shape}")
        if not 0 < reach_m <= 1000 or not 0 < wrong_way_m <= 1000:
            raise ValueError(f"reach_m {reach_m} and wrong_way_m {wrong_way_m} are 0 to 1000 m")
        lanes = np.full(len(queries), -1, np.int32)
        places = np.zeros((len(queries), 5))
        # Farther than any map is as far as infinity, and its cell is a number still.
        queries = np.clip(queries, -_FAR_M, _FAR_M)
        wrong_way_m = 0.0 if yaw_rad is None else wrong_way_m
        self.find(queries, yaws, lanes, places, reach_m, wrong_way_m)
        return Places(lanes, *np.ascontiguousarray(places.T))

    def find(
        self,
        points: Floats,
        yaw_rad: Floats,
        lanes: Ints,
        places: Floats,
        reach_m: float = 25.0,
        wrong_way_m: float = 6.0,
    ) -> None:
        """As `locate`, unchecked and into arrays of one's own, for those who ask at every tick.

        Args:
            points: float64 (N, 2), within 1e8 m.
            yaw_rad: float64 (N,).
            lanes: int32 (N,), written: rows, or -1.
            places: float64 (N, 5), written where there is a lane: s, along, lateral, yaw, distance.
            reach_m, wrong_way_m: See `locate`; no heading counts when `wrong_way_m` is 0.
        """
        grid = self._grid
        if not len(self.points):
            lanes[:] = -1
            return
        nearest(
            points,
            yaw_rad,
            wrong_way_m,
            reach_m,
            self.points,
            self.stations,
            self.lane_of_point,
            *grid.origin,
            grid.cell_m,
            grid.columns,
            grid.start,
            grid.items,
            lanes,
            places,
        )

    def nearest(
        self, x_m: float, y_m: float, yaw_rad: float | None = None, reach_m: float = 25.0
    ) -> Place | None:
        """The nearest lane of one point, or None; see `locate`."""
        yaw = None if yaw_rad is None else [yaw_rad]
        found = self.locate([[x_m, y_m]], yaw, reach_m)
        row = int(found.lane[0])
        if row < 0:
            return None
        ref = self.lanes[row]
        numbers = (float(column[0]) for column in found[1:])
        return Place(row, ref.road_id, ref.section, ref.lane_id, *numbers)

    def poses(self, lane: ArrayLike, along_m: ArrayLike) -> Floats:
        """Poses on centre lines.

        Args:
            lane: int (N,), rows.
            along_m: float (N,), from each lane's start; held at both ends.

        Returns:
            float64 (N, 3), x, y, yaw in radians, CARLA's frame.

        Raises:
            ValueError: Shapes differ, a row is none, or a distance is not a number.
        """
        rows = np.ascontiguousarray(lane, np.int32)
        along = np.ascontiguousarray(along_m, np.float64)
        if rows.ndim != 1 or rows.shape != along.shape or not np.all(np.isfinite(along)):
            raise ValueError(f"lane {rows.shape} and along_m {along.shape} must be (N,), finite")
        if len(rows) and not (rows.min() >= 0 and rows.max() < len(self.lanes)):
            raise ValueError(f"lane rows go from 0 to {len(self.lanes) - 1}")
        out = np.empty((len(rows), 3))
        poses_along(rows, along, self.points, self.stations, self.start, out)
        return out

    def points_at(self, lane: ArrayLike, along_m: ArrayLike) -> NDArray[np.int64]:
        """int64 (N,), the points nearest to distances along lanes, held at both ends.

        For what changes slowly, such as `speed_mps`: points count as evenly spaced.
        """
        rows = np.asarray(lane, np.int64)
        last = self.start[rows + 1] - self.start[rows] - 1
        share = np.clip(np.asarray(along_m) / self.length_m[rows], 0.0, 1.0)
        return np.asarray(self.start[rows] + np.rint(share * last), np.int64)

    def line(self, lane: int) -> Floats:
        """float64 (N, 2), the centre line of one row, in driving direction."""
        return self.points[self.start[lane] : self.start[lane + 1]]

    def along(self, lane: int, s_m: float) -> float:
        """Distance from a lane's start where its road's reference line has `s_m`."""
        part = self.stations[self.start[lane] : self.start[lane + 1]]
        part = part if part[0, 0] <= part[-1, 0] else part[::-1]
        return float(np.interp(s_m, part[:, 0], part[:, 1]))


def _strips(network: RoadNetwork) -> tuple[list[LaneStrip], list[LaneRef]]:
    """The drivable lanes, sampled along s."""
    total = sum(
        road.length_m * max(len(section.lanes) for section in road.sections)
        for road in network.roads
    )
    step = max(_STEP_M, total / _MOST_POINTS)
    strips, refs = [], []
    for road in network.roads:
        for number, (section, start, end) in enumerate(section_spans(road)):
            s_m = np.linspace(start, end, max(2, int(np.ceil((end - start) / step)) + 1))
            for strip in sample_section(road, section, s_m):
                if strip.lane.kind in DRIVABLE and strip.lane.id:
                    strips.append(strip)
                    refs.append(LaneRef(road.id, number, strip.lane.id, road.junction_id))
    return strips, refs


def _line(strip: LaneStrip) -> Floats:
    """float64 (N, 6): x, y, s, distance along, yaw, width; in driving direction."""
    width = np.hypot(*(strip.outer - strip.inner).T)
    line = strip.driving_line()
    s_m = strip.s_m
    if not strip.road.runs_along(strip.lane.id):
        s_m, width = s_m[::-1], width[::-1]
    steps = np.hypot(*np.diff(line[:, :2], axis=0).T)
    along = np.concatenate([[0.0], np.cumsum(steps)])
    return np.column_stack([line[:, :2], s_m, along, np.radians(line[:, 2]), width])


def _speeds(strips: list[LaneStrip]) -> Floats:
    parts = []
    for strip in strips:
        limits = speed_limits(strip.road, strip.section, strip.lane, strip.s_m)
        parts.append(limits if strip.road.runs_along(strip.lane.id) else limits[::-1])
    return np.concatenate(parts) if parts else np.empty(0)


def _beside(
    network: RoadNetwork, refs: list[LaneRef], row: dict[tuple[int, int, int], int], side: int
) -> Ints:
    """Rows of neighbours in the same direction: side 1 to the left, -1 to the right."""
    found = []
    for ref in refs:
        step = side if network.road_by_id[ref.road_id].runs_along(ref.lane_id) else -side
        other = ref.lane_id + step
        same_way = other * ref.lane_id > 0
        found.append(row.get((ref.road_id, ref.section, other), -1) if same_way else -1)
    return np.array(found, np.int32)
