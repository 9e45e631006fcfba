"""The solids that stay: checked once, with an index for cameras and a grid for rays and physics."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from carla_lite.render._solids import fill_bounds, first_invalid
from carla_lite.scenery.solids import SOLID, Solids

MOST_SOLIDS = 1_000_000
_LANES = 8
_CELL_M = 8.0
_MOST_CELLS = 1 << 20


class InvalidSolidsError(ValueError):
    """An array that does not hold solids fit to be drawn."""


def checked_solids(solids: Solids) -> Solids:
    """Returns solids as a C-contiguous array of `SOLID`, or refuses them.

    Args:
        solids: SOLID (K,).

    Raises:
        InvalidSolidsError: Of another dtype or shape, or with a value that is not finite, a half
            extent below 0.1 mm, a heading of another length than 1, an unknown shape, material or
            tag.
    """
    if solids.dtype != SOLID or solids.ndim != 1 or len(solids) > MOST_SOLIDS:
        raise InvalidSolidsError(
            f"solids are {solids.dtype} of shape {solids.shape}: use an array of "
            f"scenery.solids.SOLID with one axis and at most {MOST_SOLIDS} of them"
        )
    if not solids.flags.c_contiguous:
        solids = np.ascontiguousarray(solids)
    bad = first_invalid(solids.view(np.uint8))
    if bad >= 0:
        raise InvalidSolidsError(
            f"solid {bad} of {len(solids)} is {solids[bad]}: use finite metres below 1000 km, half "
            "extents of 0.1 mm to 100 km, a heading of length 1, known shape, material and tag"
        )
    return solids


def padded_bounds(count: int) -> NDArray[np.float32]:
    """Room for the bounds of `count` solids: float32 (6, N), N a whole number of vectors."""
    return np.empty((6, max(1, -(-count // _LANES)) * _LANES), np.float32)


@dataclass(frozen=True, eq=False)
class StaticSolids:
    """What stands on a map for good.

    Attributes:
        solids: SOLID (N,), read-only.
        bounds: float32 (6, M), what is around them: x, y, z, radius of a sphere, radius and half
            height of an upright cylinder; M is N rounded up to vectors.
        origin_m: x, y of the grid's first corner.
        cell_m: Side of a cell.
        shape: Columns (x) and rows (y) of the grid.
        starts: int32 (columns * rows + 1,), where each cell's solids begin in `members`, row
            by row.
        members: int32, indices of the solids whose footprints reach into the cells.
        top_m: Height of the highest point.
    """

    solids: Solids
    bounds: NDArray[np.float32]
    origin_m: tuple[float, float]
    cell_m: float
    shape: tuple[int, int]
    starts: NDArray[np.int32]
    members: NDArray[np.int32]
    top_m: float

    @staticmethod
    def build(solids: Solids) -> StaticSolids:
        """Indexes solids.

        Args:
            solids: SOLID (N,); copied.

        Raises:
            InvalidSolidsError: See `checked_solids`.
        """
        own = checked_solids(solids).copy()
        own.flags.writeable = False
        bounds = padded_bounds(len(own))
        fill_bounds(own.view(np.uint8), bounds)
        low, high = _footprints(own)
        first = low.min(axis=0, initial=0.0) if not len(own) else low.min(axis=0)
        last = high.max(axis=0, initial=0.0) if not len(own) else high.max(axis=0)
        cell = max(_CELL_M, math.sqrt(float(np.prod(last - first + _CELL_M)) / _MOST_CELLS))
        columns, rows = (int(n) + 1 for n in (last - first) // cell)
        starts, members = _fill_grid((low - first) / cell, (high - first) / cell, (columns, rows))
        top = own["centre"][:, 2] + own["half"][:, 2]
        return StaticSolids(
            own,
            bounds,
            (float(first[0]), float(first[1])),
            cell,
            (columns, rows),
            starts,
            members,
            float(top.max(initial=0.0)),
        )

    def near(self, x_m: float, y_m: float, radius_m: float) -> Solids:
        """Solids whose footprints may reach into a circle, in a fixed order.

        Args:
            x_m, y_m: Its centre, finite.
            radius_m: At least 0.

        Returns:
            SOLID (K,): all that do, and a few of their neighbours.
        """
        columns, rows = self.shape
        scale = 1.0 / self.cell_m
        x, y = (x_m - self.origin_m[0]) * scale, (y_m - self.origin_m[1]) * scale
        reach = radius_m * scale
        first_column = max(0, math.floor(max(x - reach, -1.0)))
        last_column = min(columns - 1, math.floor(min(x + reach, float(columns))))
        if first_column > last_column:
            return self.solids[:0]
        found = [
            self.members[
                self.starts[row * columns + first_column] : self.starts[
                    row * columns + last_column + 1
                ]
            ]
            for row in range(
                max(0, math.floor(max(y - reach, -1.0))),
                min(rows - 1, math.floor(min(y + reach, float(rows)))) + 1,
            )
        ]
        if not found:
            return self.solids[:0]
        return self.solids[np.unique(np.concatenate(found))]


def _footprints(solids: Solids) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Least and greatest x, y of each solid: two float64 (N, 2)."""
    turn = np.abs(solids["heading"].astype(np.float64))
    half = solids["half"].astype(np.float64)
    reach = np.column_stack(
        [
            turn[:, 0] * half[:, 0] + turn[:, 1] * half[:, 1],
            turn[:, 1] * half[:, 0] + turn[:, 0] * half[:, 1],
        ]
    )
    centre = solids["centre"][:, :2].astype(np.float64)
    return centre - reach, centre + reach


def _fill_grid(
    low: NDArray[np.float64], high: NDArray[np.float64], shape: tuple[int, int]
) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """The solids of each cell: where they start, and their indices."""
    columns, rows = shape
    # A hair wider, so that rays along a border find what touches it.
    first = np.clip(np.floor(low - 1e-6).astype(np.int64), 0, (columns - 1, rows - 1))
    last = np.clip(np.floor(high + 1e-6).astype(np.int64), 0, (columns - 1, rows - 1))
    size = last - first + 1
    counts = size[:, 0] * size[:, 1]
    owner = np.repeat(np.arange(len(low)), counts)
    place = np.arange(len(owner)) - np.repeat(np.cumsum(counts) - counts, counts)
    column = first[owner, 0] + place % size[owner, 0]
    row = first[owner, 1] + place // size[owner, 0]
    cell = row * columns + column
    order = np.argsort(cell, kind="stable")
    starts = np.zeros(columns * rows + 1, np.int32)
    np.cumsum(np.bincount(cell, minlength=columns * rows), out=starts[1:])
    return starts, owner[order].astype(np.int32)
