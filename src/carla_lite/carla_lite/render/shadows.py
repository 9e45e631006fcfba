"""Light baked onto the ground: by day the shadows of what stands on it, at night pools of lamps."""

from __future__ import annotations

import math
from functools import cache

import cv2
import numpy as np
from numpy.typing import NDArray

from carla_lite.render.ground import LEVELS, PADDING, Ground
from carla_lite.scenery.solids import Material, Shape, Solids

LEVEL = 1
"""The ground's level whose texels the finest light has."""
_UNDER_LEAVES = 80
_POOL_M, _POOL_REACH_M = 5.0, 20.0
_ROUND = 16

Floats = NDArray[np.float64]
Pixels = NDArray[np.uint8]


class GroundLight:
    """How much of the sun or of street lamps reaches the ground, 0 to 255 a texel.

    Attributes:
        texels: uint8, all levels from `LEVEL` up, flat, then padding.
        levels: int32 (LEVELS, 4), start, pitch, width, height; zeros below `LEVEL`.
    """

    def __init__(self, ground: Ground) -> None:
        """Makes room; everything is in the light."""
        self._texel_m = ground.texel_m * 2**LEVEL
        self._origin = np.array(ground.origin_m)
        self.levels = np.zeros((LEVELS, 4), np.int32)
        size = 0
        for level in range(LEVEL, LEVELS):
            rows, columns = ground.shape[0] >> level, ground.shape[1] >> level
            self.levels[level] = size, columns, columns, rows
            size += rows * columns
        self.texels = np.full(size + PADDING, 255, np.uint8)

    def cast_shadows(self, solids: Solids, away_m: tuple[float, float]) -> None:
        """Puts what is behind solids into the shade.

        Args:
            solids: SOLID (N,).
            away_m: How far a shadow reaches along x and y per metre of height.
        """
        raster = self._raster(LEVEL)
        raster[...] = 255
        leaves = solids["material"] == Material.FOLIAGE
        # Leaves first, since other shadows are darker.
        for part, value in ((solids[leaves], _UNDER_LEAVES), (solids[~leaves], 0)):
            for outline in self._outlines(part, np.array(away_m)):
                cv2.fillConvexPoly(raster, outline, value, cv2.LINE_AA, 4)
        cv2.GaussianBlur(raster, (3, 3), 0.8, dst=raster)
        self._shrink()

    def light_lamps(self, lamps_m: Floats) -> None:
        """Leaves everything dark but for pools of light under lamps, (L, 3) x, y, z in metres."""
        raster = self._raster(LEVEL)
        raster[...] = 0
        pool = _pool(self._texel_m)
        reach = len(pool) // 2
        rows, columns = raster.shape
        for column, row in np.floor((lamps_m[:, :2] - self._origin) / self._texel_m).astype(int):
            top, left = row - reach, column - reach
            spot = raster[max(0, top) : max(0, row + reach + 1), max(0, left) : column + reach + 1]
            if spot.size and top < rows and left < columns:
                part = pool[max(0, -top) :, max(0, -left) :][: spot.shape[0], : spot.shape[1]]
                np.maximum(spot, part, out=spot)
        self._shrink()

    def at(self, x_m: Floats, y_m: Floats) -> Floats:
        """The light at places, to the texel, 0 to 1; beyond the raster that of its border."""
        raster = self._raster(LEVEL)
        column = np.floor((x_m - self._origin[0]) / self._texel_m)
        row = np.floor((y_m - self._origin[1]) / self._texel_m)
        inside = (np.clip(row, 0, raster.shape[0] - 1), np.clip(column, 0, raster.shape[1] - 1))
        return raster[inside[0].astype(int), inside[1].astype(int)] / 255.0

    def _raster(self, level: int) -> Pixels:
        start, columns, _, rows = self.levels[level].tolist()
        return self.texels[start : start + rows * columns].reshape(rows, columns)

    def _shrink(self) -> None:
        for level in range(LEVEL + 1, LEVELS):
            coarse = self._raster(level)
            cv2.resize(
                self._raster(level - 1),
                coarse.shape[::-1],
                dst=coarse,
                interpolation=cv2.INTER_AREA,
            )

    def _outlines(self, solids: Solids, away_m: Floats) -> list[NDArray[np.int32]]:
        """Shadows as convex outlines, in sixteenths of texels."""
        low, high = _ends(solids)
        round_ones = solids["shape"] == Shape.ELLIPSOID
        points = np.concatenate(
            [
                _corners(solids[~round_ones], low[~round_ones], high[~round_ones], away_m),
                _rounds(solids[round_ones], away_m),
            ]
        )
        fixed = np.round(((points - self._origin) / self._texel_m - 0.5) * 16)
        return [cv2.convexHull(outline) for outline in fixed.astype(np.int32)]


