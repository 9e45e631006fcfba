"""`carla-lite view`: what the page is told and shown, and that watching changes nothing."""

from __future__ import annotations

import contextlib
import json
import math
import re
import signal
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from importlib.resources import files
from typing import Any

import carla
import cv2
import numpy as np
import pytest

from carla_lite.show.link import Link, LinkError
from carla_lite.show.viewer import Source, Viewer

TIMEOUT_S = 20.0
CAR = "vehicle.tesla.model3"
Run = Callable[..., contextlib.AbstractContextManager[Any]]


@pytest.fixture(scope="module")
def town(running_server: Run) -> Iterator[Any]:
    with running_server("--map", "LiteTown_3") as server:
        yield server


@contextlib.contextmanager
def page_of(port: int) -> Iterator[str]:
    source = Source("127.0.0.1", port, fresh_s=0.0)
    viewer = Viewer(source)
    thread = threading.Thread(target=viewer.serve_forever, args=(0.02,))
    thread.start()
    try:
        yield viewer.address
    finally:
        viewer.shutdown()
        thread.join()
        viewer.server_close()
        source.close()


@pytest.fixture(scope="module")
def page(town: Any) -> Iterator[str]:
    with page_of(town.port) as address:
        yield address


def get(address: str, **headers: str) -> tuple[Any, bytes]:
    request = urllib.request.Request(address, headers=headers)
    with urllib.request.urlopen(request, timeout=TIMEOUT_S) as answer:
        return answer.headers, answer.read()


def refusal(address: str, **headers: str) -> tuple[int, str]:
    with pytest.raises(urllib.error.HTTPError) as caught:
        get(address, **headers)
    with caught.value as error:
        return error.code, error.read().decode()


def picture_of(body: bytes) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    picture = cv2.imdecode(np.frombuffer(body, np.uint8), cv2.IMREAD_COLOR)
    assert picture is not None
    return np.asarray(picture, np.uint8)


@pytest.fixture
def rig(town: Any, make_rig: Any) -> Iterator[Any]:
    rig = make_rig(town.client())
    yield rig
    rig.close()


def test_the_page_needs_nothing_from_elsewhere(page: str) -> None:
    headers, body = get(page)
    assert body == files("carla_lite.show").joinpath("page.html").read_bytes()
    assert "default-src 'none'" in headers["Content-Security-Policy"]
    links = re.findall(rb"(?:src|href)=\"(?!data:)|https?://(?!www\.w3\.org/2000/svg)", body)
    assert links == []


def test_the_state_is_that_of_the_frame_that_was_ticked(page: str, rig: Any) -> None:
    car = rig.vehicle(2)
    car.apply_control(carla.VehicleControl(throttle=1.0))
    for _ in range(20):
        rig.tick()
    snapshot = rig.world.get_snapshot()
    state = json.loads(get(page + "state")[1])
    assert state["map"] == "LiteTown_3"
    assert state["frame"] == snapshot.frame
    assert state["synchronous"] is True
    assert math.isclose(state["time_s"], snapshot.timestamp.elapsed_seconds, abs_tol=1e-6)
    (told,) = (one for one in state["actors"] if one["id"] == car.id)
    place, velocity = car.get_transform(), car.get_velocity()
    assert told["type"] == CAR
    assert told["kind"] == "vehicle"
    assert math.dist((told["x"], told["y"]), (place.location.x, place.location.y)) < 0.5
    assert abs((told["yaw"] - place.rotation.yaw + 180) % 360 - 180) < 0.02
    assert abs(told["speed"] - math.hypot(velocity.x, velocity.y)) < 0.01
    assert told["speed"] > 1.0
    assert any(one["type"] == "spectator" for one in state["actors"])


def test_the_weather_is_called_by_its_name(page: str, rig: Any) -> None:
    rig.world.set_weather(carla.WeatherParameters.HardRainSunset)
    rig.world.get_weather()
    assert json.loads(get(page + "state")[1])["weather"] == "HardRainSunset"
    rig.world.set_weather(carla.WeatherParameters.ClearNoon)
    rig.world.get_weather()


