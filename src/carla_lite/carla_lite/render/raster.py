"""The inner loops that fill a ground's raster, compiled by numba: strokes, colours, mip levels."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from carla_lite.render.texel import BYTES, COLOUR, NO_PAINT, U48, jit, mix, painted, scale


@jit
def stroke(
    mask: NDArray[np.uint8], line: NDArray[np.float64], half: float, ramp: float, value: int
) -> None:
    """Draws a polyline with smooth edges; what is already further from 128 stays.

    Args:
        mask: uint8 (H, W), around 128.
        line: float64 (N, 2), columns and rows, whole numbers at texel centres.
        half: Half the width in texels.
        ramp: Texels over which an edge goes from none to full; half is reached on the edge itself.
            One gives the cover of a texel; two keep the edge exact between texels, see `texel`.
        value: The mask's value under full cover.
    """
    rows, columns = mask.shape
    reach = half + 0.5 * ramp
    for i in range(len(line) - 1):
        ax, ay = line[i, 0], line[i, 1]
        dx, dy = line[i + 1, 0] - ax, line[i + 1, 1] - ay
        squared = max(dx * dx + dy * dy, 1e-12)
        x0 = max(0, math.floor(min(ax, ax + dx) - reach))
        x1 = min(columns - 1, math.ceil(max(ax, ax + dx) + reach))
        y0 = max(0, math.floor(min(ay, ay + dy) - reach))
        y1 = min(rows - 1, math.ceil(max(ay, ay + dy) + reach))
        for y in range(y0, y1 + 1):
            for x in range(x0, x1 + 1):
                t = min(1.0, max(0.0, ((x - ax) * dx + (y - ay) * dy) / squared))
                away = math.sqrt((x - ax - t * dx) ** 2 + (y - ay - t * dy) ** 2)
                # A line thinner than a texel never fills it.
                cover = min(1.0, 2 * half, max(0.0, (half - away) / ramp + 0.5))
                new = 128 + int(cover * (value - 128))
                if abs(new - 128) > abs(np.int64(mask[y, x]) - 128):
                    mask[y, x] = new


@jit
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
        paint_wear: Share of the paint that is chipped, 0 to 1.
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
                stone = scale(colours[1], (rough + 128) >> 1)
                colour = mix(colour, stone, np.int64(sidewalk[y, x]) + 1)
            if asphalt[y, x]:
                tar = scale(colours[0], (rough * np.int64(shade[y, x])) >> 7)
                colour = mix(colour, tar, np.int64(asphalt[y, x]) + 1)
            line = np.int64(lines[y, x]) - 128
            if line > 0:
                colour = mix(colour, scale(colours[2], (rough + 128) >> 1), 2 * line)
            elif line < 0:
                colour = scale(colour, 128 + line)
            cover = np.int64(paint[y, x]) - 128
            if cover != 0:
                # Paint fades where the noise is below the share that is worn.
                fade = min(1.0, max(0.0, (110.0 * paint_wear - float(wear[ty, tx])) / 60.0))
                cover = int(cover * (1.0 - 0.45 * fade))
            out[y, x] = (colour & COLOUR) | (np.uint64(cover + 128) << U48)


@jit
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
                        if colour >> U48 != np.uint64(128):
                            colour = painted(colour, 1.0, white, yellow)
                        colour = (colour & COLOUR) | NO_PAINT
                    total += colour
            coarse[y, x] = (total >> np.uint64(2)) & BYTES
