"""What actors look like: the solids they are drawn with, in their own frame.

All parts lie within the actor's bounding box, so that pictures, rays and collisions agree.
"""

import numpy as np

from carla_lite.scenery.solids import Material, Shape, Solids, Tag, empty, solid
from carla_lite.world.blueprints import Blueprint
from carla_lite.world.blueprints import Shape as Look
from carla_lite.world.geometry import BoundingBox

Bgr = tuple[int, int, int]

_DARK: Bgr = (38, 36, 34)
_SKIN: Bgr = (120, 150, 196)
_TROUSERS: Bgr = (84, 62, 50)
_WHITE: Bgr = (230, 230, 230)


def parts_of(blueprint: Blueprint, attributes: dict[str, str], *, lying: bool = False) -> Solids:
    """The solids of one actor.

    Args:
        blueprint: its kind.
        attributes: of which the colour is read.
        lying: whether it is a walker that was knocked over.

    Returns:
        SOLID (K,): centres and headings in the actor's frame, without id and lights.
    """
    red, green, blue = blueprint.rgb
    if "color" in attributes:
        red, green, blue = (int(part) for part in attributes["color"].split(","))
    paint = (blue, green, red)
    box, tag = blueprint.bounding_box, blueprint.semantic_tag or Tag.UNLABELED
    match blueprint.shape:
        case Look.CAR:
            return _car(box, tag, paint)
        case Look.VAN:
            return _van(box, tag, paint)
        case Look.TRUCK:
            return _truck(box, tag, paint)
        case Look.BUS:
            return _bus(box, tag, paint)
        case Look.TWO_WHEELER:
            return _two_wheeler(box, tag, paint)
        case Look.WALKER:
            return _lying_walker(box, paint) if lying else _walker(box, paint)
        case Look.CONE:
            return _cone(box, tag, paint)
        case Look.BLOCK:
            return _part(box, tag, paint)
        case _:
            return empty()


def _part(
    box: BoundingBox,
    tag: Tag,
    bgr: Bgr,
    *,
    x: tuple[float, float] = (-1.0, 1.0),
    y: tuple[float, float] = (-1.0, 1.0),
    z: tuple[float, float] = (0.0, 1.0),
    material: Material = Material.PLAIN,
    shape: Shape = Shape.BOX,
) -> Solids:
    """A stretch of a box: x and y in half extents from its middle, z in heights from its foot."""
    centre, extent, _ = box
    foot, height = centre.z - extent.z, 2.0 * extent.z
    return solid(
        (
            centre.x + extent.x * (x[0] + x[1]) / 2.0,
            centre.y + extent.y * (y[0] + y[1]) / 2.0,
            foot + height * (z[0] + z[1]) / 2.0,
        ),
        (
            extent.x * (x[1] - x[0]) / 2.0,
            extent.y * (y[1] - y[0]) / 2.0,
            height * (z[1] - z[0]) / 2.0,
        ),
        0.0,
        bgr,
        tag,
        material=material,
        shape=shape,
    )


def _hull(box: BoundingBox, tag: Tag, paint: Bgr, top: float) -> Solids:
    return _part(box, tag, paint, z=(0.0, top), material=Material.CAR_HULL)


def _cabin(
    box: BoundingBox, tag: Tag, paint: Bgr, x: tuple[float, float], z: tuple[float, float]
) -> Solids:
    return _part(box, tag, paint, x=x, y=(-0.88, 0.88), z=z, material=Material.CAR_CABIN)


def _car(box: BoundingBox, tag: Tag, paint: Bgr) -> Solids:
    return np.concatenate(
        [_hull(box, tag, paint, 0.62), _cabin(box, tag, paint, (-0.66, 0.42), (0.62, 1.0))]
    )


def _van(box: BoundingBox, tag: Tag, paint: Bgr) -> Solids:
    return np.concatenate(
        [
            _hull(box, tag, paint, 0.46),
            _cabin(box, tag, paint, (0.20, 0.78), (0.46, 0.94)),
            _part(box, tag, paint, x=(-1.0, 0.20), y=(-0.95, 0.95), z=(0.46, 1.0)),
        ]
    )


