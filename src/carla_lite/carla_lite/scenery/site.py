"""The building site: how far every place is from the lanes, and the lines along which streets end.

Everything is in CARLA's frame, metres and radians.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

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
_CROSSWALK_END_M = 1.5
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
        strips: Sequence[LaneStrip],
        low_m: Floats,
        high_m: Floats,
        cell_m: float,
        fill_islands: bool = False,
    ) -> Distances:
        """Measures the distance to the area of `strips` between two corners.

        With `fill_islands` small pieces of land among them count as theirs.
        """
        columns, rows = (int(n) for n in np.ceil((high_m - low_m) / cell_m) + 1)
        free = np.ones((rows, columns), np.uint8)
        for strip in strips:
            outline = np.concatenate([strip.inner, strip.outer[::-1]])
            cells = np.rint((outline - low_m) / cell_m * 2**_FRACTION_BITS).astype(np.int32)
            cv2.fillPoly(free, [cells], 0, shift=_FRACTION_BITS)
        if fill_islands:
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


class Spot(NamedTuple):
    """Places along frontages, all arrays (K,)."""

    frontage: NDArray[np.intp]
    s_m: Floats


@dataclass(frozen=True, eq=False)
class Frontages:
    """The outer borders of roads' outermost lanes: the lines that lots look onto.

    All of them stand one after the other in a few arrays. Columns of `table` are metres along all
    lines, x, y, and the yaw of the line's direction; the others are of one frontage each, (N,).

    Attributes:
        table: float64 (P, 4), points of all lines.
        starts_m: where each begins in the table's first column.
        lengths_m: how long each is.
        side: +1 where the land lies to the right of the line (+y of it), -1 to the left.
        urban: whether it is a sidewalk's border in a town.
        in_junction: whether its road is a junction's.
    """

    table: Floats
    starts_m: Floats
    lengths_m: Floats
    side: NDArray[np.intp]
    urban: NDArray[np.bool_]
    in_junction: NDArray[np.bool_]

    @staticmethod
    def along(strips: Sequence[LaneStrip], is_town: bool) -> Frontages:
        """Those of all roads outside junctions, and of junctions' roads that have sidewalks."""
        outermost: dict[tuple[int, float, int], LaneStrip] = {}
        for strip in strips:
            key = (strip.road.id, float(strip.s_m[0]), 1 if strip.lane.id < 0 else -1)
            if key not in outermost or abs(strip.lane.id) > abs(outermost[key].lane.id):
                outermost[key] = strip
        tables, starts, lengths, flags, start = [], [], [], [], 0.0
        for (_, _, side), strip in outermost.items():
            in_junction = strip.road.junction_id is not None
            walkable = strip.lane.kind in WALKABLE
            steps = np.hypot(*np.diff(strip.outer, axis=0).T)
            length = float(steps.sum())
            if length < _STRIP_STEP_M or (in_junction and not walkable):
                continue
            s_m = start + np.concatenate([[0.0], np.cumsum(steps)])
            tables.append(np.column_stack([s_m, strip.outer, np.unwrap(strip.heading_rad)]))
            starts.append(start)
            lengths.append(length)
            flags.append((side, is_town and walkable, in_junction))
            start += length + 1.0
        sides, urban, junctions = np.array(flags, np.intp).reshape(-1, 3).T
        return Frontages(
            np.concatenate([np.empty((0, 4)), *tables]),
            np.array(starts),
            np.array(lengths),
            sides,
            urban.astype(bool),
            junctions.astype(bool),
        )

    def every(self, spacing_m: float, phase: float, which: NDArray[np.intp]) -> Spot:
        """Spots about `spacing_m` apart; the phase in [0, 1] is where in its span each lies."""
        counts = np.maximum(1, np.rint(self.lengths_m[which] / spacing_m).astype(np.intp))
        frontage = np.repeat(which, counts)
        number = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)
        return Spot(frontage, (number + phase) * self.lengths_m[frontage] / counts.repeat(counts))

    def places(self, spot: Spot, offset_m: Floats | float) -> Floats:
        """Poses `offset_m` from the lines, into the land.

        Beyond its ends a line goes on straight.

        Returns:
            float64 (K, 3): x, y, yaw of the line's direction.
        """
        on_line = np.clip(spot.s_m, 0.0, self.lengths_m[spot.frontage])
        s_m, *columns = self.table.T
        at = self.starts_m[spot.frontage] + on_line
        x, y, yaw = (np.interp(at, s_m, values) for values in columns)
        ahead, aside = spot.s_m - on_line, self.side[spot.frontage] * offset_m
        cos, sin = np.cos(yaw), np.sin(yaw)
        return np.column_stack([x + ahead * cos - aside * sin, y + ahead * sin + aside * cos, yaw])

    def bend_per_m(self, spot: Spot) -> Floats:
        """Curvature of the lines, (K,), positive where they bend away from the land."""
        half = 1.0
        behind = self.places(Spot(spot.frontage, spot.s_m - half), 0.0)[:, 2]
        ahead = self.places(Spot(spot.frontage, spot.s_m + half), 0.0)[:, 2]
        bend: Floats = (behind - ahead) * self.side[spot.frontage] / (2 * half)
        return bend


@dataclass(frozen=True, eq=False)
class Site:
    """A road network as those see it who build beside it.

    Attributes:
        lanes: distances to all lanes, sidewalks and traffic islands included.
        frontages: the lines between the roads and the land.
        low_m, high_m: float64 (2,), corners of the land.
        kept_free: float64 (N, 6), footprints of traffic lights, signs and crosswalks.
        is_town: whether there are streets with sidewalks that meet at junctions.
    """

    lanes: Distances
    frontages: Frontages
    low_m: Floats
    high_m: Floats
    kept_free: Floats
    is_town: bool
    _driven: tuple[LaneStrip, ...]

    @cached_property
    def carriageway(self) -> Distances:
        """Distances to the lanes that vehicles use, shoulders included.

        Its raster is finer, for poles stand close to these lanes.
        """
        return Distances.to_strips(self._driven, self.low_m, self.high_m, self.lanes.cell_m / 2)

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
        driven = tuple(strip for strip in strips if strip.lane.kind not in WALKABLE)
        is_town = bool(network.junctions) and len(driven) < len(strips)
        lanes = Distances.to_strips(strips, low, high, 2 * cell, fill_islands=True)
        frontages, kept_free = Frontages.along(strips, is_town), _kept_free(network)
        return Site(lanes, frontages, low, high, kept_free, is_town, driven)


def _fill_islands(free: NDArray[np.uint8], least_cells: float) -> None:
    """Takes small connected areas of ones out of a mask, in place."""
    _, labels, stats, _ = cv2.connectedComponentsWithStats(free, connectivity=4)
    for label in np.flatnonzero(stats[:, cv2.CC_STAT_AREA] < least_cells):
        x, y, width, height = stats[label, :4]
        window = np.s_[y : y + height, x : x + width]
        free[window][labels[window] == label] = 0


def _kept_free(network: RoadNetwork) -> Floats:
    """Where others put something: half a metre around signals; crosswalks and their ends."""
    signals = [(s.x_m, s.y_m, 0.5, 0.5, 1.0, 0.0) for s in network.signals]
    crosswalks = [
        (*c.centre, c.length_m / 2 + _CROSSWALK_END_M, c.width_m / 2, *c.axis)
        for c in network.crosswalks
    ]
    return np.array([*signals, *crosswalks]).reshape(-1, 6)
