"""A camera's look-up table: where its rays meet ground and sky, compiled by numba."""

from __future__ import annotations

import math

import numba
import numpy as np
from numpy.typing import NDArray

SKY = 255
"""The level that marks a pixel of the look-up table as sky."""

_jit = numba.njit(cache=True, nogil=True, error_model="numpy")


@_jit
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


@_jit
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
