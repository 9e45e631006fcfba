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

SKY = np.uint8(255)
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
    sky_scale: tuple[float, float, float],
) -> None:
    """Fills a camera's look-up table for one pitch, roll and height.

    Args:
        ground: float32 (H, W, 3), written. Of a ground pixel: metres ahead and to the right of the
            camera, and the relative length of its footprint along the ray. Of a sky pixel: column
            and row of the panorama.
        code: uint8 (H, W, 4), written: level (SKY above the horizon), log2 of the number of
            samples, haze, and tenths of pixels per texel (0 where a texel is no larger).
        focal_px: Focal length.
        rotation: float64 (3, 3), camera to yaw frame (x ahead, y right, z up).
        height_m: Of the camera above the ground, > 0.
        texel_m, levels: Of the ground.
        haze_m: Distance at which 63 % of the haze has built up.
        sky_scale: Panorama columns per radian, rows per radian, elevation of row 0 in radians.
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
                ground[v, u, 0] = math.atan2(dy, dx) * sky_scale[0]
                ground[v, u, 1] = (sky_scale[2] - math.atan2(dz, flat)) * sky_scale[1]
                continue
            t = -height_m / dz
            distance = t * math.sqrt(flat * flat + dz * dz)
            across = t / focal_px
            along = across * distance / height_m
            # Up to four samples along the footprint keep far lines sharp across the view.
            doublings = min(2, max(0, math.ceil(math.log2(along / across) - 0.5)))
            footprint = max(across, along / (1 << doublings))
            level = math.floor(math.log2(footprint / texel_m) + 0.6)
            magnified = texel_m / footprint
            ground[v, u, 0], ground[v, u, 1] = t * dx, t * dy
            ground[v, u, 2] = along / max(t * flat, along)
            code[v, u, 0] = min(levels - 1, max(0, level))
            code[v, u, 1] = doublings
            code[v, u, 2] = int(250.0 * (1.0 - math.exp(-distance / haze_m)))
            code[v, u, 3] = int(min(255.0, 10.0 * magnified)) if magnified > 1.0 else 0


@inline
def _sample(texels: Any, row: Any, x: Any, y: Any) -> Any:
    """Bilinear look-up in a level (a row of `levels`); beyond its borders the tile repeats. Wide."""
    ix, iy = math.floor(x), math.floor(y)
    fx = np.int64((x - np.float32(ix)) * np.float32(256))
    fy = np.int64((y - np.float32(iy)) * np.float32(256))
    width = row[1]
    if 0 <= ix < width - 1 and 0 <= iy < row[2] - 1:
        i00 = row[0] + iy * width + ix
        i01, i10, i11 = i00 + 1, i00 + width, i00 + width + 1
    else:
        tile = row[4]
        last = tile - 1
        x0, y0 = (ix + row[5]) & last, (iy + row[6]) & last
        x1, y1 = (x0 + 1) & last, (y0 + 1) & last
        i00, i01 = row[3] + y0 * tile + x0, row[3] + y0 * tile + x1
        i10, i11 = row[3] + y1 * tile + x0, row[3] + y1 * tile + x1
    w11 = (fx * fy) >> 8
    total = (
        widen(texels[np.uint64(i00)]) * np.uint64(256 - fx - fy + w11)
        + widen(texels[np.uint64(i01)]) * np.uint64(fx - w11)
        + widen(texels[np.uint64(i10)]) * np.uint64(fy - w11)
        + widen(texels[np.uint64(i11)]) * np.uint64(w11)
    )
    return (total >> U8) & BYTES


@inline
def _sample_sky(sky: Any, x: Any, y: Any) -> Any:
    """Bilinear look-up in a panorama whose width is a power of two; columns wrap, rows clamp."""
    rows, columns = sky.shape
    y = min(np.float32(rows - 1.001), max(np.float32(0.0), y))
    ix, iy = math.floor(x), np.int64(y)
    fx = np.int64((x - np.float32(ix)) * np.float32(256))
    fy = np.int64((y - np.float32(iy)) * np.float32(256))
    x0, x1 = ix & (columns - 1), (ix + 1) & (columns - 1)
    w11 = (fx * fy) >> 8
    total = (
        widen(sky[iy, x0]) * np.uint64(256 - fx - fy + w11)
        + widen(sky[iy, x1]) * np.uint64(fx - w11)
        + widen(sky[iy + 1, x0]) * np.uint64(fy - w11)
        + widen(sky[iy + 1, x1]) * np.uint64(w11)
    )
    return (total >> U8) & BYTES


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
    inverse = 1.0 / texel_m
    cos, sin = np.float32(math.cos(pose[2]) * inverse), np.float32(math.sin(pose[2]) * inverse)
    ox, oy = np.float32(pose[0] * inverse), np.float32(pose[1] * inverse)
    one, half, grains = np.float32(1.0), np.float32(0.5), np.float32(16.0)
    turn = np.float32(pose[2] / (2.0 * math.pi) * sky.shape[1])
    last = len(detail) - 1
    white, yellow, haze = colours[0], colours[1], colours[2]
    for v in range(rows):
        for u in range(columns):
            level = code[v, u, 0]
            gx, gy = ground[v, u, 0], ground[v, u, 1]
            if level == SKY:
                out[v, u] = narrow(_sample_sky(sky, gx + turn, gy)) | OPAQUE
                continue
            shrink = one / np.float32(1 << np.int64(level))
            wx, wy = cos * gx - sin * gy, sin * gx + cos * gy
            doublings = np.uint64(code[v, u, 1])
            count = 1 << np.int64(doublings)
            spread = ground[v, u, 2] / np.float32(count)
            at = one - spread * half * np.float32(count - 1)
            wide = np.uint64(0)
            for _ in range(count):
                x = (ox + at * wx) * shrink - half
                y = (oy + at * wy) * shrink - half
                wide += _sample(texels, levels[level], x, y)
                at += spread
            colour = narrow((wide >> doublings) & BYTES)
            near = np.int64(code[v, u, 3])
            if colour >> U24 != np.uint64(128):
                colour = painted(colour, max(1.0, near * 0.1), white, yellow)
            if near > 0:
                dx = np.int64((ox + wx) * grains) & last
                dy = np.int64((oy + wy) * grains) & last
                grain = np.int64(detail[dy, dx]) - 128
                colour = scale(colour, 128 + ((grain * min(32, near - 10)) >> 6))
            out[v, u] = mix(colour, haze, np.int64(code[v, u, 2])) | OPAQUE
