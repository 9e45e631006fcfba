"""Everything that can be bumped into, as one array of rows which compiled code works on.

A tick is a handful of calls, each over all rows; actors are handles on their row.
"""

import numpy as np
from numpy.typing import NDArray

from carla_lite.world._motion import BODY_BYTES

TABLE_POINTS = 33
"""Of the tables for drive and steering over speed."""

PROP, VEHICLE, WALKER = range(3)
"""Values of `kind`."""

STATE = ("x", "y", "yaw", "speed", "wheel", "yaw_rate", "slip", "spin", "z", "climb")
"""The columns of `Bodies.states`: metres, radians and seconds; speed and slip lie along and across
the body, `spin` and `slip` are what tyres do not allow and friction takes away."""


def _named(names: str, *kind: object) -> list[tuple[object, ...]]:
    return [(name, *kind) for name in names.split()]


BODY = np.dtype(
    [
        *_named(" ".join(STATE), np.float64),
        *_named("pitch_deg roll_deg rolled", np.float64),
        *_named("before acceleration impulse", np.float64, 3),
        *_named("moment", np.float64),
        *_named("constant", np.float64, 3),
        *_named("throttle steer brake", np.float64),
        *_named("way", np.float64, 3),
        *_named("pace", np.float64),
        *_named("wheelbase max_angle steering_lag yaw_lag lateral_limit push", np.float64),
        *_named("top_speed brake_rate hand_brake_rate rolling drag mass inertia", np.float64),
        *_named("centre half", np.float64, 3),
        *_named("table_speed steer_speed", np.float64),
        *_named("drive steering", np.float64, TABLE_POINTS),
        *_named("speed_limit", np.float32),
        *_named("gear", np.int32),
        *_named("id parent light_id lights record", np.uint32),
        *_named("kind physics gravity collides held fallen invincible jump jumping", np.uint8),
        *_named("hand_brake reverse manual_gear", np.uint8),
        *_named("has_drive has_steering light_state at_light failure active", np.uint8),
        *_named("spare", np.uint8, 2),
    ]
)
"""One body; the same fields in the same order as `Body` in `_body.pxd`, which tells their units."""

if BODY.itemsize != BODY_BYTES:
    raise ImportError(
        f"a body has {BODY.itemsize} bytes here and {BODY_BYTES} in the compiled code: "
        "build the extensions again"
    )

_FIRST_ROOM = 8

Row = np.void
"""One row of BODY, a view: writing to its fields writes to the array."""


def new_row() -> Row:
    """A row of its own, for a body which is not in a world yet."""
    row: Row = np.zeros(1, BODY)[0]
    return row


class Bodies:
    """The rows of a world, in the order in which the bodies came.

    Attributes:
        count: how many there are.
        rows: BODY (count,), a view which is good until a body comes or goes.
        bytes: the same memory as uint8, as compiled code takes it.
        states: float64 (count, 10), a view of the columns which `STATE` names.
    """

    def __init__(self) -> None:
        self.count = 0
        self._room = np.zeros(_FIRST_ROOM, BODY)
        self._look()

    def add(self, row: Row) -> None:
        """Takes in a copy of a row, as the last one."""
        if self.count == len(self._room):
            self._room = np.concatenate([self._room, np.zeros(self.count, BODY)])
        self._room[self.count] = row
        self.count += 1
        self._look()

    def remove(self, index: int) -> Row:
        """Takes a row out and closes the gap; returns a copy of it."""
        row: Row = self._room[index].copy()
        self._room[index : self.count - 1] = self._room[index + 1 : self.count].copy()
        self.count -= 1
        self._look()
        return row

    def _look(self) -> None:
        self.rows = self._room[: self.count]
        self.bytes: NDArray[np.uint8] = self._room.view(np.uint8)
        columns = np.ndarray(
            (len(self._room), len(STATE)), np.float64, self._room, 0, (BODY.itemsize, 8)
        )
        self.states: NDArray[np.float64] = columns[: self.count]
