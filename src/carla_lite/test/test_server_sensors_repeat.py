"""Every sensor tells the same story again, byte for byte, and each in its own rhythm."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import carla
import numpy as np
import pytest

if TYPE_CHECKING:
    from conftest import Listener, Rig

SIZE = {"image_size_x": "96", "image_size_y": "64"}
MOUNT = carla.Transform(carla.Location(x=0.5, z=1.7), carla.Rotation(pitch=-5.0))
BUMPER = carla.Transform(carla.Location(x=2.8, z=0.7))
SENSORS: dict[str, tuple[carla.Transform, dict[str, str]]] = {
    "camera.rgb": (MOUNT, SIZE),
    "camera.depth": (MOUNT, SIZE),
    "camera.semantic_segmentation": (MOUNT, SIZE),
    "camera.instance_segmentation": (MOUNT, SIZE),
    "lidar.ray_cast": (MOUNT, {"range": "50", "noise_stddev": "0.05", "noise_seed": "3"}),
    "lidar.ray_cast_semantic": (MOUNT, {"range": "50"}),
    "other.radar": (BUMPER, {"noise_seed": "4"}),
    "other.imu": (
        MOUNT,
        {"noise_accel_stddev_x": "0.1", "noise_gyro_stddev_z": "0.01", "noise_seed": "5"},
    ),
    "other.gnss": (MOUNT, {"noise_lat_stddev": "1e-6", "noise_seed": "6"}),
    "other.obstacle": (BUMPER, {"distance": "30"}),
}


def told(data: Any) -> object:
    """All that a reading holds, apart from the server's own numbers."""
    if isinstance(data, carla.IMUMeasurement):
        force, spin = data.accelerometer, data.gyroscope
        return (force.x, force.y, force.z, spin.x, spin.y, spin.z, data.compass)
    if isinstance(data, carla.GnssMeasurement):
        return (data.latitude, data.longitude, data.altitude)
    if isinstance(data, carla.ObstacleDetectionEvent):
        return (data.other_actor.type_id, data.distance)
    if isinstance(data, (carla.LidarMeasurement, carla.SemanticLidarMeasurement)):
        counts = [data.get_point_count(channel) for channel in range(data.channels)]
        return (data.horizontal_angle, counts, bytes(data.raw_data))
    return bytes(data.raw_data)


def spawn_all(rig: Rig) -> tuple[Any, dict[str, Listener]]:
    """A car with every sensor and a van ahead of it."""
    car = rig.vehicle(2)
    rig.tick()
    ahead = car.get_transform()
    ahead.location += ahead.get_forward_vector() * 14.0
    rig.spawn("vehicle.mercedes.sprinter", ahead)
    return car, {
        kind: rig.listen(kind, car, mount, **values) for kind, (mount, values) in SENSORS.items()
    }


def story(server: Any, make_rig: type[Rig]) -> dict[str, list[object]]:
    rig = make_rig(server.client())
    try:
        car, listeners = spawn_all(rig)
        told_by: dict[str, list[object]] = {kind: [] for kind in listeners}
        for steer in (0.0, 0.2, -0.3, 0.1, 0.0):
            car.apply_control(carla.VehicleControl(throttle=0.8, steer=steer))
            frame = rig.tick()
            for kind, listener in listeners.items():
                told_by[kind].append(told(listener.at(frame)))
        return told_by
    finally:
        rig.close()


@pytest.fixture(scope="module")
def stories(running_server: Any, make_rig: type[Rig]) -> Iterator[list[dict[str, list[object]]]]:
    """What all sensors tell on two fresh servers of one seed and on one of another."""
    collected = []
    for seed in ("11", "11", "12"):
        with running_server("--map", "LiteCircuit_4", "--seed", seed) as server:
            collected.append(story(server, make_rig))
    yield collected


@pytest.mark.parametrize("kind", sorted(SENSORS))
def test_a_sensor_repeats_itself_byte_for_byte_on_a_fresh_server(
    stories: list[dict[str, list[object]]], kind: str
) -> None:
    first, again, _ = stories
    assert first[kind] == again[kind]
    assert len({str(reading) for reading in first[kind]}) == 5  # and each tick differs


@pytest.mark.parametrize(
    "kind", ["camera.rgb", "lidar.ray_cast", "other.radar", "other.imu", "other.gnss"]
)
def test_another_seed_of_the_world_gives_other_noise(
    stories: list[dict[str, list[object]]], kind: str
) -> None:
    first, _, other = stories
    assert first[kind][0] != other[kind][0]


@pytest.mark.parametrize("kind", sorted(SENSORS))
def test_sensor_tick_sets_every_sensors_rhythm(rig: Rig, kind: str) -> None:
    car = rig.vehicle()
    rig.tick()
    ahead = car.get_transform()
    ahead.location += ahead.get_forward_vector() * 12.0
    rig.spawn("static.prop.container", ahead)
    mount, values = SENSORS[kind]
    listener = rig.listen(kind, car, mount, sensor_tick="0.2", **values)
    first = rig.tick()
    last = rig.tick(12)
    frames = [listener.next().frame for _ in range(4)]
    assert frames == [first, first + 4, first + 8, first + 12]
    assert listener.inbox.empty() and frames[-1] == last


def test_sensors_of_one_tick_share_its_frame_time_and_place(rig: Rig) -> None:
    car, listeners = spawn_all(rig)
    car.apply_control(carla.VehicleControl(throttle=1.0, steer=0.2))
    frame = rig.tick(10)
    snapshot = rig.world.get_snapshot()
    for kind, listener in listeners.items():
        data = listener.at(frame)
        assert data.timestamp == pytest.approx(snapshot.timestamp.elapsed_seconds, abs=1e-9)
        place = car.get_transform().transform(carla.Location(SENSORS[kind][0].location))
        assert data.transform.location.distance(place) < 1e-3
        heading = np.cos(np.radians(data.transform.rotation.yaw - car.get_transform().rotation.yaw))
        assert heading == pytest.approx(1.0, abs=1e-6)