def _truck(box: BoundingBox, tag: Tag, paint: Bgr) -> Solids:
    load = (190, 194, 196) if max(paint) < 180 else (96, 88, 80)
    return np.concatenate(
        [
            _hull(box, tag, paint, 0.38),
            _cabin(box, tag, paint, (0.52, 0.96), (0.38, 0.86)),
            _part(box, tag, load, x=(-1.0, 0.48), z=(0.38, 1.0)),
        ]
    )


def _bus(box: BoundingBox, tag: Tag, paint: Bgr) -> Solids:
    return np.concatenate(
        [
            _hull(box, tag, paint, 0.45),
            _part(
                box, tag, paint, x=(-0.99, 0.99), y=(-0.98, 0.98), z=(0.45, 0.88),
                material=Material.CAR_CABIN,
            ),
            _part(box, tag, paint, x=(-0.99, 0.99), y=(-0.98, 0.98), z=(0.88, 1.0)),
        ]
    )  # fmt: skip


def _two_wheeler(box: BoundingBox, tag: Tag, paint: Bgr) -> Solids:
    return np.concatenate(
        [
            _part(box, tag, _DARK, x=(-1.0, 1.0), y=(-0.14, 0.14), z=(0.0, 0.36)),
            _part(box, tag, paint, x=(-0.55, 0.5), y=(-0.3, 0.3), z=(0.36, 0.54)),
            _part(box, tag, _DARK, x=(0.36, 0.5), y=(-1.0, 1.0), z=(0.58, 0.64)),
            _part(box, Tag.RIDER, _TROUSERS, x=(-0.3, 0.1), y=(-0.5, 0.5), z=(0.3, 0.54)),
            _part(box, Tag.RIDER, paint, x=(-0.34, 0.06), y=(-0.55, 0.55), z=(0.54, 0.84)),
            _part(box, Tag.RIDER, _DARK, x=(-0.2, 0.1), y=(-0.3, 0.3), z=(0.84, 1.0),
                  shape=Shape.ELLIPSOID),
        ]
    )  # fmt: skip


def _walker(box: BoundingBox, clothes: Bgr) -> Solids:
    tag = Tag.PEDESTRIAN
    return np.concatenate(
        [
            _part(box, tag, _TROUSERS, x=(-0.6, 0.6), y=(-0.8, 0.8), z=(0.0, 0.48)),
            _part(box, tag, clothes, x=(-0.65, 0.65), z=(0.48, 0.86)),
            _part(box, tag, _SKIN, x=(-0.55, 0.55), y=(-0.5, 0.5), z=(0.86, 1.0),
                  shape=Shape.ELLIPSOID),
        ]
    )  # fmt: skip


def _lying_walker(box: BoundingBox, clothes: Bgr) -> Solids:
    """The standing figure, turned over onto its back: heights become lengths."""
    standing = _walker(box, clothes)
    lying = standing.copy()
    foot = box.location.z - box.extent.z
    lying["centre"][:, 0] = standing["centre"][:, 2]
    lying["half"][:, 0] = standing["half"][:, 2]
    lying["half"][:, 2] = standing["half"][:, 0]
    lying["centre"][:, 2] = foot + standing["half"][:, 0]
    return lying


def _cone(box: BoundingBox, tag: Tag, paint: Bgr) -> Solids:
    return np.concatenate(
        [
            _part(box, tag, _DARK, z=(0.0, 0.06)),
            _part(box, tag, paint, x=(-0.6, 0.6), y=(-0.6, 0.6), z=(0.06, 0.4)),
            _part(box, tag, _WHITE, x=(-0.42, 0.42), y=(-0.42, 0.42), z=(0.4, 0.65)),
            _part(box, tag, paint, x=(-0.24, 0.24), y=(-0.24, 0.24), z=(0.65, 1.0)),
        ]
    )
