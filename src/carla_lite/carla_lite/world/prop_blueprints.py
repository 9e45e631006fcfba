"""Static props under CARLA's ids, as blocks and cones of about their sizes.

A prop stays where it is put until a client lets physics move it.
"""

from carla_lite.scenery.solids import Tag
from carla_lite.world.blueprints import Attribute, AttributeKind, Blueprint, Shape, fixed
from carla_lite.world.blueprints import upright_box as _box

_MASS_KG = {"tiny": 3.0, "small": 20.0, "medium": 150.0, "big": 600.0, "huge": 2000.0}
"""By CARLA's size classes."""

Rgb = tuple[int, int, int]

_WOOD: Rgb = (134, 94, 60)
_CARDBOARD: Rgb = (176, 138, 92)
_STEEL: Rgb = (120, 124, 128)
_GREEN: Rgb = (60, 92, 60)
_DARK: Rgb = (56, 58, 60)
_ORANGE: Rgb = (214, 96, 30)
_EARTH: Rgb = (128, 106, 84)
_STONE: Rgb = (160, 158, 152)
_LEAVES: Rgb = (62, 98, 46)


def _prop(
    name: str,
    size: str,
    size_m: tuple[float, float, float],
    rgb: Rgb,
    shape: Shape = Shape.BLOCK,
    tag: Tag = Tag.STATIC,
) -> Blueprint:
    attributes = (
        Attribute("role_name", AttributeKind.STRING, "prop"),
        fixed("size", size),
    )
    return Blueprint(
        f"static.prop.{name}",
        attributes,
        _box(*size_m),
        semantic_tag=tag,
        shape=shape,
        rgb=rgb,
        mass_kg=_MASS_KG[size],
    )


