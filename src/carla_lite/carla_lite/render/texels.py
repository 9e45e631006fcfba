"""Texels, the colours of ground and sky: how they are mixed, made and looked up (by numba).

A texel is a uint64 with 16 bits for each of blue, red, green and paint (from the lowest bits up),
whose upper eight are room for weights that sum to 256: four channels are mixed by one product.
Paint is 128 for none, more for white and less for yellow cover. It is kept apart from the ground's
colour on the finest level only, so that near lines can be sharpened to the pixel (Green, "Improved
alpha-tested magnification", 2007); coarser levels have it mixed in and carry 128.

All of it is in one file, since numba's cache of a compiled function watches no other file for
changes, not even one whose functions it has compiled in.
"""

from __future__ import annotations

import math
from typing import Any

import numba
import numpy as np
from numpy.typing import NDArray

from carla_lite.render.rays import SKY

_jit = numba.njit(cache=True, nogil=True, error_model="numpy")
_inline = numba.njit(cache=True, nogil=True, error_model="numpy", inline="always")

_BYTES = np.uint64(0x00FF00FF00FF00FF)
_COLOUR = np.uint64(0x0000FFFFFFFFFFFF)
_NO_PAINT = np.uint64(128 << 48)
_OPAQUE = np.uint64(0xFF000000)
_U8, _U48 = np.uint64(8), np.uint64(48)
_EVEN = np.uint64(0x00FF00FF)
_ODD = np.uint64(0xFF00FF00)
_CARRY = np.uint64(0x0001000100010001)
_U7, _U24 = np.uint64(7), np.uint64(24)


@_inline
def _narrow(texel: Any) -> Any:
    """To little-endian BGRA, as pictures have it."""
    return (texel & _EVEN) | ((texel >> _U24) & _ODD)


@_inline
def _mix(a: Any, b: Any, weight: Any) -> Any:
    """a + (b - a) * weight / 256 in every channel."""
    return ((a * np.uint64(256 - weight) + b * np.uint64(weight)) >> _U8) & _BYTES


@_inline
def _scale(texel: Any, gain: Any) -> Any:
    """texel * gain / 128 in every channel, saturated; gain from 0 to 256."""
    product = (texel * np.uint64(gain)) >> _U7
    full = ((product >> _U8) & _CARRY) * np.uint64(255)
    return (product & _BYTES) | full


@_inline
def _painted(texel: Any, sharpness: Any, white: Any, yellow: Any) -> Any:
    """The ground's colour under its paint; the edge is `sharpness` times as steep as stored.

    The edge is where the cover is 0.43, so that worn thin lines stay whole when magnified.
    """
    cover = np.int64(texel >> _U48) - 128
    paint = white
    if cover < 0:
        cover, paint = -cover, yellow
    steep = (float(cover) - 54.0) * sharpness + 54.0
    return _mix(texel, paint, np.int64(min(127.0, max(0.0, steep)) * (240.0 / 127.0)))


