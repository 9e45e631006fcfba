"""Rays of a camera and the look-up of ground and sky along them, compiled by numba."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from carla_lite.render.texel import BYTES, OPAQUE, U8, U48, inline, jit, mix, narrow, painted, scale

SKY = np.uint64(255)
"""The level that marks a pixel of the look-up table as sky."""


@jit
def cast_rays(
    rays: NDArray[np.float32],
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
        rays: float32 (3, H, W), written. Of a ground pixel: how far ahead and to the right of the
            camera, in 1/256 texels of its level, and the relative length of its footprint along
            the ray. Of a sky pixel: column and row of the panorama in 1/256.
        code: uint8 (4, H, W), written: level (SKY above the horizon), log2 of the number of
            samples, haze, and tenths of pixels per texel (0 where a texel is hardly larger).
        focal_px: Focal length.
        rotation: float64 (3, 3), camera to yaw frame (x ahead, y right, z up).
        height_m: Of the camera above the ground, > 0.
        texel_m, levels: Of the ground.
        haze_m: Distance at which 63 % of the haze has built up.
        sky_scale: Panorama columns per radian, rows per radian, elevation of row 0 in radians, and
            the number of rows.
    """
    rows, columns = code.shape[1:]
    for v in range(rows):
        cz = (0.5 * rows - v - 0.5) / focal_px
        for u in range(columns):
            cy = (u + 0.5 - 0.5 * columns) / focal_px
            dx = rotation[0, 0] + rotation[0, 1] * cy + rotation[0, 2] * cz
            dy = rotation[1, 0] + rotation[1, 1] * cy + rotation[1, 2] * cz
            dz = rotation[2, 0] + rotation[2, 1] * cy + rotation[2, 2] * cz
            flat = math.sqrt(dx * dx + dy * dy)
            if dz > -1e-3 * flat:
                code[0, v, u], code[1, v, u] = SKY, 0
                row = (sky_scale[2] - math.atan2(dz, flat)) * sky_scale[1]
                rays[0, v, u] = math.atan2(dy, dx) * sky_scale[0] * 256.0
                rays[1, v, u] = min(sky_scale[3] - 1.01, max(0.0, row)) * 256.0
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
            rays[0, v, u], rays[1, v, u] = t * dx * per_metre, t * dy * per_metre
            rays[2, v, u] = along / max(t * flat, along)
            code[0, v, u] = level
            code[1, v, u] = doublings
            code[2, v, u] = int(250.0 * (1.0 - math.exp(-distance / haze_m)))
            code[3, v, u] = int(min(255.0, 10.0 * magnified)) if magnified > 1.1 else 0


@inline
def _weights(x: Any, y: Any) -> Any:
    """Bilinear weights of four texels, row by row, from 1/256 texels; they sum to 256."""
    fx, fy = x & 255, y & 255
    w11 = (fx * fy) >> 8
    return np.uint64(256 - fx - fy + w11), np.uint64(fx - w11), np.uint64(fy - w11), np.uint64(w11)


@inline
def _tile_corners(x: Any, y: Any, start: Any, tile: Any) -> Any:
    """Indices of four neighbours in a tile that repeats, row by row."""
    last = tile - 1
    left, right = x & last, (x + 1) & last
    top, bottom = start + (y & last) * tile, start + ((y + 1) & last) * tile
    return top + left, top + right, bottom + left, bottom + right


@jit
def find_runs(code: NDArray[np.uint8]) -> NDArray[np.int64]:
    """Stretches of pixels with one level and number of samples.

    Args:
        code: uint8 (4, N), see `cast_rays`.

    Returns:
        int64 (R, 4): first pixel, one past the last, level, log2 of the number of samples.
    """
    pixels = code.shape[1]
    count = 1
    for i in range(1, pixels):
        count += code[0, i] != code[0, i - 1] or code[1, i] != code[1, i - 1]
    runs = np.empty((count, 4), np.int64)
    k = -1
    for i in range(pixels):
        if i == 0 or code[0, i] != code[0, i - 1] or code[1, i] != code[1, i - 1]:
            k += 1
            runs[k, 0], runs[k, 2], runs[k, 3] = i, code[0, i], code[1, i]
        runs[k, 1] = i + 1
    return runs


