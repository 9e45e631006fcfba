"""The page that shows a drive: what it is told, whom it answers, and that it is whole."""

from __future__ import annotations

import http.client
import json
import re
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from importlib.resources import files
from typing import Any

import cv2
import numpy as np
import pytest

from td3_driving.view.moment import MOST_ROUTE, MOST_TRAIL, Watch
from td3_driving.view.server import MOST_BROWSERS, Source, Viewer

TIMEOUT_S = 20.0
PAGE = files("td3_driving.view").joinpath("page.html").read_text()


@pytest.fixture
def watch() -> Watch:
    return Watch()


@pytest.fixture
def page(watch: Watch) -> Iterator[str]:
    """The address of a page that shows the watch."""
    with Viewer(Source(watch, "lane_keeping drives")) as viewer:
        yield viewer.address


def get(address: str, **headers: str) -> tuple[Any, bytes]:
    request = urllib.request.Request(address, headers=headers)
    with urllib.request.urlopen(request, timeout=TIMEOUT_S) as answer:
        return answer.headers, answer.read()


def refusal(address: str, **options: Any) -> tuple[int, str]:
    with pytest.raises(urllib.error.HTTPError) as caught:
        urllib.request.urlopen(urllib.request.Request(address, **options), timeout=TIMEOUT_S)
    with caught.value as error:
        return error.code, error.read().decode()


def test_the_page_needs_nothing_from_elsewhere(page: str) -> None:
    headers, body = get(page)
    assert body.decode() == PAGE
    assert "default-src 'none'" in headers["Content-Security-Policy"]
    links = re.findall(r"(?:src|href)=\"(?!data:)|https?://(?!www\.w3\.org/2000/svg)", PAGE)
    assert links == []


def test_the_script_uses_only_what_the_page_and_the_server_have(page: str, watch: Watch) -> None:
    watch.take(camera=np.zeros((8, 8, 3), np.uint8), stack=np.zeros((4, 84, 84), np.uint8))
    script = PAGE[PAGE.index("<script>") :]
    ids = set(re.findall(r'id="(\w+)"', PAGE))
    used = set(re.findall(r'\$\("(\w+)"\)', script)) | {f"{n}_is" for n in ("steer", "brake")}
    assert used <= ids
    for path in {*re.findall(r'ask\("/(\w+)"\)', script), *re.findall(r'film\("(\w+)"\)', script)}:
        get(page + path)
    state = json.loads(get(page + "state")[1])
    told = set(re.findall(r"\b(?:state|next|s)\.([a-z_]+)\b(?!\()", script))
    assert told <= set(state), told - set(state)
    for pair in ("()", "[]", "{}"):
        assert script.count(pair[0]) == script.count(pair[1])


def test_the_state_is_that_of_the_watch(page: str, watch: Watch) -> None:
    watch.drive_to(3.0, -4.0, 0.5, 7.25)
    watch.take(
        steer=-0.25, throttle=0.5, guard=("rate_limited",), episode=3, step=17,
        terms={"speed": 0.1, "lateral": -0.02}, reward=0.08, completion=0.4,
    )  # fmt: skip
    state = json.loads(get(page + "state")[1])
    assert state["title"] == "lane_keeping drives"
    assert (state["x_m"], state["y_m"], state["speed_mps"]) == (3.0, -4.0, 7.25)
    assert (state["steer"], state["throttle"], state["brake"]) == (-0.25, 0.5, 0.0)
    assert state["guard"] == ["rate_limited"]
    assert state["action"] is state["waypoints"] is state["steering_values"] is None
    values = np.float32([[-1.0, 1.0], [0.25, 0.5]])
    watch.take(action=(0.5, -1.0), waypoints=np.array([[2.0, 0.5]]), steering_values=values)
    newer = json.loads(get(page + "state")[1])
    assert (newer["action"], newer["waypoints"]) == ([0.5, -1.0], [[2.0, 0.5]])
    assert newer["steering_values"] == values.tolist()
    assert state["terms"] == {"speed": 0.1, "lateral": -0.02}
    assert (state["episode"], state["step"], state["completion"]) == (3, 17, 0.4)
    assert "camera" not in state


