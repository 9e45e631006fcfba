"""Debug shapes: what clients draw into the world to look at, and for how long it stays.

Sensors do not see them; the view from above shows them.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntEnum

from carla_lite.world.errors import InvalidValueError
from carla_lite.world.geometry import (
    MAX_COORDINATE_M,
    ORIGIN,
    BoundingBox,
    Rotation,
    Vector3,
    check_vector,
)

MAX_SHAPES = 20_000
"""The oldest shapes give way to newer ones."""
MAX_TEXT = 256
_MAX_SIZE = 1e4
_NO_BOX, _UPRIGHT = BoundingBox(), Rotation()

Rgb = tuple[int, int, int]


class ShapeKind(IntEnum):
    """In the order of CARLA's variant; the HUD kinds differ in size alone, which is in pixels."""

    POINT = 0
    LINE = 1
    ARROW = 2
    BOX = 3
    TEXT = 4
    HUD_POINT = 5
    HUD_LINE = 6
    HUD_ARROW = 7
    HUD_BOX = 8


_PASSING = frozenset(
    {
        ShapeKind.TEXT,
        ShapeKind.HUD_POINT,
        ShapeKind.HUD_LINE,
        ShapeKind.HUD_ARROW,
        ShapeKind.HUD_BOX,
    }
)
"""Without a life time these last for one tick, all others until they are cleared, as in CARLA."""


@dataclass(frozen=True, slots=True)
class DebugShape:
    """One shape, in the world's frame.

    Attributes:
        kind: what it is.
        begin: the place of a point or text, the start of a line or arrow.
        end: the end of a line or arrow.
        box: of a box; its location and extent (half sides, m).
        rotation: of a box.
        size: of a point (m), or the thickness of lines (m); in pixels for the HUD kinds.
        arrow_size: of an arrow's tip (m).
        text: what is written.
        rgb: 0 to 255.
        life_time_s: simulated seconds; 0 and less see `_PASSING`.
    """

    kind: ShapeKind
    begin: Vector3 = ORIGIN
    end: Vector3 = ORIGIN
    box: BoundingBox = _NO_BOX
    rotation: Rotation = _UPRIGHT
    size: float = 0.1
    arrow_size: float = 0.1
    text: str = ""
    rgb: Rgb = (255, 0, 0)
    life_time_s: float = -1.0

    def checked(self) -> DebugShape:
        """Itself, or InvalidValueError for a number that cannot be drawn."""
        for place in (self.begin, self.end, self.box.location, self.box.extent):
            check_vector(place, "debug shape (m)", MAX_COORDINATE_M)
        check_vector(Vector3(*self.rotation), "debug rotation (degrees)", MAX_COORDINATE_M)
        check_vector(
            Vector3(self.size, self.arrow_size, 0.0), "thickness and size of shapes", _MAX_SIZE
        )
        if not math.isfinite(self.life_time_s):
            raise InvalidValueError(f"life_time is {self.life_time_s}; use finite seconds")
        if len(self.text) > MAX_TEXT:
            raise InvalidValueError(
                f"a debug text of {len(self.text)} characters; use {MAX_TEXT} at most"
            )
        if not all(0 <= part <= 255 for part in self.rgb):
            raise InvalidValueError(f"colour {self.rgb} of a debug shape; use 0 to 255")
        return self

    @property
    def is_text(self) -> bool:
        """Whether `clear_debug_string` takes it away rather than `clear_debug_shape`."""
        return self.kind is ShapeKind.TEXT


class DebugShapes:
    """The shapes of one episode."""

    def __init__(self) -> None:
        """Starts without any."""
        self._shapes: deque[tuple[float, DebugShape]] = deque(maxlen=MAX_SHAPES)

    def draw(self, shape: DebugShape, now_s: float) -> None:
        """Takes a shape in.

        Args:
            shape: see there.
            now_s: simulated time.

        Raises:
            InvalidValueError: one of its numbers is not finite or out of range.
        """
        shape = shape.checked()
        if shape.life_time_s > 0.0:
            last_s = now_s + shape.life_time_s
        else:
            last_s = now_s if shape.kind in _PASSING else math.inf
        self._shapes.append((last_s, shape))

    def at(self, now_s: float) -> Iterator[DebugShape]:
        """What can be seen at that simulated time, the oldest first; forgets what has expired."""
        if any(last_s < now_s for last_s, _ in self._shapes):
            self._shapes = deque((s for s in self._shapes if s[0] >= now_s), maxlen=MAX_SHAPES)
        return (shape for _, shape in self._shapes)

    def clear(self, *, texts: bool) -> None:
        """Takes all texts away, or everything else."""
        kept = (entry for entry in self._shapes if entry[1].is_text != texts)
        self._shapes = deque(kept, maxlen=MAX_SHAPES)

    def __len__(self) -> int:
        return len(self._shapes)
