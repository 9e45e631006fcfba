"""The things in a world, whatever they are: sensors, the spectator; bodies are in `body`."""

import math
from dataclasses import dataclass, field
from enum import IntEnum

from carla_lite.world.blueprints import Blueprint, SemanticTag
from carla_lite.world.geometry import ORIGIN, BoundingBox, Transform, Vector3
from carla_lite.world.records import Record
from carla_lite.world.sensor_blueprints import LANE_INVASION


class Attachment(IntEnum):
    """How an actor hangs on its parent; see `carla_lite.world.spring_arm`."""

    RIGID = 0
    SPRING_ARM = 1
    SPRING_ARM_GHOST = 2


@dataclass(slots=True, eq=False)
class Actor:
    """Anything with an id and a place; also what the spectator is.

    With a parent, `mount` is the place on it and `transform` follows at the end of every tick.
    `record` is the index of its snapshot record, see `Population`.
    """

    id: int
    type_id: str
    transform: Transform
    attributes: dict[str, str] = field(default_factory=dict)
    blueprint: Blueprint | None = None
    parent_id: int = 0
    mount: Transform = field(default_factory=Transform)
    attachment: Attachment = Attachment.RIGID
    record: int = -1

    @property
    def semantic_tag(self) -> SemanticTag | None:
        """What it is in a segmentation; None for what nobody sees."""
        return self.blueprint.semantic_tag if self.blueprint else None

    @property
    def bounding_box(self) -> BoundingBox:
        """In the actor's own frame."""
        return self.blueprint.bounding_box if self.blueprint else BoundingBox()

    @property
    def is_body(self) -> bool:
        """Whether others can bump into it."""
        return self.bounding_box.extent.x > 0.0

    @property
    def velocity(self) -> Vector3:
        """World frame, m/s."""
        return ORIGIN

    def write_record(self, record: Record) -> None:
        """Writes what a snapshot tells of it; its id is there already."""
        record["transform"] = (*self.transform.location, *self.transform.rotation)

    def teleport(self, transform: Transform) -> None:
        """Puts the actor somewhere else."""
        self.transform = transform

    def pose(self) -> tuple[float, float, float]:
        """x, y (m) and yaw (rad) right now, also in the middle of a tick."""
        location, rotation = self.transform
        return location.x, location.y, math.radians(rotation.yaw)

    def footprint(self) -> tuple[float, float, float, float, float]:
        """Centre x, y (m), half length, half width (m), yaw (rad) of its box on the ground."""
        offset, extent, _ = self.bounding_box
        x, y, yaw = self.pose()
        cos, sin = math.cos(yaw), math.sin(yaw)
        return (
            x + cos * offset.x - sin * offset.y,
            y + sin * offset.x + cos * offset.y,
            extent.x,
            extent.y,
            yaw,
        )


@dataclass(slots=True, eq=False)
class Sensor(Actor):
    """Looks at the world from its place.

    Attributes:
        period_s: simulated time between two readings; 0 reads on every tick.
        due_s: when it reads next; None before the first tick it sees.
    """

    period_s: float = 0.0
    due_s: float | None = None

    def falls_due(self, elapsed_s: float) -> bool:
        """Whether it reads on this tick; keeps the rhythm counted from the first reading."""
        if self.due_s is None:
            self.due_s = elapsed_s
        if elapsed_s + 1e-9 < self.due_s:
            return False
        if self.period_s > 0.0:
            missed = math.floor((elapsed_s + 1e-9 - self.due_s) / self.period_s)
            self.due_s += (missed + 1) * self.period_s
        return True

    @property
    def streams(self) -> bool:
        """Whether the server sends its data; lane invasion is worked out by the client."""
        return self.type_id != LANE_INVASION
