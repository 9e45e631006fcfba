"""The painted ground of a road network: a top-down raster in levels of halving resolution."""

from __future__ import annotations

import zlib
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from carla_lite.render.look import Colour, Look
from carla_lite.render.painting import Painter
from carla_lite.render.texels import colour_ground, halve
from carla_lite.render.textures import TILE, asphalt_tile, grass_tile, sky_panorama, wear_tile
from carla_lite.roads import RoadNetwork

TEXEL_M = 0.125
LEVELS = 7
_BLOCK_M = TEXEL_M * 2 ** (LEVELS - 1)
_MARGIN_M = 12.0
_SKY_LEVELS = 4

Texels = NDArray[np.uint64]


@dataclass(frozen=True, eq=False)
class Ground:
    """What a camera needs to draw a map.

    Attributes:
        origin_m: x, y of the raster's first corner, CARLA's frame; beyond it grass repeats.
        shape: Rows (y) and columns (x) of the finest level.
        texels, levels: All levels and the grass tile, see `texels.look_up`.
        colours: uint64 (3,), white paint, yellow paint and mist as texels.
        skies: Panoramas of halving resolution.
        look: Colours and light.
    """

    origin_m: tuple[float, float]
    shape: tuple[int, int]
    texels: Texels
    levels: NDArray[np.int64]
    colours: Texels
    skies: tuple[Texels, ...]
    look: Look

    @staticmethod
    def build(network: RoadNetwork, seed: int = 0) -> Ground:
        """Paints a network.

        Args:
            network: The roads.
            seed: Of light, colours and wear, at least 0; the network's name is mixed in.
        """
        rng = np.random.default_rng((zlib.crc32(network.name.encode()), seed))
        look = Look.random(rng)
        x0, y0, x1, y1 = network.bounds
        first = np.floor((np.array([x0, y0]) - _MARGIN_M) / _BLOCK_M)
        last = np.ceil((np.array([x1, y1]) + _MARGIN_M) / _BLOCK_M)
        origin = (float(first[0] * _BLOCK_M), float(first[1] * _BLOCK_M))
        columns, rows = (int(n) << (LEVELS - 1) for n in last - first)
        masks = Painter((rows, columns), origin, TEXEL_M).paint(network, look, rng)

        table, size = _layout((rows, columns), first)
        texels = np.empty(size, np.uint64)
        views = [_views(texels, row) for row in table]
        tile = _widened(grass_tile(look))
        views[0][1][...] = tile
        colour_ground(
            views[0][0],
            masks,
            tile,
            asphalt_tile(),
            wear_tile(),
            np.array([pack(c) for c in (look.asphalt, look.sidewalk, look.kerb)]),
            look.paint_wear,
            (int(table[0, 5]), int(table[0, 6])),
        )
        colours = np.array([pack(c) for c in (look.white, look.yellow, look.mist)])
        for level in range(1, LEVELS):
            for fine, coarse in zip(views[level - 1], views[level], strict=True):
                halve(fine, coarse, level == 1, colours[0], colours[1])
        return Ground(origin, (rows, columns), texels, table, colours, _skies(look, rng), look)

    def picture(self, level: int) -> NDArray[np.uint8]:
        """uint8 (rows, columns, 3) BGR of one level from 1 on, seen from above, paint mixed in."""
        texels = _views(self.texels, self.levels[level])[0]
        channels = texels.view(np.uint16).reshape(*texels.shape, 4)
        return channels[..., [0, 2, 1]].astype(np.uint8)


def pack(colour: Colour) -> np.uint64:
    """A colour as a texel without paint."""
    b, g, r = (int(min(255.0, max(0.0, c))) for c in colour)
    return np.uint64(b | r << 16 | g << 32 | 128 << 48)


def _widened(bgra: NDArray[np.uint8]) -> Texels:
    """uint8 (H, W, 4) to texels."""
    return np.ascontiguousarray(bgra[..., [0, 2, 1, 3]].astype(np.uint16)).view(np.uint64)[..., 0]


def _layout(shape: tuple[int, int], first: NDArray[np.float64]) -> tuple[NDArray[np.int64], int]:
    """The table of levels and the number of texels of all of them."""
    table = np.zeros((LEVELS, 7), np.int64)
    size = 0
    for level in range(LEVELS):
        rows, columns, tile = shape[0] >> level, shape[1] >> level, TILE >> level
        phase = (first.astype(np.int64) << (LEVELS - 1 - level)) % tile
        table[level] = (size, columns, rows, size + rows * columns, tile, *phase)
        size += rows * columns + tile * tile
    return table, size


def _views(texels: Texels, row: NDArray[np.int64]) -> tuple[Texels, Texels]:
    start, columns, rows, tile_start, tile = (int(n) for n in row[:5])
    return (
        texels[start : start + rows * columns].reshape(rows, columns),
        texels[tile_start : tile_start + tile * tile].reshape(tile, tile),
    )


def _skies(look: Look, rng: np.random.Generator) -> tuple[Texels, ...]:
    skies = [_widened(sky_panorama(look, rng))]
    for _ in range(_SKY_LEVELS - 1):
        fine = skies[-1]
        coarse = np.empty((fine.shape[0] // 2, fine.shape[1] // 2), np.uint64)
        halve(fine, coarse, False, np.uint64(0), np.uint64(0))
        skies.append(coarse)
    return tuple(skies)
