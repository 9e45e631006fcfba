"""Masks of a road network, seen from above, for the ground to be coloured by."""

from __future__ import annotations

import math

import cv2
import numba
import numpy as np
from numpy.typing import NDArray

from carla_lite.render.look import Look
from carla_lite.render.textures import TILE, tile_noise
from carla_lite.roads import LaneMark, LaneStrip, RoadNetwork, lane_strips

_jit = numba.njit(cache=True, nogil=True, error_model="numpy")

Floats = NDArray[np.float64]
Pixels = NDArray[np.uint8]

DASH_M, GAP_M = 3.0, 6.0
KERB_WIDTH_M = 0.22
SLAB_M = 1.0
_SOFT = 4  # texels of the fine masks per texel of the shading drawn soft


@_jit
def stroke(
    mask: NDArray[np.uint8], line: NDArray[np.float64], half: float, ramp: float, value: int
) -> None:
    """Draws a polyline with smooth edges; what is already further from 128 stays.

    Args:
        mask: uint8 (H, W), around 128.
        line: float64 (N, 2), columns and rows, whole numbers at texel centres.
        half: Half the width in texels.
        ramp: Texels over which an edge goes from none to full; half is reached on the edge itself.
            One gives the cover of a texel; two keep the edge exact between texels, see `texels`.
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


def _across(strip: LaneStrip) -> Floats:
    """float64 (N, 2) unit vectors from the inner to the outer border."""
    width = strip.outer - strip.inner
    return width / np.maximum(np.linalg.norm(width, axis=1, keepdims=True), 1e-9)


class Painter:
    """Draws lane strips into masks of `shape` texels whose first corner is at `origin_m`."""

    def __init__(self, shape: tuple[int, int], origin_m: tuple[float, float], texel_m: float):
        self._shape = shape
        self._origin = np.asarray(origin_m)
        self._texel_m = texel_m

    def paint(self, network: RoadNetwork, look: Look, rng: np.random.Generator) -> Pixels:
        """All masks.

        Returns:
            uint8 (5, H, W): cover of asphalt and of sidewalk, 0 to 255; then, around 128 for
            nothing, lines (above: kerb stones, below: joints and cracks), shade (brightness of the
            asphalt: tracks, stains, patches) and paint (above: white, below: yellow).
        """
        strips = lane_strips(network, step_m=1.0)
        masks = np.full((5, *self._shape), 128, np.uint8)
        asphalt, sidewalk, lines, shade, paint = masks
        self._cover(strips, ("driving", "shoulder"), asphalt)
        self._cover(strips, ("sidewalk",), sidewalk)
        self._draw_kerbs(strips, lines)
        self._draw_slabs(strips, lines)
        self._draw_cracks(strips, lines, rng)
        self._draw_shade(strips, look, rng, shade)
        self._draw_marks(strips, paint)
        return masks

    def _texels(self, points: Floats) -> Floats:
        """Points in metres to texel coordinates, whole numbers at texel centres."""
        return (points - self._origin) / self._texel_m - 0.5

    def _stroke(self, mask: Pixels, points: Floats, width_m: float, value: int) -> None:
        stroke(mask, self._texels(points), 0.5 * width_m / self._texel_m, 1.0, value)

    def _stroke_paint(self, mask: Pixels, points: Floats, mark: LaneMark) -> None:
        value = 255 if mark.colour == "white" else 1
        stroke(mask, self._texels(points), 0.5 * mark.width_m / self._texel_m, 2.0, value)

    def _cover(self, strips: list[LaneStrip], kinds: tuple[str, ...], mask: Pixels) -> None:
        mask[...] = 0
        for strip in strips:
            if strip.lane.kind in kinds:
                outline = np.concatenate([strip.inner, strip.outer[::-1]])
                fixed = np.round(self._texels(outline) * 16).astype(np.int32)
                cv2.fillPoly(mask, [fixed], 255, cv2.LINE_AA, 4)
        # Seams between roads and pinholes between turning lanes close.
        cv2.morphologyEx(mask, cv2.MORPH_CLOSE, np.ones((5, 5), np.uint8), dst=mask)

    def _draw_kerbs(self, strips: list[LaneStrip], lines: Pixels) -> None:
        for strip in strips:
            if strip.lane.kind == "sidewalk":
                self._stroke(lines, strip.outer, 0.16, 224)
                gutter = strip.inner - 0.6 * KERB_WIDTH_M * _across(strip)
                self._stroke(lines, gutter, 0.12, 70)
                self._stroke(
                    lines, strip.inner + 0.5 * KERB_WIDTH_M * _across(strip), KERB_WIDTH_M, 255
                )

    def _draw_slabs(self, strips: list[LaneStrip], lines: Pixels) -> None:
        for strip in strips:
            if strip.lane.kind == "sidewalk":
                # Joints follow the strip's own samples, which are about a slab apart.
                along = 0.08 * (strip.outer - strip.inner)
                for a, b in zip(strip.inner + along, strip.outer - along, strict=True):
                    self._stroke(lines, np.stack([a, b]), 0.07, 50)
                self._stroke(lines, strip.centre, 0.07, 60)

    def _draw_cracks(
        self, strips: list[LaneStrip], lines: Pixels, rng: np.random.Generator
    ) -> None:
        for strip in strips:
            if strip.lane.kind != "driving":
                continue
            for _ in range(rng.poisson(len(strip.s_m) / 40)):
                start = strip.centre[rng.integers(len(strip.s_m))] + rng.normal(0, 1.0, 2)
                heading = rng.uniform(0, 2 * np.pi) + np.cumsum(rng.normal(0, 0.5, 12))
                steps = 0.35 * np.column_stack([np.cos(heading), np.sin(heading)])
                self._stroke(lines, start + np.cumsum(steps, axis=0), 0.05, 84)

    def _draw_marks(self, strips: list[LaneStrip], paint: Pixels) -> None:
        for strip in strips:
            if strip.lane.mark.kind != "none":
                self._draw_mark(strip.lane.mark, strip.s_m, strip.outer, paint)

    def _draw_mark(self, mark: LaneMark, s_m: Floats, points: Floats, paint: Pixels) -> None:
        if mark.kind == "solid":
            self._stroke_paint(paint, points, mark)
        elif mark.kind == "broken":
            for start in np.arange(s_m[0] + GAP_M / 2, s_m[-1], DASH_M + GAP_M):
                s = np.linspace(start, min(start + DASH_M, s_m[-1]), 4)
                dash = np.column_stack([np.interp(s, s_m, points[:, i]) for i in (0, 1)])
                self._stroke_paint(paint, dash, mark)

    def _draw_shade(
        self, strips: list[LaneStrip], look: Look, rng: np.random.Generator, shade: Pixels
    ) -> None:
        """Wheel tracks and stains, drawn coarse and enlarged; patches on top, with sharp edges."""
        rows, columns = (n // _SOFT for n in self._shape)
        blotches = tile_noise()[0][:: _SOFT // 2, :: _SOFT // 2]
        repeats = (rows * 2 // TILE + 1, columns * 2 // TILE + 1)
        soft = (128 + 5 * np.tile(blotches, repeats)[:rows, :columns]).astype(np.float32)
        tracks = np.zeros((rows, columns), np.uint8)
        for strip in strips:
            if strip.lane.kind == "driving":
                across = _across(strip)
                for side in (-0.85, 0.85):
                    line = self._texels(strip.centre + side * across) / _SOFT
                    cv2.polylines(
                        tracks, [np.round(line * 16).astype(np.int32)], False, 255, 1, 16, 4
                    )
        soft -= look.track_depth * cv2.GaussianBlur(tracks, (0, 0), 0.8).astype(np.float32) / 160
        cv2.resize(
            np.clip(soft, 0, 255).astype(np.uint8),
            (self._shape[1], self._shape[0]),
            dst=shade,
            interpolation=cv2.INTER_LINEAR,
        )
        for strip in strips:
            if strip.lane.kind == "driving":
                for _ in range(rng.poisson(len(strip.s_m) / 70)):
                    self._draw_patch(strip, shade, rng)

    def _draw_patch(self, strip: LaneStrip, shade: Pixels, rng: np.random.Generator) -> None:
        """A repaired rectangle of newer or older asphalt on a lane."""
        count = len(strip.s_m)
        first = int(rng.integers(count))
        part = slice(first, min(count, first + int(rng.integers(3, 9))))
        a, b = np.sort(rng.uniform(0.05, 0.95, 2))
        inner, outer = strip.inner[part], strip.outer[part]
        edge_a, edge_b = inner + a * (outer - inner), inner + b * (outer - inner)
        fixed = np.round(self._texels(np.concatenate([edge_a, edge_b[::-1]])) * 16)
        value = int(128 + rng.choice((-1, 1)) * rng.uniform(6, 16))
        cv2.fillPoly(shade, [fixed.astype(np.int32)], value, cv2.LINE_AA, 4)
