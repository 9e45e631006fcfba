"""The building site: how far every place is from the lanes, and the lines along which streets end.

Everything is in CARLA's frame, metres and radians.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from carla_lite.roads import LaneStrip, RoadNetwork, lane_strips
from carla_lite.roads.model import WALKABLE

Floats = NDArray[np.float64]

REACH_M = 36.0
"""How far beyond the outermost lane things are placed."""
_FINEST_CELL_M = 0.25
_MOST_CELLS = 4_000_000
_STRIP_STEP_M = 2.0
_FRACTION_BITS = 4
_LEAST_LAND_M2 = 60.0
"""Smaller pieces of land, as between the turning lanes of a junction, are left empty."""


@dataclass(frozen=True, eq=False)
class Distances:
    """A lower bound of the distance from any place to the nearest of some lanes, on a raster.

    On the lanes it is negative.

    Attributes:
        origin_m: x, y of the centre of the first cell.
        cell_m: side of a cell.
        field_m: float32 (rows, columns).
    """

    origin_m: Floats
    cell_m: float
    field_m: NDArray[np.float32]

    @staticmethod
    def to_strips(
        strips: Sequence[LaneStrip], low_m: Floats, high_m: Floats, cell_m: float
    ) -> Distances:
        """Measures the distance to the area of `strips` between two corners."""
        columns, rows = (int(n) for n in np.ceil((high_m - low_m) / cell_m) + 1)
        free = np.ones((rows, columns), np.uint8)
        for strip in strips:
            outline = np.concatenate([strip.inner, strip.outer[::-1]])
            cells = np.rint((outline - low_m) / cell_m * 2**_FRACTION_BITS).astype(np.int32)
            cv2.fillPoly(free, [cells], 0, shift=_FRACTION_BITS)
        _fill_islands(free, _LEAST_LAND_M2 / cell_m**2)
        cells_away = cv2.distanceTransform(free, cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
        # The border runs up to 0.71 cells from the centre of the nearest cell painted for it.
        field = np.asarray(cells_away, np.float32)
        field -= 0.75
        field *= cell_m
        return Distances(low_m, cell_m, field)

    def at(self, points_m: Floats) -> Floats:
        """Bounds at float64 (..., 2), in that shape without the last axis; -1 off the raster."""
        place = (points_m - self.origin_m) / self.cell_m
        rows, columns = self.field_m.shape
        column, row = place[..., 0], place[..., 1]
        inside = (column >= 0) & (row >= 0) & (column < columns - 1) & (row < rows - 1)
        c0 = np.where(inside, column, 0).astype(np.intp)
        r0 = np.where(inside, row, 0).astype(np.intp)
        u, v = np.where(inside, column - c0, 0.0), np.where(inside, row - r0, 0.0)
        upper = self.field_m[r0, c0] * (1 - u) + self.field_m[r0, c0 + 1] * u
        lower = self.field_m[r0 + 1, c0] * (1 - u) + self.field_m[r0 + 1, c0 + 1] * u
        result: Floats = np.where(inside, upper * (1 - v) + lower * v, -1.0)
        return result


@dataclass(frozen=True, eq=False)
class Frontage:
    """The outer border of a road's outermost lane: the line that lots look onto.

    Attributes:
        s_m: float64 (N,), distance along the border, from 0.
        points_m: float64 (N, 2).
        yaw_rad: float64 (N,), continuous, of the border's direction.
        side: +1 where the land lies to the right of that direction (+y of it), -1 to the left.
        urban: whether it is a sidewalk's border in a town.
        in_junction: whether the road is a junction's.
        curvature_per_m: float64 (N,), positive where the road bends away from the land.
    """

    s_m: Floats
    points_m: Floats
    yaw_rad: Floats
    side: int
    urban: bool
    in_junction: bool

    @property
    def length_m(self) -> float:
        return float(self.s_m[-1])

    @property
    def curvature_per_m(self) -> Floats:
        turn: Floats = np.gradient(self.yaw_rad, self.s_m) * -self.side
        return turn

    def places(self, s_m: Floats, offset_m: Floats | float) -> Floats:
        """Poses beside the border, `offset_m` into the land.

        Args:
            s_m: float64 (K,); beyond the ends the border goes on straight.
            offset_m: float64 (K,) or one number.

        Returns:
            float64 (K, 3): x, y, yaw of the border's direction.
        """
        on_line = np.clip(s_m, 0.0, self.length_m)
        x, y, yaw = (
            np.interp(on_line, self.s_m, values) for values in (*self.points_m.T, self.yaw_rad)
        )
        ahead, aside = s_m - on_line, self.side * np.asarray(offset_m, np.float64)
        cos, sin = np.cos(yaw), np.sin(yaw)
        return np.column_stack([x + ahead * cos - aside * sin, y + ahead * sin + aside * cos, yaw])


@dataclass(frozen=True, eq=False)
class Site:
    """A road network as those see it who build beside it.

    Attributes:
        carriageway: distances to the lanes that vehicles use, shoulders included.
        lanes: distances to all lanes, sidewalks included.
        frontages: in the order of the roads.
        low_m, high_m: float64 (2,), corners of the land.
        is_town: whether there are streets with sidewalks that meet at junctions.
    """

    carriageway: Distances
    lanes: Distances
    frontages: tuple[Frontage, ...]
    low_m: Floats
    high_m: Floats
    is_town: bool

    @staticmethod
    def of(network: RoadNetwork) -> Site:
        """Surveys a network."""
        strips = [
            strip
            for strip in lane_strips(network, _STRIP_STEP_M)
            if strip.lane.kind != "none" and strip.lane.id != 0
        ]
        corners = np.concatenate([strip.outer for strip in strips])
        low, high = corners.min(axis=0) - REACH_M, corners.max(axis=0) + REACH_M
        size = high - low
        cell = max(_FINEST_CELL_M, float(np.sqrt(size[0] * size[1] / _MOST_CELLS)))
        walked = [strip for strip in strips if strip.lane.kind in WALKABLE]
        driven = [strip for strip in strips if strip.lane.kind not in WALKABLE]
        is_town = bool(network.junctions) and bool(walked)
        carriageway = Distances.to_strips(driven, low, high, cell)
        # Only poles stand so close to a lane that the finer raster matters.
        lanes = Distances.to_strips(strips, low, high, 2 * cell) if walked else carriageway
        return Site(carriageway, lanes, tuple(_frontages(strips, is_town)), low, high, is_town)


def _fill_islands(free: NDArray[np.uint8], least_cells: float) -> None:
    """Takes small connected areas of ones out of a mask, in place."""
    _, labels, stats, _ = cv2.connectedComponentsWithStats(free, connectivity=4)
    for label in np.flatnonzero(stats[:, cv2.CC_STAT_AREA] < least_cells):
        x, y, width, height = stats[label, :4]
        window = np.s_[y : y + height, x : x + width]
        free[window][labels[window] == label] = 0


def _frontages(strips: Sequence[LaneStrip], is_town: bool) -> list[Frontage]:
    """Those of all roads outside junctions, and of junctions' roads where they have sidewalks."""
    outermost: dict[tuple[int, float, int], LaneStrip] = {}
    for strip in strips:
        side = 1 if strip.lane.id < 0 else -1
        key = (strip.road.id, float(strip.s_m[0]), side)
        if key not in outermost or abs(strip.lane.id) > abs(outermost[key].lane.id):
            outermost[key] = strip
    frontages = []
    for (_, _, side), strip in outermost.items():
        in_junction = strip.road.junction_id is not None
        has_sidewalk = strip.lane.kind in WALKABLE
        if in_junction and not has_sidewalk:
            continue
        points = strip.outer
        steps = np.hypot(*np.diff(points, axis=0).T)
        s_m = np.concatenate([[0.0], np.cumsum(steps)])
        keep = np.concatenate([[True], steps > 1e-3])
        if keep.sum() < 2:
            continue
        yaw = np.unwrap(strip.heading_rad[keep])
        urban = is_town and has_sidewalk
        frontages.append(Frontage(s_m[keep], points[keep], yaw, side, urban, in_junction))
    return frontages
