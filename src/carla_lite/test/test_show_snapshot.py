"""`carla-lite snapshot`: writes what was asked for, the same every time, or says what is wrong."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from carla_lite.cli import main

SMALL = ("--size", "160x90", "--seconds", "0.2")


def take(path: Path, *options: str) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    assert main(["snapshot", str(path), *SMALL, *options]) == 0
    picture = cv2.imread(str(path))
    assert picture is not None
    return np.asarray(picture, np.uint8)


@pytest.mark.parametrize("view", ["camera", "chase", "topdown"])
def test_every_view_is_written_in_the_size_that_was_asked_for(view: str, tmp_path: Path) -> None:
    picture = take(tmp_path / "picture.png", "--map", "LiteTown_3", "--view", view)
    assert picture.shape == (90, 160, 3)
    assert picture.std() > 15.0


def test_the_same_command_writes_the_same_bytes(tmp_path: Path) -> None:
    options = ("--map", "LiteCircuit_2", "--seed", "5", "--spawn", "3")
    one, other = take(tmp_path / "1.png", *options), take(tmp_path / "2.png", *options)
    assert (one == other).all()
    night = take(tmp_path / "3.png", *options, "--weather", "ClearNight")
    assert night.mean() < 0.6 * one.mean()


def test_a_place_of_ones_own_looks_from_there(tmp_path: Path) -> None:
    down = take(tmp_path / "down.jpg", "--map", "LiteCircuit_2", "--place", "500,500,20,-90,0,0")
    blue, green, red = down.mean(axis=(0, 1))
    assert green > blue + 10.0 and green > red  # grass fills the picture


def test_around_shows_the_car_in_the_middle(tmp_path: Path) -> None:
    options = ("--map", "LiteTown_3", "--view", "topdown", "--traffic", "0", "--around", "20")
    picture = take(tmp_path / "near.png", *options)
    blue, green, red = picture[43:47, 78:82].reshape(-1, 3).mean(axis=0)
    assert red > 1.5 * max(blue, green)  # the paint of the car


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        (("--map", "Town99"), "unknown map 'Town99'"),
        (("--weather", "Hail"), "no weather is called 'Hail'"),
        (("--spawn", "9999"), "spawn points 0 to"),
    ],
)
def test_what_cannot_be_drawn_is_said(
    options: tuple[str, ...], reason: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "picture.png"
    assert main(["snapshot", str(path), *SMALL, *options]) == 2
    assert reason in capsys.readouterr().err
    assert not path.exists()


@pytest.mark.parametrize("name", ["picture.docx", "missing/picture.png"])
def test_what_cannot_be_written_is_said(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    options = ("--map", "LiteCircuit_1", "--traffic", "0")
    assert main(["snapshot", str(tmp_path / name), *SMALL, *options]) == 2
    assert name.rsplit("/", 1)[-1].split(".")[1] in capsys.readouterr().err


@pytest.mark.parametrize(
    "options",
    [("--size", "0x0"), ("--size", "big"), ("--place", "1,2,nan,0,0,0"), ("--seconds", "nan")],
)
def test_options_out_of_range_are_refused(options: tuple[str, ...], tmp_path: Path) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["snapshot", str(tmp_path / "picture.png"), *options])
    assert ended.value.code == 2
