"""IMU and GNSS of the real client: motion, noise and repeatability."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import carla
import numpy as np
import pytest

if TYPE_CHECKING:
    from conftest import Listener, Rig


def drive(rig: Rig, car: Any, imu: Listener, ticks: int, **control: float) -> Any:
    car.apply_control(carla.VehicleControl(**control))
    return imu.at(rig.tick(ticks))


def test_in_a_turn_the_imu_feels_speed_times_yaw_rate(rig: Rig) -> None:
    car = rig.vehicle()
    imu = rig.listen("other.imu", car)
    rig.tick()
    car.set_target_velocity(car.get_transform().get_forward_vector() * 8.0)
    for steer in (0.06, -0.06):
        data = drive(rig, car, imu, 30, throttle=0.25, steer=steer)
        speed, rate = car.get_velocity().length(), math.radians(car.get_angular_velocity().z)
        assert data.gyroscope.z == pytest.approx(rate, rel=1e-4)
        assert math.copysign(1.0, rate) == math.copysign(1.0, steer) and abs(rate) > 0.1
        assert data.accelerometer.y == pytest.approx(speed * rate, rel=0.05)


def test_when_braking_the_imu_feels_the_loss_of_speed(rig: Rig) -> None:
    car = rig.vehicle()
    imu = rig.listen("other.imu", car)
    rig.tick()
    car.set_target_velocity(car.get_transform().get_forward_vector() * 15.0)
    drive(rig, car, imu, 2, brake=0.5)
    before = car.get_velocity().length()
    data = drive(rig, car, imu, 5, brake=0.5)
    mean = (car.get_velocity().length() - before) / 0.25
    assert mean < -2.0
    assert data.accelerometer.x == pytest.approx(mean, rel=0.1)
    assert data.accelerometer.z == pytest.approx(9.81, abs=0.2)


def test_a_tilted_imu_feels_gravity_along_its_own_axes(rig: Rig) -> None:
    car = rig.vehicle()
    nose_up = carla.Transform(carla.Location(), carla.Rotation(pitch=30.0))
    data = rig.listen("other.imu", car, nose_up).at(rig.tick(2))
    assert data.accelerometer.x == pytest.approx(9.81 * 0.5, rel=1e-4)
    assert data.accelerometer.z == pytest.approx(9.81 * math.sqrt(0.75), rel=1e-4)


def test_off_the_middle_a_turning_imu_is_pulled_inwards(rig: Rig) -> None:
    car = rig.vehicle()
    middle = rig.listen("other.imu", car)
    front = rig.listen("other.imu", car, carla.Transform(carla.Location(x=2.0)))
    rig.tick()
    car.set_target_velocity(car.get_transform().get_forward_vector() * 6.0)
    car.apply_control(carla.VehicleControl(throttle=0.3, steer=0.2))
    frame = rig.tick(30)
    at_middle, at_front = middle.at(frame), front.at(frame)
    rate = at_middle.gyroscope.z
    assert abs(rate) > 0.2
    difference = at_front.accelerometer.x - at_middle.accelerometer.x
    assert difference == pytest.approx(-2.0 * rate * rate, rel=1e-3)


def test_imu_noise_has_the_deviation_and_bias_that_were_asked_for(rig: Rig) -> None:
    car = rig.vehicle()
    imu = rig.listen(
        "other.imu", car, noise_accel_stddev_x="0.2", noise_gyro_stddev_z="0.01",
        noise_gyro_bias_y="0.5", noise_seed="3",
    )  # fmt: skip
    frame = rig.tick(1)
    readings = [imu.at(frame)]
    rig.tick(1500)
    readings += [imu.next() for _ in range(1500)]
    tremor = np.array([one.accelerometer.x for one in readings])
    spin = np.array([one.gyroscope.z for one in readings])
    assert abs(tremor.mean()) < 0.02 and tremor.std() == pytest.approx(0.2, rel=0.08)
    assert abs(spin.mean()) < 0.001 and spin.std() == pytest.approx(0.01, rel=0.08)
    assert {one.gyroscope.y for one in readings} == {0.5}
    assert {one.accelerometer.y for one in readings} == {0.0}
    assert abs(np.corrcoef(tremor, spin)[0, 1]) < 0.1


def test_noise_repeats_for_a_seed_and_differs_for_another(rig: Rig) -> None:
    car = rig.vehicle()

    def track(seed: int) -> list[tuple[float, float]]:
        gnss = rig.listen(
            "other.gnss", car, noise_lat_stddev="1e-5", noise_lon_stddev="1e-5",
            noise_seed=str(seed),
        )  # fmt: skip
        rig.tick(5)
        readings = [gnss.next() for _ in range(5)]
        return [(one.latitude, one.longitude) for one in readings]

    first = track(5)
    assert track(5) == first
    assert not set(track(6)) & set(first)


def test_gnss_noise_and_bias_are_those_that_were_asked_for(rig: Rig) -> None:
    car = rig.vehicle()
    gnss = rig.listen(
        "other.gnss", car, noise_lat_stddev="1e-5", noise_lon_bias="0.25", noise_alt_bias="-3",
    )  # fmt: skip
    rig.tick()
    gnss.next()
    truth = rig.world.get_map().transform_to_geolocation(gnss.sensor.get_location())
    rig.tick(1000)
    readings = [gnss.next() for _ in range(1000)]
    latitude = np.array([one.latitude for one in readings]) - truth.latitude
    assert latitude.std() == pytest.approx(1e-5, rel=0.08) and abs(latitude.mean()) < 1.5e-6
    assert readings[-1].longitude - truth.longitude == pytest.approx(0.25, abs=1e-7)
    assert readings[-1].altitude - truth.altitude == pytest.approx(-3.0, abs=1e-3)


def test_gnss_follows_the_car_over_the_map(rig: Rig) -> None:
    car = rig.vehicle(3)
    gnss = rig.listen("other.gnss", car, carla.Transform(carla.Location(x=-1.0, y=0.5, z=1.5)))
    car.apply_control(carla.VehicleControl(throttle=0.8, steer=0.1))
    for _ in range(3):
        data = gnss.at(rig.tick(15))
        place = rig.world.get_map().transform_to_geolocation(gnss.sensor.get_location())
        assert data.latitude == pytest.approx(place.latitude, abs=1e-8)
        assert data.longitude == pytest.approx(place.longitude, abs=1e-8)
        assert data.altitude == pytest.approx(place.altitude, abs=1e-4)
