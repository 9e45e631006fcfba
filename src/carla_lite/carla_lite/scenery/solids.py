"""Solids: the upright boxes and ellipsoids of which everything that stands on the ground is made.

One description serves every sensor: cameras draw solids, rays hit them, vehicles bump into them, so
pictures, depth, segmentation and lidar agree.
"""

from __future__ import annotations

import math
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray


class Shape(IntEnum):
    """What fills the box that a solid's half extents span."""

    BOX = 0
    ELLIPSOID = 1


class Material(IntEnum):
    """How the surface is painted; `Solid.variant` picks among the patterns of one material."""

    PLAIN = 0
    FACADE = 1
    FOLIAGE = 2
    CAR_HULL = 3
    CAR_CABIN = 4
    SIGNAL = 5
    SIGN = 6


class Tag(IntEnum):
    """CARLA 0.9.16's CityObjectLabel."""

    UNLABELED = 0
    ROAD = 1
    SIDEWALK = 2
    BUILDING = 3
    WALL = 4
    FENCE = 5
    POLE = 6
    TRAFFIC_LIGHT = 7
    TRAFFIC_SIGN = 8
    VEGETATION = 9
    TERRAIN = 10
    SKY = 11
    PEDESTRIAN = 12
    RIDER = 13
    CAR = 14
    TRUCK = 15
    BUS = 16
    TRAIN = 17
    MOTORCYCLE = 18
    BICYCLE = 19
    STATIC = 20
    DYNAMIC = 21
    OTHER = 22
    WATER = 23
    ROAD_LINE = 24
    GROUND = 25
    BRIDGE = 26
    RAIL_TRACK = 27
    GUARD_RAIL = 28


SOLID = np.dtype(
    [
        ("centre", np.float32, 3),  # m, CARLA's frame: x forward, y right, z up
        ("half", np.float32, 3),  # m, half extents along, across, up
        ("heading", np.float32, 2),  # cosine and sine of the yaw, positive towards +y
        ("bgr", np.uint8, 3),
        ("material", np.uint8),
        ("shape", np.uint8),
        ("tag", np.uint8),
        ("variant", np.uint8),
        ("lights", np.uint8),  # lit lamps, as the material reads them; see `LIGHTS_*`
        ("id", np.uint32),  # of the actor or environment object; the same for all of its parts
    ]
)
"""One solid: 44 bytes without padding, the layout of `Solid` in the compiled renderer."""

LIGHTS_BRAKE, LIGHTS_LOW_BEAM, LIGHTS_REVERSE, LIGHTS_LEFT, LIGHTS_RIGHT = 1, 2, 4, 8, 16
"""Bits of `lights` on CAR_HULL."""

LIGHTS_RED, LIGHTS_YELLOW, LIGHTS_GREEN = 1, 2, 4
"""Bits of `lights` on SIGNAL."""

LIGHTS_LAMP = 1
"""Bit of `lights` on PLAIN: the head of a street lamp, which shines when it is dark."""

Solids = NDArray[np.void]


def solid(
    centre: tuple[float, float, float],
    half: tuple[float, float, float],
    yaw_deg: float,
    bgr: tuple[int, int, int],
    tag: Tag,
    *,
    material: Material = Material.PLAIN,
    shape: Shape = Shape.BOX,
    variant: int = 0,
    lights: int = 0,
    owner: int = 0,
) -> Solids:
    """One record of `SOLID`, shape (1,); see there for units."""
    yaw = math.radians(yaw_deg)
    record = np.zeros(1, SOLID)
    record["centre"], record["half"] = centre, half
    record["heading"] = math.cos(yaw), math.sin(yaw)
    record["bgr"], record["tag"], record["material"] = bgr, tag, material
    record["shape"], record["variant"], record["lights"] = shape, variant, lights
    record["id"] = owner
    return record


def empty() -> Solids:
    """No solids: shape (0,)."""
    return np.zeros(0, SOLID)