@jit
def look_up_sky(
    out: NDArray[np.uint32],
    rays: NDArray[np.float32],
    runs: NDArray[np.int64],
    sky: NDArray[np.uint64],
    yaw_rad: float,
) -> None:
    """Draws the sky.

    Args:
        out: uint32 (N,) BGRA, written.
        rays, runs: The camera's look-up table, see `cast_rays` (flat) and `find_runs`.
        sky: uint64 (h, w) panorama of the camera's resolution, w a power of two.
        yaw_rad: Of the camera.
    """
    turn = np.int64(yaw_rad / (2.0 * math.pi) * sky.shape[1] * 256.0)
    wrap = sky.shape[1] - 1
    for k in range(len(runs)):
        if runs[k, 2] != SKY:
            continue
        for i in range(runs[k, 0], runs[k, 1]):
            x, y = np.int64(rays[0, i]) + turn, np.int64(rays[1, i])
            x0, x1 = np.uint64((x >> 8) & wrap), np.uint64(((x >> 8) + 1) & wrap)
            y0, y1 = np.uint64(y >> 8), np.uint64((y >> 8) + 1)
            w00, w01, w10, w11 = _weights(x, y)
            wide = sky[y0, x0] * w00 + sky[y0, x1] * w01 + sky[y1, x0] * w10 + sky[y1, x1] * w11
            out[i] = narrow((wide >> U8) & BYTES) | OPAQUE


@jit
def look_up_ground(
    out: NDArray[np.uint32],
    rays: NDArray[np.float32],
    code: NDArray[np.uint8],
    runs: NDArray[np.int64],
    texels: NDArray[np.uint64],
    levels: NDArray[np.int64],
    detail: NDArray[np.uint8],
    colours: NDArray[np.uint64],
    pose: tuple[float, float, float],
    texel_m: float,
) -> None:
    """Draws the ground.

    Args:
        out: uint32 (N,) BGRA, written.
        rays, code, runs: The camera's look-up table, see `cast_rays` (flat) and `find_runs`.
        texels: uint64, all levels of ground and tile, flat.
        levels: int64 (L, 7): start, width, height of a level; start and side of its tile (a power
            of two); the tile's column and row at the level's first texel.
        detail: uint8 (T, T) grain around 128, sixteen to a texel, T a power of two.
        colours: uint64 (3,), white paint, yellow paint, haze.
        pose: x, y in metres from the ground's first corner, and the yaw in radians.
        texel_m: Side of a texel of the finest level.
    """
    cos, sin = np.float32(math.cos(pose[2])), np.float32(math.sin(pose[2]))
    one, half = np.float32(1.0), np.float32(0.5)
    last = len(detail) - 1
    white, yellow, haze = colours[0], colours[1], colours[2]
    for k in range(len(runs)):
        level = runs[k, 2]
        if level == SKY:
            continue
        start, width, height = levels[level, 0], levels[level, 1], levels[level, 2]
        tile_start, tile = levels[level, 3], levels[level, 4]
        phase_x, phase_y = levels[level, 5], levels[level, 6]
        # The camera in 1/256 texels of this level, from the centre of the first texel.
        per_metre = 256.0 / (texel_m * (1 << level))
        ox = math.floor(pose[0] * per_metre) - 128
        oy = math.floor(pose[1] * per_metre) - 128
        doublings = np.uint64(runs[k, 3])
        count = np.int64(1) << runs[k, 3]
        share = one / np.float32(count)
        before = half * np.float32(count - 1)
        for i in range(runs[k, 0], runs[k, 1]):
            gx, gy = rays[0, i], rays[1, i]
            spread = rays[2, i] * share
            first = one - spread * before
            wx, wy = cos * gx - sin * gy, sin * gx + cos * gy
            x, y = ox + np.int64(first * wx), oy + np.int64(first * wy)
            step_x, step_y = np.int64(spread * wx), np.int64(spread * wy)
            total = np.uint64(0)
            for _ in range(count):
                ix, iy = x >> 8, y >> 8
                if np.uint64(ix) < np.uint64(width - 1) and np.uint64(iy) < np.uint64(height - 1):
                    i00 = start + iy * width + ix
                    i01, i10, i11 = i00 + 1, i00 + width, i00 + width + 1
                else:
                    i00, i01, i10, i11 = _tile_corners(ix + phase_x, iy + phase_y, tile_start, tile)
                w00, w01, w10, w11 = _weights(x, y)
                wide = texels[np.uint64(i00)] * w00 + texels[np.uint64(i01)] * w01
                wide += texels[np.uint64(i10)] * w10 + texels[np.uint64(i11)] * w11
                total += (wide >> U8) & BYTES
                x += step_x
                y += step_y
            colour = (total >> doublings) & BYTES
            near = np.int64(code[3, i])
            if colour >> U48 != np.uint64(128):
                colour = painted(colour, max(1.0, near * 0.1), white, yellow)
            if near > 0:
                # Sixteen grains to a texel, so 1/256 texels hold four bits more than needed.
                dx, dy = ((x - step_x) >> 4) & last, ((y - step_y) >> 4) & last
                grain = np.int64(detail[np.uint64(dy), np.uint64(dx)]) - 128
                colour = scale(colour, 128 + ((grain * min(32, near - 10)) >> 7))
            out[i] = narrow(mix(colour, haze, np.int64(code[2, i]))) | OPAQUE
