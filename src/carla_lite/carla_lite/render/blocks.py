"""The ground's texels in square blocks; blocks of nothing but grass are kept once for all."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

SIDE = 64
PITCH = SIDE + 1
"""Blocks repeat the first row and column of their neighbours, for what lies in between."""

Texels = NDArray[np.uint32]
Cover = NDArray[np.uint8]
Scalar = TypeVar("Scalar", bound=np.generic)


@dataclass
class Blocks:
    """Blocks of all levels, as they come.

    Attributes:
        texels: uint32 (PITCH, PITCH) each.
        cover: uint8 (PITCH, PITCH) each, of the finest level.
        table: number of the block at each place, levels one after the other.
    """

    texels: list[Texels] = field(default_factory=list)
    cover: list[Cover] = field(default_factory=list)
    table: list[int] = field(default_factory=list)

    def add(
        self, raster: Texels, tile: Texels, corner: tuple[int, int], cover: Cover | None
    ) -> tuple[int, ...]:
        """Cuts up one level.

        Args:
            raster: uint32 (rows, columns), what is not endless grass.
            tile: uint32 (T, T), the grass; T is a power of two.
            corner: column and row of the raster's first texel, counted so that 0 is a tile's.
            cover: uint8 (rows, columns) of the finest level, which comes first; else None.

        Returns:
            The level's row of `Ground.levels`.
        """
        rows, columns = raster.shape
        period = max(len(tile), SIDE)
        tile = np.tile(tile, (period // len(tile),) * 2)
        phase_x, phase_y = corner[0] % SIDE, corner[1] % SIDE
        # Rolled so that it begins with the raster's first block.
        tile = np.roll(tile, (phase_y - corner[1], phase_x - corner[0]), (0, 1))
        across, down = -(-(phase_x + columns) // SIDE), -(-(phase_y + rows) // SIDE)
        endless = np.pad(tile, ((0, 1), (0, 1)), mode="wrap")
        side = period // SIDE
        grass = len(self.table)
        for y in range(side):
            for x in range(side):
                self._append(_cut(endless[y * SIDE : y * SIDE + PITCH], x), cover, None)
        first = len(self.table)
        lines = np.arange(across * SIDE + 1) % period
        for y in range(down):
            at = y * SIDE % period
            strip = endless[at : at + PITCH][:, lines]
            top = y * SIDE - phase_y
            low, high = max(0, top), min(rows, top + PITCH)
            part = np.s_[low - top : high - top, phase_x : phase_x + columns]
            strip[part] = raster[low:high]
            covered = np.zeros(strip.shape, np.uint8)
            if cover is not None:
                covered[part] = cover[low:high]
            for x in range(across):
                same = grass + y % side * side + x % side
                block, hidden = _cut(strip, x), _cut(covered, x)
                if not hidden.any() and np.array_equal(block, self.texels[self.table[same]]):
                    self.table.append(self.table[same])
                else:
                    self._append(block, cover, hidden)
        return first, across, down, grass, side - 1, phase_x, phase_y, period

    def _append(self, block: Texels, cover: Cover | None, hidden: Cover | None) -> None:
        self.table.append(len(self.texels))
        self.texels.append(block.copy())
        if cover is not None:
            self.cover.append(np.zeros(block.shape, np.uint8) if hidden is None else hidden.copy())


def _cut(strip: NDArray[Scalar], number: int) -> NDArray[Scalar]:
    return strip[:, number * SIDE : number * SIDE + PITCH]
