"""What controls take from a driver's sight, and that they take nothing else."""

from __future__ import annotations

import numpy as np
import pytest

from td3_driving.agent.controls import CONTROLS, OTHER_PICTURE_DECISIONS, control
from td3_driving.agent.drivers import PurePursuitDriver, SeenPursuitDriver
from td3_driving.agent.types import Sight
from td3_driving.driving.observation import vector
from td3_driving.driving.vehicle import VehicleState

STATE = VehicleState(0.0, 0.0, 0.0, 0.0, 5.0, yaw_rate_radps=0.2)
AHEAD = np.column_stack([np.arange(2.0, 52.0, 2.0), np.zeros(25)]).astype(np.float32)


class Watcher:
    """A driver that keeps what it was shown."""

    def __init__(self) -> None:
        self.seen: list[Sight] = []

    def act(self, sight: Sight) -> np.ndarray:
        self.seen.append(sight)
        return np.array([0.25, -0.5], np.float32)


def sight(seed: int = 0, waypoints: np.ndarray = AHEAD) -> Sight:
    image = np.random.default_rng(seed).integers(0, 256, (4, 84, 84), dtype=np.uint8)
    return Sight(image, vector(STATE, 0.3, waypoints), STATE, AHEAD)


def shown(name: str, given: Sight) -> Sight:
    """What a driver sees through a control."""
    watcher = Watcher()
    before = given.image.copy(), given.vector.copy()
    assert control(name, watcher).act(given).tolist() == [0.25, -0.5]
    assert np.array_equal(given.image, before[0]) and np.array_equal(given.vector, before[1])
    return watcher.seen[0]


def test_a_blank_camera_shows_black_and_leaves_the_vector() -> None:
    for name in ("blank", "vector_only"):
        seen = shown(name, sight())
        assert seen.image.shape == (4, 84, 84) and seen.image.dtype == np.uint8
        assert not seen.image.any() and np.array_equal(seen.vector, sight().vector)


def test_a_mirrored_camera_exchanges_left_and_right_of_every_frame() -> None:
    seen = shown("mirrored", sight())
    assert np.array_equal(seen.image[:, :, 0], sight().image[:, :, 83])
    assert np.array_equal(seen.image[:, :, 10], sight().image[:, :, 73])
    assert np.array_equal(seen.vector, sight().vector)


def test_hidden_waypoints_are_zeros_and_motion_stays() -> None:
    seen = shown("no_waypoints", sight())
    assert seen.vector[:3] == pytest.approx([0.5, 0.2, 0.3]) and not seen.vector[3:].any()
    assert np.array_equal(seen.image, sight().image)


def test_another_moments_pictures_are_the_first_and_then_those_of_half_a_minute_ago() -> None:
    watcher = Watcher()
    driver = control("other_picture", watcher)
    for k in range(OTHER_PICTURE_DECISIONS + 3):
        driver.act(sight(k))
    first, late = watcher.seen[7], watcher.seen[-1]
    assert np.array_equal(first.image, sight(0).image)
    assert np.array_equal(late.image, sight(2).image)


def test_two_drivers_share_no_memory_of_pictures() -> None:
    watcher = Watcher()
    control("other_picture", watcher).act(sight(1))
    control("other_picture", watcher).act(sight(2))
    assert np.array_equal(watcher.seen[1].image, sight(2).image)


def test_an_unknown_control_is_refused_by_name() -> None:
    with pytest.raises(ValueError, match="control 'night' is unknown; there are vector_only"):
        control("night", Watcher())
    assert all(label for label, _ in CONTROLS.values())


def test_pure_pursuit_on_seen_waypoints_steers_for_what_is_shown() -> None:
    to_the_left = AHEAD + np.array([0.0, 1.5], np.float32)
    drifted = sight(waypoints=to_the_left)
    assert PurePursuitDriver().act(drifted)[0] == pytest.approx(0.0, abs=1e-6)
    assert SeenPursuitDriver().act(drifted)[0] < -0.05
    assert SeenPursuitDriver().act(sight()) == pytest.approx(PurePursuitDriver().act(sight()))
