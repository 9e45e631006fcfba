"""What is painted on the ground: a road network as strokes and outlines, drawn band by band."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from carla_lite.render._painting import fill, stroke
from carla_lite.render.look import Look
from carla_lite.render.textures import TILE, deviations, tile_noise
from carla_lite.roads import DRIVABLE, PAVED, WALKABLE, LaneStrip, RoadNetwork
from carla_lite.roads.furniture import Crosswalk, StopLine
from carla_lite.roads.marks import PaintedLine, painted_lines

Floats = NDArray[np.float64]
Pixels = NDArray[np.uint8]

DASH_M, GAP_M = 3.0, 6.0
BAR_M, BAR_GAP_M = 0.5, 0.5
KERB_WIDTH_M = 0.22
ASPHALT, SIDEWALK, LINES, SHADE, PAINT = range(5)
_PAVED = dict.fromkeys(PAVED, ASPHALT) | dict.fromkeys(WALKABLE, SIDEWALK)
_YELLOWISH = ("yellow", "orange")
_SOFT = 4  # texels of the fine masks per texel of the shading drawn soft
_HALO = 4  # rows beyond a band that closing seams looks at
_SEAM = np.ones((5, 5), np.uint8)


@dataclass
class _Strokes:
    """Segments of polylines in texels: x0, y0, x1, y1, half the width, ramp, value.

    The ramp is the number of texels over which an edge goes from none to full; half is reached on
    the edge itself. One gives the cover of a texel; two keep the edge exact between texels, so that
    near lines can be sharpened to the pixel (Green, "Improved alpha-tested magnification", 2007).
    """

    parts: list[NDArray[np.float32]] = field(default_factory=list)

    def add(self, starts: Floats, ends: Floats, half: float, ramp: float, value: int) -> None:
        """Segments between points, each (N, 2)."""
        segments = np.empty((len(starts), 7), np.float32)
        segments[:, 0:2], segments[:, 2:4] = starts, ends
        segments[:, 4:] = half, ramp, value
        self.parts.append(segments)

    def draw(self, mask: Pixels, first_row: int) -> None:
        """Draws what reaches into a band of rows."""
        segments = np.concatenate(self.parts)
        reach = segments[:, 4] + segments[:, 5]
        top = np.minimum(segments[:, 1], segments[:, 3]) - reach
        low = np.maximum(segments[:, 1], segments[:, 3]) + reach
        near = segments[(low >= first_row) & (top <= first_row + len(mask))]
        near[:, [1, 3]] -= first_row
        stroke(mask, near)


class _Outline(NamedTuple):
    """A polygon in texels, the mask's value within, and its first and last row."""

    points: NDArray[np.float32]
    value: int
    top: float
    low: float