def test_the_map_is_a_picture_whose_place_and_scale_are_told(page: str, rig: Any) -> None:
    headers, body = get(page + "map")
    about, picture = json.loads(headers["X-Map"]), picture_of(body)
    assert about["map"] == "LiteTown_3"
    assert picture.shape == (about["height"], about["width"], 3)
    for spawn_point in rig.world.get_map().get_spawn_points():
        column = (spawn_point.location.x - about["x"]) * about["scale"] + about["width"] / 2
        row = (spawn_point.location.y - about["y"]) * about["scale"] + about["height"] / 2
        near = picture[int(row) - 3 : int(row) + 4, int(column) - 3 : int(column) + 4]
        blue, green, red = near.reshape(-1, 3).mean(axis=0)
        assert max(blue, green, red) - min(blue, green, red) < 40  # grey asphalt, not grass
    assert get(page + "map")[1] == body


def test_cameras_show_the_chosen_car_from_behind_and_not_from_inside(page: str, rig: Any) -> None:
    place = rig.world.get_map().get_spawn_points()[5]
    car = rig.spawn(CAR, place, color="250,0,250")
    frame = rig.tick()

    def share(seat: str) -> float:
        path = f"camera?actor={car.id}&seat={seat}&width=320&height=180"
        headers, body = get(page + path)
        assert int(headers["X-Frame"]) == frame
        picture = picture_of(body).astype(int)
        assert picture.shape == (180, 320, 3)
        pink = (picture[..., 0] > picture[..., 1] + 50) & (picture[..., 2] > picture[..., 1] + 50)
        return float(pink.mean())

    assert share("chase") > 0.02
    assert share("driver") < 0.001


def test_a_sensor_is_looked_through_where_it_hangs(page: str, rig: Any) -> None:
    car = rig.vehicle(6)
    down = carla.Transform(carla.Location(z=30.0), carla.Rotation(pitch=-90.0))
    camera = rig.spawn("sensor.camera.rgb", down, car)
    rig.tick()
    _, body = get(page + f"camera?actor={camera.id}&seat=own&width=160&height=120")
    state = json.loads(get(page + "state")[1])
    assert any(one["id"] == camera.id and one["kind"] == "camera" for one in state["actors"])
    middle = picture_of(body)[55:65, 75:85].reshape(-1, 3).mean(axis=0)
    around = picture_of(body)[55:65, 30:45].reshape(-1, 3).mean(axis=0)
    assert np.abs(middle - around).max() > 10  # the car on the asphalt


@pytest.mark.parametrize(
    ("path", "code", "reason"),
    [
        ("nowhere", 404, "there are /, /state, /map and /camera"),
        ("camera", 404, "use /camera?actor=ID"),
        ("camera?actor=-1&width=10&height=10", 404, "use /camera?actor=ID"),
        ("camera?actor=99999999&width=10&height=10", 503, "actor 99999999 not found"),
        ("camera?actor=1&width=99999&height=10", 503, "use 1 to 1280 x 960 pixels"),
        ("camera?actor=1&seat=roof&width=9&height=9", 503, "use one of driver, chase, own"),
    ],
)
def test_questions_without_an_answer_are_refused_with_a_reason(
    page: str, path: str, code: int, reason: str
) -> None:
    told_code, text = refusal(page + path)
    assert told_code == code
    assert reason in text


def test_a_page_under_a_foreign_name_gets_nothing(page: str) -> None:
    code, _ = refusal(page + "state", Host="evil.example:80")
    assert code == 403
    assert json.loads(get(page + "state", Host="localhost:8080")[1])["map"] == "LiteTown_3"


def test_the_page_tells_when_the_server_is_gone_and_finds_its_successor(
    running_server: Run,
) -> None:
    with running_server("--map", "LiteCircuit_1") as first:
        port = first.port
        with page_of(port) as page:
            assert json.loads(get(page + "state")[1])["map"] == "LiteCircuit_1"
            first.process.terminate()
            first.process.wait(TIMEOUT_S)
            code, text = refusal(page + "state")
            assert code == 503
            assert "is carla-lite running" in text
            with running_server("--map", "LiteCircuit_2", "--port", str(port)):
                assert json.loads(get(page + "state")[1])["map"] == "LiteCircuit_2"


