"""Promises of the camera: where things appear, what they look like, what is refused."""

from __future__ import annotations

import carla
import cv2
import numpy as np
import pytest

from carla_lite.render import CameraSettingsError, PinholeCamera, Scene
from carla_lite.render.solids_static import InvalidSolidsError
from carla_lite.roads import lane_strips, make_map
from carla_lite.scenery import Solids, Tag, solid

RED = (20, 20, 230)


@pytest.fixture(scope="module")
def scene() -> Scene:
    return Scene.build(make_map("LiteCircuit_1"))


@pytest.fixture(scope="module")
def driver() -> tuple[tuple[float, float, float], tuple[float, float, float]]:
    """A camera pose on the first spawn point's lane."""
    x, y, _, yaw = make_map("LiteCircuit_1").spawn_points[0]
    return (x, y, 1.8), (-8.0, yaw, 0.0)


def _box(x: float, y: float, z: float, half: float, colour: tuple = RED) -> Solids:
    return solid((x, y, z), (half, half, half), 0.0, colour, Tag.STATIC, owner=7)


def _changed(camera: PinholeCamera, scene: Scene, pose: tuple, boxes: Solids) -> np.ndarray:
    """Where boxes make a difference above the ground."""
    with_box = camera.render(scene, *pose, boxes).astype(int)
    return np.abs(with_box - camera.render(scene, *pose)).max(axis=2) > 25


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
    scene: Scene, location: tuple, rotation: tuple
) -> None:
    camera = PinholeCamera(320, 240, 80.0)
    pose = carla.Transform(
        carla.Location(*location),
        carla.Rotation(pitch=rotation[0], yaw=rotation[1], roll=rotation[2]),
    )
    seen_from_camera = np.array([20.0, 3.0, -0.5])
    at = pose.transform(carla.Location(*seen_from_camera))
    changed = _changed(camera, scene, (location, rotation), _box(at.x, at.y, at.z, 0.4))
    rows, columns = np.nonzero(changed)
    focal = 160 / np.tan(np.radians(40.0))
    # The shadow may hang on below, so the top and the sides tell where the box is.
    expected = 160 + focal * seen_from_camera[1] / seen_from_camera[0]
    assert np.median(columns) == pytest.approx(expected, abs=4.0)
    assert rows.min() == pytest.approx(120 + focal * (0.5 - 0.45) / 20.0, abs=6.0)


def _ground_points(
    camera: PinholeCamera, location: tuple, rotation: tuple
) -> tuple[np.ndarray, np.ndarray]:
    """Where the pixels' rays meet the ground by CARLA's transform: (H, W, 2), and their depth."""
    pose = carla.Transform(carla.Location(*location), carla.Rotation(*rotation))
    matrix = np.array(pose.get_matrix())[:3, :3]
    rays = np.ones((camera.height, camera.width, 3))
    rays[..., 1] = (np.arange(camera.width) + 0.5 - camera.width / 2) / camera.focal_px
    rays[..., 2] = ((camera.height / 2 - np.arange(camera.height) - 0.5) / camera.focal_px)[:, None]
    rays = rays @ matrix.T
    with np.errstate(divide="ignore"):
        depth = np.where(rays[..., 2] < -1e-3, -location[2] / rays[..., 2], np.inf)
    points = location[:2] + np.where(np.isfinite(depth), depth, 0.0)[..., None] * rays[..., :2]
    return points, depth


POSES = [
    ((0.0, 0.0, 5.0), (-90.0, 0.0, 0.0)),
    ((0.4, -0.2, 2.0), (-25.0, 20.0, 0.0)),
    ((-1.0, 0.3, 3.0), (-40.0, -110.0, 15.0)),
    ((-1.0, 0.3, 4.0), (-60.0, 75.0, 170.0)),
]


