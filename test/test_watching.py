"""Watching a drive by the commands that people use: the page, a second watcher, the video."""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import signal
import subprocess
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import cv2
import pytest

from td3_driving.cli.main import main

DOMAIN = str(62 + os.getpid() % 8)
WITHIN_S = 90.0


class Command:
    """A command that serves a page; what it says to people is read on a thread."""

    def __init__(self, *arguments: str) -> None:
        program = shutil.which("td3-driving")
        assert program is not None, "td3-driving is not on the PATH: source scripts/env.sh"
        self.process = subprocess.Popen(
            [program, *arguments, "--port", "0"], stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE, text=True,
            env={**os.environ, "OMP_NUM_THREADS": "1", "ROS_DOMAIN_ID": DOMAIN},
        )  # fmt: skip
        self.said: list[str] = []
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stderr is not None
        with self.process.stderr as stream:
            self.said.extend(stream)

    @property
    def address(self) -> str | None:
        found = re.search(r"watch it at (http://127\.0\.0\.1:\d+/)", "".join(self.said))
        return found[1] if found else None

    def get(self, path: str) -> bytes:
        with urllib.request.urlopen(f"{self.address}{path}", timeout=20.0) as answer:
            return answer.read()

    def state(self) -> dict[str, Any]:
        return json.loads(self.get("state"))

    def stop(self) -> int:
        """Ctrl-C; its exit code."""
        with contextlib.suppress(ProcessLookupError):
            self.process.send_signal(signal.SIGINT)
        code = self.process.wait(WITHIN_S)
        self._reader.join()
        return code


@pytest.fixture
def start() -> Iterator[Callable[..., Command]]:
    """Starts commands, and ends those that still run."""
    started: list[Command] = []

    def begin(*arguments: str) -> Command:
        started.append(Command(*arguments))
        return started[-1]

    yield begin
    for command in started:
        if command.process.poll() is None:
            command.stop()


def wait_for(is_so: Callable[[], Any], command: Command) -> None:
    deadline = time.monotonic() + WITHIN_S
    while not is_so():
        assert command.process.poll() is None, "".join(command.said)
        assert time.monotonic() < deadline, "".join(command.said)
        time.sleep(0.05)


@pytest.mark.timeout(300)
def test_a_drive_is_watched_in_a_browser_by_another_watcher_and_on_film(
    start: Callable[..., Command], tmp_path: Path
) -> None:
    film = tmp_path / "drive.mp4"
    drive = start("drive", "--policy", "pure_pursuit", "--video", str(film))
    wait_for(lambda: drive.address, drive)
    wait_for(lambda: drive.state()["step"] > 5, drive)
    state, course = drive.state(), json.loads(drive.get("course"))
    assert state["title"] == "pure_pursuit drives"
    assert state["terms"]
    assert state["throttle"] + state["brake"] > 0.0
    assert len(course["route"]) > 100
    assert drive.get("camera").startswith(b"\xff\xd8")
    assert drive.get("stack").startswith(b"\x89PNG")
    view = start("view")
    wait_for(lambda: view.address, view)
    wait_for(lambda: view.state()["step"] > state["step"], view)
    wait_for(lambda: len(json.loads(view.get("course"))["route"]) > 100, view)
    assert view.stop() == 0
    later = drive.state()["step"]
    wait_for(lambda: drive.state()["step"] > later, drive)
    assert drive.stop() == 0
    assert "Traceback" not in "".join(drive.said + view.said)
    reader = cv2.VideoCapture(str(film))
    frames = 0
    while reader.read()[0]:
        frames += 1
    reader.release()
    assert f"{frames} frames" in "".join(drive.said)
    assert frames > 5


def test_what_cannot_be_filmed_is_refused_before_anything_starts(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["drive", "--policy", "pure_pursuit", "--video", "drive.gif"]) == 2
    assert "drive.gif must end with .mp4" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        main(["view", "--port", "70000"])
    assert "must be in 0 to 65535" in capsys.readouterr().err
