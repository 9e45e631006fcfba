"""What all instruments share: where they hang, how they move, and their noise."""

from __future__ import annotations

import math
import zlib
from typing import TYPE_CHECKING, Protocol

import numpy as np
from numpy.typing import NDArray

from carla_lite.world.actors import Sensor
from carla_lite.world.body import Body
from carla_lite.world.geometry import ORIGIN, Rotation, Vector3, rotation_matrix

if TYPE_CHECKING:
    from carla_lite.world.sensors.readings import Reading
    from carla_lite.world.world import World


class Instrument(Protocol):
    """The working part of one sensor."""

    def read(self, sensor: Sensor, world: World) -> Reading | None:
        """Measures the world as it stands now; None when there is nothing to tell."""


def surrounding_carrier(sensor: Sensor, world: World) -> int:
    """The parent's id when the sensor sits within its outline, else 0.

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


def axes(rotation: Rotation) -> NDArray[np.float64]:
    """float64 (3, 3): `local @ axes(rotation)` turns rows of sensor-frame vectors to the world."""
    return np.array(rotation_matrix(rotation)).T


def mount_velocity(sensor: Sensor, world: World) -> Vector3:
    """How fast the sensor itself moves (world frame, m/s): its carrier's motion and turning."""
    carrier = world.actors.get(sensor.parent_id)
    if not isinstance(carrier, Body):
        return ORIGIN
    velocity = carrier.velocity
    arm_x = sensor.transform.location.x - carrier.transform.location.x
    arm_y = sensor.transform.location.y - carrier.transform.location.y
    spin = carrier.yaw_rate_rad_s
    return Vector3(velocity.x - spin * arm_y, velocity.y + spin * arm_x, velocity.z)


def noise_generator(sensor: Sensor, world: World) -> np.random.Generator:
    """Random numbers that depend on the world's seed, the sensor's kind and its `noise_seed`.

    As in CARLA two sensors of a kind with equal seeds draw alike, also in another episode.
    """
    seed = int(sensor.attributes["noise_seed"]) % 2**32
    return np.random.default_rng((world.seed, zlib.crc32(sensor.type_id.encode()), seed))


class Noise:
    """A constant bias and Gaussian noise on each part of a measurement."""

    def __init__(
        self,
        generator: np.random.Generator,
        deviations: tuple[float, ...],
        biases: tuple[float, ...],
    ) -> None:
        """Takes a standard deviation and a bias for each part."""
        self._generator = generator
        self._deviations, self._biases = deviations, biases
        self._is_still = not any(map(math.fabs, (*deviations, *biases)))

    def __call__(self, values: tuple[float, ...]) -> tuple[float, ...]:
        """The values as the sensor reports them."""
        if self._is_still:
            return values
        draws = self._generator.standard_normal(len(values)).tolist()
        return tuple(
            value + bias + deviation * draw
            for value, bias, deviation, draw in zip(
                values, self._biases, self._deviations, draws, strict=True
            )
        )
