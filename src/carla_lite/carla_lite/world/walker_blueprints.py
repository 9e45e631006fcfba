"""Pedestrians under CARLA's ids."""

from carla_lite.scenery.solids import Tag
from carla_lite.world.blueprints import Attribute, AttributeKind, Blueprint, Shape, fixed
from carla_lite.world.geometry import BoundingBox, Vector3

_HALF_WIDTH_M = 0.187679
"""Of CARLA's walkers, whose origin is the middle of their box."""

_CHILD_HEIGHT_M, _ADULT_HEIGHT_M = 1.10, 1.86

_CLOTHES = (
    (62, 74, 110), (140, 52, 48), (58, 92, 70), (196, 190, 176), (70, 70, 76), (172, 128, 60),
    (96, 62, 110), (44, 96, 120), (206, 104, 88), (120, 124, 92),
)  # fmt: skip


def _walker(number: int) -> Blueprint:
    """CARLA's numbers 9 to 14 and 48, 49 are children."""
    child = 9 <= number <= 14 or number in (48, 49)
    half = (_CHILD_HEIGHT_M if child else _ADULT_HEIGHT_M) / 2.0
    attributes = (
        Attribute("role_name", AttributeKind.STRING, "pedestrian"),
        Attribute("is_invincible", AttributeKind.BOOL, "true"),
        Attribute("speed", AttributeKind.FLOAT, "0.0", ("0.0", "0.7" if child else "1.4",
                                                        "1.8" if child else "2.9"),
                  lowest=0.0, highest=20.0),
        Attribute("can_use_wheelchair", AttributeKind.BOOL, "false", modifiable=False),
        fixed("age", "child" if child else "adult"),
        fixed("gender", "male" if number % 2 else "female"),
        fixed("generation", "2" if number >= 15 else "1", AttributeKind.INT),
        fixed("ethnicity", ""),
    )  # fmt: skip
    return Blueprint(
        f"walker.pedestrian.{number:04d}",
        attributes,
        BoundingBox(Vector3(), Vector3(_HALF_WIDTH_M, _HALF_WIDTH_M, half)),
        semantic_tag=Tag.PEDESTRIAN,
        shape=Shape.WALKER,
        rgb=_CLOTHES[number % len(_CLOTHES)],
        mass_kg=35.0 if child else 75.0,
    )


CONTROLLER = Blueprint(
    "controller.ai.walker", (Attribute("role_name", AttributeKind.STRING, "default"),)
)
"""Moves walkers by a navigation mesh inside the client; there is none here, so that it does not."""

WALKERS = tuple(_walker(number) for number in range(1, 52))
