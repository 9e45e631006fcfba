"""Kits: the solids of many houses, trees, lamps and so on at once.

Every maker takes N poses, float64 (N, 3) x, y (m) and yaw (rad), or N footprints (see
`ground_plan.footprints`), and gives a `Kit`. All parts of an object share its heading.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from carla_lite.scenery.ground_plan import footprints
from carla_lite.scenery.site import Floats
from carla_lite.scenery.solids import LIGHTS_LAMP, SOLID, Material, Shape, Solids, Tag

STOREY_M = 3.0
EAVES_M = 0.2
LAMP_HEIGHT_M = 5.4
LAMP_REACH_M = 0.4
"""Half length of a lamp's head, across the street."""

_FACADES_RGB = np.array(
    [
        (156, 84, 66), (173, 109, 84), (196, 164, 128), (214, 198, 164), (222, 214, 198),
        (168, 170, 172), (142, 150, 158), (202, 178, 108), (186, 140, 112), (150, 164, 150),
        (206, 186, 176), (124, 112, 104),
    ],
    np.uint8,
)  # fmt: skip
_ROOFS_RGB = np.array([(92, 62, 54), (84, 84, 88), (112, 108, 102), (70, 74, 80)], np.uint8)
_LEAVES_RGB = np.array(
    [(58, 92, 40), (70, 104, 46), (48, 80, 42), (86, 110, 52), (64, 88, 56)], np.uint8
)
_NEEDLES_RGB = np.array([(36, 66, 44), (44, 74, 50)], np.uint8)
_BARK_RGB = np.array([(84, 66, 50), (96, 80, 64), (74, 62, 52)], np.uint8)
_WALLS_RGB = np.array([(176, 168, 154), (150, 110, 92), (190, 186, 178)], np.uint8)
_FENCES_RGB = np.array([(206, 204, 196), (112, 86, 62), (72, 76, 74)], np.uint8)


@dataclass(frozen=True, eq=False)
class Kit:
    """Objects of one kind.

    Attributes:
        name: such as "Building".
        tag: of all parts.
        solids: SOLID (M,), ids not yet given.
        owner: intp (M,), to which object each part belongs; every object has one part at least.
    """

    name: str
    tag: Tag
    solids: Solids
    owner: NDArray[np.intp]


class _Assembly:
    """Collects the parts of N objects, one part of all or of some objects at a time."""

    def __init__(self, name: str, tag: Tag, places: Floats) -> None:
        self._name, self._tag = name, tag
        self._x, self._y = places[:, 0], places[:, 1]
        self._cos, self._sin = np.cos(places[:, 2]), np.sin(places[:, 2])
        self._parts: list[Solids] = []
        self._owners: list[NDArray[np.intp]] = []

    def add(
        self,
        offset: tuple[ArrayLike, ArrayLike, ArrayLike],
        half: tuple[ArrayLike, ArrayLike, ArrayLike],
        rgb: ArrayLike,
        *,
        material: Material = Material.PLAIN,
        shape: Shape = Shape.BOX,
        variant: ArrayLike = 0,
        lights: int = 0,
        only: NDArray[np.bool_] | None = None,
    ) -> None:
        """One part: its centre in the object's frame (along, across, up) and its half extents."""
        part = np.zeros(len(self._x), SOLID)
        along, across = np.asarray(offset[0], float), np.asarray(offset[1], float)
        part["centre"][:, 0] = self._x + along * self._cos - across * self._sin
        part["centre"][:, 1] = self._y + along * self._sin + across * self._cos
        part["centre"][:, 2] = offset[2]
        for axis in range(3):
            part["half"][:, axis] = half[axis]
        part["heading"] = np.column_stack([self._cos, self._sin])
        part["bgr"] = np.broadcast_to(np.asarray(rgb), (len(part), 3))[:, ::-1]
        part["material"], part["shape"], part["variant"] = material, shape, variant
        part["tag"], part["lights"] = self._tag, lights
        owner = np.arange(len(part))
        self._parts.append(part if only is None else part[only])
        self._owners.append(owner if only is None else owner[only])

    def kit(self) -> Kit:
        """Everything so far, object by object."""
        owner = np.concatenate(self._owners)
        order = np.argsort(owner, kind="stable")
        return Kit(self._name, self._tag, np.concatenate(self._parts)[order], owner[order])


def _pick(rng: np.random.Generator, table: NDArray[np.uint8], count: int) -> NDArray[np.uint8]:
    """Colours from a table, each a little different."""
    shade = rng.uniform(0.9, 1.08, (count, 1))
    return np.clip(table[rng.integers(len(table), size=count)] * shade, 0, 255).astype(np.uint8)


