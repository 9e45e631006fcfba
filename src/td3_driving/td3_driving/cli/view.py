"""td3-driving view"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import rclpy

from td3_driving.nodes.running import initialise_ros
from td3_driving.ros import topics
from td3_driving.stopping import stop_on_signals
from td3_driving.view.listener import Listening
from td3_driving.view.moment import Watch
from td3_driving.view.server import Source, Viewer
from td3_driving.view.video import Video

PORT = 8770
FPS = 20.0
"""Of a video: one frame per tick of 0.05 s."""


def run(chosen: argparse.Namespace) -> int:
    """Runs the command until Ctrl-C; returns its exit code."""
    namespace = topics.namespace_of(chosen.role)
    ends_at = time.monotonic() + 60.0 * chosen.minutes if chosen.minutes else float("inf")
    with stop_on_signals() as stop, ExitStack() as leaving:
        initialise_ros()
        leaving.callback(rclpy.try_shutdown)
        video = Path(chosen.video) if chosen.video else None
        leaving.enter_context(watching(namespace, namespace, video, FPS, chosen.host, chosen.port))
        while stop.signal is None and time.monotonic() < ends_at:
            time.sleep(0.1)
    return 0


@contextmanager
def watching(
    namespace: str,
    title: str,
    video: Path | None = None,
    fps: float = FPS,
    host: str = "127.0.0.1",
    port: int | None = None,
) -> Iterator[str]:
    """Shows a graph on a page, and writes a video of it, while the context lasts.

    Args:
        namespace: Of the vehicle's topics.
        title: Of page and video.
        video: File to write; None for none.
        fps: Of the video.
        host: To listen on.
        port: To listen on; None takes the usual one, or another if that is taken.

    Yields:
        The page's address.

    Raises:
        OSError: the port is taken.
        VideoError: the video cannot be written.
    """
    watch = Watch()
    with ExitStack() as leaving:
        film = leaving.enter_context(Video(video, fps, title)) if video is not None else None
        record = (lambda: film.add(watch.moment, watch.course)) if film else (lambda: None)
        viewer = leaving.enter_context(_viewer(Source(watch, title), host, port))
        print(f"watch it at {viewer.address}", file=sys.stderr, flush=True)
        with Listening(watch, record, namespace=namespace):
            yield viewer.address
    if film is not None:
        missed = f", {film.dropped} missed" if film.dropped else ""
        print(f"{video}: {film.frames} frames{missed}", file=sys.stderr, flush=True)


def _viewer(source: Source, host: str, port: int | None) -> Viewer:
    try:
        return Viewer(source, host, PORT if port is None else port)
    except OSError:
        if port is not None:
            raise
    return Viewer(source, host, 0)
