"""Who is in the world: the actors by id, and who among them moves, collides and is seen."""

import numpy as np
from numpy.typing import NDArray

from carla_lite.scenery.solids import (
    LIGHTS_BRAKE,
    LIGHTS_LEFT,
    LIGHTS_LOW_BEAM,
    LIGHTS_REVERSE,
    LIGHTS_RIGHT,
    Solids,
    empty,
)
from carla_lite.world.actors import Actor, Vehicle
from carla_lite.world.errors import SpawnError, UnknownActorError, WorldError, WrongActorKindError
from carla_lite.world.geometry import BoundingBox, Rotation, Transform, Vector3
from carla_lite.world.shapes import parts_of

MAX_ACTORS = 10_000
_TOMBSTONES = 10_000
_SPECTATOR_VIEW = Transform(Vector3(0.0, 0.0, 50.0), Rotation(-90.0, 0.0, 0.0))
_PROP_COLOR_RGB = "200,110,60"


class Population:
    """The actors of one episode.

    Attributes:
        actors: the living by id, in the order in which they came; parents before their children.
        vehicles: those which drive.
        bodies: those which can be bumped into.
        spectator: CARLA's free camera, an actor which is always there.
        next_id: what the next actor will be called. Ids are never used twice, not even across
            episodes, so that no old stream or handle meets a new actor.
    """

    def __init__(self, first_id: int = 1) -> None:
        """Starts with the spectator alone."""
        self.actors: dict[int, Actor] = {}
        self.vehicles: list[Vehicle] = []
        self.bodies: list[Actor] = []
        self.next_id = first_id
        self._tombstones: dict[int, BoundingBox] = {}
        self._boxes: tuple[NDArray[np.int64], NDArray[np.float32]] | None = None
        self._parts: dict[int, Solids] = {}
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
        self.touch()
        if actor.is_body:
            self.bodies.append(actor)
        if isinstance(actor, Vehicle):
            self.vehicles.append(actor)

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
        self.touch()
        self.bodies = [body for body in self.bodies if body is not actor]
        self.vehicles = [vehicle for vehicle in self.vehicles if vehicle is not actor]
        self._tombstones[actor_id] = actor.bounding_box
        while len(self._tombstones) > _TOMBSTONES:
            del self._tombstones[next(iter(self._tombstones))]

    def actor(self, actor_id: int) -> Actor:
        """The living actor with this id, or UnknownActorError."""
        try:
            return self.actors[actor_id]
        except KeyError:
            raise UnknownActorError(actor_id) from None

    def vehicle(self, actor_id: int) -> Vehicle:
        """The living vehicle with this id, or UnknownActorError, or WrongActorKindError."""
        actor = self.actor(actor_id)
        if not isinstance(actor, Vehicle):
            raise WrongActorKindError(actor_id, actor.type_id, "vehicle")
        return actor

    def bounding_box(self, actor_id: int) -> BoundingBox:
        """The actor's box in its own frame; that of a destroyed actor is remembered.

        CARLA's Traffic Manager asks for it after the destruction and dies of an error reply.
        """
        if actor_id in self._tombstones:
            return self._tombstones[actor_id]
        return self.actor(actor_id).bounding_box

    def touch(self) -> None:
        """Notes that something moved, came or went."""
        self._boxes = None

    def solids(self, hidden_id: int = 0) -> Solids:
        """What moves or came after the map: vehicles, walkers and props of this frame.

        Args:
            hidden_id: an actor to leave out; 0 for none.

        Returns:
            SOLID (K,); the parts of one actor carry its id.
        """
        found = [self._solids_of(body) for body in self.bodies if body.id != hidden_id]
        return np.concatenate(found) if found else empty()

    def _solids_of(self, body: Actor) -> Solids:
        if body.blueprint is None:
            return empty()
        if body.id not in self._parts:
            self._parts[body.id] = parts_of(body.blueprint, body.attributes)
        parts = self._parts[body.id].copy()
        x, y, yaw = body.pose()
        cos, sin = np.cos(yaw), np.sin(yaw)
        along, across = parts["centre"][:, 0].copy(), parts["centre"][:, 1].copy()
        parts["centre"][:, 0] = x + cos * along - sin * across
        parts["centre"][:, 1] = y + sin * along + cos * across
        parts["centre"][:, 2] += body.transform.location.z
        parts["heading"] = cos, sin
        parts["id"] = body.id
        if isinstance(body, Vehicle):
            parts["lights"] = _lamps(body)
        return parts

    def boxes(self, hidden_id: int = 0) -> NDArray[np.float32]:
        """What cameras see of vehicles and props.

        Args:
            hidden_id: an actor to leave out; 0 for none.

        Returns:
            float32 (K, 10): centre x, y, z, half extents x, y, z (m), yaw (degrees), b, g, r.
        """
        if self._boxes is None:
            rows = np.array([_picture_box(body) for body in self.bodies], np.float32)
            ids = np.array([body.id for body in self.bodies], np.int64)
            self._boxes = ids, rows.reshape(-1, 10)
        ids, boxes = self._boxes
        return boxes[ids != hidden_id] if hidden_id else boxes


def _lamps(vehicle: Vehicle) -> int:
    lights, control = vehicle.lights, vehicle.control
    return (
        (LIGHTS_BRAKE if control.brake > 0.0 or lights & 8 else 0)
        | (LIGHTS_LOW_BEAM if lights & 6 else 0)
        | (LIGHTS_REVERSE if control.reverse or lights & 64 else 0)
        | (LIGHTS_RIGHT if lights & 16 else 0)
        | (LIGHTS_LEFT if lights & 32 else 0)
    )


def _picture_box(body: Actor) -> tuple[float, ...]:
    x, y, *_ = body.footprint()
    box = body.bounding_box
    height = body.transform.location.z + box.location.z
    r, g, b = (float(part) for part in body.attributes.get("color", _PROP_COLOR_RGB).split(","))
    return x, y, height, *box.extent, body.transform.rotation.yaw, b, g, r
