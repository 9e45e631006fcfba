"""The painted ground of a road network: a top-down raster in levels of halving resolution."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from carla_lite.render._painting import colour, halve
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
        texels: All levels of the raster and of the grass tile, flat.
        levels: int32 (LEVELS, 9): start, pitch, width, height of a level; start, pitch and side - 1
            of its tile (a power of two, with one more row and column); the tile's column and row at
            the level's first texel.
        cover: uint8, flat as the finest level: asphalt in the low half of each byte and all paving
            in the high one, 0 to 15.
    """

    texel_m: float
    origin_m: tuple[float, float]
    shape: tuple[int, int]
    texels: Texels
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

        levels, total = _layout((rows, columns), first)
        texels = np.empty(total, np.uint32)
        cover = np.zeros(rows * columns + PADDING, np.uint8)
        ground = Ground(texel_m, origin, (rows, columns), texels, levels, cover)
        ground._colour(painting, look)
        white, yellow = pack(look.white), pack(look.yellow)
        for level in range(1, LEVELS):
            halve(ground.raster(level - 1), ground.raster(level), level == 1, white, yellow)
            halve(
                ground._tile(level - 1)[:-1, :-1],
                ground._tile(level)[:-1, :-1],
                level == 1,
                white,
                yellow,
            )
            _close(ground._tile(level))
        return ground

    def raster(self, level: int) -> Texels:
        """uint32 (rows, columns), a view of one level."""
        start, columns, _, rows = (int(n) for n in self.levels[level, :4])
        return self.texels[start : start + rows * columns].reshape(rows, columns)

    def picture(self, level: int) -> NDArray[np.uint8]:
        """uint8 (rows, columns, 3) BGR of one level from 1 on, seen from above, paint mixed in."""
        raster = self.raster(level)
        return raster.view(np.uint8).reshape(*raster.shape, 4)[..., :3].copy()

    def _tile(self, level: int) -> Texels:
        start, side = int(self.levels[level, 4]), int(self.levels[level, 5])
        return self.texels[start : start + side * side].reshape(side, side)

    def _colour(self, painting: Painting, look: Look) -> None:
        """Fills the finest level, in bands, so that no more than one band of masks is held."""
        tile = self._tile(0)
        tile[:-1, :-1] = grass_tile(look)
        _close(tile)
        rows, columns = self.shape
        raster = self.raster(0)
        cover = self.cover[: rows * columns].reshape(rows, columns)
        colours = np.array([pack(c) for c in (look.asphalt, look.sidewalk, look.kerb)], np.uint32)
        phase_x, phase_y = (int(n) for n in self.levels[0, 7:9])
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


def _layout(shape: tuple[int, int], first: NDArray[np.int64]) -> tuple[NDArray[np.int32], int]:
    """The table of levels and the number of texels of all of them."""
    table = np.zeros((LEVELS, 9), np.int32)
    size = 0
    for level in range(LEVELS):
        rows, columns, tile = shape[0] >> level, shape[1] >> level, TILE >> level
        phase = (first << (LEVELS - 1 - level)) % tile
        tile_start = size + rows * columns
        table[level] = (size, columns, columns, rows, tile_start, tile + 1, tile - 1, *phase)
        size = tile_start + (tile + 1) ** 2
    return table, size


def _close(tile: Texels) -> None:
    """Repeats the first row and column of a tile after its last."""
    tile[-1], tile[:, -1] = tile[0], tile[:, 0]
