"""Messages that a broken sensor sends: still well-formed, but of nothing that is."""

from __future__ import annotations

import math
from typing import Any

import msgpack
import numpy as np

from carla_lite.server.packing import WORLD_STATE_BYTES, Parts
from carla_lite.world.records import RECORD

_HEADER_BYTES = 48


def copied(parts: Parts) -> Parts:
    """The message in memory of its own, to be sent later."""
    return [bytes(part) for part in parts]


def with_pixels_of(parts: Parts, frozen: Parts) -> Parts:
    """A camera's message with the time of the one and the picture of the other."""
    return [parts[0], *frozen[1:]]


def with_nan_reading(parts: Parts) -> Parts:
    """The message of an IMU or GNSS whose every number is none."""
    header, reading = parts
    return [header, msgpack.packb(_nan_like(msgpack.unpackb(reading)))]


def with_nan_state(parts: Parts, actor_ids: set[int]) -> Parts:
    """A world's state in which some actors are nowhere, at no speed."""
    message = bytearray(b"".join(bytes(part) for part in parts))
    rows = np.frombuffer(message, RECORD, offset=WORLD_STATE_BYTES)
    hit = np.isin(rows["id"], list(actor_ids))
    for name in ("transform", "velocity"):
        values = rows[name].copy()
        values[hit] = math.nan
        rows[name] = values
    return [bytes(message)]


def _nan_like(value: Any) -> Any:
    return [_nan_like(item) for item in value] if isinstance(value, list) else math.nan
