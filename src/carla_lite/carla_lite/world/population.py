"""Who is in the world: the actors by id, and who among them moves, collides and is seen."""

import numpy as np
from numpy.typing import NDArray

from carla_lite.scenery.solids import SOLID, Solids, empty
from carla_lite.world._contacts import occupied
from carla_lite.world._records import SOLID_BYTES, place_solids
from carla_lite.world.actors import Actor, Attachment
from carla_lite.world.bodies import Bodies
from carla_lite.world.body import Body
from carla_lite.world.errors import SpawnError, UnknownActorError, WorldError, WrongActorKindError
from carla_lite.world.geometry import BoundingBox, Rotation, Transform, Vector3, compose
from carla_lite.world.records import Records
from carla_lite.world.shapes import parts_of
from carla_lite.world.spring_arm import SpringArm
from carla_lite.world.vehicle import Vehicle
from carla_lite.world.walker import Walker

MAX_ACTORS = 10_000
_TOMBSTONES = 10_000
_SPECTATOR_VIEW = Transform(Vector3(0.0, 0.0, 50.0), Rotation(-90.0, 0.0, 0.0))

_OPAQUE = np.dtype((np.void, SOLID.itemsize))
"""Solids as bytes: numpy copies records field by field."""

if SOLID.itemsize != SOLID_BYTES:
    raise ImportError("solids differ from the compiled code: build the extensions again")