def test_pictures_are_the_newest_and_the_stack_is_exact(page: str, watch: Watch) -> None:
    assert refusal(page + "camera") == (404, "there is no camera yet")
    random = np.random.default_rng(0)
    stack = random.integers(0, 256, (4, 84, 84), dtype=np.uint8)
    for colour in ((200, 20, 20), (20, 20, 200)):
        watch.take(camera=np.full((120, 160, 3), colour, np.uint8), stack=stack)
        headers, body = get(page + "camera")
        assert headers["Content-Type"] == "image/jpeg"
        shown = cv2.imdecode(np.frombuffer(body, np.uint8), cv2.IMREAD_COLOR)
        assert shown is not None
        assert shown.shape == (120, 160, 3)
        assert np.abs(shown.astype(int) - colour).max() < 12
    seen = cv2.imdecode(np.frombuffer(get(page + "stack")[1], np.uint8), cv2.IMREAD_GRAYSCALE)
    np.testing.assert_array_equal(seen, np.hstack(list(stack)))


def test_the_course_is_the_route_and_the_way_driven(page: str, watch: Watch) -> None:
    watch.begin(np.array([[0.0, 0.0], [50.0, 0.0]]))
    for x in (0.0, 0.1, 0.2, 1.0, 2.0):
        watch.drive_to(x, 0.0, 0.0, 5.0)
    course = json.loads(get(page + "course")[1])
    assert course["route"] == [[0.0, 0.0], [50.0, 0.0]]
    assert course["trail"] == [[0.0, 0.0], [1.0, 0.0], [2.0, 0.0]]
    assert json.loads(get(page + "state")[1])["course"] == course["number"]
    watch.begin(np.zeros((2, 2)))
    assert json.loads(get(page + "course")[1])["trail"] == []


def test_a_long_drive_takes_bounded_memory(watch: Watch) -> None:
    watch.begin(np.column_stack([np.arange(10_001.0), np.zeros(10_001)]))
    assert len(watch.course.route) <= MOST_ROUTE
    for x in range(MOST_TRAIL + 10):
        watch.drive_to(float(x), 0.0, 0.0, 5.0)
    assert len(watch.course.trail) == MOST_TRAIL
    assert watch.course.trail[-1, 0] == MOST_TRAIL + 9


def test_what_is_not_finite_is_not_shown(watch: Watch) -> None:
    before = watch.moment
    nan = float("nan")
    for news in (
        {"speed_mps": nan}, {"terms": {"speed": float("inf")}}, {"action": (0.0, nan)},
        {"waypoints": np.array([[0.0, nan]])},
    ):  # fmt: skip
        with pytest.raises(ValueError, match="not finite"):
            watch.take(**news)
    for route in (np.zeros((3, 3)), np.array([[0.0, np.nan], [1.0, 0.0]])):
        with pytest.raises(ValueError, match="a route must be finite"):
            watch.begin(route)
    assert watch.moment is before


def test_only_this_machine_is_answered_and_only_asked_for_what_there_is(page: str) -> None:
    assert refusal(page, headers={"Host": "evil.example:80"})[0] == 403
    assert refusal(page + "etc/passwd")[0] == 404
    assert refusal(page + "state", data=b"x=1", method="POST")[0] == 501
    assert get(page + "state", Host="localhost:1")[1].startswith(b"{")


def test_more_browsers_than_there_is_room_for_are_turned_away_and_later_let_in(page: str) -> None:
    host, port = page.removeprefix("http://").rstrip("/").split(":")
    browsers = [
        http.client.HTTPConnection(host, int(port), TIMEOUT_S) for _ in range(MOST_BROWSERS)
    ]
    try:
        for browser in browsers:
            browser.request("GET", "/state")
            assert browser.getresponse().read().startswith(b"{")
        with pytest.raises(OSError):
            get(page + "state")
    finally:
        for browser in browsers:
            browser.close()
    deadline = time.monotonic() + TIMEOUT_S
    while not answered(page):
        assert time.monotonic() < deadline, "no room though everybody has left"


def answered(page: str) -> bool:
    try:
        return get(page + "state")[1].startswith(b"{")
    except OSError:
        return False
