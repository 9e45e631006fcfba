"""Promises of the camera: where things appear, what they look like, what is refused."""

from __future__ import annotations

import carla
import cv2
import numpy as np
import pytest

from carla_lite.render import CameraSettingsError, Ground, PinholeCamera
from carla_lite.roads import lane_strips, make_map

RED = (20.0, 20.0, 230.0)


@pytest.fixture(scope="module")
def ground() -> Ground:
    return Ground.build(make_map("LiteCircuit_1"))


@pytest.fixture(scope="module")
def driver() -> tuple[tuple[float, float, float], tuple[float, float, float]]:
    """A camera pose on the first spawn point's lane."""
    x, y, _, yaw = make_map("LiteCircuit_1").spawn_points[0]
    return (x, y, 1.8), (-8.0, yaw, 0.0)


def _box(x: float, y: float, z: float, half: float, colour: tuple = RED) -> np.ndarray:
    return np.array([[x, y, z, half, half, half, 0.0, *colour]], np.float32)


def _changed(camera: PinholeCamera, ground: Ground, pose: tuple, boxes: np.ndarray) -> np.ndarray:
    """Where boxes make a difference above the ground."""
    with_box = camera.render(ground, *pose, boxes).astype(int)
    return np.abs(with_box - camera.render(ground, *pose)).max(axis=2) > 25


@pytest.mark.parametrize(
    ("location", "rotation"),
    [
        ((0.0, 0.0, 2.0), (0.0, 0.0, 0.0)),
        ((5.0, -3.0, 4.0), (-12.0, 130.0, 0.0)),
        ((5.0, -3.0, 4.0), (6.0, -75.0, 8.0)),
        ((-20.0, 9.0, 1.5), (-3.0, 215.0, -20.0)),
    ],
)
def test_a_box_appears_where_carlas_own_transform_projects_it(
    ground: Ground, location: tuple, rotation: tuple
) -> None:
    camera = PinholeCamera(320, 240, 80.0)
    pose = carla.Transform(
        carla.Location(*location),
        carla.Rotation(pitch=rotation[0], yaw=rotation[1], roll=rotation[2]),
    )
    seen_from_camera = np.array([20.0, 3.0, -0.5])
    at = pose.transform(carla.Location(*seen_from_camera))
    changed = _changed(camera, ground, (location, rotation), _box(at.x, at.y, at.z, 0.4))
    rows, columns = np.nonzero(changed)
    focal = 160 / np.tan(np.radians(40.0))
    # The shadow may hang on below, so the top and the sides tell where the box is.
    expected = 160 + focal * seen_from_camera[1] / seen_from_camera[0]
    assert np.median(columns) == pytest.approx(expected, abs=4.0)
    assert rows.min() == pytest.approx(120 + focal * (0.5 - 0.45) / 20.0, abs=6.0)


def test_lane_lines_appear_where_the_network_has_them(ground: Ground) -> None:
    network = make_map("LiteCircuit_1")
    strip = next(s for s in lane_strips(network) if s.lane.id == -1)
    x, y = strip.outer[10]
    camera = PinholeCamera(201, 201, 90.0)
    picture = camera.render_grey(ground, (x, y, 5.0), (-90.0, 0.0, 0.0)).astype(float)
    metres = (np.arange(201) - 100) * 10.0 / 201
    # Straight down with yaw 0, columns are +y and rows are -x.
    right, up = np.meshgrid(metres, -metres)
    points = np.stack([x + up, y + right], axis=-1)
    line = np.concatenate([s.outer for s in lane_strips(network, 0.05) if s.lane.id == -1])
    line = line[np.hypot(*(line - (x, y)).T) < 8.0]
    away = np.hypot(*(points[:, :, None] - line[None, None]).transpose(3, 0, 1, 2)).min(axis=2)
    assert picture[away < 0.04].mean() > picture[(away > 0.25) & (away < 0.4)].mean() + 60


def test_a_nearer_vehicle_hides_a_farther_one(ground: Ground) -> None:
    camera = PinholeCamera(160, 120, 90.0)
    near, far = _box(8.0, 0.0, 1.0, 1.0), _box(20.0, 0.0, 1.0, 1.0, (230.0, 20.0, 20.0))
    pose = ((0.0, 0.0, 1.0), (0.0, 0.0, 0.0))
    alone = camera.render(ground, *pose, near)
    for boxes in (np.concatenate([near, far]), np.concatenate([far, near])):
        both = camera.render(ground, *pose, boxes)
        np.testing.assert_array_equal(both[57:63, 72:88], alone[57:63, 72:88])


def test_a_vehicle_throws_a_shadow_on_the_ground_and_no_further(ground: Ground) -> None:
    camera = PinholeCamera(200, 200, 90.0)
    pose = ((0.0, 0.0, 20.0), (-90.0, 0.0, 0.0))
    bare = camera.render_grey(ground, *pose).astype(int)
    shaded = camera.render_grey(ground, *pose, _box(0.0, 0.0, 1.0, 1.0)).astype(int)
    outside = np.ones_like(bare, bool)
    outside[93:107, 93:107] = False
    assert (bare - shaded)[outside].max() > 20
    outside[70:130, 70:130] = False
    np.testing.assert_array_equal(bare[outside], shaded[outside])


