"""What moves, drawn onto a map from above: vehicles, walkers, lights, their names, and a scale."""

from __future__ import annotations

import colorsys
import math
from dataclasses import dataclass
from enum import Enum

import cv2
import numpy as np

from carla_lite.render.topdown import (
    FRACTION_BITS,
    Floats,
    MapView,
    Picture,
    draw_line,
    fill_polygon,
)

Rgb = tuple[int, int, int]

FAST_MPS = 15.0
"""From this speed on a vehicle is drawn in the last colour of the scale."""
_FONT = cv2.FONT_HERSHEY_SIMPLEX
_LEAST_SIDE_PX = 3.0
_GLASS = np.array((60.0, 50.0, 44.0))
_WHITE, _BLACK = np.full(3, 255.0), np.full(3, 20.0)


class MarkKind(Enum):
    """What a mark stands for, and how it is drawn."""

    VEHICLE = "vehicle"
    WALKER = "walker"
    LIGHT = "light"
    PROP = "prop"
    CAMERA = "camera"


@dataclass(frozen=True, slots=True)
class Mark:
    """One actor.

    Attributes:
        id: its number, written beside it.
        kind: how it is drawn.
        x_m, y_m, yaw_deg: the middle of its box, CARLA's frame.
        half_m: half length and half width.
        rgb: its paint; of a light, its state's colour.
        speed_mps: how fast it goes.
        braking: whether its brake lights are on.
    """

    id: int
    kind: MarkKind
    x_m: float
    y_m: float
    yaw_deg: float = 0.0
    half_m: tuple[float, float] = (0.3, 0.3)
    rgb: Rgb = (255, 255, 255)
    speed_mps: float = 0.0
    braking: bool = False


def speed_rgb(speed_mps: float) -> Rgb:
    """From red at a standstill over yellow to green and blue at `FAST_MPS`."""
    share = min(1.0, max(0.0, speed_mps / FAST_MPS))
    r, g, b = colorsys.hsv_to_rgb(0.6 * share, 0.85, 0.95)
    return round(255 * r), round(255 * g), round(255 * b)


def draw_mark(picture: Picture, view: MapView, mark: Mark, *, by_speed: bool = False) -> None:
    """One actor; `by_speed` paints vehicles by how fast they go."""
    centre = np.array((mark.x_m, mark.y_m))
    if not view.sees(centre[None], 3.0 + max(mark.half_m)).all():
        return
    bgr = np.array(mark.rgb[::-1], float)
    match mark.kind:
        case MarkKind.VEHICLE:
            if by_speed:
                bgr = np.array(speed_rgb(mark.speed_mps)[::-1], float)
            _draw_vehicle(picture, view, mark, bgr)
        case MarkKind.WALKER:
            _disc(picture, view, mark, 0.45, _WHITE)
            _disc(picture, view, mark, 0.34, bgr)
        case MarkKind.LIGHT:
            _disc(picture, view, mark, 0.75, _BLACK)
            _disc(picture, view, mark, 0.5, bgr)
        case MarkKind.PROP:
            fill_polygon(
                picture, view, _shape(mark, view, ((1, 1), (-1, 1), (-1, -1), (1, -1))), bgr
            )
        case MarkKind.CAMERA:
            tip = _shape(mark, view, ((0, 0), (2.2, 1.4), (2.2, -1.4)))
            fill_polygon(picture, view, tip, _WHITE)


def draw_ring(picture: Picture, view: MapView, mark: Mark) -> None:
    """A ring around the actor that somebody follows."""
    radius_m = max(math.hypot(*mark.half_m) + 0.7, 8.0 / view.pixels_per_m)
    column, row = view.pixels(np.array((mark.x_m, mark.y_m)))
    scale = 2**FRACTION_BITS
    centre = (round(column * scale), round(row * scale))
    radius = round(radius_m * view.pixels_per_m * scale)
    for colour, width in (((20, 20, 20), 4), ((255, 255, 255), 2)):
        cv2.circle(picture, centre, radius, colour, width, cv2.LINE_AA, FRACTION_BITS)