@pytest.mark.parametrize(("offset", "rotation"), POSES)
def test_a_painted_line_appears_at_the_pixels_where_a_pinhole_projects_it(
    scene: Scene, offset: tuple, rotation: tuple
) -> None:
    network = make_map("LiteCircuit_1")
    edge = next(s for s in lane_strips(network) if s.lane.id == -1)
    x, y = edge.outer[10]
    location = (x + offset[0], y + offset[1], offset[2])
    camera = PinholeCamera(240, 180, 90.0)
    picture = camera.render_grey(scene, location, rotation).astype(float)
    points, depth = _ground_points(camera, location, rotation)
    line = np.concatenate([s.outer for s in lane_strips(network, 0.05) if s.lane.id == -1])
    line = line[np.hypot(*(line - (x, y)).T) < 14.0]
    seen = (np.hypot(*(points - (x, y)).transpose(2, 0, 1)) < 8.0) & (depth < 12.0)
    away = np.hypot(*(points[seen][:, None] - line[None]).transpose(2, 0, 1)).min(axis=1)
    grey = picture[seen]
    assert grey[away < 0.04].mean() > grey[(away > 0.2) & (away < 0.35)].mean() + 60
    # The edge itself is half way, within a twentieth of a metre.
    assert grey[away < 0.04].mean() > grey[(away > 0.125) & (away < 0.15)].mean() + 30


@pytest.mark.parametrize(("offset", "rotation"), POSES)
def test_depth_of_the_ground_is_that_of_a_plane(
    scene: Scene, offset: tuple, rotation: tuple
) -> None:
    camera = PinholeCamera(120, 90, 100.0)
    depth = camera.render_depth(scene, offset, rotation)
    _, expected = _ground_points(camera, offset, rotation)
    assert depth.dtype == np.float32
    near = expected < 300.0
    np.testing.assert_allclose(depth[near], expected[near], rtol=1e-4)
    looking_up = camera.render_depth(scene, offset, (45.0, 0.0, 0.0))
    assert np.isinf(looking_up[:80]).all()


PAVED = {"driving": Tag.ROAD, "shoulder": Tag.ROAD, "sidewalk": Tag.SIDEWALK}


