"""Lane geometry in CARLA's frame: sampled borders and centres of every lane."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from carla_lite.roads.curves import evaluate
from carla_lite.roads.model import (
    DEFAULT_SPEED_LIMIT_MPS,
    Lane,
    LaneSection,
    Poly3,
    Road,
    RoadNetwork,
    SpeedLimit,
)

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class LaneStrip:
    """One lane of one section, sampled along the road's s direction (CARLA's frame).

    Attributes:
        s_m: float64 (N,), arc length on the road's reference line.
        inner, outer: float64 (N, 2), borders next to and away from the reference line.
        heading_rad: float64 (N,), of the centre along s, clockwise seen from above as CARLA's yaw.
    """

    road: Road
    section: LaneSection
    lane: Lane
    s_m: Floats
    inner: Floats
    outer: Floats
    heading_rad: Floats

    @cached_property
    def centre(self) -> Floats:
        """float64 (N, 2), midway between the borders, along s."""
        return (self.inner + self.outer) / 2

    def driving_line(self) -> Floats:
        """float64 (N, 3): x, y, yaw in degrees of the centre, in driving direction."""
        yaw = np.degrees(self.heading_rad)
        along = self.road.runs_along(self.lane.id)
        if not along:
            yaw = yaw + 180.0
        line = np.column_stack([self.centre, (yaw + 180.0) % 360.0 - 180.0])
        return line if along else line[::-1]


def polynomial(records: Sequence[Poly3], s_m: Floats) -> tuple[Floats, Floats]:
    """Values and slopes of a piecewise cubic at `s_m` (N,); zeros without records."""
    if not records:
        return np.zeros_like(s_m), np.zeros_like(s_m)
    table = np.array([(p.s_m, p.a, p.b, p.c, p.d) for p in records])
    row = table[np.clip(np.searchsorted(table[:, 0], s_m, side="right") - 1, 0, None)]
    ds = s_m - row[:, 0]
    value = row[:, 1] + ds * (row[:, 2] + ds * (row[:, 3] + ds * row[:, 4]))
    return value, row[:, 2] + ds * (2 * row[:, 3] + ds * 3 * row[:, 4])


def section_spans(road: Road) -> list[tuple[LaneSection, float, float]]:
    """Each lane section with the arc lengths where it starts and ends."""
    ends = [section.s_m for section in road.sections[1:]] + [road.length_m]
    return [(section, section.s_m, end) for section, end in zip(road.sections, ends, strict=True)]


def sample_section(road: Road, section: LaneSection, s_m: Floats) -> list[LaneStrip]:
    """Strips of all lanes of a section, lane 0 without width, at the given arc lengths (N,)."""
    pose = evaluate(road.geometries, s_m)
    # OpenDRIVE to CARLA: y and every angle change sign; left of the line is then -normal.
    points = pose[:, :2] * (1.0, -1.0)
    heading = -pose[:, 2]
    left = np.column_stack([np.sin(heading), -np.cos(heading)])
    centre, centre_slope = polynomial(road.lane_offsets, s_m)
    strips = []
    for side in (1, -1):
        border, slope = centre, centre_slope
        # Lane 0 counts as the first on the left.
        lanes = (a for a in section.lanes if a.id * side > 0 or a.id == 0 < side)
        for lane in sorted(lanes, key=lambda a: abs(a.id)):
            width, widening = polynomial(lane.widths, s_m - section.s_m)
            inner, border = border, border + side * width
            middle_slope, slope = slope + side * widening / 2, slope + side * widening
            strips.append(
                LaneStrip(
                    road=road,
                    section=section,
                    lane=lane,
                    s_m=s_m,
                    inner=points + left * inner[:, None],
                    outer=points + left * border[:, None],
                    heading_rad=heading - np.arctan(middle_slope),
                )
            )
    return strips


def lane_strips(
    network: RoadNetwork, step_m: float = 1.0, kinds: Collection[str] | None = None
) -> list[LaneStrip]:
    """All lanes of a network, or those of some kinds, sampled at most `step_m` apart, ends
    included."""
    strips = []
    for road in network.roads:
        for section, start, end in section_spans(road):
            if kinds is None or any(lane.kind in kinds for lane in section.lanes):
                count = max(2, int(np.ceil((end - start) / step_m)) + 1)
                strips += sample_section(road, section, np.linspace(start, end, count))
    return [strip for strip in strips if kinds is None or strip.lane.kind in kinds]


def spawn_points(roads: Sequence[Road], spacing_m: float = 25.0, z_m: float = 0.3) -> Floats:
    """Poses about `spacing_m` apart on every driving lane, outside junctions if there are any such.

    Returns:
        float64 (N, 4): x, y, z in metres, yaw in degrees, CARLA's frame; read-only.
    """
    outside = [road for road in roads if road.junction_id is None]
    points = _points_along(outside, spacing_m)
    if not len(points):
        points = _points_along(roads, spacing_m)
    points = np.insert(points, 2, z_m, axis=1)
    points.flags.writeable = False
    return points


def _points_along(roads: Sequence[Road], spacing_m: float) -> Floats:
    """float64 (N, 3): x, y, yaw in degrees."""
    rows = [np.empty((0, 3))]
    for road in roads:
        for section, start, end in section_spans(road):
            count = max(1, round((end - start) / spacing_m))
            s_m = start + (np.arange(count) + 0.5) * (end - start) / count
            strips = sample_section(road, section, s_m)
            rows += [strip.driving_line() for strip in strips if strip.lane.kind == "driving"]
    return np.concatenate(rows)


def speed_limits(road: Road, section: LaneSection, lane: Lane, s_m: Floats) -> Floats:
    """Limits in m/s at `s_m` (N,) of a road: the lane's own where it has one, else the road's."""
    limits = _steps(road.speeds, s_m, np.full(s_m.shape, DEFAULT_SPEED_LIMIT_MPS))
    return _steps(lane.speeds, s_m - section.s_m, limits)


def _steps(records: Sequence[SpeedLimit], s_m: Floats, otherwise: Floats) -> Floats:
    if not records:
        return otherwise
    row = np.searchsorted([record.s_m for record in records], s_m, side="right") - 1
    limits = np.array([record.limit_mps for record in records])
    return np.where(row < 0, otherwise, limits[np.clip(row, 0, None)])


def speed_limit(road: Road, lane_id: int, s_m: float) -> float:
    """The limit in m/s at one place; of a lane that is not there, the road's own."""
    section = section_at(road, s_m)
    lane = next((lane for lane in section.lanes if lane.id == lane_id), Lane(lane_id))
    return float(speed_limits(road, section, lane, np.array([s_m]))[0])


def section_at(road: Road, s_m: float) -> LaneSection:
    """The section in force at `s_m`."""
    number = bisect_right(road.sections, s_m, key=lambda section: section.s_m) - 1
    return road.sections[max(0, number)]
