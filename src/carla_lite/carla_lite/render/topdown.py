"""The map from above: ground, shadows, houses and trees, seen straight down.

x runs to the right and y downwards, as CARLA's map looks from above.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from carla_lite.render.ground import LEVELS, Ground
from carla_lite.render.look import Look
from carla_lite.scenery.solids import Material, Shape, Solids

Transform = NDArray[np.float64]
Floats = NDArray[np.float64]
Picture = NDArray[np.uint8]

MAX_SIDE_PX = 8192
FRACTION_BITS = 4
_BAND_ROWS = 128
_CORNERS = np.array([(1.0, 1.0), (-1.0, 1.0), (-1.0, -1.0), (1.0, -1.0)])
_TURN = np.linspace(0.0, 2 * np.pi, 20, endpoint=False)
_CIRCLE = np.column_stack([np.cos(_TURN), np.sin(_TURN)])
_LUMPS = ((1.0, 0.0, 0.72), (0.78, 0.16, 0.92), (0.5, 0.3, 1.16))
"""Crowns as seen from above: size, shift towards the sun and brightness of a few rounds."""


@dataclass(frozen=True)
class MapView:
    """A piece of the map as a picture shows it.

    Attributes:
        centre_m: x, y in the middle of the picture.
        pixels_per_m: scale, above 0.
        width, height: of the picture in pixels, 1 to 8192.
    """

    centre_m: tuple[float, float]
    pixels_per_m: float
    width: int
    height: int

    def __post_init__(self) -> None:
        finite = all(map(math.isfinite, (*self.centre_m, self.pixels_per_m)))
        if not finite or self.pixels_per_m <= 0.0:
            raise ValueError(
                f"a map view around {self.centre_m} at {self.pixels_per_m} pixels per metre: "
                "use finite metres and a scale above 0"
            )
        if not (1 <= self.width <= MAX_SIDE_PX and 1 <= self.height <= MAX_SIDE_PX):
            raise ValueError(
                f"a map view of {self.width} x {self.height}: use 1 to {MAX_SIDE_PX} pixels"
            )

    @staticmethod
    def of_bounds(
        bounds: tuple[float, float, float, float], width: int, height: int, margin_m: float = 10.0
    ) -> MapView:
        """The view that just shows (x_min, y_min, x_max, y_max) with a margin."""
        x0, y0, x1, y1 = bounds
        scale = min(width / (x1 - x0 + 2 * margin_m), height / (y1 - y0 + 2 * margin_m))
        return MapView(((x0 + x1) / 2, (y0 + y1) / 2), scale, width, height)

    @property
    def transform(self) -> Transform:
        """Float64 (2, 3), from (x, y, 1) in metres to (column, row), whole at pixel centres."""
        scale, (x, y) = self.pixels_per_m, self.centre_m
        return np.array(
            [
                [scale, 0.0, (self.width - 1) / 2 - x * scale],
                [0.0, scale, (self.height - 1) / 2 - y * scale],
            ]
        )

    def pixels(self, points_m: Floats) -> Floats:
        """Float64 (..., 2): column and row of x and y."""
        matrix = self.transform
        result: Floats = points_m @ matrix[:, :2].T + matrix[:, 2]
        return result

    def sees(self, points_m: Floats, reach_m: Floats | float = 0.0) -> NDArray[np.bool_]:
        """Whether places (N, 2), or something around them, may lie in the picture."""
        half = np.array([self.width, self.height]) / 2 / self.pixels_per_m
        reach = np.broadcast_to(np.asarray(reach_m, float), (len(points_m),))
        off = np.abs(points_m - np.array(self.centre_m)) - half
        seen: NDArray[np.bool_] = (off <= reach[:, None]).all(axis=1)
        return seen


def topdown(ground: Ground, width: int) -> tuple[Picture, Transform]:
    """A picture of the whole ground without anything on it.

    Args:
        ground: The map.
        width: Of the picture in pixels, at least 1; the height follows.

    Returns:
        uint8 (height, width, 3) BGR, and the float64 (2, 3) matrix from (x, y, 1) in metres to
        (column, row) in pixels, whole numbers at pixel centres.
    """
    if width < 1:
        raise ValueError(f"topdown width is {width}: use at least 1 pixel")
    rows, columns = ground.shape
    size_m = (columns * ground.texel_m, rows * ground.texel_m)
    middle = (ground.origin_m[0] + size_m[0] / 2, ground.origin_m[1] + size_m[1] / 2)
    height = max(1, round(width * rows / columns))
    view = MapView(middle, width / size_m[0], width, height)
    return paint_ground(ground, view), view.transform


def paint_ground(ground: Ground, view: MapView) -> Picture:
    """uint8 (height, width, 3) BGR of the ground; grass beyond the raster's edge."""
    level = int(np.clip(math.floor(-math.log2(view.pixels_per_m * ground.texel_m)), 1, LEVELS - 1))
    raster = ground.picture(level)
    texel_m = ground.texel_m * 2**level
    matrix = view.transform
    matrix[:, 2] += matrix[:, :2] @ (np.array(ground.origin_m) + texel_m / 2)
    matrix[:, :2] *= texel_m
    size = (view.width, view.height)
    tile, phase = ground.grass(level), ground.levels[level, 5:7].astype(float)
    around = matrix.copy()
    around[:, 2] -= matrix[:, :2] @ phase
    picture = cv2.warpAffine(tile, around, size, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_WRAP)
    cv2.warpAffine(
        raster,
        matrix,
        size,
        dst=picture,
        flags=cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_TRANSPARENT,
    )
    return np.asarray(picture, np.uint8)


