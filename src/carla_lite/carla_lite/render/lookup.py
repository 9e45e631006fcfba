"""Rays of a camera and the look-up of ground and sky along them, compiled by numba."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from carla_lite.render.texel import (
    BYTES,
    OPAQUE,
    U8,
    U24,
    inline,
    jit,
    mix,
    narrow,
    painted,
    scale,
    widen,
)

SKY = np.uint64(255)
"""The level that marks a pixel of the look-up table as sky."""


@jit
def cast_rays(
    ground: NDArray[np.float32],
    code: NDArray[np.uint8],
    focal_px: float,
    rotation: NDArray[np.float64],
    height_m: float,
    texel_m: float,
    levels: int,
    haze_m: float,
    sky_scale: tuple[float, float, float, float],
) -> None:
    """Fills a camera's look-up table for one pitch, roll and height.

    Args:
        ground: float32 (H, W, 3), written. Of a ground pixel: how far ahead and to the right of the
            camera, in 1/256 texels of its level, and the relative length of its footprint along
            the ray. Of a sky pixel: column and row of the panorama in 1/256.
        code: uint8 (H, W, 4), written: level (SKY above the horizon), log2 of the number of
            samples, haze, and tenths of pixels per texel (0 where a texel is no larger).
        focal_px: Focal length.
        rotation: float64 (3, 3), camera to yaw frame (x ahead, y right, z up).
        height_m: Of the camera above the ground, > 0.
        texel_m, levels: Of the ground.
        haze_m: Distance at which 63 % of the haze has built up.
        sky_scale: Panorama columns per radian, rows per radian, elevation of row 0 in radians, and
            the number of rows.
    """
    rows, columns = code.shape[:2]
    for v in range(rows):
        cz = (0.5 * rows - v - 0.5) / focal_px
        for u in range(columns):
            cy = (u + 0.5 - 0.5 * columns) / focal_px
            dx = rotation[0, 0] + rotation[0, 1] * cy + rotation[0, 2] * cz
            dy = rotation[1, 0] + rotation[1, 1] * cy + rotation[1, 2] * cz
            dz = rotation[2, 0] + rotation[2, 1] * cy + rotation[2, 2] * cz
            flat = math.sqrt(dx * dx + dy * dy)
            if dz > -1e-3 * flat:
                code[v, u, 0] = SKY
                row = (sky_scale[2] - math.atan2(dz, flat)) * sky_scale[1]
                ground[v, u, 0] = math.atan2(dy, dx) * sky_scale[0] * 256.0
                ground[v, u, 1] = min(sky_scale[3] - 1.01, max(0.0, row)) * 256.0
                continue
            t = -height_m / dz
            distance = t * math.sqrt(flat * flat + dz * dz)
            across = t / focal_px
            along = across * distance / height_m
            # Up to four samples along the footprint keep far lines sharp across the view.
            doublings = min(2, max(0, round(0.8 * math.log2(along / across) - 0.3)))
            footprint = max(across, along / (1 << doublings))
            level = min(levels - 1, max(0, math.floor(math.log2(footprint / texel_m) + 0.6)))
            magnified = texel_m / footprint
            per_metre = 256.0 / (texel_m * (1 << level))
            ground[v, u, 0], ground[v, u, 1] = t * dx * per_metre, t * dy * per_metre
            ground[v, u, 2] = along / max(t * flat, along)
            code[v, u, 0] = level
            code[v, u, 1] = doublings
            code[v, u, 2] = int(250.0 * (1.0 - math.exp(-distance / haze_m)))
            code[v, u, 3] = int(min(255.0, 10.0 * magnified)) if magnified > 1.0 else 0


@inline
def _weights(x: Any, y: Any) -> Any:
    """Bilinear weights of four texels, row by row, from 1/256 texels; they sum to 256."""
    fx, fy = x & 255, y & 255
    w11 = (fx * fy) >> 8
    return np.uint64(256 - fx - fy + w11), np.uint64(fx - w11), np.uint64(fy - w11), np.uint64(w11)


@jit
def look_up(
    out: NDArray[np.uint32],
    ground: NDArray[np.float32],
    code: NDArray[np.uint8],
    texels: NDArray[np.uint32],
    levels: NDArray[np.int64],
    sky: NDArray[np.uint32],
    detail: NDArray[np.uint8],
    colours: NDArray[np.uint32],
    pose: tuple[float, float, float],
    texel_m: float,
) -> None:
    """Draws ground and sky.

    Args:
        out: uint32 (H, W) BGRA, written.
        ground, code: The camera's look-up table, see `cast_rays`.
        texels: uint32, all levels of ground and tile, flat.
        levels: int64 (L, 7): start, width, height of a level; start and side of its tile (a power
            of two); the tile's column and row at the level's first texel.
        sky: uint32 (h, w) panorama of the camera's resolution, w a power of two.
        detail: uint8 (T, T) grain around 128, sixteen to a texel, T a power of two.
        colours: uint32 (3,), white paint, yellow paint, haze.
        pose: x, y in metres from the ground's first corner, and the yaw in radians.
        texel_m: Side of a texel of the finest level.
    """
    rows, columns = out.shape
    cos, sin = np.float32(math.cos(pose[2])), np.float32(math.sin(pose[2]))
    # The camera in 1/256 texels of each level, from the centre of the first texel.
    origin = np.empty((len(levels), 2), np.int64)
    for i in range(len(levels)):
        origin[i, 0] = math.floor(pose[0] * 256.0 / (texel_m * (1 << i))) - 128
        origin[i, 1] = math.floor(pose[1] * 256.0 / (texel_m * (1 << i))) - 128
    one, half = np.float32(1.0), np.float32(0.5)
    turn = np.int64(pose[2] / (2.0 * math.pi) * sky.shape[1] * 256.0)
    last, wrap = len(detail) - 1, sky.shape[1] - 1
    white, yellow, haze = colours[0], colours[1], colours[2]
    for v in range(rows):
        for u in range(columns):
            level = np.uint64(code[v, u, 0])
            gx, gy = ground[v, u, 0], ground[v, u, 1]
            if level == SKY:
                x, y = np.int64(gx) + turn, np.int64(gy)
                x0, x1 = np.uint64((x >> 8) & wrap), np.uint64(((x >> 8) + 1) & wrap)
                y0, y1 = np.uint64(y >> 8), np.uint64((y >> 8) + 1)
                w00, w01, w10, w11 = _weights(x, y)
                wide = widen(sky[y0, x0]) * w00 + widen(sky[y0, x1]) * w01
                wide += widen(sky[y1, x0]) * w10 + widen(sky[y1, x1]) * w11
                out[v, u] = narrow((wide >> U8) & BYTES) | OPAQUE
                continue
            start, width, height = levels[level, 0], levels[level, 1], levels[level, 2]
            wx, wy = cos * gx - sin * gy, sin * gx + cos * gy
            doublings = np.uint64(code[v, u, 1])
            count = np.int64(1) << np.int64(doublings)
            spread = ground[v, u, 2] / np.float32(count)
            first = one - spread * half * np.float32(count - 1)
            x, y = origin[level, 0] + np.int64(first * wx), origin[level, 1] + np.int64(first * wy)
            step_x, step_y = np.int64(spread * wx), np.int64(spread * wy)
            total = np.uint64(0)
            for _ in range(count):
                ix, iy = x >> 8, y >> 8
                if np.uint64(ix) < np.uint64(width - 1) and np.uint64(iy) < np.uint64(height - 1):
                    i00 = start + iy * width + ix
                    i01, i10, i11 = i00 + 1, i00 + width, i00 + width + 1
                else:
                    tile_start, tile = levels[level, 3], levels[level, 4]
                    x0, y0 = ix + levels[level, 5], iy + levels[level, 6]
                    i00, i01, i10, i11 = _tile_corners(x0, y0, tile_start, tile)
                w00, w01, w10, w11 = _weights(x, y)
                wide = widen(texels[np.uint64(i00)]) * w00 + widen(texels[np.uint64(i01)]) * w01
                wide += widen(texels[np.uint64(i10)]) * w10 + widen(texels[np.uint64(i11)]) * w11
                total += (wide >> U8) & BYTES
                x += step_x
                y += step_y
            colour = narrow((total >> doublings) & BYTES)
            near = np.int64(code[v, u, 3])
            if colour >> U24 != np.uint64(128):
                colour = painted(colour, max(1.0, near * 0.1), white, yellow)
            if near > 0:
                # Sixteen grains to a texel, so 1/256 texels hold four bits more than needed.
                dx, dy = ((x - step_x) >> 4) & last, ((y - step_y) >> 4) & last
                grain = np.int64(detail[np.uint64(dy), np.uint64(dx)]) - 128
                colour = scale(colour, 128 + ((grain * min(32, near - 10)) >> 7))
            out[v, u] = mix(colour, haze, np.int64(code[v, u, 2])) | OPAQUE


@inline
def _tile_corners(x: Any, y: Any, start: Any, tile: Any) -> Any:
    """Indices of four neighbours in a tile that repeats, row by row."""
    last = tile - 1
    left, right = x & last, (x + 1) & last
    top, bottom = start + (y & last) * tile, start + ((y + 1) & last) * tile
    return top + left, top + right, bottom + left, bottom + right
