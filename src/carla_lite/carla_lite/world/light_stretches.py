"""The pieces of lane before the stop lines of lights: whom each light concerns."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from carla_lite.roads import RoadNetwork

Floats = NDArray[np.float64]

STRETCH_M = 15
"""So far before its stop line a light concerns a vehicle: braking from 50 km/h takes as much."""


class Stretches:
    """The pieces of lane before the stop lines of lights, as compiled code takes them.

    Attributes:
        lines: float64 (M, STRETCH_M + 1, 2), centres from the line backwards, a metre apart.
        points: int32 (M,), how many of them there are.
        half_widths: float64 (M,), of the lanes.
        middles: float64 (M, 3), x, y and radius of a circle around each stretch.
        light_of: int32 (M,), which light.
    """

    def __init__(self, network: RoadNetwork, signal_ids: list[str]) -> None:
        number = {signal_id: index for index, signal_id in enumerate(signal_ids)}
        rows = list(_lines_back(network, number))
        self.lines: Floats = np.zeros((len(rows), STRETCH_M + 1, 2))
        self.points = np.array([len(line) for _, line, _ in rows], np.int32)
        self.half_widths = np.array([width / 2.0 for _, _, width in rows])
        self.middles: Floats = np.zeros((len(rows), 3))
        self.light_of = np.array([light for light, _, _ in rows], np.int32)
        for row, (_, line, width) in enumerate(rows):
            self.lines[row, : len(line)] = line
            middle = line.mean(axis=0)
            radius = float(np.hypot(*(line - middle).T).max()) + width
            self.middles[row] = *middle, radius


def _lines_back(
    network: RoadNetwork, number: dict[str, int]
) -> Iterator[tuple[int, Floats, float]]:
    """For each stop line of a light: which light, the lane's centre backwards, its width."""
    index = network.lane_index
    for stop in network.stop_lines:
        row = index.row.get((stop.road_id, stop.section, stop.lane_id), -1)
        if stop.signal_id not in number or row < 0:
            continue
        line_m = index.along(row, stop.s_m)
        count = min(STRETCH_M, int(line_m)) + 1
        if count >= 2:
            places = line_m - np.arange(count, dtype=np.float64)
            poses = index.poses(np.full(count, row, np.int32), places)
            (x0, y0), (x1, y1) = stop.start, stop.end
            width = float(np.hypot(x1 - x0, y1 - y0))
            yield number[stop.signal_id], poses[:, :2], width
