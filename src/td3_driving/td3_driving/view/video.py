"""Writes moments into a video file, painted and encoded on a thread of its own."""

from __future__ import annotations

import queue
import threading
from pathlib import Path
from types import TracebackType

import cv2
import numpy as np

from td3_driving.view.moment import Course, Moment
from td3_driving.view.picture import HEIGHT, WIDTH, paint

CODECS = {".mp4": "mp4v", ".avi": "MJPG", ".webm": "VP80"}
"""By the file's ending; all of them are in OpenCV's wheel. Browsers play webm."""
MOST_WAITING = 32


class VideoError(ValueError):
    """The video cannot be written; says why."""


def codec_of(file: Path) -> str:
    """The codec of a file's ending.

    Raises:
        VideoError: no format has that ending.
    """
    if file.suffix not in CODECS:
        raise VideoError(f"{file} must end with {', '.join(CODECS)}")
    return CODECS[file.suffix]


class Video:
    """A video file; a context manager, which leaves a whole file behind.

    Args:
        file: To write; its ending names the format.
        fps: Frames per second.
        title: Painted into every frame.

    Raises:
        VideoError: an unknown ending, or the file cannot be opened.
    """

    def __init__(self, file: Path, fps: float, title: str = "") -> None:
        codec = codec_of(file)
        file.parent.mkdir(parents=True, exist_ok=True)
        self._writer = cv2.VideoWriter(
            str(file), cv2.VideoWriter.fourcc(*codec), fps, (WIDTH, HEIGHT)
        )
        if not self._writer.isOpened():
            raise VideoError(f"{file} cannot be written; is its folder writable?")
        self.file, self.title = file, title
        self.frames = self.dropped = 0
        self._waiting: queue.Queue[tuple[Moment, Course] | None] = queue.Queue(MOST_WAITING)
        self._thread = threading.Thread(target=self._write, name="video")
        self._thread.start()

    def add(self, moment: Moment, course: Course) -> None:
        """One more frame; dropped, and counted, while too many wait to be written."""
        try:
            self._waiting.put_nowait((moment, course))
        except queue.Full:
            self.dropped += 1

    def close(self) -> None:
        """Writes what waits, and finishes the file. Idempotent."""
        if self._thread.is_alive():
            self._waiting.put(None)
            self._thread.join()

    def __enter__(self) -> Video:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _write(self) -> None:
        while (waiting := self._waiting.get()) is not None:
            self._writer.write(np.ascontiguousarray(paint(*waiting, self.title)))
            self.frames += 1
        self._writer.release()
