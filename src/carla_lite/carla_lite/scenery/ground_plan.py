"""The ground plan: footprints that stay clear of lanes and of each other."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from carla_lite.scenery._packing import accept as _accept
from carla_lite.scenery.site import Distances, Floats

MAX_FOOTPRINTS = 4000
_SAMPLE_STEP_M = 1.5


def footprints(places: Floats, half_along: Floats | float, half_across: Floats | float) -> Floats:
    """Oriented rectangles.

    Args:
        places: float64 (N, 3): x, y, yaw of the centres.
        half_along, half_across: half sides, (N,) or one number, metres.

    Returns:
        float64 (N, 6): x, y, half along, half across, cosine and sine of the yaw.
    """
    result = np.empty((len(places), 6))
    result[:, :2] = places[:, :2]
    result[:, 2], result[:, 3] = half_along, half_across
    result[:, 4], result[:, 5] = np.cos(places[:, 2]), np.sin(places[:, 2])
    return result


def outline(prints: Floats) -> Floats:
    """Points around each footprint, at most 1.5 m apart, float64 (N, K, 2); K fits the largest."""
    longest = 2.0 * float(prints[:, 2:4].max(initial=0.0))
    steps = max(1, int(np.ceil(longest / _SAMPLE_STEP_M)))
    way = np.linspace(-1.0, 1.0, steps, endpoint=False)
    ones = np.ones(steps)
    u = np.concatenate([way, ones, -way, -ones]) * prints[:, 2:3]
    v = np.concatenate([-ones, way, ones, -way]) * prints[:, 3:4]
    cos, sin = prints[:, 4:5], prints[:, 5:6]
    x, y = prints[:, 0:1] + u * cos - v * sin, prints[:, 1:2] + u * sin + v * cos
    return np.stack([x, y], axis=-1)


class GroundPlan:
    """What has been placed so far.

    First come, first served: whoever is placed first is in nobody's way.
    """

    def __init__(self) -> None:
        self._rows = np.empty((MAX_FOOTPRINTS, 6))
        self._taken = 0

    def reserve(self, areas: Floats) -> None:
        """Keeps areas, float64 (N, 6), free of everything; they may overlap each other."""
        count = min(len(areas), MAX_FOOTPRINTS - self._taken)
        self._rows[self._taken : self._taken + count] = areas[:count]
        self._taken += count

    def place(
        self,
        candidates: Floats,
        distances: Distances,
        lane_gap_m: float,
        gap_m: float = 0.1,
        most: int = MAX_FOOTPRINTS,
    ) -> NDArray[np.intp]:
        """Takes in the candidates, in order, that keep their distance.

        Args:
            candidates: float64 (N, 6), see `footprints`.
            distances: of the lanes to keep clear of.
            lane_gap_m: least distance from those lanes.
            gap_m: least distance from everything placed before, about.
            most: take no more than this many.

        Returns:
            Indices of those placed, ascending.
        """
        clear = distances.at(outline(candidates)).min(axis=1, initial=np.inf) >= lane_gap_m
        chosen = np.flatnonzero(clear)
        accepted = np.zeros(len(chosen), np.uint8)
        room = self._rows[: min(MAX_FOOTPRINTS, self._taken + most)]
        self._taken = _accept(
            room, self._taken, np.ascontiguousarray(candidates[chosen]), gap_m, accepted
        )
        return chosen[accepted.astype(bool)]
