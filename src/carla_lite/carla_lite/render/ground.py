"""The painted ground of a road network: a top-down raster in levels of halving resolution."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from carla_lite.render._painting import colour, halve
from carla_lite.render.blocks import PITCH, SIDE, Blocks
from carla_lite.render.look import Colour, Look
from carla_lite.render.painting import Painting
from carla_lite.render.textures import TILE, asphalt_tile, grass_tile, wear_tile
from carla_lite.roads import LaneStrip, RoadNetwork, lane_strips

TEXEL_M = 0.125
LEVELS = 7
MAX_TEXELS = 16_000_000
_MARGIN_M = 12.0
_BAND_ROWS = 128
PADDING = 4
"""Bytes after a raster of bytes, which compiled code reads four at a time."""

Texels = NDArray[np.uint32]


@dataclass(frozen=True, eq=False)
class Ground:
    """What a camera needs to draw a map.

    A texel is BGRA in a uint32. Alpha is the paint on the finest level: 128 for none, more for
    white and less for yellow cover. It is kept apart there so that near lines can be sharpened to
    the pixel; coarser levels have it mixed in and carry 128.

    Attributes:
        texel_m: Side of a texel of the finest level.
        origin_m: x, y of the raster's first corner, CARLA's frame; beyond it grass repeats.
        shape: Rows (y) and columns (x) of the finest level.
        texels: Blocks of all levels, flat, each `blocks.PITCH` squared.
        table: int32, where in `texels` the block at each place begins.
        levels: int32 (LEVELS, 8): where in `table` a level begins, columns and rows of blocks
            there; where its grass begins, columns of that - 1 (a power of two); column and row of
            the raster's first texel in the first block; texels after which grass repeats.
        cover: uint8, flat as the blocks of the finest level, which come first: asphalt in the low
            half of each byte and all paving in the high one, 0 to 15.
    """

    texel_m: float
    origin_m: tuple[float, float]
    shape: tuple[int, int]
    texels: Texels
    table: NDArray[np.int32]
    levels: NDArray[np.int32]
    cover: NDArray[np.uint8]

    @staticmethod
    def build(
        network: RoadNetwork, look: Look, rng: np.random.Generator, coarseness: int = 0
    ) -> Ground:
        """Paints a network.

        Args:
            network: The roads.
            look: Colours and wear.
            rng: Draws cracks and patches.
            coarseness: How often to double the texels; large maps get coarser ones by themselves.
        """
        strips = lane_strips(network, step_m=1.0)
        texel_m = TEXEL_M * 2**coarseness
        while True:
            first, size = _frame(strips, texel_m)
            if size[0] * size[1] <= MAX_TEXELS:
                break
            texel_m *= 2
        block_m = texel_m * 2 ** (LEVELS - 1)
        origin = (float(first[0] * block_m), float(first[1] * block_m))
        columns, rows = (int(n) for n in size)
        painting = Painting(network, strips, look, rng, (rows, columns), origin, texel_m)

        raster, cover = np.empty((rows, columns), np.uint32), np.empty((rows, columns), np.uint8)
        tile = grass_tile(look)
        corner = (int(first[0]) << (LEVELS - 1), int(first[1]) << (LEVELS - 1))
        _colour(painting, look, tile, corner, raster, cover)
        white, yellow = pack(look.white), pack(look.yellow)
        blocks, levels = Blocks(), np.empty((LEVELS, 8), np.int32)
        levels[0] = blocks.add(raster, tile, corner, cover)
        for level in range(1, LEVELS):
            raster, tile = (_halved(fine, level == 1, white, yellow) for fine in (raster, tile))
            corner = (corner[0] >> 1, corner[1] >> 1)
            levels[level] = blocks.add(raster, tile, corner, None)
        return Ground(
            texel_m,
            origin,
            (rows, columns),
            np.concatenate(blocks.texels).ravel(),
            np.array(blocks.table, np.int32) * PITCH**2,
            levels,
            np.concatenate(blocks.cover).ravel(),
        )

    def picture(self, level: int) -> NDArray[np.uint8]:
        """uint8 (rows, columns, 3) BGR of one level from 1 on, seen from above, paint mixed in."""
        start, across, down, _, _, x, y, _ = self.levels[level].tolist()
        rows, columns = self.shape[0] >> level, self.shape[1] >> level
        return self._joined(start, across, down)[y : y + rows, x : x + columns]

    def grass(self, level: int) -> NDArray[np.uint8]:
        """uint8 (side, side, 3) BGR of the grass that repeats beyond the raster, from level 1 on;
        the raster's first texel lies at the column and row that `levels` has."""
        start, mask = self.levels[level, 3:5].tolist()
        return self._joined(start, mask + 1, mask + 1)

    def _joined(self, start: int, across: int, down: int) -> NDArray[np.uint8]:
        """Puts blocks together: uint8 (rows, columns, 3) BGR."""
        places = self.table[start : start + across * down] // PITCH**2
        blocks = self.texels.reshape(-1, PITCH, PITCH)[places, :SIDE, :SIDE]
        joined = blocks.reshape(down, across, SIDE, SIDE).transpose(0, 2, 1, 3)
        pixels = np.ascontiguousarray(joined).reshape(down * SIDE, across * SIDE)
        return pixels.view(np.uint8).reshape(*pixels.shape, 4)[..., :3].copy()


def _colour(
    painting: Painting,
    look: Look,
    tile: Texels,
    corner: tuple[int, int],
    raster: Texels,
    cover: NDArray[np.uint8],
) -> None:
    """Fills the finest level, in bands, so that no more than one band of masks is held."""
    rows = len(raster)
    colours = np.array([pack(c) for c in (look.asphalt, look.sidewalk, look.kerb)], np.uint32)
    phase_x, phase_y = corner[0] % TILE, corner[1] % TILE
    for first in range(0, rows, _BAND_ROWS):
        part = slice(first, min(rows, first + _BAND_ROWS))
        colour(
            raster[part],
            cover[part],
            painting.band(first, part.stop - first),
            tile,
            asphalt_tile(),
            wear_tile(),
            colours,
            look.paint_wear,
            phase_x,
            phase_y + first,
        )


def _halved(fine: Texels, has_paint: bool, white: int, yellow: int) -> Texels:
    coarse = np.empty((fine.shape[0] // 2, fine.shape[1] // 2), np.uint32)
    halve(fine, coarse, has_paint, white, yellow)
    return coarse


def pack(colour: Colour) -> int:
    """A colour as a texel without paint."""
    b, g, r = (int(min(255.0, max(0.0, c))) for c in colour)
    return b | g << 8 | r << 16 | 128 << 24


def _frame(strips: list[LaneStrip], texel_m: float) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """First block and number of texels, each along x and y; blocks are texels of the last level."""
    block_m = texel_m * 2 ** (LEVELS - 1)
    points = np.concatenate([strip.outer for strip in strips])
    first = np.floor((points.min(axis=0) - _MARGIN_M) / block_m).astype(np.int64)
    last = np.ceil((points.max(axis=0) + _MARGIN_M) / block_m).astype(np.int64)
    return first, (last - first) << (LEVELS - 1)