def _tags_by_geometry(places: np.ndarray, middle: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """What lane strips have at places (N, 2) within 8 m of a point, paint aside: tags, and how far
    the nearest border of a lane is."""
    tags = np.full(len(places), Tag.TERRAIN)
    margin = np.full(len(places), np.inf)
    for strip in lane_strips(make_map("LiteCircuit_1"), 0.1):
        near = np.hypot(*(strip.centre - middle).T) < 16.0
        if strip.lane.id == 0 or not near.any():
            continue
        part = slice(int(np.argmax(near)), len(near) - int(np.argmax(near[::-1])))
        inner, outer = strip.inner[part], strip.outer[part]
        for border in (inner, outer):
            away = np.hypot(*(places[:, None] - border[None]).transpose(2, 0, 1))
            margin = np.minimum(margin, away.min(axis=1))
        outline = np.concatenate([inner, outer[::-1]]).astype(np.float32)
        inside = [cv2.pointPolygonTest(outline, (x, y), False) >= 0 for x, y in places.tolist()]
        if strip.lane.kind in PAVED:
            tags[inside] = PAVED[strip.lane.kind]
    return tags, margin


@pytest.mark.parametrize(("offset", "rotation"), POSES)
def test_labels_of_the_ground_are_those_of_the_lanes_to_the_pixel(
    scene: Scene, offset: tuple, rotation: tuple
) -> None:
    edge = next(s for s in lane_strips(make_map("LiteCircuit_1")) if s.lane.id == -1)
    middle = edge.outer[10]
    location = (middle[0] + offset[0], middle[1] + offset[1], offset[2])
    camera = PinholeCamera(120, 90, 90.0)
    tags, ids = camera.render_labels(scene, location, rotation)
    assert not ids.any()
    points, depth = _ground_points(camera, location, rotation)
    seen = (np.hypot(*(points - middle).transpose(2, 0, 1)) < 7.0) & (depth < 10.0)
    tags = tags[seen]
    expected, margin = _tags_by_geometry(points[seen], middle)
    paint = tags == Tag.ROAD_LINE
    # Lines are painted on the borders of lanes; other borders are kept to 3 cm.
    clear = (margin > 0.03) & ~paint
    assert clear.mean() > 0.7
    assert (tags[clear] == expected[clear]).mean() > 0.999
    assert paint.sum() > 20
    assert np.quantile(margin[paint], 0.99) < 0.11


def test_ground_tags_of_places_are_those_that_cameras_see(scene: Scene) -> None:
    x, y, _, _ = make_map("LiteCircuit_1").spawn_points[0]
    camera = PinholeCamera(90, 60, 90.0)
    location, rotation = (x, y, 6.0), (-70.0, 30.0, 5.0)
    tags, _ = camera.render_labels(scene, location, rotation)
    points, _ = _ground_points(camera, location, rotation)
    found = scene.ground_tags(points[..., 0].ravel(), points[..., 1].ravel())
    assert (found == tags.ravel()).mean() > 0.995
    assert set(found) >= {Tag.ROAD, Tag.SIDEWALK, Tag.ROAD_LINE, Tag.TERRAIN}
    far = scene.ground_tags(np.array([1e7, -1e7]), np.array([0.0, 1e7]))
    assert (far == Tag.TERRAIN).all()


def test_above_the_horizon_there_is_the_sky_for_every_output(scene: Scene) -> None:
    camera = PinholeCamera(64, 48, 90.0)
    pose = ((0.0, 0.0, 2.0), (0.0, 10.0, 0.0))
    tags, _ = camera.render_labels(scene, *pose)
    assert (tags[:24] == Tag.SKY).all()
    assert (tags[24:] != Tag.SKY).all()
    np.testing.assert_array_equal(np.isinf(camera.render_depth(scene, *pose)), tags == Tag.SKY)


def test_a_nearer_vehicle_hides_a_farther_one(scene: Scene) -> None:
    camera = PinholeCamera(160, 120, 90.0)
    near, far = _box(8.0, 0.0, 1.0, 1.0), _box(20.0, 0.0, 1.0, 1.0, (230, 20, 20))
    pose = ((0.0, 0.0, 1.0), (0.0, 0.0, 0.0))
    alone = camera.render(scene, *pose, near)
    for boxes in (np.concatenate([near, far]), np.concatenate([far, near])):
        both = camera.render(scene, *pose, boxes)
        np.testing.assert_array_equal(both[57:63, 72:88], alone[57:63, 72:88])


def test_a_vehicle_throws_a_shadow_on_the_ground_and_no_further(scene: Scene) -> None:
    camera = PinholeCamera(200, 200, 90.0)
    pose = ((0.0, 0.0, 20.0), (-90.0, 0.0, 0.0))
    bare = camera.render_grey(scene, *pose).astype(int)
    shaded = camera.render_grey(scene, *pose, _box(0.0, 0.0, 1.0, 1.0)).astype(int)
    outside = np.ones_like(bare, bool)
    outside[93:107, 93:107] = False
    assert (bare - shaded)[outside].max() > 20
    outside[70:130, 70:130] = False
    np.testing.assert_array_equal(bare[outside], shaded[outside])


def test_depth_and_labels_show_the_same_solid(scene: Scene) -> None:
    camera = PinholeCamera(120, 90, 90.0)
    pose = ((0.0, 0.0, 1.5), (-5.0, 0.0, 3.0))
    box = _box(8.0, 0.5, 1.0, 1.0)
    tags, ids = camera.render_labels(scene, *pose, box)
    depth = camera.render_depth(scene, *pose, box)
    nearer = depth < camera.render_depth(scene, *pose)
    np.testing.assert_array_equal(ids == 7, nearer)
    np.testing.assert_array_equal(tags == Tag.STATIC, nearer)
    assert nearer.sum() > 100


def test_the_grey_picture_is_the_luma_of_the_colour_picture(scene: Scene, driver: tuple) -> None:
    camera = PinholeCamera(161, 119, 90.0)
    x, y, _ = driver[0]
    boxes = _box(x + 6.0, y, 1.0, 1.0)
    luma = cv2.cvtColor(camera.render(scene, *driver, boxes), cv2.COLOR_BGRA2GRAY)
    grey = camera.render_grey(scene, *driver, boxes)
    assert np.abs(luma.astype(int) - grey).max() <= 1


def test_the_picture_is_opaque_repeatable_and_drawn_into_the_given_array(
    scene: Scene, driver: tuple
) -> None:
    camera = PinholeCamera(160, 120, 90.0)
    out = np.zeros((120, 160, 4), np.uint8)
    assert camera.render(scene, *driver, None, out) is out
    assert (out[..., 3] == 255).all()
    np.testing.assert_array_equal(out, PinholeCamera(160, 120, 90.0).render(scene, *driver))
    location, (pitch, _, roll) = driver
    np.testing.assert_array_equal(
        camera.render(scene, location, (pitch, 45.0, roll)),
        camera.render(scene, location, (pitch, 405.0, roll)),
    )


def test_pictures_before_leave_no_trace(scene: Scene, driver: tuple) -> None:
    camera = PinholeCamera(80, 60, 90.0)
    first = camera.render(scene, *driver)
    camera.render(scene, (0.0, 0.0, 9.0), (-30.0, 0.0, 12.0), _box(4.0, 0.0, 1.0, 1.0))
    np.testing.assert_array_equal(first, camera.render(scene, *driver))


@pytest.mark.parametrize("pitch", [-89.9, -45.0, -8.0, 20.0])
def test_a_picture_with_next_to_no_roll_is_the_one_without(
    scene: Scene, driver: tuple, pitch: float
) -> None:
    """Without roll rows have one level of detail each; with it, levels change within rows."""
    camera = PinholeCamera(300, 200, 90.0)
    location, (_, yaw, _) = driver
    level = camera.render(scene, location, (pitch, yaw, 0.0)).astype(int)
    rolled = camera.render(scene, location, (pitch, yaw, 1e-4)).astype(int)
    assert np.abs(level - rolled).mean() < 0.2


def test_a_rolled_picture_is_the_level_one_turned(scene: Scene, driver: tuple) -> None:
    camera = PinholeCamera(301, 301, 90.0)
    location, (pitch, yaw, _) = driver
    level = camera.render_grey(scene, location, (pitch, yaw, 0.0))
    rolled = camera.render_grey(scene, location, (pitch, yaw, 30.0))
    # To the right means clockwise for the camera: what it sees turns the other way.
    turn = cv2.getRotationMatrix2D((150.0, 150.0), 30.0, 1.0)
    expected = cv2.warpAffine(level, turn, (301, 301), flags=cv2.INTER_LINEAR)
    rows, columns = np.indices((301, 301)) - 150
    inside = np.hypot(rows, columns) < 145
    error = np.abs(expected.astype(float) - rolled)[inside]
    assert error.mean() < 4.0


def test_far_lines_do_not_shimmer(scene: Scene, driver: tuple) -> None:
    """A small picture is close to a large one averaged down: nothing is missed between pixels."""
    location, rotation = driver
    small, large = PinholeCamera(160, 120, 90.0), PinholeCamera(960, 720, 90.0)
    for step in range(4):
        at = (location[0] + 0.3 * step, location[1] + 0.2 * step, location[2])
        sharp = cv2.resize(
            large.render_grey(scene, at, rotation), (160, 120), interpolation=cv2.INTER_AREA
        )
        error = np.abs(small.render_grey(scene, at, rotation).astype(float) - sharp)
        assert error.mean() < 3.0
        assert np.percentile(error, 99) < 32.0


def test_beyond_the_map_there_is_grass_and_never_a_void(scene: Scene) -> None:
    camera = PinholeCamera(160, 120, 90.0)
    for x, y in ((3000.0, -5000.0), (-1e6, 1e6), (1e30, -1e300)):
        picture = camera.render(scene, (x, y, 2.0), (-40.0, 30.0, 0.0))
        blue, green, _ = picture[100, :, :3].astype(float).mean(axis=0)
        assert green > 40
        assert green > blue
        tags, _ = camera.render_labels(scene, (x, y, 2.0), (-60.0, 30.0, 0.0))
        assert (tags == Tag.TERRAIN).all()


@pytest.mark.parametrize("fov", [0.01, 1.0, 179.0])
@pytest.mark.parametrize("rotation", [(-90.0, 0.0, 0.0), (90.0, 0.0, 0.0), (-33.0, 1e9, 77.0)])
@pytest.mark.parametrize("z", [-3.0, 0.0, 0.05, 2e3, 1e300])
def test_a_camera_anywhere_at_any_angle_gives_a_whole_picture(
    scene: Scene, fov: float, rotation: tuple, z: float
) -> None:
    camera = PinholeCamera(53, 31, fov)
    picture = camera.render(scene, (1.0, 2.0, z), rotation)
    assert (picture[..., 3] == 255).all()
    assert (picture[..., :3].max(axis=2) > 0).all()
    tags, ids = camera.render_labels(scene, (1.0, 2.0, z), rotation)
    assert not ids.any()
    depth = camera.render_depth(scene, (1.0, 2.0, z), rotation)
    assert (depth > 0).all()
    assert ((tags == Tag.SKY) == np.isinf(depth)).mean() > 0.99


@pytest.mark.parametrize(
    ("width", "height", "fov"),
    [
        (0, 10, 90.0),
        (10, -1, 90.0),
        (10, 100_000, 90.0),
        (10, 10, 0.0),
        (10, 10, 180.0),
        (10, 10, float("nan")),
    ],
)
def test_impossible_settings_are_refused(width: int, height: int, fov: float) -> None:
    with pytest.raises(CameraSettingsError, match=r"width|height|fov"):
        PinholeCamera(width, height, fov)


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_what_is_not_finite_is_refused(scene: Scene, bad: float) -> None:
    camera = PinholeCamera(8, 8, 90.0)
    for shoot in (camera.render, camera.render_grey, camera.render_depth, camera.render_labels):
        with pytest.raises(CameraSettingsError, match="not finite"):
            shoot(scene, (bad, 0.0, 1.0), (0.0, 0.0, 0.0))
        with pytest.raises(CameraSettingsError, match="not finite"):
            shoot(scene, (0.0, 0.0, 1.0), (0.0, bad, 0.0))
    with pytest.raises(InvalidSolidsError, match="finite"):
        camera.render(scene, (0.0, 0.0, 1.0), (0.0, 0.0, 0.0), _box(bad, 0.0, 0.0, 1.0))


def test_an_array_of_another_shape_or_type_is_refused(scene: Scene) -> None:
    camera = PinholeCamera(8, 6, 90.0)
    pose = ((0.0, 0.0, 1.0), (0.0, 0.0, 0.0))
    for out in (
        np.zeros((8, 6, 4), np.uint8),
        np.zeros((6, 8, 4), np.float32),
        np.zeros((6, 16, 4), np.uint8)[:, ::2],
    ):
        with pytest.raises(CameraSettingsError, match=r"out is .* uint8 array of \(6, 8, 4\)"):
            camera.render(scene, *pose, None, out)
    with pytest.raises(CameraSettingsError, match=r"uint8 array of \(6, 8\)"):
        camera.render_grey(scene, *pose, None, np.zeros((6, 8), np.int8))
    with pytest.raises(CameraSettingsError, match=r"float32 array of \(6, 8\)"):
        camera.render_depth(scene, *pose, None, np.zeros((6, 8)))
    with pytest.raises(InvalidSolidsError, match="SOLID"):
        camera.render(scene, *pose, np.zeros((2, 7), np.float32))
