"""The binary messages of CARLA 0.9.16's streams: little endian, without padding.

Every message begins with the sensor header; what follows depends on its type index, which moves
from one CARLA version to the next.
"""

import struct
import time
from enum import IntEnum

from carla_lite.world import Transform, World

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
_MAP_CHANGED = 1

WORLD_STATE_BYTES = _HEADER.size + _WORLD.size
"""Of a world state, before its records."""


def pack_header(kind: MessageType, frame: int, elapsed_s: float, transform: Transform) -> bytes:
    """The 48 bytes before every message."""
    location, rotation = transform
    return _HEADER.pack(kind, frame, elapsed_s, *location, *rotation)


_NOWHERE = (0.0,) * 6


def pack_world_state(world: World, *, map_changed: bool = False) -> bytes:
    """Header, episode and the record of each actor, see `carla_lite.world.records`."""
    return b"".join(
        (
            _HEADER.pack(MessageType.WORLD_STATE, world.frame, world.elapsed_s, *_NOWHERE),
            _WORLD.pack(
                world.episode_id,
                time.monotonic(),
                world.delta_s,
                0,
                0,
                0,
                _MAP_CHANGED if map_changed else 0,
            ),
            world.population.records.tobytes(),
        )
    )
