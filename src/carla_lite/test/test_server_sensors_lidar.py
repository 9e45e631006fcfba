"""Lidars of the real client, held against depth images, labels and their own attributes."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import carla
import numpy as np
import pytest

if TYPE_CHECKING:
    from conftest import Rig

WIDTH, HEIGHT = 640, 480
FOCAL_PX = WIDTH / 2.0  # of 90 degrees
MOUNT = carla.Transform(carla.Location(x=0.5, z=1.8))
CERTAIN = {"dropoff_general_rate": "0", "dropoff_intensity_limit": "0"}
VEGETATION = 9
SEMANTIC_POINT = np.dtype(
    [("place", np.float32, 3), ("cosine", np.float32), ("id", np.uint32), ("tag", np.uint32)]
)


def points_of(sweep: Any) -> np.ndarray:
    """float32 (N, 4): x, y, z, intensity."""
    return np.frombuffer(sweep.raw_data, np.float32).reshape(-1, 4)


def counts_of(sweep: Any) -> list[int]:
    return [sweep.get_point_count(channel) for channel in range(sweep.channels)]


def scene(rig: Rig) -> Any:
    """A car that looks at two others and a crate."""
    car = rig.vehicle()
    rig.tick()
    place = car.get_transform()
    forward, right = place.get_forward_vector(), place.get_right_vector()
    for type_id, ahead, aside in (
        ("vehicle.mercedes.sprinter", 12.0, 0.5),
        ("static.prop.container", 6.0, -2.5),
        ("vehicle.tesla.model3", 20.0, 4.0),
    ):
        spot = place.location + forward * ahead + right * aside
        rig.spawn(type_id, carla.Transform(spot, carla.Rotation(yaw=place.rotation.yaw + 20.0)))
    return car


def test_lidar_depth_and_labels_measure_one_world(rig: Rig) -> None:
    car = scene(rig)
    size = {"image_size_x": str(WIDTH), "image_size_y": str(HEIGHT)}
    sweep = {
        "channels": "64", "points_per_second": "800000", "rotation_frequency": "20",
        "range": "60", "upper_fov": "15", "lower_fov": "-30",
    }  # fmt: skip
    lidar = rig.listen("lidar.ray_cast", car, MOUNT, **sweep, **CERTAIN)
    semantic = rig.listen("lidar.ray_cast_semantic", car, MOUNT, **sweep)
    depth, labels = (
        rig.listen(f"camera.{kind}", car, MOUNT, **size)
        for kind in ("depth", "instance_segmentation")
    )
    frame = rig.tick()
    points = points_of(lidar.at(frame))
    rich = np.frombuffer(semantic.at(frame).raw_data, SEMANTIC_POINT)
    np.testing.assert_array_equal(points[:, :3], rich["place"])  # the same rays

    pixels = np.frombuffer(depth.at(frame).raw_data, np.uint8).reshape(HEIGHT, WIDTH, 4)
    blue, green, red = np.moveaxis(pixels[..., :3].astype(np.int64), -1, 0)
    metres = 1000.0 * (red + 256 * green + 65536 * blue) / (256**3 - 1)
    label = np.frombuffer(labels.at(frame).raw_data, np.uint8).reshape(HEIGHT, WIDTH, 4)
    tags, numbers = label[..., 2].astype(int), label[..., 1] + 256 * label[..., 0].astype(int)

    x, y, z = points[:, :3].astype(np.float64).T
    ahead = x > 1.0
    u = WIDTH / 2 + FOCAL_PX * y / np.where(ahead, x, 1.0) - 0.5  # in pixel centres
    v = HEIGHT / 2 - FOCAL_PX * z / np.where(ahead, x, 1.0) - 0.5
    column, row = np.floor(u).astype(int), np.floor(v).astype(int)
    inside = ahead & (column >= 2) & (column < WIDTH - 4) & (row >= 2) & (row < HEIGHT - 4)
    u, v, x, column, row = (values[inside] for values in (u, v, x, column, row))
    rich = rich[inside]

    # Away from edges all pixels around a point show one and the same thing, on one face: there
    # the reciprocal of depth is a linear function of the place in the picture.
    around = [(i, j) for i in (-1, 0, 1, 2) for j in (-1, 0, 1, 2)]
    same = np.ones(len(x), bool)
    for i, j in around:
        same &= tags[row + i, column + j] == tags[row, column]
        same &= numbers[row + i, column + j] == numbers[row, column]
    flat = same & (tags[row, column] != VEGETATION)
    inverse = 1.0 / metres
    bend = sum(
        abs(inverse[row + i - 1, column + j] - 2 * inverse[row + i, column + j]
            + inverse[row + i + 1, column + j])
        + abs(inverse[row + i, column + j - 1] - 2 * inverse[row + i, column + j]
              + inverse[row + i, column + j + 1])
        for i in (0, 1) for j in (0, 1)
    )  # fmt: skip
    flat &= bend * x * x < 2e-3  # m, of which the depth code's steps make up half
    s, t = u - column, v - row
    between = (
        (1 - s) * (1 - t) * inverse[row, column] + s * (1 - t) * inverse[row, column + 1]
        + (1 - s) * t * inverse[row + 1, column] + s * t * inverse[row + 1, column + 1]
    )  # fmt: skip
    error_m = np.abs(1.0 / between - x)
    assert flat.sum() > 5000
    assert error_m[flat].max() < 0.001
    np.testing.assert_array_equal(rich["tag"][same], tags[row, column][same])
    actors = {actor.id for actor in rig.actors}
    seen = same & np.isin(numbers[row, column], sorted(actors))
    assert len(np.unique(rich["id"][seen])) == 3
    np.testing.assert_array_equal(rich["id"][seen], numbers[row, column][seen])
    assert (rich["id"][same & ~seen] == 0).all()


def test_the_ground_around_a_lidar_is_flat_and_as_far_as_geometry_says(rig: Rig) -> None:
    car = rig.vehicle()
    lidar = rig.listen("lidar.ray_cast_semantic", car, MOUNT, rotation_frequency="20", range="40")
    sweep = np.frombuffer(lidar.at(rig.tick()).raw_data, SEMANTIC_POINT)
    ground = sweep[np.isin(sweep["tag"], (1, 2, 10, 24, 25))]
    assert len(ground) > 500
    np.testing.assert_allclose(ground["place"][:, 2], -1.8, atol=1e-3)
    distance = np.linalg.norm(ground["place"].astype(np.float64), axis=1)
    np.testing.assert_allclose(ground["cosine"], 1.8 / distance, atol=1e-4)
    assert distance.max() <= 40.0
    lifts = np.unique(np.degrees(np.arcsin(ground["place"][:, 2] / distance)).round(2))
    expected = np.linspace(10.0, -30.0, 32).round(2)
    assert np.isin(lifts, np.concatenate([expected, expected - 0.01, expected + 0.01])).all()


def test_lasers_turn_with_simulated_time(rig: Rig) -> None:
    car = rig.vehicle()
    lidar = rig.listen(
        "lidar.ray_cast", car, MOUNT, channels="16", points_per_second="32000",
        rotation_frequency="5", range="80", lower_fov="-30", upper_fov="-10", **CERTAIN,
    )  # fmt: skip
    angles = []
    for tick in range(1, 6):
        sweep = lidar.at(rig.tick())
        assert (sweep.channels, counts_of(sweep)) == (16, [100] * 16)  # 32 000 / s, 0.05 s
        angles.append(sweep.horizontal_angle)
        points = points_of(sweep)
        # A quarter turn each, from behind over the left.
        heading = np.degrees(np.arctan2(points[:, 1], points[:, 0]))
        start = -180.0 + 90.0 * ((tick - 1) % 4)
        turned = (heading - start) % 360.0
        assert turned.max() <= 89.11 or (turned.max() > 359.9)
        np.testing.assert_allclose(
            np.unique((heading.reshape(16, 100) - start).round(2) % 360.0, axis=0)[0],
            np.arange(100) * 0.9, atol=0.02,
        )  # fmt: skip
    quarter = 0.5 * math.pi
    np.testing.assert_allclose(angles, [quarter, 2 * quarter, 3 * quarter, 0.0, quarter], atol=1e-5)


def test_intensity_fades_with_distance_and_drops_off_as_asked(rig: Rig) -> None:
    car = rig.vehicle()
    common = {"rotation_frequency": "20", "range": "50", "points_per_second": "640000"}
    full, general, faint = (
        rig.listen("lidar.ray_cast", car, MOUNT, **common, **{**CERTAIN, **options})
        for options in (
            {"atmosphere_attenuation_rate": "0.02"},
            {"dropoff_general_rate": "0.3"},
            {
                "atmosphere_attenuation_rate": "0.02",
                "dropoff_intensity_limit": "1.0",
                "dropoff_zero_intensity": "0.9",
            },
        )
    )
    frame = rig.tick()
    points = points_of(full.at(frame))
    distance = np.linalg.norm(points[:, :3].astype(np.float64), axis=1)
    np.testing.assert_allclose(points[:, 3], np.exp(-0.02 * distance), rtol=1e-5)
    assert len(points_of(general.at(frame))) == pytest.approx(0.7 * len(points), rel=0.02)
    expected = (1.0 - 0.9 * (1.0 - points[:, 3])).sum()
    assert len(points_of(faint.at(frame))) == pytest.approx(expected, rel=0.02)


def test_noise_lies_along_the_ray_with_the_deviation_that_was_asked_for(rig: Rig) -> None:
    car = rig.vehicle()
    common = {**CERTAIN, "rotation_frequency": "20", "range": "50", "points_per_second": "320000"}
    clean, noisy, same, other = (
        rig.listen("lidar.ray_cast", car, MOUNT, **common, **options)
        for options in (
            {},
            {"noise_stddev": "0.1", "noise_seed": "7"},
            {"noise_stddev": "0.1", "noise_seed": "7"},
            {"noise_stddev": "0.1", "noise_seed": "8"},
        )
    )
    frame = rig.tick()
    true, points = points_of(clean.at(frame)), points_of(noisy.at(frame))
    ray = true[:, :3] / np.linalg.norm(true[:, :3], axis=1)[:, None]
    error = points[:, :3] - true[:, :3]
    along = (error * ray).sum(1)
    np.testing.assert_allclose(error, along[:, None] * ray, atol=1e-4)
    assert along.std() == pytest.approx(0.1, rel=0.03) and abs(along.mean()) < 0.005
    np.testing.assert_array_equal(points, points_of(same.at(frame)))
    assert not np.array_equal(points, points_of(other.at(frame)))


def test_a_narrow_lidar_and_one_without_points_are_well_formed(rig: Rig) -> None:
    car = rig.vehicle()
    narrow = rig.listen(
        "lidar.ray_cast", car, MOUNT, horizontal_fov="60", channels="1", range="50",
        upper_fov="-10", rotation_frequency="20", points_per_second="2000", **CERTAIN,
    )  # fmt: skip
    empty = rig.listen("lidar.ray_cast", car, MOUNT, points_per_second="0")
    blind = rig.listen("lidar.ray_cast_semantic", car, MOUNT, range="0.1")
    frame = rig.tick()
    points = points_of(narrow.at(frame))
    heading = np.degrees(np.arctan2(points[:, 1], points[:, 0]))
    assert len(points) == 100 and -30.01 < heading.min() < -29.9 and 29.0 < heading.max() < 30.0
    np.testing.assert_allclose(points[:, 2], -1.8, atol=1e-3)
    for silent in (empty, blind):
        sweep = silent.at(frame)
        assert len(sweep) == 0 and sweep.channels == 32 and counts_of(sweep) == [0] * 32
