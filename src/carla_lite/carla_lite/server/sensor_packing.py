"""The messages of sensors in CARLA 0.9.16's layouts; see `packing` for what they share."""

from __future__ import annotations

import struct

import msgpack

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


def pack_reading(
    type_id: str,
    reading: Image | ImuReading | GnssReading | LidarReading | RadarReading,
    frame: int,
    elapsed_s: float,
    transform: Transform,
) -> Parts:
    """A sensor's message.

    Args:
        type_id: the sensor's blueprint.
        reading: what it measured; pixels and points are handed on without a copy.
        frame: number of the tick.
        elapsed_s: simulated time of the tick.
        transform: where the sensor is.
    """
    header = pack_header(_MESSAGES[type_id], frame, elapsed_s, transform)
    match reading:
        case Image(fov_deg, pixels):
            height, width, _ = pixels.shape
            return [header + _IMAGE.pack(width, height, fov_deg), pixels.data.cast("B")]
        case LidarReading(angle_rad, counts, points):
            sweep = _SWEEP.pack(angle_rad, len(counts)) + counts.tobytes()
            return [header + sweep, points.tobytes()]
        case RadarReading(detections):
            return [header, detections.tobytes()]
        case _:
            return [header, msgpack.packb(tuple(reading))]


def pack_collision(
    actor: Wire, other: Wire, impulse: Vector3, frame: int, elapsed_s: float, transform: Transform
) -> Parts:
    """A collision event; both actors travel whole, as `encode_actor` gives them."""
    header = pack_header(MessageType.COLLISION, frame, elapsed_s, transform)
    return [header, msgpack.packb([actor, other, impulse])]


def pack_obstacle(
    actor: Wire, other: Wire, distance_m: float, frame: int, elapsed_s: float, transform: Transform
) -> Parts:
    """An obstacle ahead of the first actor; see `pack_collision`."""
    header = pack_header(MessageType.OBSTACLE, frame, elapsed_s, transform)
    return [header, msgpack.packb([actor, other, distance_m])]