def write(
    picture: Picture,
    view: MapView,
    place_m: tuple[float, float],
    text: str,
    rgb: Rgb = (255, 255, 255),
    offset_px: tuple[int, int] = (6, -6),
) -> None:
    """Text beside a place, with an outline so that it can be read on everything."""
    column, row = view.pixels(np.array(place_m))
    if not (-1000 < column < view.width + 1000 and -1000 < row < view.height + 1000):
        return
    corner = (round(column) + offset_px[0], round(row) + offset_px[1])
    plain = text.encode("ascii", "replace").decode()  # all that the font has
    cv2.putText(picture, plain, corner, _FONT, 0.42, (20, 20, 20), 3, cv2.LINE_AA)
    cv2.putText(picture, plain, corner, _FONT, 0.42, rgb[::-1], 1, cv2.LINE_AA)


def draw_scale(picture: Picture, view: MapView) -> None:
    """A bar of a round number of metres in the lower left corner."""
    wanted = view.width / 6 / view.pixels_per_m
    power = 10.0 ** math.floor(math.log10(wanted))
    length_m = max(step * power for step in (1, 2, 5) if step * power <= wanted)
    length = round(length_m * view.pixels_per_m)
    left, bottom = 16, view.height - 16
    for colour, grow in (((20, 20, 20), 1), ((255, 255, 255), 0)):
        cv2.rectangle(
            picture,
            (left - grow, bottom - 4 - grow),
            (left + length + grow, bottom + grow),
            colour,
            -1,
        )
    for colour, width in (((20, 20, 20), 3), ((255, 255, 255), 1)):
        cv2.putText(
            picture, f"{length_m:g} m", (left, bottom - 10), _FONT, 0.42, colour, width, cv2.LINE_AA
        )


def _shape(mark: Mark, view: MapView, corners: tuple[tuple[float, float], ...]) -> Floats:
    """Corners given in half sides of the mark, in the world; small ones stay visible."""
    least = _LEAST_SIDE_PX / view.pixels_per_m
    half = np.maximum(np.array(mark.half_m), (1.6 * least, least))
    yaw = math.radians(mark.yaw_deg)
    cos, sin = math.cos(yaw), math.sin(yaw)
    points = np.array(corners, float) * half
    turned = points @ np.array([[cos, sin], [-sin, cos]])
    return turned + np.array((mark.x_m, mark.y_m))


def _draw_vehicle(
    picture: Picture,
    view: MapView,
    mark: Mark,
    bgr: Floats,
) -> None:
    """A body with a pointed nose, glass, and brake lights."""
    hull = ((0.9, 0.75), (0.7, 1), (-0.92, 1), (-1, 0.8), (-1, -0.8), (-0.92, -1), (0.7, -1),
            (0.9, -0.75), (1, -0.45), (1, 0.45))  # fmt: skip
    body = _shape(mark, view, hull)
    fill_polygon(picture, view, body, bgr)
    draw_line(picture, view, np.concatenate([body, body[:1]]), _BLACK, 1)
    if 2 * mark.half_m[0] * view.pixels_per_m < 14.0:
        return
    glass = ((0.45, 0.72), (0.2, 0.78), (0.2, -0.78), (0.45, -0.72))
    fill_polygon(picture, view, _shape(mark, view, glass), _GLASS)
    rear = ((-0.55, 0.72), (-0.72, 0.7), (-0.72, -0.7), (-0.55, -0.72))
    fill_polygon(picture, view, _shape(mark, view, rear), _GLASS)
    if mark.braking:
        for side in (-1, 1):
            lamp = ((-0.93, 0.9 * side), (-1, 0.8 * side), (-1, 0.4 * side), (-0.93, 0.4 * side))
            fill_polygon(picture, view, _shape(mark, view, lamp), np.array((40.0, 40.0, 255.0)))


def _disc(
    picture: Picture,
    view: MapView,
    mark: Mark,
    radius_m: float,
    bgr: Floats,
) -> None:
    column, row = view.pixels(np.array((mark.x_m, mark.y_m)))
    scale = 2**FRACTION_BITS
    radius = max(radius_m * view.pixels_per_m, 3.5 * radius_m)
    centre = (round(column * scale), round(row * scale))
    colour = tuple(float(part) for part in bgr)
    cv2.circle(picture, centre, round(radius * scale), colour, -1, cv2.LINE_AA, FRACTION_BITS)