PROPS = (
    _prop("streetbarrier", "small", (1.3, 0.45, 1.0), _ORANGE, tag=Tag.DYNAMIC),
    _prop("trafficcone01", "tiny", (0.5, 0.5, 0.75), _ORANGE, Shape.CONE, Tag.DYNAMIC),
    _prop("trafficcone02", "tiny", (0.45, 0.45, 0.70), _ORANGE, Shape.CONE, Tag.DYNAMIC),
    _prop("constructioncone", "tiny", (0.42, 0.42, 0.68), _ORANGE, Shape.CONE, Tag.DYNAMIC),
    _prop("warningconstruction", "small", (0.75, 0.6, 1.1), _ORANGE, tag=Tag.DYNAMIC),
    _prop("warningaccident", "small", (0.75, 0.6, 1.1), (200, 40, 36), tag=Tag.DYNAMIC),
    _prop("trafficwarning", "medium", (2.4, 1.9, 3.0), _ORANGE, tag=Tag.DYNAMIC),
    _prop("chainbarrier", "small", (1.5, 0.25, 0.95), _STEEL, tag=Tag.DYNAMIC),
    _prop("chainbarrierend", "small", (0.25, 0.25, 0.95), _STEEL, tag=Tag.DYNAMIC),
    _prop("container", "medium", (2.0, 1.4, 1.6), _GREEN, tag=Tag.DYNAMIC),
    _prop("clothcontainer", "medium", (1.2, 1.2, 2.0), (190, 160, 60), tag=Tag.DYNAMIC),
    _prop("glasscontainer", "medium", (1.5, 1.5, 1.7), (54, 110, 84), tag=Tag.DYNAMIC),
    _prop("box01", "small", (0.62, 0.62, 0.56), _CARDBOARD, tag=Tag.DYNAMIC),
    _prop("box02", "small", (0.52, 0.40, 0.42), _CARDBOARD, tag=Tag.DYNAMIC),
    _prop("box03", "small", (0.80, 0.55, 0.50), _CARDBOARD, tag=Tag.DYNAMIC),
    _prop("creasedbox01", "tiny", (0.58, 0.50, 0.36), _CARDBOARD, tag=Tag.DYNAMIC),
    _prop("creasedbox02", "tiny", (0.50, 0.46, 0.34), _CARDBOARD, tag=Tag.DYNAMIC),
    _prop("creasedbox03", "tiny", (0.55, 0.40, 0.30), _CARDBOARD, tag=Tag.DYNAMIC),
    _prop("briefcase", "tiny", (0.45, 0.14, 0.36), (70, 46, 32), tag=Tag.DYNAMIC),
    _prop("guitarcase", "small", (1.1, 0.4, 0.16), _DARK, tag=Tag.DYNAMIC),
    _prop("travelcase", "tiny", (0.45, 0.28, 0.65), (40, 60, 100), tag=Tag.DYNAMIC),
    _prop("shoppingbag", "tiny", (0.40, 0.2, 0.42), (210, 200, 180), tag=Tag.DYNAMIC),
    _prop("shoppingcart", "small", (0.95, 0.6, 1.0), _STEEL, tag=Tag.DYNAMIC),
    _prop("shoppingtrolley", "small", (0.45, 0.4, 1.0), (70, 80, 120), tag=Tag.DYNAMIC),
    _prop("trashbag", "tiny", (0.6, 0.6, 0.55), (30, 30, 32), tag=Tag.DYNAMIC),
    _prop("trashcan01", "small", (0.60, 0.60, 1.05), _GREEN, tag=Tag.DYNAMIC),
    _prop("trashcan02", "small", (0.55, 0.55, 0.95), _DARK, tag=Tag.DYNAMIC),
    _prop("trashcan03", "small", (0.75, 0.85, 1.10), _GREEN, tag=Tag.DYNAMIC),
    _prop("trashcan04", "small", (0.62, 0.62, 1.00), _STEEL, tag=Tag.DYNAMIC),
    _prop("trashcan05", "small", (0.50, 0.50, 0.90), _STEEL, tag=Tag.DYNAMIC),
    _prop("bin", "small", (0.60, 0.75, 1.10), _DARK, tag=Tag.DYNAMIC),
    _prop("barrel", "small", (0.60, 0.60, 0.90), (46, 72, 122), tag=Tag.DYNAMIC),
    _prop("bench01", "medium", (1.6, 0.60, 0.85), _WOOD),
    _prop("bench02", "medium", (1.7, 0.55, 0.80), _WOOD),
    _prop("bench03", "medium", (1.5, 0.50, 0.45), _STONE),
    _prop("table", "medium", (1.3, 0.85, 0.75), _WOOD),
    _prop("plastictable", "small", (0.85, 0.85, 0.72), (226, 226, 222)),
    _prop("plasticchair", "small", (0.55, 0.55, 0.82), (226, 226, 222)),
    _prop("plantpot01", "small", (0.75, 0.75, 0.60), _EARTH),
    _prop("plantpot02", "small", (0.60, 0.60, 0.85), _EARTH),
    _prop("plantpot03", "medium", (1.60, 0.60, 0.90), _LEAVES),
    _prop("plantpot04", "small", (0.60, 0.60, 0.70), _LEAVES),
    _prop("mailbox", "small", (0.50, 0.45, 1.25), (190, 160, 30)),
    _prop("atm", "medium", (0.85, 0.75, 1.90), (40, 84, 150)),
    _prop("vendingmachine", "medium", (1.0, 0.85, 1.90), (170, 36, 40)),
    _prop("kiosk_01", "big", (2.6, 2.4, 2.9), _GREEN),
    _prop("busstop", "big", (4.0, 1.7, 2.7), _STEEL),
    _prop("advertisement", "medium", (1.4, 0.35, 2.4), _DARK),
    _prop("streetsign", "medium", (0.7, 0.12, 2.5), _STEEL),
    _prop("fountain", "huge", (3.2, 3.2, 1.8), _STONE),
    _prop("ironplank", "small", (1.8, 1.1, 0.06), _STEEL),
    _prop("dirtdebris01", "small", (1.5, 1.2, 0.16), _EARTH),
    _prop("dirtdebris02", "small", (1.9, 1.5, 0.22), _EARTH),
    _prop("dirtdebris03", "small", (0.9, 0.8, 0.14), _EARTH),
)  # fmt: skip
