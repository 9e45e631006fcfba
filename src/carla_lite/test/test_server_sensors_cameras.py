"""Depth and segmentation cameras of the real client, held against the geometry of the scene."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import carla
import numpy as np
import pytest

if TYPE_CHECKING:
    from conftest import Listener, Rig

WIDTH, HEIGHT, FOV_DEG = 320, 240, 70.0
FOCAL_PX = 0.5 * WIDTH / math.tan(math.radians(FOV_DEG) / 2)
EYE_M = 1.2  # the camera's height
AHEAD_M = 8.0  # from the camera to the middle of the crate
ROAD, SKY, DYNAMIC, CAR = 1, 11, 21, 14
STEP_M = 1000.0 / (2**24 - 1)


def pixels_of(image: Any) -> np.ndarray:
    """int64 (H, W, 3): blue, green, red."""
    bgra = np.frombuffer(image.raw_data, np.uint8).reshape(image.height, image.width, 4)
    return bgra[..., :3].astype(np.int64)


def depth_of(image: Any) -> np.ndarray:
    """Metres by CARLA's formula."""
    blue, green, red = np.moveaxis(pixels_of(image), -1, 0)
    return 1000.0 * (red + 256 * green + 65536 * blue) / (256**3 - 1)


def ground_depth() -> np.ndarray:
    """What a level camera over an empty plane measures, row by row."""
    below = (np.arange(HEIGHT) + 0.5 - HEIGHT / 2) / FOCAL_PX
    with np.errstate(divide="ignore"):
        return np.where(below > 0, EYE_M / below, np.inf)[:, None].repeat(WIDTH, 1)


@dataclass
class Stage:
    """A level camera of each kind in one place, and a crate straight ahead of it."""

    rig: Rig
    eye: carla.Transform
    crate: Any
    cameras: dict[str, Listener]

    def shoot(self) -> dict[str, Any]:
        frame = self.rig.tick()
        return {kind: camera.at(frame) for kind, camera in self.cameras.items()}

    def seen_box(self, actor: Any) -> tuple[float, float, float, float]:
        """Left, top, right and bottom of the actor's projected bounding box, in pixels."""
        corners = actor.bounding_box.get_world_vertices(actor.get_transform())
        to_eye = np.array(self.eye.get_inverse_matrix())
        x, y, z, _ = to_eye @ np.array([[c.x, c.y, c.z, 1.0] for c in corners]).T
        u, v = WIDTH / 2 + FOCAL_PX * y / x, HEIGHT / 2 - FOCAL_PX * z / x
        return u.min(), v.min(), u.max(), v.max()


@pytest.fixture
def stage(rig: Rig) -> Iterator[Stage]:
    start = rig.world.get_map().get_spawn_points()[0]
    start.location.z = 0.0
    eye = carla.Transform(start.location + carla.Location(z=EYE_M), start.rotation)
    ahead = carla.Transform(start.location + start.get_forward_vector() * AHEAD_M, start.rotation)
    crate = rig.spawn("static.prop.container", ahead)
    size = {"image_size_x": str(WIDTH), "image_size_y": str(HEIGHT), "fov": str(FOV_DEG)}
    kinds = ("rgb", "depth", "semantic_segmentation", "instance_segmentation")
    cameras = {kind: rig.listen(f"camera.{kind}", None, eye, **size) for kind in kinds}
    yield Stage(rig, eye, crate, cameras)


def bounds(mask: np.ndarray) -> tuple[int, int, int, int]:
    """Left, top, right and bottom edges of what is set."""
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    return columns[0], rows[0], columns[-1] + 1, rows[-1] + 1


def instances_of(image: Any) -> np.ndarray:
    blue, green, _ = np.moveaxis(pixels_of(image), -1, 0)
    return green + 256 * blue


def test_depth_is_the_distance_along_the_optical_axis(stage: Stage) -> None:
    shots = stage.shoot()
    depth = depth_of(shots["depth"])
    face = instances_of(shots["instance_segmentation"]) == stage.crate.id  # higher than the eye
    front_m = AHEAD_M - stage.crate.bounding_box.extent.x
    assert face.sum() > 1000
    np.testing.assert_allclose(depth[face], front_m, atol=STEP_M + 1e-4)
    tags = pixels_of(shots["semantic_segmentation"])[..., 2]
    road = (tags == ROAD) & (ground_depth() < 60.0)
    assert road.sum() > 5000
    np.testing.assert_allclose(depth[road], ground_depth()[road], rtol=1e-5, atol=STEP_M)


def test_sky_is_where_depth_ends(stage: Stage) -> None:
    shots = stage.shoot()
    sky = pixels_of(shots["semantic_segmentation"])[..., 2] == SKY
    assert 0.05 < sky.mean() < 0.6
    np.testing.assert_array_equal(depth_of(shots["depth"]) == 1000.0, sky)


