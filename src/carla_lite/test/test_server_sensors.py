"""Sensors, as the real client receives them."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import carla
import numpy as np
import pytest

from carla_lite.world import (
    EpisodeSettings,
    Image,
    Rotation,
    Transform,
    Vector3,
    VehicleControl,
    World,
)

if TYPE_CHECKING:
    from conftest import Rig


def _place(transform: carla.Transform) -> Transform:
    """The same place with the 32-bit numbers which the client sends."""
    location, rotation = transform.location, transform.rotation
    return Transform(
        Vector3(location.x, location.y, location.z),
        Rotation(rotation.pitch, rotation.yaw, rotation.roll),
    )


def test_every_tick_brings_its_own_picture_equal_to_a_socketless_worlds(
    running_server: Any, make_rig: type[Rig]
) -> None:
    # A server of its own: the sensor noise and textures of a fresh world are compared.
    with running_server("--map", "LiteCircuit_2", "--seed", "5") as server:
        rig = make_rig(server.client())
        try:
            car = rig.vehicle(4)
            van = rig.vehicle(5, "vehicle.mercedes.sprinter")
            camera = rig.camera(car)
            twin = World("LiteCircuit_2", seed=5)
            twin.apply_settings(EpisodeSettings(synchronous=True, fixed_delta_s=0.05))
            points = rig.world.get_map().get_spawn_points()
            twin_car = twin.spawn("vehicle.tesla.model3", _place(points[4]))
            other = twin.spawn("vehicle.mercedes.sprinter", _place(points[5]))
            mount = _place(carla.Transform(carla.Location(x=0.6, z=1.8), carla.Rotation(-8.0)))
            size = {"image_size_x": "160", "image_size_y": "120"}
            eye = twin.spawn("sensor.camera.rgb", mount, size, twin_car.id)
            seen = set()
            for steer in (0.0, 0.1, -0.1, 0.05):
                control = carla.VehicleControl(throttle=1.0, steer=steer)
                car.apply_control(control)
                twin.apply_control(twin_car.id, VehicleControl(throttle=1.0, steer=control.steer))
                image = camera.at(rig.tick())
                twin.tick()
                pixels = np.frombuffer(image.raw_data, np.uint8).reshape(120, 160, 4)
                expected = twin.read(eye.id)
                assert isinstance(expected, Image)
                np.testing.assert_array_equal(pixels[..., :3], expected.pixels[..., :3])
                seen.add(pixels.tobytes())
            assert len(seen) == 4 and image.fov == 90.0
            assert van.get_location().distance(carla.Location(*other.transform.location)) < 1e-4
        finally:
            rig.close()


def test_pictures_keep_their_frame_over_many_ticks(rig: Rig) -> None:
    camera = rig.camera(rig.vehicle(), 84, 84)
    for _ in range(100):
        frame = rig.tick()
        image = camera.next()
        assert (image.frame, image.width, image.height) == (frame, 84, 84)


def test_sensor_tick_sets_the_rhythm(rig: Rig) -> None:
    imu = rig.listen("other.imu", rig.vehicle(), sensor_tick="0.15")
    first = rig.tick()
    rig.tick(9)
    assert [imu.next().frame - first for _ in range(4)] == [0, 3, 6, 9]


def test_the_imu_at_rest_feels_only_gravity(rig: Rig) -> None:
    imu = rig.listen("other.imu", rig.vehicle())
    data = imu.at(rig.tick(2))
    assert (data.accelerometer.x, data.accelerometer.y) == (0.0, 0.0)
    assert data.accelerometer.z == pytest.approx(9.81)
    assert data.gyroscope.z == 0.0


def test_the_imu_of_a_car_turning_right_has_carlas_signs(rig: Rig) -> None:
    car = rig.vehicle()
    imu = rig.listen("other.imu", car)
    car.apply_control(carla.VehicleControl(throttle=0.7, steer=0.1))
    data = imu.at(rig.tick(30))
    speed, yaw_rate = car.get_velocity().length(), math.radians(car.get_angular_velocity().z)
    assert data.gyroscope.z == pytest.approx(yaw_rate, rel=1e-5) and yaw_rate > 0.1
    assert data.accelerometer.y == pytest.approx(speed * yaw_rate, rel=0.1)
    assert data.accelerometer.x > 0.5


@pytest.mark.parametrize(
    ("yaw", "compass"),
    [(-90.0, 0.0), (0.0, 0.5 * math.pi), (90.0, math.pi), (180.0, 1.5 * math.pi)],
)
def test_the_compass_is_zero_to_the_north_and_grows_clockwise(
    rig: Rig, yaw: float, compass: float
) -> None:
    car = rig.vehicle()
    imu = rig.listen("other.imu", car)
    car.set_transform(carla.Transform(carla.Location(), carla.Rotation(yaw=yaw)))
    measured = imu.at(rig.tick()).compass
    assert math.cos(measured - compass) == pytest.approx(1.0, abs=1e-9)


def test_gnss_agrees_with_the_clients_own_map(rig: Rig) -> None:
    car = rig.vehicle(6)
    gnss = rig.listen("other.gnss", car, carla.Transform(carla.Location(x=1.0, z=2.0)))
    data = gnss.at(rig.tick())
    expected = rig.world.get_map().transform_to_geolocation(gnss.sensor.get_location())
    assert data.latitude == pytest.approx(expected.latitude, abs=1e-8)
    assert data.longitude == pytest.approx(expected.longitude, abs=1e-8)
    assert data.altitude == pytest.approx(2.0)


def test_sensors_ride_on_their_parent(rig: Rig) -> None:
    car = rig.vehicle()
    camera = rig.camera(car)
    car.apply_control(carla.VehicleControl(throttle=1.0, steer=0.3))
    image = camera.at(rig.tick(20))
    expected = car.get_transform().transform(carla.Location(x=0.6, z=1.8))
    assert image.transform.location.distance(expected) < 1e-3
    assert image.transform.rotation.pitch == pytest.approx(-8.0)
    assert camera.sensor.parent.id == car.id


def test_a_collision_reaches_the_listener_with_the_other_actor(rig: Rig) -> None:
    car = rig.vehicle()
    rig.tick()
    ahead = car.get_transform()
    ahead.location += ahead.get_forward_vector() * 8.0
    barrier = rig.spawn("static.prop.container", ahead)
    collision = rig.listen("other.collision", car)
    car.set_target_velocity(ahead.get_forward_vector() * 10.0)
    velocities = {rig.tick(): car.get_velocity() for _ in range(20)}
    event = collision.next()
    assert event.actor.id == car.id and event.other_actor.id == barrier.id
    assert event.other_actor.type_id == "static.prop.container"
    change = velocities[event.frame] - velocities[event.frame - 1]
    push = change * car.get_physics_control().mass
    assert event.normal_impulse.distance(push) < 0.05 * push.length()
    assert push.length() > 15_000.0
    assert car.get_location().distance(barrier.get_location()) > 2.3


def test_running_into_the_scenery_is_a_collision_with_its_kind(rig: Rig) -> None:
    poles = rig.world.get_environment_objects(carla.CityObjectLabel.Any)
    kinds = {carla.CityObjectLabel.Buildings: "static.building"}
    kinds |= {carla.CityObjectLabel.Poles: "static.pole"}
    thing = next(one for one in poles if one.type in kinds and one.bounding_box.location.z < 10.0)
    target = thing.bounding_box.location
    start = carla.Location(target.x, target.y, 0.0)
    start.x -= 12.0 + max(thing.bounding_box.extent.x, thing.bounding_box.extent.y)
    car = rig.spawn("vehicle.tesla.model3", carla.Transform(start))
    collision = rig.listen("other.collision", car)
    rig.tick()
    car.set_target_velocity(carla.Vector3D(x=12.0))
    rig.tick(60)
    event = collision.next()
    assert event.actor.id == car.id and event.other_actor.id == 0
    assert event.other_actor.type_id.startswith("static.")
    assert event.normal_impulse.x < -1000.0


def test_nothing_hit_means_no_collision_event(rig: Rig) -> None:
    car = rig.vehicle()
    collision = rig.listen("other.collision", car)
    car.apply_control(carla.VehicleControl(throttle=0.5))
    rig.tick(20)
    assert collision.inbox.empty()


def test_crossing_the_road_invades_lanes_with_the_maps_markings(rig: Rig) -> None:
    car = rig.vehicle()
    rig.tick()
    invasion = rig.listen("other.lane_invasion", car)
    waypoint = rig.world.get_map().get_waypoint(car.get_location())
    expected = waypoint.left_lane_marking.type
    place = car.get_transform()
    place.rotation.yaw -= 20.0
    car.set_transform(place)
    car.set_target_velocity(place.get_forward_vector() * 5.0)
    rig.tick(26)
    assert [marking.type for marking in invasion.next().crossed_lane_markings] == [expected]
