"""What each sensor measures, as plain data; the server gives it its form on the wire."""

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from carla_lite.render import PinholeCamera
from carla_lite.world.actors import Actor, Sensor, Vehicle
from carla_lite.world.geometry import Vector3, inverse_rotate
from carla_lite.world.sensor_blueprints import GNSS, IMU, RGB_CAMERA

if TYPE_CHECKING:
    from carla_lite.world.world import World

GRAVITY_MPS2 = 9.81


class Image(NamedTuple):
    """A camera picture.

    Attributes:
        fov_deg: horizontal field of view.
        pixels: uint8 (H, W, 4), BGRA; the sensor's own buffer, good until its next reading.
    """

    fov_deg: float
    pixels: NDArray[np.uint8]


class ImuReading(NamedTuple):
    """Accelerometer (m/s^2) with gravity, gyroscope (rad/s) and compass (rad, 0 = north = -y)."""

    accelerometer: Vector3
    gyroscope: Vector3
    compass: float


class GnssReading(NamedTuple):
    """Degrees, degrees and metres."""

    latitude: float
    longitude: float
    altitude: float


Reading = Image | ImuReading | GnssReading


class Instrument(Protocol):
    """The working part of one sensor."""

    def read(self, sensor: Sensor, world: "World") -> Reading:
        """Measures the world as it stands now."""


class _Noise:
    """Gaussian noise with bias, drawn from a generator of the sensor's own."""

    def __init__(self, attributes: dict[str, str], seed: tuple[int, ...]) -> None:
        self._attributes = attributes
        self._generator = np.random.default_rng((*seed, int(attributes["noise_seed"])))

    def add(self, value: float, deviation: str, bias: str = "") -> float:
        """The value with the noise which these two attributes ask for."""
        spread = float(self._attributes[deviation])
        shift = float(self._attributes[bias]) if bias else 0.0
        return value + shift + (self._generator.normal(0.0, spread) if spread else 0.0)


class _Camera:
    def __init__(self, sensor: Sensor, world: "World") -> None:
        width = int(sensor.attributes["image_size_x"])
        height = int(sensor.attributes["image_size_y"])
        self._fov_deg = float(sensor.attributes["fov"])
        self._camera = PinholeCamera(width, height, self._fov_deg)
        self._pixels = np.zeros((height, width, 4), np.uint8)
        self._hidden = _carrier_of(sensor, world)

    def read(self, sensor: Sensor, world: "World") -> Image:
        boxes = world.population.boxes(self._hidden)
        self._camera.render(
            world.ground,
            sensor.transform.location,
            sensor.transform.rotation,
            boxes,
            self._pixels,
        )
        return Image(self._fov_deg, self._pixels)


def _carrier_of(sensor: Sensor, world: "World") -> int:
    """The parent's id when the camera sits within its outline, else 0.

    A box is too coarse a picture of a car to be looked at from the windscreen; a camera which
    follows from outside does see its car.
    """
    parent = world.actors.get(sensor.parent_id)
    if parent is None:
        return 0
    place, box = sensor.mount.location, parent.bounding_box
    inside = (
        abs(place.x - box.location.x) <= box.extent.x
        and abs(place.y - box.location.y) <= box.extent.y
    )
    return parent.id if inside else 0


class _Imu:
    def __init__(self, sensor: Sensor, world: "World") -> None:
        self._noise = _Noise(sensor.attributes, (world.seed, sensor.id))

    def read(self, sensor: Sensor, world: "World") -> ImuReading:
        along, across, yaw_rate = _body_motion(world.actors.get(sensor.parent_id))
        # The parent is level, so what it feels needs only the mount's rotation.
        force = inverse_rotate(sensor.mount.rotation, Vector3(along, across, GRAVITY_MPS2))
        spin = inverse_rotate(sensor.mount.rotation, Vector3(0.0, 0.0, yaw_rate))
        noise = self._noise
        return ImuReading(
            Vector3(
                *(
                    noise.add(value, f"noise_accel_stddev_{axis}")
                    for axis, value in zip("xyz", force, strict=True)
                )
            ),
            Vector3(
                *(
                    noise.add(value, f"noise_gyro_stddev_{axis}", f"noise_gyro_bias_{axis}")
                    for axis, value in zip("xyz", spin, strict=True)
                )
            ),
            math.radians(sensor.transform.rotation.yaw + 90.0) % (2.0 * math.pi),
        )


def _body_motion(carrier: Actor | None) -> tuple[float, float, float]:
    """Acceleration along and across the carrier (m/s^2) and its yaw rate (rad/s)."""
    if not isinstance(carrier, Vehicle):
        return 0.0, 0.0, 0.0
    body = inverse_rotate(carrier.transform.rotation, carrier.acceleration)
    return body.x, body.y, carrier.yaw_rate_rad_s


class _Gnss:
    def __init__(self, sensor: Sensor, world: "World") -> None:
        self._noise = _Noise(sensor.attributes, (world.seed, sensor.id))

    def read(self, sensor: Sensor, world: "World") -> GnssReading:
        latitude, longitude, altitude = world.geo_reference.locate(sensor.transform.location)
        add = self._noise.add
        return GnssReading(
            add(latitude, "noise_lat_stddev", "noise_lat_bias"),
            add(longitude, "noise_lon_stddev", "noise_lon_bias"),
            add(altitude, "noise_alt_stddev", "noise_alt_bias"),
        )


def make_instrument(sensor: Sensor, world: "World") -> Instrument | None:
    """The working part for a sensor, or None for those which only report events."""
    makers: dict[str, Callable[[Sensor, World], Instrument]]
    makers = {RGB_CAMERA: _Camera, IMU: _Imu, GNSS: _Gnss}
    maker = makers.get(sensor.type_id)
    return maker(sensor, world) if maker else None
