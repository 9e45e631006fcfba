"""The picture of a moment, and videos of it."""

from __future__ import annotations

import threading
from pathlib import Path

import cv2
import numpy as np
import pytest

from td3_driving.view import video
from td3_driving.view.moment import Course, Moment
from td3_driving.view.picture import HEIGHT, WIDTH, paint
from td3_driving.view.video import MOST_WAITING, Video, VideoError


@pytest.fixture
def moment() -> Moment:
    return Moment(
        camera=np.full((120, 160, 3), (10, 200, 30), np.uint8),
        stack=np.stack([np.full((84, 84), level, np.uint8) for level in (0, 80, 160, 240)]),
        steer=-0.5, throttle=1.0, speed_mps=8.0, episode=2, step=9,
        terms={"speed": 0.1, "lateral": -0.05}, completion=0.5, guard=("clipped",),
    )  # fmt: skip


@pytest.fixture
def course() -> Course:
    line = np.column_stack([np.linspace(-10.0, 60.0, 50), np.zeros(50)])
    return Course(1, line, line[:8])


def test_the_picture_holds_camera_stack_gauges_and_course(moment: Moment, course: Course) -> None:
    picture = paint(moment, course, "träumt")
    assert picture.shape == (HEIGHT, WIDTH, 3)
    np.testing.assert_array_equal(picture[286, 408], (10, 200, 30))
    for index, level in enumerate((0, 80, 160, 240)):
        np.testing.assert_array_equal(picture[640, 16 + 136 * index + 64], [level] * 3)
    idle = paint(Moment(), Course(0, np.empty((0, 2)), np.empty((0, 2))))
    assert (picture[:, 800:] != idle[:, 800:]).any()
    steering = (picture[631:640, 648:796] != idle[631:640, 648:796]).any(axis=(0, 2))
    assert steering[40:70].all()  # to the left of the middle
    assert not steering[80:].any()
    np.testing.assert_array_equal(picture, paint(moment, course, "träumt"))


def test_a_car_that_has_left_the_route_far_behind_is_painted_too(
    moment: Moment, course: Course
) -> None:
    far = Course(1, course.route + 1e7, course.trail)
    assert paint(moment, far).shape == (HEIGHT, WIDTH, 3)


@pytest.mark.parametrize("ending", [".mp4", ".avi"])
def test_a_video_has_every_frame(
    tmp_path: Path, moment: Moment, course: Course, ending: str
) -> None:
    file = tmp_path / "made" / f"drive{ending}"
    with Video(file, 20.0) as film:
        for _ in range(5):
            film.add(moment, course)
    assert (film.frames, film.dropped) == (5, 0)
    reader = cv2.VideoCapture(str(file))
    assert reader.get(cv2.CAP_PROP_FPS) == 20.0
    frames = []
    while (read := reader.read())[0]:
        frames.append(read[1])
    reader.release()
    assert len(frames) == 5
    wanted = paint(moment, course)
    assert np.abs(frames[4].astype(int) - wanted).mean() < 6.0


def test_frames_that_nobody_can_write_in_time_are_counted_not_kept(
    tmp_path: Path, moment: Moment, course: Course, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun, go_on = threading.Event(), threading.Event()

    def slow(moment: Moment, course: Course, title: str) -> np.ndarray:
        begun.set()
        go_on.wait(20.0)
        return np.zeros((HEIGHT, WIDTH, 3), np.uint8)

    monkeypatch.setattr(video, "paint", slow)
    with Video(tmp_path / "drive.mp4", 20.0) as film:
        film.add(moment, course)
        assert begun.wait(20.0)
        for _ in range(MOST_WAITING + 3):
            film.add(moment, course)
        go_on.set()
    assert (film.frames, film.dropped) == (MOST_WAITING + 1, 3)


def test_what_cannot_be_written_is_refused(tmp_path: Path) -> None:
    with pytest.raises(VideoError, match=r"must end with \.mp4"):
        Video(tmp_path / "drive.gif", 20.0)
    (tmp_path / "taken.mp4").mkdir()
    with pytest.raises(VideoError, match="cannot be written"):
        Video(tmp_path / "taken.mp4", 20.0)