def test_segmentation_depth_and_geometry_agree_on_an_outline_to_the_pixel(stage: Stage) -> None:
    shots = stage.shoot()
    tags = pixels_of(shots["semantic_segmentation"])[..., 2]
    crate = instances_of(shots["instance_segmentation"]) == stage.crate.id
    np.testing.assert_array_equal(pixels_of(shots["instance_segmentation"])[..., 2], tags)
    np.testing.assert_array_equal(tags == DYNAMIC, crate)
    depth = depth_of(shots["depth"])
    extent = stage.crate.bounding_box.extent
    near = (depth < AHEAD_M + extent.x + 0.01) & (depth < 0.99 * ground_depth())
    foot = bounds(crate)[3] - 3  # where the crate meets the ground their depths do too
    np.testing.assert_array_equal(near[:foot], crate[:foot])
    np.testing.assert_allclose(bounds(crate), stage.seen_box(stage.crate), atol=1.0)


def test_a_car_is_one_instance_within_its_projected_box(stage: Stage) -> None:
    rig, eye = stage.rig, stage.eye
    side = eye.location + eye.get_forward_vector() * 16.0 + eye.get_right_vector() * 3.0
    side.z = 0.0
    car = rig.spawn("vehicle.tesla.model3", carla.Transform(side, eye.rotation))
    shots = stage.shoot()
    mask = instances_of(shots["instance_segmentation"]) == car.id
    tags = pixels_of(shots["semantic_segmentation"])[..., 2]
    assert mask.sum() > 300 and (tags[mask] == CAR).all()
    np.testing.assert_array_equal(tags == CAR, mask)
    np.testing.assert_allclose(bounds(mask), stage.seen_box(car), atol=1.0)
    depth, extent = depth_of(shots["depth"]), car.bounding_box.extent
    assert abs(depth[mask].min() - (16.0 - extent.x)) < 0.01
    # The colour camera shows it in the same place: without it those pixels are others.
    with_car = pixels_of(shots["rgb"])
    car.destroy()
    changed = (pixels_of(stage.shoot()["rgb"]) != with_car).any(2)
    assert (changed & mask).sum() > 0.95 * mask.sum()


def test_a_camera_in_its_own_car_does_not_see_it_but_one_behind_does(rig: Rig) -> None:
    car = rig.vehicle()
    size = {"image_size_x": "80", "image_size_y": "60"}
    within = carla.Transform(carla.Location(x=0.6, z=1.3), carla.Rotation(pitch=-15.0))
    behind = carla.Transform(carla.Location(x=-6.0, z=2.5), carla.Rotation(pitch=-15.0))
    inner, outer = (
        rig.listen("camera.instance_segmentation", car, mount, **size) for mount in (within, behind)
    )
    frame = rig.tick()
    assert not (instances_of(inner.at(frame)) == car.id).any()
    assert (instances_of(outer.at(frame)) == car.id).mean() > 0.05


def test_images_have_the_size_that_was_asked_for(rig: Rig) -> None:
    place = rig.vehicle().get_transform()
    kinds = ("rgb", "depth", "semantic_segmentation", "instance_segmentation")
    cameras = [
        rig.listen(f"camera.{kind}", None, place, image_size_x="97", image_size_y="31", fov="100")
        for kind in kinds
    ]
    frame = rig.tick()
    for camera in cameras:
        image = camera.at(frame)
        assert (image.width, image.height, image.fov) == (97, 31, 100.0)
        raw = np.frombuffer(image.raw_data, np.uint8)
        assert len(raw) == 4 * 97 * 31 and (raw[3::4] == 255).all()


def test_no_rendering_mode_rests_the_cameras_and_nothing_else(rig: Rig) -> None:
    car = rig.vehicle()
    camera = rig.listen("camera.depth", car, image_size_x="20", image_size_y="10")
    imu = rig.listen("other.imu", car)
    rig.settings.no_rendering_mode = True
    rig.world.apply_settings(rig.settings)
    frame = rig.tick(3)
    imu.at(frame)
    assert camera.inbox.empty()
    rig.settings.no_rendering_mode = False
    rig.world.apply_settings(rig.settings)
    camera.at(rig.tick())


def test_the_clients_colour_converters_read_the_images(stage: Stage) -> None:
    shots = stage.shoot()
    metres, tags = depth_of(shots["depth"]), pixels_of(shots["semantic_segmentation"])[..., 2]
    shots["semantic_segmentation"].convert(carla.ColorConverter.CityScapesPalette)
    palette = pixels_of(shots["semantic_segmentation"])
    assert (palette[tags == ROAD] == (128, 64, 128)).all()
    assert (palette[tags == SKY] == (180, 130, 70)).all()
    shots["depth"].convert(carla.ColorConverter.Depth)
    grey = pixels_of(shots["depth"])
    np.testing.assert_allclose(grey[..., 0], metres / 1000.0 * 255.0, atol=1.0)
    shots = stage.shoot()
    shots["depth"].convert(carla.ColorConverter.LogarithmicDepth)
    logarithmic = np.clip(1.0 + np.log(np.maximum(metres, 1e-6) / 1000.0) / 5.70378, 0.005, 1.0)
    np.testing.assert_allclose(pixels_of(shots["depth"])[..., 1], logarithmic * 255.0, atol=1.0)