def test_a_vehicle_around_or_behind_the_camera_is_harmless(ground: Ground) -> None:
    camera = PinholeCamera(160, 120, 90.0)
    pose = ((0.0, 0.0, 1.5), (-5.0, 0.0, 0.0))
    bare = camera.render(ground, *pose)
    behind = camera.render(ground, *pose, _box(-30.0, 0.0, 1.0, 1.0))
    np.testing.assert_array_equal(bare, behind)
    inside = camera.render(ground, *pose, _box(0.0, 0.0, 1.5, 3.0))
    assert inside.shape == bare.shape


def test_the_grey_picture_is_the_luma_of_the_colour_picture(ground: Ground, driver: tuple) -> None:
    camera = PinholeCamera(160, 120, 90.0)
    x, y, _ = driver[0]
    boxes = _box(x + 6.0, y, 1.0, 1.0)
    luma = cv2.cvtColor(camera.render(ground, *driver, boxes), cv2.COLOR_BGRA2GRAY)
    grey = camera.render_grey(ground, *driver, boxes)
    assert np.abs(luma.astype(int) - grey).max() <= 4


def test_the_picture_is_opaque_repeatable_and_drawn_into_the_given_array(
    ground: Ground, driver: tuple
) -> None:
    camera = PinholeCamera(160, 120, 90.0)
    out = np.zeros((120, 160, 4), np.uint8)
    assert camera.render(ground, *driver, None, out) is out
    assert (out[..., 3] == 255).all()
    np.testing.assert_array_equal(out, PinholeCamera(160, 120, 90.0).render(ground, *driver))
    location, (pitch, _, roll) = driver
    np.testing.assert_array_equal(
        camera.render(ground, location, (pitch, 45.0, roll)),
        camera.render(ground, location, (pitch, 405.0, roll)),
    )


def test_pitch_roll_and_height_of_the_picture_before_leave_no_trace(
    ground: Ground, driver: tuple
) -> None:
    camera = PinholeCamera(80, 60, 90.0)
    first = camera.render(ground, *driver)
    camera.render(ground, (0.0, 0.0, 9.0), (-30.0, 0.0, 12.0))
    np.testing.assert_array_equal(first, camera.render(ground, *driver))


def test_far_lines_do_not_shimmer(ground: Ground, driver: tuple) -> None:
    """A small picture is close to a large one averaged down: nothing is missed between pixels."""
    location, rotation = driver
    small, large = PinholeCamera(160, 120, 90.0), PinholeCamera(960, 720, 90.0)
    for step in range(4):
        at = (location[0] + 0.3 * step, location[1] + 0.2 * step, location[2])
        sharp = cv2.resize(
            large.render_grey(ground, at, rotation), (160, 120), interpolation=cv2.INTER_AREA
        )
        error = np.abs(small.render_grey(ground, at, rotation).astype(float) - sharp)
        assert error.mean() < 3.0
        assert np.percentile(error, 99) < 32.0


def test_beyond_the_map_there_is_grass_and_never_a_void(ground: Ground) -> None:
    camera = PinholeCamera(160, 120, 90.0)
    for x, y in ((3000.0, -5000.0), (-1e6, 1e6)):
        picture = camera.render(ground, (x, y, 2.0), (-40.0, 30.0, 0.0))
        blue, green, _ = picture[100, :, :3].astype(float).mean(axis=0)
        assert green > 40
        assert green > blue


def test_a_camera_on_or_under_the_ground_still_gives_a_picture(ground: Ground) -> None:
    camera = PinholeCamera(64, 48, 90.0)
    for z in (0.0, -3.0):
        assert camera.render(ground, (0.0, 0.0, z), (0.0, 0.0, 0.0)).any()


@pytest.mark.parametrize(
    ("width", "height", "fov"),
    [(0, 10, 90.0), (10, -1, 90.0), (10, 100_000, 90.0), (10, 10, 0.0), (10, 10, 180.0)],
)
def test_impossible_settings_are_refused(width: int, height: int, fov: float) -> None:
    with pytest.raises(CameraSettingsError):
        PinholeCamera(width, height, fov)


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_what_is_not_finite_is_refused(ground: Ground, bad: float) -> None:
    camera = PinholeCamera(8, 8, 90.0)
    with pytest.raises(CameraSettingsError, match="not finite"):
        camera.render(ground, (bad, 0.0, 1.0), (0.0, 0.0, 0.0))
    with pytest.raises(CameraSettingsError, match="not finite"):
        camera.render(ground, (0.0, 0.0, 1.0), (0.0, bad, 0.0))
    with pytest.raises(CameraSettingsError, match="boxes"):
        camera.render(ground, (0.0, 0.0, 1.0), (0.0, 0.0, 0.0), _box(bad, 0.0, 0.0, 1.0))
    with pytest.raises(CameraSettingsError, match="fov"):
        PinholeCamera(8, 8, bad)


def test_an_array_of_another_shape_or_type_is_refused(ground: Ground) -> None:
    camera = PinholeCamera(8, 6, 90.0)
    pose = ((0.0, 0.0, 1.0), (0.0, 0.0, 0.0))
    for out in (
        np.zeros((8, 6, 4), np.uint8),
        np.zeros((6, 8, 4), np.float32),
        np.zeros((6, 16, 4), np.uint8)[:, ::2],
    ):
        with pytest.raises(CameraSettingsError, match="out"):
            camera.render(ground, *pose, None, out)
    with pytest.raises(CameraSettingsError, match="boxes"):
        camera.render(ground, *pose, np.zeros((2, 7), np.float32))
