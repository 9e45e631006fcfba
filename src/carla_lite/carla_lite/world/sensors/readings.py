"""What sensors measure, as plain data."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from carla_lite.world.actors import Actor
from carla_lite.world.geometry import Vector3


class Image(NamedTuple):
    """A picture of any camera.

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


SEMANTIC_POINT = np.dtype(
    [
        ("place", np.float32, 3),  # m, sensor frame
        ("cosine", np.float32),  # of the angle between ray and surface normal
        ("id", np.uint32),  # of the actor; 0 for ground and scenery
        ("tag", np.uint32),
    ]
)
"""One point of a semantic lidar: 24 bytes, the layout on the wire."""


class LidarReading(NamedTuple):
    """The points which a lidar met during one tick, channel by channel from the highest one.

    Attributes:
        horizontal_angle_rad: how far the lasers have turned by the end of the tick.
        counts: uint32 (channels,), how many points each channel has.
        points: float32 (N, 4), x, y, z in the sensor frame (m) and intensity; of a semantic lidar
            `SEMANTIC_POINT` (N,).
    """

    horizontal_angle_rad: float
    counts: NDArray[np.uint32]
    points: NDArray[np.float32] | NDArray[np.void]


class RadarReading(NamedTuple):
    """What the radar's beams met.

    Attributes:
        detections: float32 (N, 4), velocity along the beam (m/s, positive when the distance
            grows), azimuth (rad, positive to the right), altitude (rad), depth (m).
    """

    detections: NDArray[np.float32]


class ObstacleReading(NamedTuple):
    """The nearest thing in the way.

    Attributes:
        other: what it is; for a piece of the map a stand-in, as in `Collision`.
        distance_m: how far the sensor's sphere can go before it touches.
    """

    other: Actor
    distance_m: float


Reading = Image | ImuReading | GnssReading | LidarReading | RadarReading | ObstacleReading