def _patterns(rng: np.random.Generator, count: int) -> NDArray[np.uint8]:
    return rng.integers(0, 256, count, dtype=np.uint8)


def _facades(storeys: NDArray[np.intp], rng: np.random.Generator) -> NDArray[np.uint8]:
    """Windows as the height has it: homes have small ones, offices bands and glass, with shops."""
    count = len(storeys)
    windows = rng.integers(0, np.where(storeys >= 5, 4, 2))
    shop = (storeys >= 3) & (rng.random(count) < 0.4)
    grain = rng.integers(0, 32, count)  # which windows are lit, where the doors are
    return (windows + 4 * shop + 8 * grain).astype(np.uint8)


def _poses(prints: Floats) -> Floats:
    return np.column_stack([prints[:, :2], np.arctan2(prints[:, 5], prints[:, 4])])


def buildings(prints: Floats, storeys: NDArray[np.intp], rng: np.random.Generator) -> Kit:
    """Houses with flat roofs that fill their footprints up to the eaves."""
    count = len(prints)
    half_x, half_y = prints[:, 2] - EAVES_M, prints[:, 3] - EAVES_M
    height = storeys * STOREY_M + 0.6
    built = _Assembly("Building", Tag.BUILDING, _poses(prints))
    facade, roof = _pick(rng, _FACADES_RGB, count), _pick(rng, _ROOFS_RGB, count)
    built.add(
        (0, 0, height / 2), (half_x, half_y, height / 2), facade,
        material=Material.FACADE, variant=_facades(storeys, rng),
    )  # fmt: skip
    built.add((0, 0, height + 0.15), (half_x + EAVES_M, half_y + EAVES_M, 0.15), roof)
    # Stairs and lift of the higher ones end on the roof.
    where = rng.uniform(-0.4, 0.4, (2, count)) * (half_x, half_y)
    size = np.minimum(np.minimum(half_x, half_y) * 0.4, 2.0)
    built.add((where[0], where[1], height + 1.4), (size, size, 1.1), roof, only=storeys >= 4)
    return built.kit()


def trees(prints: Floats, rng: np.random.Generator) -> Kit:
    """Broad-leaved trees and conifers whose crowns fill their square footprints."""
    count = len(prints)
    radius = prints[:, 2]
    conifer = rng.random(count) < 0.25
    height = np.where(conifer, rng.uniform(2.8, 3.6, count), rng.uniform(2.2, 2.9, count)) * (
        radius + 1.0
    )
    bole = np.where(conifer, 0.12, 0.32) * height
    half_z = (height - bole) / 2
    built = _Assembly("Tree", Tag.VEGETATION, _poses(prints))
    thick = 0.06 + 0.05 * radius
    built.add(
        (0, 0, (bole + half_z) / 2),
        (thick, thick, (bole + half_z) / 2),
        _pick(rng, _BARK_RGB, count),
    )
    leaves = np.where(
        conifer[:, None], _pick(rng, _NEEDLES_RGB, count), _pick(rng, _LEAVES_RGB, count)
    )
    # One lump, or two that together fill the square.
    split = ~conifer & (rng.random(count) < 0.6)
    shift = np.where(split, 0.25 * radius, 0.0) * rng.choice([-1.0, 1.0], count)
    low = np.where(split, 0.82, 1.0) * half_z
    wide = np.where(split, 0.75, 1.0) * radius
    built.add(
        (shift, 0, bole + low), (wide, wide, low), leaves,
        material=Material.FOLIAGE, shape=Shape.ELLIPSOID, variant=_patterns(rng, count),
    )  # fmt: skip
    upper, narrow = 0.62 * half_z, 0.7 * radius
    built.add(
        (-shift, shift * 0.6, height - upper), (narrow, narrow, upper), leaves, only=split,
        material=Material.FOLIAGE, shape=Shape.ELLIPSOID, variant=_patterns(rng, count),
    )  # fmt: skip
    return built.kit()


def bushes(prints: Floats, rng: np.random.Generator) -> Kit:
    """Low round shrubs."""
    count = len(prints)
    half_z = 0.6 * np.minimum(prints[:, 2], prints[:, 3])
    built = _Assembly("Bush", Tag.VEGETATION, _poses(prints))
    built.add(
        (0, 0, half_z * 0.8), (prints[:, 2], prints[:, 3], half_z), _pick(rng, _LEAVES_RGB, count),
        material=Material.FOLIAGE, shape=Shape.ELLIPSOID, variant=_patterns(rng, count),
    )  # fmt: skip
    return built.kit()


