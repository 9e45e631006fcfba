"""The binary messages of CARLA 0.9.16's streams: little endian, without padding.

Every message begins with the sensor header; what follows depends on its type index, which moves
from one CARLA version to the next.
"""

import struct
import time
from enum import IntEnum

import msgpack

from carla_lite.server.codec import Wire
from carla_lite.world import (
    ActorSnapshot,
    GnssReading,
    Image,
    ImuReading,
    Transform,
    Vector3,
    WorldSnapshot,
)

Parts = list[bytes | memoryview]
"""One message in pieces, to be sent back to back without joining them."""


class MessageType(IntEnum):
    """Index of each sensor in 0.9.16's serialiser."""

    COLLISION = 0
    GNSS = 4
    IMU = 5
    RGB_CAMERA = 13
    WORLD_STATE = 17


_HEADER = struct.Struct("<QQd6f")
_WORLD = struct.Struct("<QdfiiiI")
_IMAGE = struct.Struct("<IIf")
_ACTOR = struct.Struct("<IB15f54x")
# The record's 54-byte union, as a vehicle fills it: control, speed limit (km/h), traffic light
# state, whether it is at a light, the light's id, failure state.
_VEHICLE = struct.Struct("<IB15ffff???ifB?IB24x")

_ACTIVE = 1
_SPEED_LIMIT_KMH = 30.0
_LIGHT_GREEN, _AT_NO_LIGHT, _NO_LIGHT_ID, _NO_FAILURE = 2, False, 0, 0
_MAP_CHANGED = 1


def pack_header(kind: MessageType, frame: int, elapsed_s: float, transform: Transform) -> bytes:
    """The 48 bytes before every message."""
    location, rotation = transform
    return _HEADER.pack(kind, frame, elapsed_s, *location, *rotation)


_NOWHERE = Transform()


def pack_world_state(snapshot: WorldSnapshot, *, map_changed: bool = False) -> bytes:
    """Header, episode and one record of 119 bytes for each actor."""
    parts = [
        pack_header(MessageType.WORLD_STATE, snapshot.frame, snapshot.elapsed_s, _NOWHERE),
        _WORLD.pack(
            snapshot.episode_id,
            time.monotonic(),
            snapshot.delta_s,
            0,
            0,
            0,
            _MAP_CHANGED if map_changed else 0,
        ),
    ]
    parts.extend(_pack_actor(actor) for actor in snapshot.actors)
    return b"".join(parts)


def _pack_actor(actor: ActorSnapshot) -> bytes:
    actor_id, (location, rotation), velocity, spin, acceleration, control = actor
    moving = (actor_id, _ACTIVE, *location, *rotation, *velocity, *spin, *acceleration)
    if control is None:
        return _ACTOR.pack(*moving)
    return _VEHICLE.pack(
        *moving,
        control.throttle,
        control.steer,
        control.brake,
        control.hand_brake,
        control.reverse,
        control.manual_gear_shift,
        control.gear,
        _SPEED_LIMIT_KMH,
        _LIGHT_GREEN,
        _AT_NO_LIGHT,
        _NO_LIGHT_ID,
        _NO_FAILURE,
    )


def pack_reading(
    reading: Image | ImuReading | GnssReading, frame: int, elapsed_s: float, transform: Transform
) -> Parts:
    """A sensor's message; the pixels of a picture are handed on without a copy."""
    if isinstance(reading, Image):
        height, width, _ = reading.pixels.shape
        header = pack_header(MessageType.RGB_CAMERA, frame, elapsed_s, transform)
        size = _IMAGE.pack(width, height, reading.fov_deg)
        return [header + size, reading.pixels.data.cast("B")]
    kind = MessageType.IMU if isinstance(reading, ImuReading) else MessageType.GNSS
    return [pack_header(kind, frame, elapsed_s, transform), msgpack.packb(tuple(reading))]


def pack_collision(
    actor: Wire, other: Wire, impulse: Vector3, frame: int, elapsed_s: float, transform: Transform
) -> Parts:
    """A collision event; both actors travel whole, as `encode_actor` gives them."""
    header = pack_header(MessageType.COLLISION, frame, elapsed_s, transform)
    return [header, msgpack.packb([actor, other, impulse])]
