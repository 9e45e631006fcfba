"""What can be spawned, with CARLA's own blueprint ids, attribute names and defaults."""

import math
from dataclasses import dataclass, replace
from enum import IntEnum

from carla_lite.world.dynamics import VehiclePhysics
from carla_lite.world.errors import SpawnError
from carla_lite.world.geometry import BoundingBox, Vector3

NO_BOX = BoundingBox()


class AttributeKind(IntEnum):
    """Attribute types as CARLA 0.9.16 numbers them."""

    BOOL = 1
    INT = 2
    FLOAT = 3
    STRING = 4
    COLOR = 5


class SemanticTag(IntEnum):
    """CARLA's CityObjectLabel, as far as this world has such things."""

    STATIC = 20
    DYNAMIC = 21
    CAR = 14
    TRUCK = 15


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
                good = self.lowest <= int(value) <= self.highest
            elif self.kind is AttributeKind.FLOAT:
                number = float(value)
                good = math.isfinite(number) and self.lowest <= number <= self.highest
            elif self.kind is AttributeKind.COLOR:
                channels = [int(channel) for channel in value.split(",")]
                good = len(channels) == 3 and all(0 <= channel <= 255 for channel in channels)
            else:
                good = len(value) <= 256
        except ValueError:
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


@dataclass(frozen=True, slots=True)
class Blueprint:
    """Something a client can spawn.

    Attributes:
        id: such as "vehicle.tesla.model3".
        attributes: what the client may read and set.
        bounding_box: around the spawned actor, in its own frame; zero for sensors.
        physics: how it drives; None for what does not.
        semantic_tag: what it is in a segmentation; None for sensors.
    """

    id: str
    attributes: tuple[Attribute, ...]
    bounding_box: BoundingBox = NO_BOX
    physics: VehiclePhysics | None = None
    semantic_tag: SemanticTag | None = None

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


def _fixed(name: str, value: str, kind: AttributeKind = AttributeKind.STRING) -> Attribute:
    return Attribute(name, kind, value, modifiable=False)


def _vehicle(
    type_id: str,
    box: BoundingBox,
    physics: VehiclePhysics,
    colors: tuple[str, ...],
    base_type: str = "car",
    generation: str = "2",
) -> Blueprint:
    attributes = (
        Attribute("role_name", AttributeKind.STRING, "autopilot",
                  ("autopilot", "scenario", "ego_vehicle")),
        Attribute("color", AttributeKind.COLOR, colors[0], colors),
        Attribute("sticky_control", AttributeKind.BOOL, "true"),
        Attribute("terramechanics", AttributeKind.BOOL, "false"),
        _fixed("number_of_wheels", "4", AttributeKind.INT),
        _fixed("base_type", base_type),
        _fixed("special_type", ""),
        _fixed("object_type", ""),
        _fixed("generation", generation, AttributeKind.INT),
        _fixed("has_lights", "true", AttributeKind.BOOL),
        _fixed("has_dynamic_doors", "false", AttributeKind.BOOL),
    )  # fmt: skip
    tag = SemanticTag.TRUCK if base_type == "truck" else SemanticTag.CAR
    return Blueprint(type_id, attributes, box, physics, tag)


def _prop(type_id: str, box: BoundingBox, size: str) -> Blueprint:
    attributes = (
        Attribute("role_name", AttributeKind.STRING, "prop"),
        _fixed("size", size),
    )
    return Blueprint(type_id, attributes, box, semantic_tag=SemanticTag.DYNAMIC)


_CAR = VehiclePhysics()
_VAN = replace(_CAR, mass_kg=2500.0, wheelbase_m=3.9, acceleration_mps2=3.0, brake_mps2=7.0)
_TRUCK = replace(
    _CAR, mass_kg=6500.0, wheelbase_m=3.2, acceleration_mps2=2.0, brake_mps2=6.0, top_speed_mps=22.0
)

VEHICLES = (
    _vehicle("vehicle.tesla.model3", upright_box(4.79, 2.16, 1.49), _CAR,
             ("180,44,44", "17,37,103", "137,0,0", "0,0,0", "180,180,180")),
    _vehicle("vehicle.lincoln.mkz_2020", upright_box(4.89, 1.84, 1.49), _CAR,
             ("81,88,94", "17,37,103", "228,228,228")),
    _vehicle("vehicle.mercedes.sprinter", upright_box(5.92, 1.99, 2.56), _VAN,
             ("220,220,220", "255,199,44"), base_type="van"),
    _vehicle("vehicle.carlamotors.carlacola", upright_box(5.2, 2.63, 2.47), _TRUCK,
             ("200,20,20", "240,240,240"), base_type="truck", generation="1"),
)  # fmt: skip

PROPS = (
    _prop("static.prop.streetbarrier", upright_box(1.3, 0.45, 1.0), "small"),
    _prop("static.prop.trafficcone01", upright_box(0.5, 0.5, 0.75), "tiny"),
    _prop("static.prop.container", upright_box(2.0, 1.4, 1.6), "medium"),
)
