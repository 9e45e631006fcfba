"""The binary messages of CARLA 0.9.16's streams: little endian, without padding.

Every message begins with the sensor header; what follows depends on its type index, which moves
from one CARLA version to the next.
"""

import struct
import time
from enum import IntEnum

from carla_lite.world import (
    ActorSnapshot,
    Transform,
    WorldSnapshot,
)

Parts = list[bytes | memoryview]
"""One message in pieces, to be sent back to back without joining them."""


class MessageType(IntEnum):
    """Index of each sensor in 0.9.16's serialiser."""

    COLLISION = 0
    DEPTH_CAMERA = 1
    GNSS = 4
    IMU = 5
    OBSTACLE = 7
    RADAR = 9
    SEMANTIC_LIDAR = 10
    LIDAR = 11
    RGB_CAMERA = 13
    SEMANTIC_CAMERA = 14
    INSTANCE_CAMERA = 15
    WORLD_STATE = 17


_HEADER = struct.Struct("<QQd6f")
_WORLD = struct.Struct("<QdfiiiI")
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