class Painting:
    """All that is drawn on a raster of `shape` texels whose first corner is at `origin_m`."""

    def __init__(
        self,
        network: RoadNetwork,
        strips: list[LaneStrip],
        look: Look,
        rng: np.random.Generator,
        shape: tuple[int, int],
        origin_m: tuple[float, float],
        texel_m: float,
    ) -> None:
        self._shape, self._texel_m = shape, texel_m
        self._origin = np.asarray(origin_m)
        self._outlines: dict[int, list[_Outline]] = {ASPHALT: [], SIDEWALK: [], SHADE: []}
        self._lines, self._paint = _Strokes(), _Strokes()
        for strip in strips:
            mask = _PAVED.get(strip.lane.kind)
            if mask is not None:
                self._outline(mask, np.concatenate([strip.inner, strip.outer[::-1]]), 255)
            if strip.lane.kind in WALKABLE:
                self._pave(strip)
            for line in painted_lines(strip):
                self._mark(line)
        for crosswalk in network.crosswalks:
            self._zebra(crosswalk)
        for stop_line in network.stop_lines:
            self._stop_line(stop_line)
        lanes = [strip for strip in strips if strip.lane.kind in DRIVABLE]
        for lane in lanes:
            self._wear_out(lane, rng)
        self._soft = self._shade(lanes, look)

    def band(self, first_row: int, rows: int) -> Pixels:
        """Masks of some rows.

        Returns:
            uint8 (5, rows, W): cover of asphalt and of sidewalk, 0 to 255; then, around 128 for
            nothing, lines (above: kerb stones, below: joints and cracks), shade (brightness of the
            asphalt: tracks, stains, patches) and paint (above: white, below: yellow).
        """
        masks = np.full((5, rows, self._shape[1]), 128, np.uint8)
        for kind in (ASPHALT, SIDEWALK):
            wide = np.zeros((rows + 2 * _HALO, self._shape[1]), np.uint8)
            self._fill(kind, wide, first_row - _HALO)
            # Seams between roads and pinholes between turning lanes close.
            cv2.morphologyEx(wide, cv2.MORPH_CLOSE, _SEAM, dst=wide)
            masks[kind] = wide[_HALO:-_HALO]
        masks[SHADE] = self._soft_band(first_row, rows)
        self._fill(SHADE, masks[SHADE], first_row)
        for kind, strokes in ((LINES, self._lines), (PAINT, self._paint)):
            if strokes.parts:
                strokes.draw(masks[kind], first_row)
        return masks

    def _texels(self, points: Floats) -> Floats:
        """Points in metres to texel coordinates, whole numbers at texel centres."""
        return (points - self._origin) / self._texel_m - 0.5

    def _outline(self, mask: int, points: Floats, value: int) -> None:
        texels = self._texels(points).astype(np.float32)
        top, low = float(texels[:, 1].min()), float(texels[:, 1].max())
        self._outlines[mask].append(_Outline(texels, value, top, low))

    def _fill(self, kind: int, mask: Pixels, first_row: int) -> None:
        """Fills the outlines of one mask as far as they reach into a band."""
        area = np.zeros((len(mask), self._shape[1] + 2), np.float32)
        for outline in self._outlines[kind]:
            if outline.low >= first_row - 1 and outline.top <= first_row + len(mask):
                shifted = outline.points - np.array([0, first_row], np.float32)
                fill(mask, shifted, outline.value, area)

    def _line(self, points: Floats, width_m: float, value: int) -> None:
        self._segments(points[:-1], points[1:], width_m, value)

    def _segments(self, starts: Floats, ends: Floats, width_m: float, value: int) -> None:
        half = 0.5 * width_m / self._texel_m
        self._lines.add(self._texels(starts), self._texels(ends), half, 1.0, value)

    def _pave(self, strip: LaneStrip) -> None:
        """Kerb, gutter and the joints of a sidewalk's slabs."""
        across = _across(strip)
        self._line(strip.outer, 0.16, 224)
        self._line(strip.inner - 0.6 * KERB_WIDTH_M * across, 0.12, 70)
        self._line(strip.inner + 0.5 * KERB_WIDTH_M * across, KERB_WIDTH_M, 255)
        # Joints follow the strip's own samples, which are about a slab apart.
        along = 0.08 * (strip.outer - strip.inner)
        self._segments(strip.inner + along, strip.outer - along, 0.07, 50)
        self._line(strip.centre, 0.07, 60)

    def _mark(self, line: PaintedLine) -> None:
        value = 1 if line.colour in _YELLOWISH else 255
        if line.pattern == "solid":
            self._stripe(line.points, line.width_m, value)
            return
        first = np.arange(line.s_m[0] + GAP_M / 2, line.s_m[-1], DASH_M + GAP_M)
        # Three segments a dash follow a curve.
        s_m = np.minimum(first[:, None] + np.linspace(0.0, DASH_M, 4), line.s_m[-1])
        dashes = np.stack([np.interp(s_m, line.s_m, line.points[:, i]) for i in (0, 1)], axis=-1)
        starts, ends = dashes[:, :-1].reshape(-1, 2), dashes[:, 1:].reshape(-1, 2)
        self._dashes(starts, ends, line.width_m, value)

    def _stripe(self, points: Floats, width_m: float, value: int = 255) -> None:
        self._dashes(points[:-1], points[1:], width_m, value)

    def _dashes(self, starts: Floats, ends: Floats, width_m: float, value: int) -> None:
        half = 0.5 * width_m / self._texel_m
        self._paint.add(self._texels(starts), self._texels(ends), half, 2.0, value)

    def _zebra(self, crosswalk: Crosswalk) -> None:
        """Bars along the street; each as two strokes, whose ends are less round than one's."""
        along = np.array(crosswalk.axis)
        across = np.array([-along[1], along[0]])
        count = int((crosswalk.length_m + BAR_GAP_M) / (BAR_M + BAR_GAP_M))
        for bar in range(count):
            at = (bar - (count - 1) / 2) * (BAR_M + BAR_GAP_M)
            for side in (-0.25, 0.25):
                middle = np.array(crosswalk.centre) + (at + side * BAR_M) * along
                reach = (crosswalk.width_m - BAR_M / 2) / 2 * across
                self._stripe(np.stack([middle - reach, middle + reach]), 0.52 * BAR_M)

    def _stop_line(self, line: StopLine) -> None:
        """Solid; in dashes where one has to give way only."""
        start, end = np.array(line.start), np.array(line.end)
        dashes = 4 if line.kind == "yield" else 1
        for dash in range(dashes):
            # Between the edge lines, and as much gap as dash.
            a, b = (dash + 0.12) / dashes, (dash + (0.62 if dashes > 1 else 0.88)) / dashes
            self._stripe(
                np.stack([start + a * (end - start), start + b * (end - start)]), line.width_m
            )

    def _wear_out(self, lane: LaneStrip, rng: np.random.Generator) -> None:
        """Cracks, and rectangles of newer or older asphalt."""
        count = len(lane.s_m)
        for _ in range(rng.poisson(count / 40)):
            start = lane.centre[rng.integers(count)] + rng.normal(0, 1.0, 2)
            heading = rng.uniform(0, 2 * np.pi) + np.cumsum(rng.normal(0, 0.5, 12))
            steps = 0.35 * np.column_stack([np.cos(heading), np.sin(heading)])
            self._line(start + np.cumsum(steps, axis=0), 0.05, 84)
        for _ in range(rng.poisson(count / 70)):
            first = int(rng.integers(count))
            part = slice(first, min(count, first + int(rng.integers(3, 9))))
            a, b = np.sort(rng.uniform(0.05, 0.95, 2))
            inner, width = lane.inner[part], lane.outer[part] - lane.inner[part]
            value = int(128 + rng.choice((-1, 1)) * rng.uniform(6, 16))
            self._outline(
                SHADE, np.concatenate([inner + a * width, (inner + b * width)[::-1]]), value
            )

    def _shade(self, lanes: list[LaneStrip], look: Look) -> Pixels:
        """Wheel tracks and stains, drawn coarse; uint8, one texel for 4 x 4."""
        rows, columns = (n // _SOFT for n in self._shape)
        blotches = 128 + 5 * deviations(tile_noise()[0][:: _SOFT // 2, :: _SOFT // 2])
        repeats = (rows * 2 // TILE + 1, columns * 2 // TILE + 1)
        tracks = np.zeros((rows, columns), np.uint8)
        for lane in lanes:
            for side in (-0.85, 0.85):
                line = self._texels(lane.centre + side * _across(lane)) / _SOFT
                cv2.polylines(tracks, [np.round(line * 16).astype(np.int32)], False, 255, 1, 16, 4)
        soft = np.tile(np.clip(blotches, 0, 255).astype(np.uint8), repeats)[:rows, :columns]
        blurred = cv2.GaussianBlur(tracks, (0, 0), 0.8)
        return np.asarray(
            cv2.subtract(soft, cv2.convertScaleAbs(blurred, None, look.track_depth / 160))
        )

    def _soft_band(self, first_row: int, rows: int) -> Pixels:
        """Some rows of the soft shading, enlarged."""
        halo = 2
        wanted = np.arange(first_row // _SOFT - halo, (first_row + rows) // _SOFT + halo)
        part = self._soft[np.clip(wanted, 0, len(self._soft) - 1)]
        size = (self._shape[1], len(part) * _SOFT)
        large = cv2.resize(part, size, interpolation=cv2.INTER_LINEAR)
        return np.asarray(large[halo * _SOFT : halo * _SOFT + rows], np.uint8)


def _across(strip: LaneStrip) -> Floats:
    """float64 (N, 2) unit vectors from the inner to the outer border."""
    width = strip.outer - strip.inner
    return width / np.maximum(np.linalg.norm(width, axis=1, keepdims=True), 1e-9)