def drive(port: int, make_rig: Any, client: carla.Client) -> tuple[list[int], list[bytes]]:
    """Frames and pictures of fifty ticks."""
    rig = make_rig(client)
    frames, pictures = [], []
    try:
        car = rig.vehicle(1)
        camera = rig.camera(car)
        car.apply_control(carla.VehicleControl(throttle=0.7, steer=0.05))
        for _ in range(50):
            frames.append(rig.tick())
            pictures.append(bytes(camera.at(frames[-1]).raw_data))
    finally:
        rig.close()
    return frames, pictures


def test_watching_changes_no_frame_and_no_picture(running_server: Run, make_rig: Any) -> None:
    with running_server("--map", "LiteTown_3") as alone:
        frames, pictures = drive(alone.port, make_rig, alone.client())
    with running_server("--map", "LiteTown_3") as watched, page_of(watched.port) as page:
        stop, counts = threading.Event(), []

        def watch(path: str) -> None:
            count = 0
            while not stop.is_set():
                get(page + path)
                count += 1
            counts.append(count)

        actors = json.loads(get(page + "state")[1])["actors"]
        spectator = next(one["id"] for one in actors if one["type"] == "spectator")
        paths = ("state", f"camera?actor={spectator}&seat=own&width=320&height=180", "map")
        threads = [threading.Thread(target=watch, args=(path,)) for path in paths]
        for thread in threads:
            thread.start()
        try:
            seen_frames, seen_pictures = drive(watched.port, make_rig, watched.client())
        finally:
            stop.set()
            for thread in threads:
                thread.join()
    assert np.diff(seen_frames).tolist() == np.diff(frames).tolist() == [1] * 49
    assert seen_pictures == pictures
    assert min(counts) >= 1


def test_a_link_says_what_is_wrong(town: Any) -> None:
    link = Link("127.0.0.1", town.port)
    assert link.call("version") == "0.9.16"
    with pytest.raises(LinkError, match="unsupported: fly"):
        link.call("fly")
    link.close()
    with pytest.raises(LinkError, match="is carla-lite running"):
        Link("127.0.0.1", 1).call("version")


@contextlib.contextmanager
def view(*options: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """`carla-lite view` with a page on a free port; gives the process and its first line."""
    command = [sys.executable, "-m", "carla_lite.cli", "view", "--page-port", "0", *options]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout is not None and process.stderr is not None
    try:
        yield process, process.stdout.readline()
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(TIMEOUT_S)
        process.stdout.close()
        process.stderr.close()


def test_view_attaches_to_a_running_server_and_ends_on_ctrl_c(town: Any) -> None:
    with view("--port", str(town.port)) as (process, ready):
        match = re.fullmatch(r"carla-lite view ready (http://127\.0\.0\.1:\d+/) port=\d+\n", ready)
        assert match is not None
        assert json.loads(get(match[1] + "state")[1])["map"] == "LiteTown_3"
    assert process.returncode == 0
    assert town.client().get_server_version() == "0.9.16"


def test_view_starts_a_server_of_its_own_and_takes_it_along(town: Any) -> None:
    options = ("--port", "0", "--map", "LiteCircuit_2", "--traffic", "3", "--pedestrians", "0")
    with view(*options) as (process, ready):
        address, port = ready.split()[3], int(ready.split("port=")[1])
        state = json.loads(get(address + "state")[1])
        assert state["map"] == "LiteCircuit_2"
        assert sum(one["kind"] == "vehicle" for one in state["actors"]) == 3
    assert process.returncode == 0
    with pytest.raises(LinkError):
        Link("127.0.0.1", port).call("version")


def test_view_asks_before_it_ignores_a_map(town: Any) -> None:
    with view("--port", str(town.port), "--map", "LiteTown01") as (process, ready):
        assert ready == ""
        assert process.stderr is not None
        assert "leave out --map" in process.stderr.read()
        assert process.wait(TIMEOUT_S) == 2