def barrier_colours(kind: str, count: int, rng: np.random.Generator) -> NDArray[np.uint8]:
    """RGB, (count, 3), for "hedge", "wall" or "fence"."""
    return _pick(rng, {"hedge": _LEAVES_RGB, "wall": _WALLS_RGB, "fence": _FENCES_RGB}[kind], count)


def hedges(prints: Floats, rgb: NDArray[np.uint8], rng: np.random.Generator) -> Kit:
    """Clipped box hedges, 0.8 to 1.3 m high; `rgb` is (N, 3)."""
    count = len(prints)
    half_z = rng.uniform(0.4, 0.65, count)
    built = _Assembly("Hedge", Tag.VEGETATION, _poses(prints))
    built.add(
        (0, 0, half_z), (prints[:, 2], prints[:, 3], half_z), rgb,
        material=Material.FOLIAGE, variant=_patterns(rng, count),
    )  # fmt: skip
    return built.kit()


def walls(prints: Floats, rgb: NDArray[np.uint8], rng: np.random.Generator) -> Kit:
    """Garden walls with a coping; `rgb` is (N, 3)."""
    half_x = prints[:, 2]
    built = _Assembly("Wall", Tag.WALL, _poses(prints))
    built.add((0, 0, 0.7), (half_x, prints[:, 3] - 0.04, 0.7), rgb)
    built.add((0, 0, 1.44), (half_x, prints[:, 3], 0.04), (rgb * 0.8).astype(np.uint8))
    return built.kit()


def fences(prints: Floats, rgb: NDArray[np.uint8], rng: np.random.Generator) -> Kit:
    """Two rails and a post; `rgb` is (N, 3)."""
    half_x = prints[:, 2]
    built = _Assembly("Fence", Tag.FENCE, _poses(prints))
    built.add((0, 0, 0.45), (half_x, 0.025, 0.09), rgb)
    built.add((0, 0, 0.90), (half_x, 0.025, 0.09), rgb)
    built.add((half_x - 0.06, 0, 0.55), (0.06, 0.06, 0.55), rgb)
    return built.kit()


def lamps(places: Floats, rng: np.random.Generator) -> tuple[Kit, Floats]:
    """Street lamps with a head across the street; also the places of the lights, (N, 3) x, y, z."""
    count = len(places)
    rgb = np.array([(88, 94, 96), (60, 72, 66)], np.uint8)[rng.integers(2)]
    built = _Assembly("StreetLamp", Tag.POLE, places)
    built.add((0, 0, 0.4), (0.1, 0.1, 0.4), rgb)
    built.add((0, 0, LAMP_HEIGHT_M / 2), (0.06, 0.06, LAMP_HEIGHT_M / 2), rgb)
    head = (0.14, LAMP_REACH_M, 0.08)
    built.add((0, 0, LAMP_HEIGHT_M), head, rgb, lights=LIGHTS_LAMP)
    lights = np.column_stack([places[:, :2], np.full(count, LAMP_HEIGHT_M - 0.1)])
    return built.kit(), lights


def benches(places: Floats) -> Kit:
    """Park benches that face the direction across, +y of their yaw."""
    wood = (128, 92, 60)
    built = _Assembly("Bench", Tag.STATIC, places)
    built.add((0, 0.05, 0.42), (0.85, 0.22, 0.04), wood)
    built.add((0, -0.2, 0.7), (0.85, 0.04, 0.2), wood)
    built.add((0, 0.0, 0.2), (0.7, 0.18, 0.2), (70, 72, 74))
    return built.kit()


def delineators(places: Floats) -> Kit:
    """White roadside posts with a black band."""
    built = _Assembly("Delineator", Tag.POLE, places)
    built.add((0, 0, 0.5), (0.05, 0.06, 0.5), (232, 232, 228))
    built.add((0, 0, 0.8), (0.055, 0.065, 0.1), (34, 34, 36))
    return built.kit()


def guard_rails(prints: Floats) -> Kit:
    """A steel rail on a post."""
    steel = (158, 164, 168)
    built = _Assembly("GuardRail", Tag.GUARD_RAIL, _poses(prints))
    built.add((0, 0, 0.6), (prints[:, 2], 0.05, 0.15), steel)
    built.add((0, 0, 0.3), (0.06, 0.08, 0.3), steel)
    return built.kit()


BENCH_HALF_M = (0.85, 0.3)


def post_footprints(places: Floats) -> Floats:
    """Where thin posts stand, with some room around them."""
    return footprints(places, 0.15, 0.15)
