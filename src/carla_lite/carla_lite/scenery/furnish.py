"""Furnishes a road network: which objects stand where beside its lanes."""

from __future__ import annotations

import math
import zlib
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from carla_lite.roads import RoadNetwork
from carla_lite.scenery.kits import Kit
from carla_lite.scenery.open_land import furnish_open_land
from carla_lite.scenery.site import Floats, Site
from carla_lite.scenery.solids import Solids, Tag, empty
from carla_lite.scenery.streets import furnish_streets

FIRST_OBJECT_ID = 1 << 30
"""Ids of scenery objects start here, far above those of actors."""


@dataclass(frozen=True, slots=True)
class EnvironmentObject:
    """One house, tree, lamp or other piece of scenery.

    Attributes:
        id: of all of its solids.
        name: its kind and number, such as "Building_12".
        tag: CARLA's label.
        centre, half: of the box around all parts, metres.
        yaw_deg: of that box.
    """

    id: int
    name: str
    tag: Tag
    centre: tuple[float, float, float]
    half: tuple[float, float, float]
    yaw_deg: float


@dataclass(frozen=True, eq=False)
class Scenery:
    """What stands beside the roads of a map.

    Attributes:
        solids: SOLID (N,), ascending by id; read-only.
        lamps: float64 (L, 3), where the street lamps' lights are, x, y, z in metres.
        lamp_ids: the objects that they belong to.
    """

    solids: Solids
    lamps: Floats
    lamp_ids: tuple[int, ...]
    _names: tuple[str, ...]

    @cached_property
    def objects(self) -> tuple[EnvironmentObject, ...]:
        """One per id, in the order of the solids."""
        return _objects(self.solids, self._names)


def furnish(network: RoadNetwork, seed: int) -> Scenery:
    """Puts buildings, trees, poles and so on beside the lanes of a network.

    Streets with sidewalks that meet at junctions become a town; beside all other roads there is
    open land. Nothing stands on a lane, but for lamps near the kerb of sidewalks.

    Args:
        network: The roads, procedural or parsed.
        seed: At least 0; the network's name is mixed in. The same of both give the same bytes.
    """
    rng = np.random.default_rng((3, zlib.crc32(network.name.encode()), seed))
    site = Site.of(network)
    if site.is_town:
        kits, lamps = furnish_streets(site, rng)
    else:
        kits, lamps = furnish_open_land(site, rng), np.empty((0, 3))
    return _scenery(kits, lamps)


def _scenery(kits: list[Kit], lamps: Floats) -> Scenery:
    """Gives out ids and names."""
    names: list[str] = []
    lamp_ids: tuple[int, ...] = ()
    for kit in kits:
        first, count = FIRST_OBJECT_ID + len(names), int(kit.owner.max(initial=-1)) + 1
        kit.solids["id"] = first + kit.owner
        if kit.tag is Tag.POLE and len(lamps) == count:
            lamp_ids = tuple(range(first, first + count))
        names += [f"{kit.name}_{i}" for i in range(count)]
    solids = np.concatenate([empty(), *(kit.solids for kit in kits)])
    solids.flags.writeable = False
    lamps.flags.writeable = False
    return Scenery(solids, lamps, lamp_ids, tuple(names))


def _objects(solids: Solids, names: tuple[str, ...]) -> tuple[EnvironmentObject, ...]:
    """Boxes around the parts of every object, along the heading which all of its parts share."""
    if not len(solids):
        return ()
    firsts = np.flatnonzero(np.diff(solids["id"].astype(np.int64), prepend=-1))
    cos, sin = solids["heading"].astype(np.float64).T
    x, y, z = solids["centre"].astype(np.float64).T
    own = np.stack([x * cos + y * sin, y * cos - x * sin, z], axis=1)
    half = solids["half"].astype(np.float64)
    low = np.minimum.reduceat(own - half, firsts)
    high = np.maximum.reduceat(own + half, firsts)
    middle, extent = (low + high) / 2, (high - low) / 2
    c, s = cos[firsts], sin[firsts]
    world = np.stack(
        [middle[:, 0] * c - middle[:, 1] * s, middle[:, 0] * s + middle[:, 1] * c, middle[:, 2]], 1
    )
    rows = zip(
        solids["id"][firsts].tolist(),
        names,
        solids["tag"][firsts].tolist(),
        world.tolist(),
        extent.tolist(),
        np.arctan2(s, c).tolist(),
        strict=True,
    )
    return tuple(
        EnvironmentObject(
            owner,
            name,
            Tag(tag),
            (centre[0], centre[1], centre[2]),
            (box[0], box[1], box[2]),
            math.degrees(yaw),
        )
        for owner, name, tag, centre, box, yaw in rows
    )
