"""What can be spawned, with CARLA's own blueprint ids, attribute names and defaults."""

import math
from dataclasses import dataclass
from enum import IntEnum

from carla_lite.scenery.solids import Tag as SemanticTag
from carla_lite.world.dynamics import VehiclePhysics
from carla_lite.world.errors import SpawnError
from carla_lite.world.geometry import BoundingBox, Vector3

__all__ = [
    "NO_BOX",
    "Attribute",
    "AttributeKind",
    "Blueprint",
    "SemanticTag",
    "Shape",
    "fixed",
    "upright_box",
]

NO_BOX = BoundingBox()


class AttributeKind(IntEnum):
    """Attribute types as CARLA 0.9.16 numbers them."""

    BOOL = 1
    INT = 2
    FLOAT = 3
    STRING = 4
    COLOR = 5


@dataclass(frozen=True, slots=True)
class Attribute:
    """One attribute of a blueprint; all values are text, as in CARLA.

    `lowest` and `highest` are this server's limits for numbers; CARLA has none.
    """

    name: str
    kind: AttributeKind
    default: str
    recommended: tuple[str, ...] = ()
    modifiable: bool = True
    restricted: bool = False
    lowest: float = -math.inf
    highest: float = math.inf

    def check(self, value: str) -> str:
        """Returns the value, or raises SpawnError when it is none of this attribute's."""
        if not self.modifiable and value != self.default:
            raise SpawnError(f"attribute {self.name} is fixed at {self.default!r}, not {value!r}")
        try:
            if self.kind is AttributeKind.BOOL:
                good = value.lower() in ("true", "false")
            elif self.kind is AttributeKind.INT:
                value = str(_whole(value))
                good = self.lowest <= int(value) <= self.highest
            elif self.kind is AttributeKind.FLOAT:
                number = float(value)
                good = math.isfinite(number) and self.lowest <= number <= self.highest
            elif self.kind is AttributeKind.COLOR:
                channels = [int(channel) for channel in value.split(",")]
                good = len(channels) == 3 and all(0 <= channel <= 255 for channel in channels)
            else:
                good = len(value) <= 256
        except (ValueError, OverflowError):
            good = False
        if not good:
            bounds = (
                f" within {self.lowest:g} to {self.highest:g}" if math.isfinite(self.lowest) else ""
            )
            raise SpawnError(
                f"attribute {self.name} cannot be {value!r}: "
                f"it takes a {self.kind.name.lower()}{bounds}, such as {self.default!r}"
            )
        return value


def _whole(text: str) -> int:
    """CARLA takes "64.0" for 64, and so do its own programs."""
    try:
        return int(text)
    except ValueError:
        return int(float(text))


class Shape(IntEnum):
    """Which parts an actor is drawn with; see `carla_lite.world.shapes`."""

    NONE = 0
    CAR = 1
    VAN = 2
    TRUCK = 3
    BUS = 4
    TWO_WHEELER = 5
    WALKER = 6
    BLOCK = 7
    CONE = 8


@dataclass(frozen=True, slots=True)
class Blueprint:
    """Something a client can spawn.

    Attributes:
        id: such as "vehicle.tesla.model3".
        attributes: what the client may read and set.
        bounding_box: around the spawned actor, in its own frame; zero for sensors.
        physics: how it drives; None for what does not.
        semantic_tag: what it is in a segmentation; None for sensors.
        shape: what it looks like; NONE for what nobody sees.
        rgb: its colour, unless it has an attribute of that name.
        mass_kg: of what can be pushed; 0 for sensors.
    """

    id: str
    attributes: tuple[Attribute, ...]
    bounding_box: BoundingBox = NO_BOX
    physics: VehiclePhysics | None = None
    semantic_tag: SemanticTag | None = None
    shape: Shape = Shape.NONE
    rgb: tuple[int, int, int] = (128, 128, 128)
    mass_kg: float = 0.0

    @property
    def tags(self) -> str:
        """The comma list by which clients filter."""
        return self.id.replace(".", ",")

    def resolve(self, given: dict[str, str]) -> dict[str, str]:
        """All attributes with their values; raises SpawnError for an unknown name or bad value."""
        known = {attribute.name: attribute for attribute in self.attributes}
        for name in given:
            if name not in known:
                raise SpawnError(f"blueprint {self.id} has no attribute {name!r}")
        return {
            name: attribute.check(given.get(name, attribute.default))
            for name, attribute in known.items()
        }


def upright_box(length_m: float, width_m: float, height_m: float) -> BoundingBox:
    """A box which stands on the ground around the actor's origin."""
    return BoundingBox(
        Vector3(0.0, 0.0, height_m / 2.0), Vector3(length_m / 2.0, width_m / 2.0, height_m / 2.0)
    )


def fixed(name: str, value: str, kind: AttributeKind = AttributeKind.STRING) -> Attribute:
    """An attribute which clients can read, but not set."""
    return Attribute(name, kind, value, modifiable=False)
