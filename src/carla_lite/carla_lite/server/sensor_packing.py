"""The messages of sensors in CARLA 0.9.16's layouts; see `packing` for what they share."""

from __future__ import annotations

import struct
from typing import Any, NamedTuple

import msgpack
import numpy as np
from numpy.typing import NDArray

from carla_lite.server.codec import Wire
from carla_lite.server.packing import MessageType, Parts, pack_header
from carla_lite.world import (
    GnssReading,
    Image,
    ImuReading,
    LidarReading,
    RadarReading,
    Transform,
    Vector3,
)
from carla_lite.world.sensor_blueprints import (
    DEPTH_CAMERA,
    GNSS,
    IMU,
    INSTANCE_CAMERA,
    LIDAR,
    RADAR,
    RGB_CAMERA,
    SEMANTIC_CAMERA,
    SEMANTIC_LIDAR,
)

_MESSAGES = {
    RGB_CAMERA: MessageType.RGB_CAMERA,
    DEPTH_CAMERA: MessageType.DEPTH_CAMERA,
    SEMANTIC_CAMERA: MessageType.SEMANTIC_CAMERA,
    INSTANCE_CAMERA: MessageType.INSTANCE_CAMERA,
    LIDAR: MessageType.LIDAR,
    SEMANTIC_LIDAR: MessageType.SEMANTIC_LIDAR,
    RADAR: MessageType.RADAR,
    IMU: MessageType.IMU,
    GNSS: MessageType.GNSS,
}
_IMAGE = struct.Struct("<IIf")
_SWEEP = struct.Struct("<fI")


class Moment(NamedTuple):
    """When and where a sensor measured: number and simulated time of the tick, and its place."""

    frame: int
    elapsed_s: float
    transform: Transform


def pack_reading(
    type_id: str,
    reading: Image | ImuReading | GnssReading | LidarReading | RadarReading,
    moment: Moment,
) -> Parts:
    """The message of the sensor whose blueprint is `type_id`; pixels and points are handed on
    without a copy."""
    header = pack_header(_MESSAGES[type_id], *moment)
    match reading:
        case Image(fov_deg, pixels):
            height, width, _ = pixels.shape
            return [header + _IMAGE.pack(width, height, fov_deg), _bytes(pixels)]
        case LidarReading(angle_rad, counts, points):
            sweep = _SWEEP.pack(angle_rad, len(counts)) + counts.tobytes()
            return [header + sweep, _bytes(points)]
        case RadarReading(detections):
            return [header, _bytes(detections)]
        case _:
            return [header, msgpack.packb(tuple(reading))]


def _bytes(values: NDArray[Any]) -> memoryview:
    return values.reshape(-1).view(np.uint8).data


def pack_collision(actor: Wire, other: Wire, impulse: Vector3, moment: Moment) -> Parts:
    """A collision event; both actors travel whole, as `encode_actor` gives them."""
    header = pack_header(MessageType.COLLISION, *moment)
    return [header, msgpack.packb([actor, other, impulse])]


def pack_obstacle(actor: Wire, other: Wire, distance_m: float, moment: Moment) -> Parts:
    """An obstacle ahead of the first actor; see `pack_collision`."""
    header = pack_header(MessageType.OBSTACLE, *moment)
    return [header, msgpack.packb([actor, other, distance_m])]