@_jit
def colour_ground(
    out: NDArray[np.uint64],
    masks: NDArray[np.uint8],
    grass: NDArray[np.uint64],
    grain: NDArray[np.uint8],
    wear: NDArray[np.uint8],
    colours: NDArray[np.uint64],
    paint_wear: float,
    phase: tuple[int, int],
) -> None:
    """Fills the finest level of the ground from its masks.

    Args:
        out: uint64 (H, W), written.
        masks: uint8 (5, H, W), see `painting.Masks`.
        grass: uint64 (T, T) tile.
        grain, wear: uint8 (T, T) tiles.
        colours: uint64 (3,), of asphalt, sidewalk and kerb.
        paint_wear: See `Look`.
        phase: Column and row of the tile at the first texel.
    """
    rows, columns = out.shape
    tile = len(grass) - 1
    asphalt, sidewalk, lines, shade, paint = masks[0], masks[1], masks[2], masks[3], masks[4]
    for y in range(rows):
        ty = (y + phase[1]) & tile
        for x in range(columns):
            tx = (x + phase[0]) & tile
            colour = grass[ty, tx]
            if asphalt[y, x] == 0 and sidewalk[y, x] == 0 and lines[y, x] == 128:
                out[y, x] = colour
                continue
            rough = np.int64(grain[ty, tx])
            if sidewalk[y, x]:
                stone = _scale(colours[1], (rough + 128) >> 1)
                colour = _mix(colour, stone, np.int64(sidewalk[y, x]) + 1)
            if asphalt[y, x]:
                tar = _scale(colours[0], (rough * np.int64(shade[y, x])) >> 7)
                colour = _mix(colour, tar, np.int64(asphalt[y, x]) + 1)
            line = np.int64(lines[y, x]) - 128
            if line > 0:
                colour = _mix(colour, _scale(colours[2], (rough + 128) >> 1), 2 * line)
            elif line < 0:
                colour = _scale(colour, 128 + line)
            cover = np.int64(paint[y, x]) - 128
            if cover != 0:
                # Paint fades where the noise is below the share that is worn.
                fade = min(1.0, max(0.0, (110.0 * paint_wear - float(wear[ty, tx])) / 60.0))
                cover = int(cover * (1.0 - 0.2 * fade))
            out[y, x] = (colour & _COLOUR) | (np.uint64(cover + 128) << _U48)


@_jit
def halve(
    fine: NDArray[np.uint64],
    coarse: NDArray[np.uint64],
    has_paint: bool,
    white: np.uint64,
    yellow: np.uint64,
) -> None:
    """Averages 2 x 2 texels, mixing in the paint of a finest level."""
    rows, columns = coarse.shape
    for y in range(rows):
        for x in range(columns):
            total = np.uint64(0x0002000200020002)  # rounds to nearest
            for i in range(2):
                for j in range(2):
                    colour = fine[2 * y + i, 2 * x + j]
                    if has_paint:
                        if colour >> _U48 != np.uint64(128):
                            colour = _painted(colour, 1.0, white, yellow)
                        colour = (colour & _COLOUR) | _NO_PAINT
                    total += colour
            coarse[y, x] = (total >> np.uint64(2)) & _BYTES


@_inline
def _weights(x: Any, y: Any) -> Any:
    """Bilinear weights of four texels, row by row, from 1/256 texels; they sum to 256."""
    fx, fy = x & 255, y & 255
    w11 = (fx * fy) >> 8
    return np.uint64(256 - fx - fy + w11), np.uint64(fx - w11), np.uint64(fy - w11), np.uint64(w11)


@_inline
def _tile_corners(x: Any, y: Any, start: Any, tile: Any) -> Any:
    """Indices of four neighbours in a tile that repeats, row by row."""
    last = tile - 1
    left, right = x & last, (x + 1) & last
    top, bottom = start + (y & last) * tile, start + ((y + 1) & last) * tile
    return top + left, top + right, bottom + left, bottom + right


@_jit
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
        rays, runs: The camera's look-up table, see `rays.cast_rays` (flat) and `rays.find_runs`.
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
            out[i] = _narrow((wide >> _U8) & _BYTES) | _OPAQUE


@_jit
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
        rays, code, runs: The look-up table, see `rays.cast_rays` (flat) and `rays.find_runs`.
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
                total += (wide >> _U8) & _BYTES
                x += step_x
                y += step_y
            colour = (total >> doublings) & _BYTES
            near = np.int64(code[3, i])
            if colour >> _U48 != np.uint64(128):
                colour = _painted(colour, max(1.0, near * 0.1), white, yellow)
            if near > 0:
                # Sixteen grains to a texel, so 1/256 texels hold four bits more than needed.
                dx, dy = ((x - step_x) >> 4) & last, ((y - step_y) >> 4) & last
                grain = np.int64(detail[np.uint64(dy), np.uint64(dx)]) - 128
                colour = _scale(colour, 128 + ((grain * min(32, near - 10)) >> 7))
            out[i] = _narrow(_mix(colour, haze, np.int64(code[2, i]))) | _OPAQUE
