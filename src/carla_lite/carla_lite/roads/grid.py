"""Buckets of a plane: which segments of polylines lie near a place."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int32]

_CELL_M = 4.0
_MOST_CELLS = 4_000_000


@dataclass(frozen=True, eq=False)
class Grid:
    """Square cells, rows first; the segments of cell c are `items[start[c] : start[c + 1]]`."""

    origin: tuple[float, float]
    cell_m: float
    columns: int
    start: Ints
    items: Ints

    @staticmethod
    def build(points: Floats, lane_of_point: Ints) -> Grid:
        """Sorts the segments from each point (P, 2) to the next one of the same lane (P,)."""
        if not len(points):
            return Grid((0.0, 0.0), _CELL_M, 1, np.zeros(2, np.int32), np.zeros(0, np.int32))
        segments = np.flatnonzero(lane_of_point[1:] == lane_of_point[:-1])
        a, b = points[segments], points[segments + 1]
        low, high = np.minimum(a, b), np.maximum(a, b)
        origin, size = points.min(axis=0), np.ptp(points, axis=0)
        # A segment is no longer than a cell, so it touches at most 2 x 2 of them.
        longest = float(np.max(high - low, initial=0.0))
        cell = max(_CELL_M, 1.001 * longest, float(np.sqrt(np.prod(size + _CELL_M) / _MOST_CELLS)))
        columns, rows = (int(n) + 1 for n in size / cell)
        first, last = (((p - origin) / cell).astype(np.int64) for p in (low, high))
        cells, items = [], []
        for dx in (0, 1):
            for dy in (0, 1):
                corner = first + np.array([dx, dy])
                touched = np.all(corner <= last, axis=1)
                cells.append((corner[:, 1] * columns + corner[:, 0])[touched])
                items.append(segments[touched])
        cell_of, item = np.concatenate(cells), np.concatenate(items)
        order = np.lexsort((item, cell_of))
        counts = np.bincount(cell_of, minlength=columns * rows)
        start = np.concatenate([[0], np.cumsum(counts)]).astype(np.int32)
        x, y = (float(v) for v in origin)
        return Grid((x, y), cell, columns, start, item[order].astype(np.int32))
