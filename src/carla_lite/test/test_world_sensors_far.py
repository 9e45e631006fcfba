"""Sensors in and of faraway places: nobody's recklessness blinds the others."""

from __future__ import annotations

import numpy as np
import pytest

from carla_lite.world import Transform, Vector3, World
from carla_lite.world.sensors import Image, LidarReading, RadarReading

EDGE_M = 1e6  # the farthest place that clients may name


@pytest.fixture
def world() -> World:
    return World("LiteCircuit_1")


def test_a_car_that_leaves_for_infinity_blinds_no_sensor(world: World) -> None:
    place = Transform(Vector3(0.0, 0.0, 3.0))
    size = {"image_size_x": "40", "image_size_y": "30"}
    camera = world.spawn("sensor.camera.rgb", place, size)
    lidar = world.spawn("sensor.lidar.ray_cast_semantic", place, {"range": "50"})
    world.tick()
    picture, sweep = world.read(camera.id), world.read(lidar.id)
    assert isinstance(picture, Image) and isinstance(sweep, LidarReading)
    pixels = picture.pixels.copy()
    car = world.spawn("vehicle.tesla.model3", Transform(Vector3(EDGE_M, EDGE_M, 0.0)))
    for _ in range(100):
        world.set_target_velocity(car.id, Vector3(200.0, 0.0, 0.0))
        world.tick()
    assert car.transform.location.x > EDGE_M + 900.0
    again, later = world.read(camera.id), world.read(lidar.id)
    assert isinstance(again, Image) and isinstance(later, LidarReading)
    np.testing.assert_array_equal(again.pixels, pixels)
    assert len(later.points) > 100


def test_sensors_measure_at_the_edge_of_the_world_and_under_the_ground(world: World) -> None:
    for place in (Vector3(EDGE_M, -EDGE_M, 2.0), Vector3(0.0, 0.0, -3.0), Vector3(0, 0, EDGE_M)):
        readings = []
        for kind in (
            "camera.rgb", "camera.depth", "camera.instance_segmentation", "lidar.ray_cast",
            "lidar.ray_cast_semantic", "other.radar", "other.obstacle", "other.imu", "other.gnss",
        ):  # fmt: skip
            sensor = world.spawn(f"sensor.{kind}", Transform(place), {"sensor_tick": "0.0"})
            world.tick()
            readings.append(world.read(sensor.id))
        lidar, radar = readings[3], readings[5]
        assert isinstance(lidar, LidarReading) and np.isfinite(lidar.points).all()
        assert isinstance(radar, RadarReading) and np.isfinite(radar.detections).all()


def test_the_greatest_lidar_of_the_longest_tick_stays_within_bounds(world: World) -> None:
    world.fps = 0.1
    most = {"points_per_second": "10000000", "channels": "256", "range": "10"}
    lidar = world.spawn("sensor.lidar.ray_cast", Transform(Vector3(0.0, 0.0, 2.0)), most)
    world.tick()
    reading = world.read(lidar.id)
    assert isinstance(reading, LidarReading)
    assert 10_000 < len(reading.points) <= 1_000_000
