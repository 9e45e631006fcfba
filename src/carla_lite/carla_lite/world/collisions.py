"""Contacts: which bodies touch each other and what stands fast, and what follows."""

from dataclasses import dataclass, field
from functools import cached_property
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from carla_lite.scenery.solids import Material, Shape, Solids, Tag
from carla_lite.world import _contacts
from carla_lite.world.actors import Actor
from carla_lite.world.blueprints import Blueprint
from carla_lite.world.geometry import BoundingBox, Rotation, Transform, Vector3
from carla_lite.world.population import Population

CELL_M = 16.0
OVERHEAD_M = 2.5
"""What hangs higher, such as the crown of a tree, stops nobody."""
_KERB_M = 0.2
_INSCRIBED = 0.7071
"""Half side of the square in a circle of radius one."""


class Collision(NamedTuple):
    """What one of the two sides of a contact feels; the other side has its own.

    Attributes:
        actor_id: who feels it.
        other_id: whom it touched; 0 for a piece of the map.
        impulse: N s on the actor, world frame.
        other: whom it touched; for a piece of the map CARLA's stand-in, "static.building" and so
            on, an actor which is in no world.
    """

    actor_id: int
    other_id: int
    impulse: Vector3
    other: Actor


def separation(
    first: NDArray[np.float64], second: NDArray[np.float64]
) -> tuple[float, float, float]:
    """How far and which way to move `first` so that two boxes no longer overlap.

    Args:
        first, second: float64 (5,): centre x, y (m), half length, half width (m), yaw (rad).

    Returns:
        depth (m), normal x, normal y: the unit normal points from second to first; a depth of 0
        means that they do not overlap.
    """
    depth, normal_x, normal_y = _contacts.separation(
        np.ascontiguousarray(first, np.float64), np.ascontiguousarray(second, np.float64)
    )
    return depth, normal_x, normal_y


@dataclass(frozen=True, eq=False)
class Obstacles:
    """What stands fast on a map, in a grid of square cells.

    Attributes:
        solids: those parts of the map which anyone can bump into.
        grid: their boxes by cells; None when there are none.
    """

    solids: Solids
    grid: _contacts.Grid | None
    _actors: dict[int, Actor] = field(default_factory=dict)

    @cached_property
    def owners(self) -> list[int]:
        """Whose parts the solids are."""
        owners: list[int] = self.solids["id"].tolist()
        return owners

    @staticmethod
    def build(solids: Solids) -> "Obstacles":
        """Takes a map's solids; leaves out kerbs and what hangs overhead.

        An ellipsoid counts as the square within it, as wide as it is at `OVERHEAD_M`.
        """
        centre, half = solids["centre"].astype(float), solids["half"].astype(float)
        low, high = centre[:, 2] - half[:, 2], centre[:, 2] + half[:, 2]
        kept = (low < OVERHEAD_M) & (high > _KERB_M)
        round_ones = solids["shape"] == Shape.ELLIPSOID
        rise = np.clip((centre[:, 2] - OVERHEAD_M) / half[:, 2], 0.0, 1.0)
        share = np.where(round_ones, _INSCRIBED * np.sqrt(1.0 - rise**2), 1.0)
        # Leaves which begin above the knee are pushed aside.
        kept &= ~((solids["material"] == Material.FOLIAGE) & (low > 0.5))
        boxes = np.column_stack(
            [
                centre[:, :2],
                half[:, :2] * share[:, None],
                solids["heading"].astype(float),
                np.minimum(low, 0.0),
                np.minimum(high, OVERHEAD_M),
            ]
        )[kept]
        return Obstacles(solids[kept], _grid(np.ascontiguousarray(boxes)) if kept.any() else None)

    def actor(self, index: int) -> Actor:
        """CARLA's stand-in for one of the solids."""
        if index not in self._actors:
            self._actors[index] = stand_in(self.solids[index])
        return self._actors[index]


def stand_in(solid: np.void) -> Actor:
    """What CARLA's events call a solid of the map, such as "static.building": an actor in no
    world, with the id 0."""
    tag = Tag(int(solid["tag"]))
    x, y, z = solid["centre"].tolist()
    yaw = float(np.degrees(np.arctan2(solid["heading"][1], solid["heading"][0])))
    name = f"static.{tag.name.lower().replace('_', '')}"  # as CARLA names them in events
    box = BoundingBox(Vector3(), Vector3(*solid["half"].tolist()))
    return Actor(
        0,
        name,
        Transform(Vector3(x, y, z), Rotation(0.0, yaw, 0.0)),
        blueprint=Blueprint(name, (), box, semantic_tag=tag),
    )


def _grid(boxes: NDArray[np.float64]) -> _contacts.Grid:
    """Sorts boxes into all the cells which their bounds touch."""
    cos, sin = np.abs(boxes[:, 4]), np.abs(boxes[:, 5])
    reach = np.column_stack(
        [cos * boxes[:, 2] + sin * boxes[:, 3], sin * boxes[:, 2] + cos * boxes[:, 3]]
    )
    origin = (boxes[:, :2] - reach).min(axis=0)
    first = ((boxes[:, :2] - reach - origin) // CELL_M).astype(int)
    last = ((boxes[:, :2] + reach - origin) // CELL_M).astype(int)
    columns, lines = (last.max(axis=0) + 1).tolist()
    cells, items = [], []
    for item, ((west, north), (east, south)) in enumerate(zip(first, last, strict=True)):
        for line in range(north, south + 1):
            for column in range(west, east + 1):
                cells.append(line * columns + column)
                items.append(item)
    order = np.argsort(cells, kind="stable")
    starts = np.searchsorted(np.asarray(cells)[order], np.arange(columns * lines + 1))
    return _contacts.Grid(
        boxes,
        starts.astype(np.int32),
        np.asarray(items, np.int32)[order],
        float(origin[0]),
        float(origin[1]),
        CELL_M,
        int(columns),
    )


class Collider:
    """Finds and resolves the contacts of a world.

    Two bodies leave a contact as rigid bodies do, with a little bounce and friction, turned when
    they were hit off their middle; momentum is kept between two that physics moves. Everything
    else stands fast.
    """

    def __init__(self) -> None:
        self._order = np.zeros(0, np.int32)
        self._low = np.zeros(0)

    def resolve(self, population: Population, obstacles: Obstacles) -> list[Collision]:
        """Parts everything that overlaps.

        Args:
            population: whose bodies are moved apart.
            obstacles: what stands fast.

        Returns:
            For a contact of two bodies one entry for each, then those with obstacles, in a fixed
            order.
        """
        rows, bodies = population.rows, population.bodies
        if not bodies:
            return []
        found: list[Collision] = []
        if len(bodies) > 1:
            if len(self._order) != len(bodies):
                self._order = np.arange(len(bodies), dtype=np.int32)
                self._low = np.zeros(len(bodies))
            for i, j, x, y in _contacts.resolve_pairs(
                rows.bytes, rows.count, self._order, self._low
            ):
                first, second = bodies[i], bodies[j]
                found.append(Collision(first.id, second.id, Vector3(x, y, 0.0), second))
                found.append(Collision(second.id, first.id, Vector3(-x, -y, 0.0), first))
        if obstacles.grid is not None:
            owners = obstacles.owners
            for i, item, x, y in obstacles.grid.resolve(rows.bytes, rows.count):
                # Traffic lights and signs are actors, the rest of the map is not.
                other = population.actors.get(owners[item]) or obstacles.actor(item)
                found.append(Collision(bodies[i].id, other.id, Vector3(x, y, 0.0), other))
        return found
