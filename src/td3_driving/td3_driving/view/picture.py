"""One picture of a moment: camera, stack, controls, course and reward, for videos."""

from __future__ import annotations

import math
from functools import partial

import cv2
import numpy as np

from td3_driving.view.moment import Course, Moment

WIDTH, HEIGHT = 1280, 720
_SIDE = 800  # where the right column begins
_BACK, _PANEL, _LINE = (22, 18, 14), (35, 28, 22), (58, 48, 38)
_TEXT, _DIM, _ACCENT = (236, 229, 221), (163, 148, 132), (176, 208, 56)
_WARN, _BAD, _GOOD = (84, 180, 255), (92, 92, 240), (120, 200, 90)
_MAP_M = 70.0
"""Metres across the map."""


def paint(moment: Moment, course: Course, title: str = "") -> np.ndarray:
    """The picture of a moment: uint8 (720, 1280, 3) BGR."""
    picture = np.full((HEIGHT, WIDTH, 3), _BACK, np.uint8)
    _camera(picture, moment)
    _stack(picture, moment)
    _controls(picture, moment)
    _map(picture[16:400, _SIDE + 16 : WIDTH - 16], moment, course)
    _figures(picture, moment, title)
    return picture


def _text(
    picture: np.ndarray,
    text: str,
    x: int,
    y: int,
    colour: tuple[int, int, int] = _TEXT,
    size: float = 0.5,
) -> None:
    # OpenCV's letters are ASCII.
    plain = text.encode("ascii", "replace").decode()
    cv2.putText(picture, plain, (x, y), cv2.FONT_HERSHEY_DUPLEX, size, colour, 1, cv2.LINE_AA)


def _camera(picture: np.ndarray, moment: Moment) -> None:
    place = picture[16:556, 16:_SIDE]
    if moment.camera is None:
        place[:] = _PANEL
        _text(place, "no picture yet", 320, 280, _DIM, 0.6)
        return
    height, width = place.shape[:2]
    rows, columns = moment.camera.shape[:2]
    scale = min(width / columns, height / rows)
    size = (round(columns * scale), round(rows * scale))
    shown = cv2.resize(moment.camera, size, interpolation=cv2.INTER_CUBIC)
    top, left = (height - size[1]) // 2, (width - size[0]) // 2
    place[top : top + size[1], left : left + size[0]] = shown


def _stack(picture: np.ndarray, moment: Moment) -> None:
    for index in range(4 if moment.stack is None else min(4, len(moment.stack))):
        left = 16 + index * 136
        place = picture[576:704, left : left + 128]
        if moment.stack is None:
            place[:] = _PANEL
        else:
            grey = cv2.resize(moment.stack[index], (128, 128), interpolation=cv2.INTER_NEAREST)
            place[:] = grey[..., None]


def _bar(
    picture: np.ndarray,
    x: int,
    y: int,
    share: float,
    colour: tuple[int, int, int],
    width: int,
    centred: bool = False,
    height: int = 12,
) -> None:
    cv2.rectangle(picture, (x, y), (x + width, y + height), _LINE, cv2.FILLED)
    start = x + width // 2 if centred else x
    reach = width // 2 if centred else width
    end = start + round(float(np.clip(share, -1.0, 1.0)) * reach)
    if end != start:
        left, right = min(start, end), max(start, end)
        cv2.rectangle(picture, (left, y), (right, y + height), colour, cv2.FILLED)


def _controls(picture: np.ndarray, moment: Moment) -> None:
    x = 572
    _text(picture, f"{3.6 * moment.speed_mps:.0f} km/h", x, 606, _TEXT, 0.9)
    rows = (
        ("steer", moment.steer, _ACCENT, True),
        ("throttle", moment.throttle, _GOOD, False),
        ("brake", moment.brake, _BAD, False),
    )
    for index, (name, value, colour, centred) in enumerate(rows):
        y = 630 + 28 * index
        _text(picture, name, x, y + 11, _DIM, 0.45)
        _bar(picture, x + 76, y, value, colour, 148, centred)


def _map(place: np.ndarray, moment: Moment, course: Course) -> None:
    """From above, the vehicle in the middle, its heading up."""
    place[:] = _PANEL
    height, width = place.shape[:2]
    scale = width / _MAP_M
    cos, sin = math.cos(moment.yaw_rad), math.sin(moment.yaw_rad)

    def pixels(points: np.ndarray) -> np.ndarray:
        dx, dy = points[:, 0] - moment.x_m, points[:, 1] - moment.y_m
        forward, left = cos * dx + sin * dy, cos * dy - sin * dx
        at = np.column_stack([width / 2 - scale * left, 0.68 * height - scale * forward])
        return np.clip(at, -4000, 4000).round().astype(np.int32)[None]

    line = partial(cv2.polylines, place, isClosed=False, lineType=cv2.LINE_AA)
    if len(course.route) > 1:
        line(pts=list(pixels(course.route)), color=_LINE, thickness=round(3.5 * scale))
        line(pts=list(pixels(course.route)), color=_DIM, thickness=1)
    if len(course.trail) > 1:
        line(pts=list(pixels(course.trail)), color=_ACCENT, thickness=3)
    body = np.array([[2.4, 0.0], [-2.4, 1.0], [-1.6, 0.0], [-2.4, -1.0]])
    turn = np.array([[cos, sin], [-sin, cos]])
    car = pixels(body @ turn + (moment.x_m, moment.y_m))
    cv2.fillPoly(place, list(car), _TEXT, cv2.LINE_AA)


def _figures(picture: np.ndarray, moment: Moment, title: str) -> None:
    x, width = _SIDE + 16, WIDTH - _SIDE - 32
    _text(picture, title, x, 428, _TEXT, 0.6)
    state = f"episode {moment.episode}, step {moment.step}"
    _text(picture, state, x, 454, _DIM, 0.45)
    if moment.reason:
        _text(picture, moment.reason.replace("_", " "), x + 260, 454, _WARN, 0.5)
    elif moment.guard:
        _text(picture, "guard: " + ", ".join(moment.guard), x + 260, 454, _WARN, 0.45)
    _text(picture, f"completion {100.0 * moment.completion:.0f} %", x, 482, _TEXT, 0.45)
    _bar(picture, x + 160, 472, moment.completion, _ACCENT, width - 160)
    offset = f"{moment.lateral_m:+.2f} m off, {math.degrees(moment.heading_error_rad):+.1f} deg"
    _text(picture, f"return {moment.episode_return:.2f}    {offset}", x, 512, _TEXT, 0.45)
    scale = max([0.1, *(abs(value) for value in moment.terms.values())])
    for index, (name, value) in enumerate(list(moment.terms.items())[:7]):
        y = 530 + 25 * index
        _text(picture, name.replace("_", " "), x, y + 11, _DIM, 0.42)
        colour = _GOOD if value >= 0.0 else _BAD
        _bar(picture, x + 130, y, value / scale, colour, 220, centred=True)
        _text(picture, f"{value:+.3f}", x + 364, y + 11, _TEXT, 0.42)
