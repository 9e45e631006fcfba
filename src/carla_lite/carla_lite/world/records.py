"""The snapshot's records: 119 bytes for each actor, as CARLA 0.9.16 streams them."""

import numpy as np
from numpy.typing import NDArray

from carla_lite.world._records import RECORD_BYTES, write_records
from carla_lite.world.bodies import Bodies

RECORD = np.dtype(
    [
        ("id", "<u4"),
        ("active", "u1"),
        ("transform", "<f4", 6),  # x, y, z, pitch, yaw, roll; metres and degrees
        ("velocity", "<f4", 3),
        ("angular_velocity", "<f4", 3),  # degrees per second
        ("acceleration", "<f4", 3),
        ("state", "u1", 54),  # what only vehicles, walkers, lights and signs have
    ]
)
"""One actor; bodies write theirs in compiled code, see `Record` in `_records.pyx`."""

STATE_AT = RECORD.itemsize - RECORD["state"].itemsize
"""Where in a record the state begins, which comes last."""

Record = np.void
"""One row of RECORD, a view."""

if RECORD.itemsize != RECORD_BYTES:
    raise ImportError("snapshot records differ from the compiled code: build the extensions again")

_FIRST_ROOM = 16


class Records:
    """One record for each actor, in the actors' order, kept from tick to tick.

    Attributes:
        rows: RECORD (count,), a view which is good until an actor comes or goes.
        bytes: uint8, the same memory and some room behind it, as compiled code takes it.
    """

    def __init__(self) -> None:
        self._room = np.zeros(_FIRST_ROOM, RECORD)
        self.rows = self._room[:0]
        self.bytes: NDArray[np.uint8] = self._room.view(np.uint8)

    def add(self, actor_id: int) -> int:
        """Makes room for another actor and returns the index of its record."""
        count = len(self.rows)
        if count == len(self._room):
            self._room = np.concatenate([self._room, np.zeros(count, RECORD)])
            self.bytes = self._room.view(np.uint8)
        self.rows = self._room[: count + 1]
        self.rows[count] = np.zeros((), RECORD)
        self.rows[count]["id"], self.rows[count]["active"] = actor_id, 1
        return count

    def remove(self, index: int) -> None:
        """Takes a record out and closes the gap."""
        self.rows[index:-1] = self.rows[index + 1 :].copy()
        self.rows = self.rows[:-1]

    def update(self, bodies: Bodies, duration_s: float) -> None:
        """Writes the records of all bodies; works out what they felt over a tick.

        Args:
            bodies: whose `record` fields say where.
            duration_s: of the tick; 0 between ticks, when accelerations stay as they are.
        """
        write_records(bodies.bytes, bodies.count, self.bytes, duration_s)

    def tobytes(self) -> bytes:
        """All of them, back to back."""
        return self.rows.tobytes()