def outlines(solids: Solids) -> list[Floats]:
    """Each solid's outline on the ground, float64 (K, 2) in metres."""
    half, centre = solids["half"][:, None, :2].astype(float), solids["centre"][:, None, :2]
    cos, sin = solids["heading"].astype(float).T[..., None]
    result = []
    corners, rounds = ((half * shape).transpose(2, 0, 1) for shape in (_CORNERS, _CIRCLE))
    turned = [
        np.stack([u * cos - v * sin, u * sin + v * cos], axis=-1) + centre
        for u, v in (corners, rounds)
    ]
    for i, shape in enumerate(solids["shape"]):
        result.append(turned[int(shape == Shape.ELLIPSOID)][i])
    return result


def paint_solids(picture: Picture, view: MapView, solids: Solids, look: Look) -> None:
    """Draws solids from above into `picture`, with the shadows that they cast on the ground."""
    half = solids["half"].astype(float)
    top = solids["centre"][:, 2] + half[:, 2]
    reach = np.hypot(half[:, 0], half[:, 1]) + top * look.shadow_length
    solids = solids[view.sees(solids["centre"][:, :2].astype(float), reach)]
    order = np.argsort(solids["centre"][:, 2] + solids["half"][:, 2], kind="stable")
    solids = solids[order]
    shapes = outlines(solids)
    _paint_shadows(picture, view, solids, shapes, look)
    sun = np.array(look.sun[:2]) / max(1e-6, math.hypot(*look.sun[:2]))
    for solid, shape in zip(solids, shapes, strict=True):
        if solid["material"] == Material.FOLIAGE and solid["shape"] == Shape.ELLIPSOID:
            _paint_crown(picture, view, solid, shape, sun)
            continue
        colour = solid["bgr"].astype(float)
        fill_polygon(picture, view, shape, colour)
        if solid["half"][:2].min() > 1.0:
            edge = np.clip(colour * 1.25, 0, 255)
            draw_line(picture, view, np.concatenate([shape, shape[:1]]), edge, 1)


def fill_polygon(picture: Picture, view: MapView, points_m: Floats, bgr: Floats) -> None:
    """A convex polygon, float64 (K, 2) in metres."""
    cells = np.rint(view.pixels(points_m) * 2**FRACTION_BITS).astype(np.int32)
    colour = tuple(float(part) for part in bgr)
    cv2.fillConvexPoly(picture, cells, colour, cv2.LINE_AA, FRACTION_BITS)


def draw_line(
    picture: Picture, view: MapView, points_m: Floats, bgr: Floats, thickness_px: int
) -> None:
    """A line through places, float64 (K, 2) in metres."""
    cells = np.rint(view.pixels(points_m) * 2**FRACTION_BITS).astype(np.int32)
    colour = tuple(float(part) for part in bgr)
    cv2.polylines(picture, [cells], False, colour, thickness_px, cv2.LINE_AA, FRACTION_BITS)


def _paint_crown(
    picture: Picture, view: MapView, solid: np.void, shape: Floats, sun: Floats
) -> None:
    """A few rounds, each smaller, brighter and nearer to the sun than the one before."""
    centre = solid["centre"][:2].astype(float)
    radius = float(solid["half"][:2].min())
    for size, shift, brightness in _LUMPS:
        lump = centre + (shape - centre) * size + sun * shift * radius
        fill_polygon(picture, view, lump, np.clip(solid["bgr"] * brightness, 0, 255))


def _paint_shadows(
    picture: Picture, view: MapView, solids: Solids, shapes: list[Floats], look: Look
) -> None:
    """Darkens the ground once, wherever any solid is between it and the sun."""
    if look.sun[2] <= 0.0:
        return
    sun = np.array(look.sun[:2]) / max(1e-6, math.hypot(*look.sun[:2]))
    mask = np.zeros(picture.shape[:2], np.uint8)
    for solid, shape in zip(solids, shapes, strict=True):
        centre, half = float(solid["centre"][2]), float(solid["half"][2])
        # A round crown's shadow starts about where its middle is, a box's at its foot.
        low = centre if solid["shape"] == Shape.ELLIPSOID else centre - half
        both = [shape - sun * look.shadow_length * height for height in (low, centre + half)]
        hull = np.asarray(cv2.convexHull(np.concatenate(both).astype(np.float32)), float)[:, 0]
        cells = np.rint(view.pixels(hull) * 2**FRACTION_BITS).astype(np.int32)
        cv2.fillConvexPoly(mask, cells, 255, cv2.LINE_AA, FRACTION_BITS)
    # What the sun adds is missing there; band by band, for the sake of memory.
    lit = np.array(look.direct) / (np.array(look.direct) + np.array(look.ambient))
    darkness = (0.8 / 255.0 * lit).astype(np.float32)
    for first in range(0, len(picture), _BAND_ROWS):
        part = slice(first, first + _BAND_ROWS)
        picture[part] = picture[part] * (1.0 - mask[part, :, None] * darkness)
