"""Scripted pedestrians: they stroll along the streets and look before they cross them."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from random import Random

import numpy as np
from numpy.typing import NDArray

from carla_lite.traffic.walkways import Kind, Walkway, Walkways
from carla_lite.world import SpawnError, Transform, Vector3, World
from carla_lite.world.bodies import VEHICLE
from carla_lite.world.walker_blueprints import WALKERS

Floats = NDArray[np.float64]

ROLE = "traffic"
DECISION_S = 0.1
"""Time between two decisions."""
_WEIGHTS = {Kind.SIDEWALK: 3.0, Kind.CROSSWALK: 2.0, Kind.STREET: 0.3}
"""How gladly people go on along each kind of way."""
_PACES_MPS = (1.1, 1.7)
_ASIDE_M = (0.4, 0.7)
"""How far right of the middle of a sidewalk people keep."""
_ARRIVED_M = 0.35
_BRAKING_MPS2 = 2.5
"""What people expect of drivers before they step onto the street."""
_STANDING_MPS = 0.5
_KEEP_AWAY_M = 4.0
_HELD_UP_S = 3.0
_LYING_S = 10.0
_TRIES = 20
_CHILD_M = 0.7
_SIDESTEP = 0.8


@dataclass(slots=True, eq=False)
class Pedestrian:
    """One person on his way.

    Attributes:
        actor_id: the walker.
        pace_mps: how fast he walks.
        aside_m: how far right of the middle he keeps.
        way: which walkway he is on, or about to enter.
        node: where it ends for him.
        todo: the points before him, the next one last.
        waits: whether he stands at the kerb.
        held_up_s: for how long something has kept him from walking.
    """

    actor_id: int
    pace_mps: float
    aside_m: float
    way: int
    node: int
    todo: list[tuple[float, float]] = field(default_factory=list)
    waits: bool = False
    held_up_s: float = 0.0


class Pedestrians:
    """Walks the scripted pedestrians of one episode."""

    def __init__(self, world: World, count: int, random: Random, *, reckless: bool = False) -> None:
        """Spawns up to `count` walkers, none where there are no sidewalks."""
        self._world = world
        self._random = random
        self._reckless = reckless
        self._walkways = Walkways.of(world.network, world.static_solids)
        self._people: list[Pedestrian] = []
        self._mine = np.zeros(0, np.int32)
        self._ids = np.zeros(0, np.uint32)
        self._due_s = 0.0
        sidewalks = self._walkways.sidewalks
        for _ in range(_TRIES * count if sidewalks else 0):
            if len(self._people) == count:
                break
            self._try_spawn(random.choice(sidewalks))
        self._goals: Floats = np.zeros((len(self._people), 2))
        self._last: Floats = np.zeros((len(self._people), 2))

    @property
    def ids(self) -> list[int]:
        """Actor ids of the living walkers."""
        self._look_up_rows()
        return [person.actor_id for person in self._people]

    def _try_spawn(self, way: int) -> None:
        random, walkway = self._random, self._walkways.ways[way]
        blueprint = random.choice(WALKERS)
        height = blueprint.bounding_box.extent.z
        child = height < _CHILD_M
        person = Pedestrian(
            self._world.population.next_id,
            random.uniform(*_PACES_MPS) * (0.7 if child else 1.0),
            random.uniform(*_ASIDE_M),
            way,
            random.choice(walkway.nodes),
        )
        self._enter(person, way, person.node)
        del person.todo[random.randint(1, len(person.todo)) :]
        x, y = person.todo[-1]
        attributes = {"role_name": ROLE, "is_invincible": "false"}
        try:
            self._world.spawn(blueprint.id, Transform(Vector3(x, y, height)), attributes)
        except SpawnError:
            return
        self._people.append(person)

    def _enter(self, person: Pedestrian, way: int, node: int) -> None:
        """Sets out along a way from a node."""
        walkway = self._walkways.ways[way]
        person.way, person.node = way, walkway.other(node)
        track = walkway.track(node, person.aside_m)
        person.todo = [(float(x), float(y)) for x, y in track[::-1]]
        person.waits = walkway.kind is not Kind.SIDEWALK and not self._reckless

    # One tick

    def step(self, delta_s: float) -> None:
        """Decides where everyone walks during the next tick."""
        self._due_s -= delta_s
        if self._due_s > 1e-9:
            return
        elapsed_s = max(delta_s, DECISION_S)
        self._due_s += DECISION_S
        self._look_up_rows()
        if not self._people:
            return
        rows = self._world.population.rows.rows
        here = np.column_stack([rows["x"][self._mine], rows["y"][self._mine]])
        fallen = rows["fallen"][self._mine].tolist()
        moved = np.hypot(*(here - self._last).T) > 0.3 * elapsed_s
        self._last = here
        arrived = np.hypot(*(self._goals - here).T) < _ARRIVED_M
        for row, person in enumerate(self._people):
            held_up = fallen[row] or not (person.waits or moved[row])
            person.held_up_s = person.held_up_s + elapsed_s if held_up else 0.0
            if person.held_up_s > (_LYING_S if fallen[row] else _HELD_UP_S):
                self._help(person, bool(fallen[row]))
            if arrived[row] and len(person.todo) > 1:
                person.todo.pop()
            elif arrived[row]:
                self._choose(person)
            if person.waits and self._is_clear(self._walkways.ways[person.way], person.pace_mps):
                person.waits = False
            self._goals[row] = person.todo[-1]
        ahead = self._goals - here
        ahead[:, 0] += 1e-9  # also for someone who is there already
        ahead /= np.hypot(*ahead.T)[:, None]
        close = self._is_someone_close(here, ahead)
        ahead[close] += _SIDESTEP * np.column_stack([-ahead[close, 1], ahead[close, 0]])
        rows["way"][self._mine, :2] = ahead / np.hypot(*ahead.T)[:, None]
        rows["way"][self._mine, 2] = 0.0
        paces = np.array([0.0 if each.waits else each.pace_mps for each in self._people])
        rows["pace"][self._mine] = np.where(close, 0.6 * paces, paces)

    def crossing(self) -> NDArray[np.int32]:
        """int32 (K,), rows of those who are on the street."""
        self._look_up_rows()
        ways = self._walkways.ways
        return np.array(
            [
                self._mine[row]
                for row, person in enumerate(self._people)
                if not person.waits and ways[person.way].kind is not Kind.SIDEWALK
            ],
            np.int32,
        )

    @staticmethod
    def _is_someone_close(here: Floats, ahead: Floats) -> NDArray[np.bool_]:
        """bool (N,): whether another one is right before each of them."""
        apart = here[None] - here[:, None]
        along = (apart * ahead[:, None]).sum(axis=-1)
        across = np.abs(apart[..., 0] * ahead[:, None, 1] - apart[..., 1] * ahead[:, None, 0])
        close: NDArray[np.bool_] = np.any((along > 0.1) & (along < 1.8) & (across < 0.5), axis=1)
        return close

    def _look_up_rows(self) -> None:
        """Finds the walkers among the bodies again, and forgets those which a client destroyed."""
        ids = self._world.population.rows.rows["id"]
        if len(self._mine) == len(self._people) and (
            not len(self._mine)
            or (self._mine[-1] < len(ids) and np.array_equal(ids[self._mine], self._ids))
        ):
            return
        row_of = {actor_id: row for row, actor_id in enumerate(ids.tolist())}
        kept = np.array([each.actor_id in row_of for each in self._people], bool)
        self._people = [each for each in self._people if each.actor_id in row_of]
        self._goals, self._last = self._goals[kept], self._last[kept]
        self._mine = np.array([row_of[each.actor_id] for each in self._people], np.int32)
        self._ids = ids[self._mine]

    def _choose(self, person: Pedestrian) -> None:
        """Goes on from the end of a way, and back only where nothing else is left."""
        walkways = self._walkways
        choices = [way for way in walkways.at_node[person.node] if way != person.way]
        weights = [_WEIGHTS[walkways.ways[way].kind] for way in choices]
        way = self._random.choices(choices, weights)[0] if choices else person.way
        self._enter(person, way, person.node)

    def _help(self, person: Pedestrian, fallen: bool) -> None:
        """Someone in the way: turns round. Someone who lies there: gets up on a sidewalk."""
        person.held_up_s = 0.0
        if not fallen:
            person.aside_m = self._random.uniform(*_ASIDE_M)
            self._enter(person, person.way, person.node)
            person.waits = False
            return
        way = self._random.choice(self._walkways.sidewalks)
        self._enter(person, way, self._walkways.ways[way].nodes[0])
        x, y = person.todo[-1]
        height = self._world.population.walker(person.actor_id).bounding_box.extent.z
        self._world.set_transform(person.actor_id, Transform(Vector3(x, y, height)))

    def _is_clear(self, walkway: Walkway, pace_mps: float) -> bool:
        """Whether every driver who comes near a crossing can still stop before it with ease."""
        rows = self._world.population.rows.rows
        cars = rows["kind"] == VEHICLE
        middle = walkway.line.mean(axis=0)
        dx, dy = middle[0] - rows["x"][cars], middle[1] - rows["y"][cars]
        speed, yaw = rows["speed"][cars], rows["yaw"][cars]
        half = math.dist(walkway.line[0], walkway.line[-1]) / 2.0
        away = np.hypot(dx, dy) - half / 2.0
        comes = dx * np.cos(yaw) + dy * np.sin(yaw) > 0.0
        moving = np.abs(speed) > _STANDING_MPS
        braking = speed * speed / (2.0 * _BRAKING_MPS2) + pace_mps + _KEEP_AWAY_M
        near = away < np.where(moving, braking, _KEEP_AWAY_M)
        return not bool(np.any(near & (comes & moving | (away < _KEEP_AWAY_M / 2.0))))
