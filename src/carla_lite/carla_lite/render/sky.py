"""The panorama of the sky: what there is to see, and its colours in some weather.

It is laid on the faces of an octahedron, see `_sky.h`. Its four parts are how far the blue has
deepened from the horizon up, the noise of the clouds (128 for zero, 40 for a deviation), the cover
of distant trees and the haze before them.
"""

from __future__ import annotations

from functools import cache
from itertools import pairwise

import cv2
import numpy as np
from numpy.typing import NDArray

from carla_lite.render._painting import halve
from carla_lite.render._picture import colour
from carla_lite.render.look import Look
from carla_lite.render.textures import Floats, deviations, kept, spectral_noise

LEVELS = 4
WIDTH, HEIGHT = 2048, 320
_CLOUDS = (256, 1024)
_CLOUD_TOP_RAD = np.radians(64.0)
_TREE_ROWS = 60
"""Rows above the horizon that the highest tree stays below."""


class Sky:
    """The clouds and trees of a map, and their panorama in the colours of the weather.

    Attributes:
        texels: uint32 BGRA, all levels of halving resolution, flat, each with its first column
            repeated after the last.
        levels: int32 (LEVELS, 3), start, width and height of each.
    """

    def __init__(self, rng: np.random.Generator) -> None:
        """Draws the trees, and where the clouds stand."""
        self.levels = np.zeros((LEVELS, 3), np.int32)
        size = 0
        for level in range(LEVELS):
            self.levels[level] = size, WIDTH >> level, HEIGHT >> level
            size += ((WIDTH >> level) + 1) * (HEIGHT >> level)
        self.texels = np.zeros(size, np.uint32)
        self._parts = _panorama(rng).view(np.uint32)[..., 0]

    def colour(self, look: Look) -> None:
        """Paints the panorama in the colours of a look, in place; takes a few milliseconds."""
        panoramas = [
            self.texels[start : start + (width + 1) * height].reshape(height, width + 1)
            for start, width, height in self.levels.tolist()
        ]
        colour(self._parts, _weather(look), panoramas[0])
        for fine, coarse in pairwise(panoramas):
            halve(fine[:, :-1], coarse[:, :-1], False, 0, 0)
        for panorama in panoramas:
            panorama[:, -1] = panorama[:, 0]


def _weather(look: Look) -> Floats:
    """The order of `Weather` in the compiled renderer."""
    noise = 2.4 * look.cloudiness - 1.2 + 8.0 * max(0.0, look.cloudiness - 0.75)
    glow = np.multiply((200.0, 235.0, 255.0), look.sunshine)
    return np.array(
        [
            *look.zenith,
            *look.horizon,
            *look.cloud,
            *look.trees,
            *look.mist,
            *glow,
            *look.sun,
            noise,
            look.fog,
        ],
        np.float32,
    )


@cache
def _angles() -> tuple[Floats, Floats, Floats]:
    """float32 (WIDTH,) azimuth of the columns, 0..2 pi; (HEIGHT, 1) rows' height over their
    distance along x and y together; (1, WIDTH) that distance over the true one."""
    along = np.arange(WIDTH, dtype=np.float32) * (4.0 / WIDTH) - 1.0
    y = np.where(along < 1.0, along, 2.0 - along)
    x = np.where(along < 1.0, 1.0, -1.0) * (1.0 - np.abs(y))
    share = 1.0 - np.arange(HEIGHT, dtype=np.float32) / (HEIGHT - 1)
    slope = share / np.maximum(1.0 - share, 1e-4)
    azimuth = np.arctan2(y, x) % (2 * np.pi)
    stretch = 1.0 / np.hypot(x, y)
    return (
        azimuth.astype(np.float32),
        slope[:, None].astype(np.float32),
        stretch[None, :].astype(np.float32),
    )


@cache
def _cloud_noise() -> NDArray[np.int8]:
    return kept(spectral_noise(_CLOUDS, 1.9, seed=16, stretch=3.0, cutoff=1.5))


def _panorama(rng: np.random.Generator) -> NDArray[np.uint8]:
    """uint8 (HEIGHT, WIDTH, 4)."""
    azimuth, slope, stretch = _angles()
    elevation = np.arctan(slope * stretch)
    picture = np.zeros((HEIGHT, WIDTH, 4), np.uint8)
    picture[..., 0] = 255 * np.minimum(elevation / np.float32(np.radians(45.0)), 1.0) ** 0.7
    rows, columns = _CLOUDS
    turned = (azimuth * (columns / (2 * np.pi)) + rng.integers(columns)) % columns
    at_column = np.broadcast_to(turned.astype(np.float32), elevation.shape)
    at_row = (1.0 - elevation / _CLOUD_TOP_RAD) * rows
    clouds = cv2.remap(
        deviations(_cloud_noise()),
        at_column,
        at_row.astype(np.float32),
        cv2.INTER_LINEAR,
        None,
        cv2.BORDER_WRAP,
    )
    # Towards the zenith, where columns meet, they dissolve.
    clouds *= np.clip((np.float32(np.radians(75.0)) - elevation) * 4.0, 0.0, 1.0)
    picture[..., 1] = np.clip(128 + 40 * clouds, 0, 255)
    _plant_trees(picture[-_TREE_ROWS:, :, 2:], azimuth, elevation[-_TREE_ROWS:], rng)
    return picture


def _plant_trees(
    out: NDArray[np.uint8], azimuth: Floats, elevation: Floats, rng: np.random.Generator
) -> None:
    """Two hazy rows of tree tops on the horizon, written as (rows, WIDTH, 2) cover and haze."""
    cover = np.zeros(elevation.shape, np.float32)
    hazy = np.zeros(elevation.shape, np.float32)
    at = azimuth * (WIDTH / (2 * np.pi))
    for height_deg, haze in ((3.2, 0.65), (2.0, 0.5)):
        outline = sum(
            weight * spectral_noise((1, WIDTH), exponent, int(rng.integers(2**31)))[0]
            for weight, exponent in ((0.22, 1.3), (0.12, 0.6))
        )
        tops = np.clip(1.0 + outline, 0.3, 2.0)
        top = np.radians(height_deg) * np.interp(at, np.arange(WIDTH), tops, period=WIDTH)
        row = np.clip((top[None, :] - elevation) / np.radians(0.25), 0.0, 1.0)
        coarse = rng.standard_normal((_TREE_ROWS // 2, WIDTH // 2), dtype=np.float32)
        leaves = cv2.resize(coarse, (WIDTH, _TREE_ROWS), interpolation=cv2.INTER_LINEAR)
        fall = np.clip(elevation / np.radians(height_deg), 0.0, 1.0)
        shade = -0.15 + 0.25 * fall + 0.09 * leaves
        cover, hazy = (
            cover + (1.0 - cover) * row,
            hazy * (1.0 - row) + row * (haze + 0.5 * shade * (1.0 - haze)),
        )
    out[..., 0] = 255 * cover
    out[..., 1] = np.clip(255 * hazy / np.maximum(cover, 1e-6), 0, 255)