def _ends(solids: Solids) -> tuple[Floats, Floats]:
    """Heights of the lower and upper ends above the ground, two float64 (N,)."""
    middle, half = solids["centre"][:, 2].astype(float), solids["half"][:, 2].astype(float)
    return np.maximum(middle - half, 0.0), np.maximum(middle + half, 0.0)


def _corners(solids: Solids, low: Floats, high: Floats, away_m: Floats) -> Floats:
    """float64 (N, 16, 2): a box's corners as the sun throws them onto the ground, each twice."""
    cos, sin = solids["heading"].astype(float).T
    along, across = solids["half"][:, :2].astype(float).T
    ahead = np.column_stack([cos * along, sin * along])
    aside = np.column_stack([-sin * across, cos * across])
    foot = solids["centre"][:, :2].astype(float)
    corners = np.stack(
        [foot + i * ahead + j * aside for i, j in ((1, 1), (1, -1), (-1, -1), (-1, 1))], axis=1
    )
    shifts = np.stack([low, high], axis=1)[..., None] * away_m
    thrown = corners[:, None] + shifts[:, :, None]
    return np.tile(thrown.reshape(-1, 8, 2), (1, _ROUND // 8, 1))


def _rounds(solids: Solids, away_m: Floats) -> Floats:
    """float64 (N, 16, 2): the ellipses that ellipsoids throw onto the ground."""
    cos, sin = solids["heading"].astype(float).T
    half = solids["half"].astype(float)
    # Images of the three semi-axes; the shadow is the image of a unit ball under their matrix.
    zero = np.zeros_like(cos)
    axes = np.stack(
        [
            np.stack([cos * half[:, 0], sin * half[:, 0]], axis=1),
            np.stack([-sin * half[:, 1], cos * half[:, 1]], axis=1),
            half[:, 2:] * away_m + zero[:, None],
        ],
        axis=2,
    )
    factor = np.linalg.cholesky(axes @ axes.transpose(0, 2, 1))
    turn = np.linspace(0.0, 2.0 * math.pi, _ROUND, endpoint=False)
    circle = np.stack([np.cos(turn), np.sin(turn)])
    middle = solids["centre"].astype(float)
    foot = middle[:, :2] + middle[:, 2:] * away_m
    return foot[:, None] + (factor @ circle).transpose(0, 2, 1)


@cache
def _pool(texel_m: float) -> Pixels:
    """uint8 (S, S), the light under a lamp, which fades to nothing at `_POOL_REACH_M`."""
    reach = math.ceil(_POOL_REACH_M / texel_m)
    away = np.arange(-reach, reach + 1) * texel_m
    distance = np.hypot(away[:, None], away[None, :])
    light = (1.0 + (distance / _POOL_M) ** 2) ** -1.5
    edge = np.clip((_POOL_REACH_M - distance) / (0.4 * _POOL_REACH_M), 0.0, 1.0)
    return np.asarray(255 * light * edge).astype(np.uint8)
