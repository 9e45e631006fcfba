"""Pictures and videos as data URIs, so that a page needs no other file."""

from __future__ import annotations

import base64
import tempfile
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from td3_driving.evaluation.results import Film
from td3_driving.view.moment import Course, Moment
from td3_driving.view.picture import paint

FILM_WIDTH, FILM_HEIGHT = 800, 450
LONGEST_FILM_S = 40.0


def _uri(kind: str, content: bytes) -> str:
    return f"data:{kind};base64,{base64.b64encode(content).decode()}"


def film_strip(frames: NDArray[np.uint8], gap: int = 2) -> str:
    """Grey pictures side by side as a PNG; empty for no pictures.

    Args:
        frames: uint8 (K, rows, columns), oldest first.
        gap: White pixels between two.
    """
    if len(frames) == 0:
        return ""
    padded = np.pad(frames, ((0, 0), (0, 0), (0, gap)), constant_values=255)
    strip = np.concatenate(list(padded), axis=1)[:, : -gap or None]
    done, png = cv2.imencode(".png", strip)
    assert done
    return _uri("image/png", png.tobytes())


def film_uri(film: Film) -> str:
    """The film as WebM, at the pace of the simulation. The VP8 encoder comes in OpenCV's wheel.

    Raises:
        OSError: it can't be encoded here.
    """
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "film.webm"
        write_film(file, film)
        return _uri("video/webm", file.read_bytes())


def write_film(file: Path, film: Film) -> None:
    """Writes the film as a WebM file: camera, stack, controls, and the way on the route.

    Raises:
        OSError: it can't be encoded here, or the file can't be written.
    """
    decision_s = film.episode.record.tick_s * film.ticks
    writer = cv2.VideoWriter(
        str(file), cv2.VideoWriter.fourcc(*"VP80"), 1.0 / decision_s, (FILM_WIDTH, FILM_HEIGHT)
    )
    if not writer.isOpened():
        raise OSError(f"no video: OpenCV can't write {file.name} here")
    try:
        for k in range(min(len(film.frames), round(LONGEST_FILM_S / decision_s))):
            picture = paint(*_moment(film, k), film.episode.map)
            size = (FILM_WIDTH, FILM_HEIGHT)
            writer.write(cv2.resize(picture, size, interpolation=cv2.INTER_AREA))
    finally:
        writer.release()


def _moment(film: Film, k: int) -> tuple[Moment, Course]:
    """The k-th decision as it is painted; the record's first entry is one tick after the first."""
    record = film.episode.record
    tick = min(max(k * film.ticks - 1, 0), len(record.s_m) - 1)
    x, y = record.x_m[: tick + 1], record.y_m[: tick + 1]
    steer, acceleration = (float(value) for value in film.actions[k])
    stack = film.frames[np.maximum(np.arange(k - 3, k + 1), 0)]
    driven_m = float(record.s_m[: tick + 1].max() - record.s_m[0])
    last = k + 1 == len(film.frames)
    moment = Moment(
        camera=cv2.cvtColor(film.frames[k], cv2.COLOR_GRAY2BGR),
        stack=stack,
        x_m=float(x[-1]),
        y_m=float(y[-1]),
        yaw_rad=float(record.yaw_rad[tick]),
        speed_mps=float(record.speed_mps[tick]),
        steer=steer,
        throttle=max(acceleration, 0.0),
        brake=max(-acceleration, 0.0),
        episode=1,
        step=k * film.ticks,
        completion=min(1.0, max(0.0, driven_m) / record.distance_m),
        lateral_m=float(record.lateral_m[tick]),
        heading_error_rad=float(record.heading_error_rad[tick]),
        reason=record.reason.value if last else "",
    )
    return moment, Course(1, film.episode.route, np.column_stack([x, y]))