class Population:
    """The actors of one episode.

    Attributes:
        actors: the living by id, in the order in which they came; parents before their children.
        rows: what bodies are made of, in the order of `bodies`.
        bodies: those which can be bumped into.
        vehicles, walkers: those among them.
        attached: those with a parent.
        records: what snapshots tell of the actors, in their order.
        fixtures: solids of the map that change, such as traffic lights; drawn with the bodies.
        spectator: CARLA's free camera, an actor which is always there.
        next_id: what the next actor will be called. Ids are never used twice, not even across
            episodes, so that no old stream or handle meets a new actor.
    """

    def __init__(self, first_id: int = 1) -> None:
        """Starts with the spectator alone."""
        self.actors: dict[int, Actor] = {}
        self.rows = Bodies()
        self.bodies: list[Body] = []
        self.vehicles: list[Vehicle] = []
        self.walkers: list[Walker] = []
        self.attached: list[Actor] = []
        self._arms: dict[int, SpringArm] = {}
        self.records = Records()
        self.fixtures = empty()
        self.next_id = first_id
        self._tombstones: dict[int, BoundingBox] = {}
        self._seen: tuple[NDArray[np.int32], NDArray[np.uint8], list[bool]] | None = None
        self._solids: Solids | None = None
        self.spectator = Actor(first_id, "spectator", _SPECTATOR_VIEW)
        self.add(self.spectator)

    def successor(self) -> "Population":
        """The population of the next episode: new, but with this one's memory."""
        heir = Population(self.next_id)
        boxes = {actor_id: actor.bounding_box for actor_id, actor in self.actors.items()}
        heir._tombstones = {**self._tombstones, **boxes}
        return heir

    def check_room(self) -> None:
        """Raises SpawnError when there are too many already."""
        if len(self.actors) >= MAX_ACTORS:
            raise SpawnError(f"the world is full: {MAX_ACTORS} actors; destroy some first")

    def add(self, actor: Actor) -> None:
        """Takes in an actor which bears `next_id`."""
        self.next_id = actor.id + 1
        self.actors[actor.id] = actor
        actor.record = self.records.add(actor.id)
        if actor.parent_id:
            self.attached.append(actor)
        if isinstance(actor, Body):
            actor.row["record"] = actor.record
            self.rows.add(actor.row)
            self.bodies.append(actor)
            self._rebind()
        if isinstance(actor, Vehicle):
            self.vehicles.append(actor)
        elif isinstance(actor, Walker):
            self.walkers.append(actor)
        self.write(actor)

    def remove(self, actor_id: int) -> None:
        """Takes an actor out and remembers its box.

        Raises:
            UnknownActorError: no such actor.
            WorldError: the spectator stays.
        """
        actor = self.actor(actor_id)
        if actor is self.spectator:
            raise WorldError("the spectator cannot be destroyed")
        del self.actors[actor_id]
        self.records.remove(actor.record)
        for other in self.actors.values():
            other.record -= other.record > actor.record
        self.rows.rows["record"] -= self.rows.rows["record"] > actor.record
        if isinstance(actor, Body):
            index = self.bodies.index(actor)
            actor.row = self.rows.remove(index)
            del self.bodies[index]
            self._rebind()
        if isinstance(actor, Vehicle):
            self.vehicles.remove(actor)
        elif isinstance(actor, Walker):
            self.walkers.remove(actor)
        if actor.parent_id:
            self.attached.remove(actor)
            self._arms.pop(actor_id, None)
        self._tombstones[actor_id] = actor.bounding_box
        while len(self._tombstones) > _TOMBSTONES:
            del self._tombstones[next(iter(self._tombstones))]

    def _rebind(self) -> None:
        """Gives the bodies their rows, which lie elsewhere after one came or went."""
        for body, row in zip(self.bodies, self.rows.rows, strict=True):
            body.row = row
        self._seen = self._solids = None

    def actor(self, actor_id: int) -> Actor:
        """The living actor with this id, or UnknownActorError."""
        try:
            return self.actors[actor_id]
        except KeyError:
            raise UnknownActorError(actor_id) from None

    def body(self, actor_id: int) -> Body:
        """The living vehicle, walker or prop with this id, or UnknownActorError, or
        WrongActorKindError."""
        actor = self.actor(actor_id)
        if not isinstance(actor, Body):
            raise WrongActorKindError(actor_id, actor.type_id, "vehicle, walker or prop")
        return actor

    def vehicle(self, actor_id: int) -> Vehicle:
        """The living vehicle with this id, or UnknownActorError, or WrongActorKindError."""
        actor = self.actor(actor_id)
        if not isinstance(actor, Vehicle):
            raise WrongActorKindError(actor_id, actor.type_id, "vehicle")
        return actor

    def walker(self, actor_id: int) -> Walker:
        """The living walker with this id, or UnknownActorError, or WrongActorKindError."""
        actor = self.actor(actor_id)
        if not isinstance(actor, Walker):
            raise WrongActorKindError(actor_id, actor.type_id, "walker")
        return actor

    def bounding_box(self, actor_id: int) -> BoundingBox:
        """The actor's box in its own frame; that of a destroyed actor is remembered.

        CARLA's Traffic Manager asks for it after the destruction and dies of an error reply.
        """
        if actor_id in self._tombstones:
            return self._tombstones[actor_id]
        return self.actor(actor_id).bounding_box

    def is_occupied(self, body: Body) -> bool:
        """Whether a body which is not in the world yet would overlap one that is."""
        alone = Bodies()
        alone.add(body.row)
        return bool(self.rows.count and occupied(alone.bytes, self.rows.bytes, self.rows.count))

    def carry(self, duration_s: float) -> None:
        """Takes what hangs on others along."""
        for actor in self.attached:
            parent = self.actors.get(actor.parent_id)
            if parent is not None:  # parents are older than children, so they are up to date
                arm = self._arms.get(actor.id)
                if arm is None:
                    actor.transform = compose(parent.transform, actor.mount)
                else:
                    actor.transform = arm.follow(parent.transform, duration_s)
                self.write(actor)

    def hang(self, actor: Actor, parent: Actor, mount: Transform) -> Transform:
        """Hangs an actor on another one; returns its place in the world."""
        actor.mount = mount
        if actor.attachment is Attachment.RIGID:
            return compose(parent.transform, mount)
        self._arms[actor.id] = SpringArm(mount, actor.attachment)
        return self._arms[actor.id].settled(parent.transform)

    def write(self, actor: Actor) -> None:
        """Brings the record of an actor which is no body up to date; bodies write theirs together,
        see `settle`."""
        self._solids = None
        if not isinstance(actor, Body):
            actor.write_record(self.records.rows[actor.record])

    def settle(self, duration_s: float = 0.0) -> None:
        """Brings the bodies' records up to date; see `Records.update`."""
        self._solids = None
        self.records.update(self.rows, duration_s)

    def solids(self, hidden_id: int = 0) -> Solids:
        """What moves or came after the map: vehicles, walkers and props of this frame.

        Args:
            hidden_id: an actor to leave out; 0 for none.

        Returns:
            SOLID (K,), not to be written to; the parts of one actor carry its id.
        """
        if self._solids is None:
            self._solids = self._place()
        solids = self._solids
        if not hidden_id:
            return solids
        shown: Solids = solids.view(_OPAQUE).compress(solids["id"] != hidden_id).view(SOLID)
        return shown

    def _place(self) -> Solids:
        lying = [walker.has_fallen for walker in self.walkers]
        if self._seen is None or self._seen[2] != lying:
            parts = [
                parts_of(body.blueprint, body.attributes, lying=body.drawn_lying())
                if body.blueprint
                else empty()
                for body in self.bodies
            ]
            owners = np.repeat(np.arange(len(parts)), [len(part) for part in parts])
            joined = np.concatenate([empty(), *parts])
            self._seen = owners.astype(np.int32), joined.view(np.uint8), lying
        whose, templates, _ = self._seen
        # Written side by side: concatenating records takes longer than placing them.
        size = len(whose) * SOLID.itemsize
        solids = np.empty(size + self.fixtures.nbytes, np.uint8)
        place_solids(self.rows.bytes, whose, templates, solids[:size])
        solids[size:] = self.fixtures.view(np.uint8)
        return solids.view(SOLID)
