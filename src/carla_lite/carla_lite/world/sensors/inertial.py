"""Sensors of the carrier's own motion and place: IMU and GNSS receiver."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from carla_lite.world.actors import Sensor
from carla_lite.world.body import Body
from carla_lite.world.geometry import ORIGIN, Vector3, inverse_rotate
from carla_lite.world.sensors.instrument import Noise, noise_generator
from carla_lite.world.sensors.readings import GnssReading, ImuReading

if TYPE_CHECKING:
    from carla_lite.world.world import World

GRAVITY_MPS2 = 9.81
_GNSS_PARTS = ("lat", "lon", "alt")


class Imu:
    """Accelerometer, gyroscope and compass."""

    def __init__(self, sensor: Sensor, world: World) -> None:
        """Reads the noise's attributes."""
        spreads, biases = (
            tuple(float(sensor.attributes[f"noise_{kind}_{axis}"]) for axis in "xyz")
            for kind in ("gyro_stddev", "gyro_bias")
        )
        tremor = tuple(float(sensor.attributes[f"noise_accel_stddev_{axis}"]) for axis in "xyz")
        self._noise = Noise(
            noise_generator(sensor, world), (*tremor, *spreads), (0.0, 0.0, 0.0, *biases)
        )

    def read(self, sensor: Sensor, world: World) -> ImuReading:
        """What the carrier's motion feels like at the mount."""
        force, spin = _felt_motion(sensor, world)
        values = self._noise((*force, *spin))
        return ImuReading(
            Vector3(*values[:3]),
            Vector3(*values[3:]),
            math.radians(sensor.transform.rotation.yaw + 90.0) % (2.0 * math.pi),
        )


def _felt_motion(sensor: Sensor, world: World) -> tuple[Vector3, Vector3]:
    """Specific force (m/s^2) and turning (rad/s) in the sensor frame."""
    carrier = world.actors.get(sensor.parent_id)
    acceleration, yaw_rate = ORIGIN, 0.0
    if isinstance(carrier, Body):
        yaw_rate, (x, y, z) = carrier.yaw_rate_rad_s, carrier.acceleration
        place, centre = sensor.transform.location, carrier.transform.location
        inwards = -yaw_rate * yaw_rate  # off the centre a turning carrier pulls towards it
        acceleration = Vector3(
            x + inwards * (place.x - centre.x), y + inwards * (place.y - centre.y), z
        )
    rotation = sensor.transform.rotation
    felt = Vector3(acceleration.x, acceleration.y, acceleration.z + GRAVITY_MPS2)
    return inverse_rotate(rotation, felt), inverse_rotate(rotation, Vector3(0.0, 0.0, yaw_rate))


class Gnss:
    """Latitude, longitude and altitude."""

    def __init__(self, sensor: Sensor, world: World) -> None:
        """Reads the noise's attributes."""
        spreads, biases = (
            tuple(
                float(sensor.attributes[f"noise_{part}_{kind}"]) for part in ("lat", "lon", "alt")
            )
            for kind in ("stddev", "bias")
        )
        self._noise = Noise(noise_generator(sensor, world), spreads, biases)

    def read(self, sensor: Sensor, world: World) -> GnssReading:
        """Where the map's reference puts the sensor."""
        return GnssReading(*self._noise(world.geo_reference.locate(sensor.transform.location)))
