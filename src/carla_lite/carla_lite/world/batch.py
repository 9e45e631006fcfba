"""Many worlds stepped together, without sockets: one vehicle and one camera in each.

For learning from fleets of worlds in one process. Worlds on the same map share its roads, scenery
and painted scene, so that a hundred of them cost hardly more memory than one.
"""

import math
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from carla_lite.render import PinholeCamera
from carla_lite.world.bodies import STATE
from carla_lite.world.errors import InvalidValueError
from carla_lite.world.geometry import Rotation, Transform, Vector3
from carla_lite.world.vehicle import Vehicle
from carla_lite.world.world import World

WINDSCREEN = Transform(Vector3(0.6, 0.0, 1.8), Rotation(-8.0, 0.0, 0.0))
"""Where cameras sit unless told otherwise."""
MAPS_KEPT = 8

_X, _Y, _YAW, _Z = (STATE.index(name) for name in ("x", "y", "yaw", "z"))


@lru_cache(maxsize=MAPS_KEPT)
def _original(map_name: str, seed: int) -> World:
    return World(map_name, seed)


def make_worlds(map_names: Sequence[str], seed: int = 0) -> list[World]:
    """Worlds on maps, one for each name; those on the same map share what never changes.

    Args:
        map_names: see `carla_lite.roads.available_maps`; the last eight are kept.
        seed: of scenery, colours and wear.

    Raises:
        UnknownMapError: no such map.
    """
    return [_original(name, seed).twin() for name in map_names]


class WorldBatch:
    """N worlds with one vehicle and one camera each.

    The same worlds, controls and resets give the same arrays, byte for byte, with any number of
    threads. The arrays are written anew by every step.

    Attributes:
        worlds: the N worlds; change them with `replace`.
        vehicles: the vehicle of each.
        observations: uint8 (N, H, W), or (N, H, W, 4) BGRA with `colour`: what the cameras see.
        states: float64 (N, 10): the vehicles' rows, columns as `bodies.STATE` names them.
        impulses: float64 (N,): the strongest contact of the last step in N s; 0 for none.
        collided: bool (N,): whether there was any contact.
    """

    def __init__(
        self,
        worlds: Sequence[World],
        *,
        width: int = 84,
        height: int = 84,
        fov_deg: float = 90.0,
        mount: Transform = WINDSCREEN,
        colour: bool = False,
        vehicle: str = "vehicle.tesla.model3",
        threads: int = 1,
    ) -> None:
        """Puts a vehicle on the first spawn point of every world.

        Args:
            worlds: at least one, such as `make_worlds` makes; others may already be in them.
            width, height, fov_deg: of the pictures.
            mount: the cameras' place on the vehicles.
            colour: whether pictures are in colour.
            vehicle: the blueprint.
            threads: how many draw at the same time; drawing lets other threads run.

        Raises:
            InvalidValueError: no world, or no thread.
            SpawnError: a spawn point is taken.
        """
        if not worlds or threads < 1:
            raise InvalidValueError(f"{len(worlds)} worlds and {threads} threads: use at least one")
        count = len(worlds)
        self._mount, self._blueprint, self._colour = mount, vehicle, colour
        self.worlds = list(worlds)
        self.vehicles = [self._spawn(world) for world in worlds]
        shape = (count, height, width, 4) if colour else (count, height, width)
        self.observations = np.zeros(shape, np.uint8)
        self.states = np.zeros((count, len(STATE)))
        self.impulses = np.zeros(count)
        self.collided = np.zeros(count, np.bool_)
        edges = np.linspace(0, count, min(threads, count) + 1).astype(int).tolist()
        # A camera keeps buffers of its own, so each thread has one.
        self._shares = [
            (range(first, last), PinholeCamera(width, height, fov_deg))
            for first, last in pairwise(edges)
        ]
        self._pool = ThreadPoolExecutor(len(self._shares)) if len(self._shares) > 1 else None
        self._look(range(count), self._shares[0][1])

    def _spawn(self, world: World) -> Vehicle:
        actor = world.spawn(self._blueprint, world.spawn_points[0])
        if not isinstance(actor, Vehicle):
            raise InvalidValueError(f"{self._blueprint} is no vehicle")
        world.tick()
        return actor

    def __len__(self) -> int:
        """How many worlds there are."""
        return len(self.worlds)

    def step(self, controls: NDArray[np.floating]) -> NDArray[np.uint8]:
        """Drives every vehicle for one tick of its world and looks.

        Args:
            controls: (N, 3): throttle (0 to 1), steer (-1 to 1, right is positive), brake (0 to 1);
                clipped to these ranges.

        Returns:
            `observations`.

        Raises:
            InvalidValueError: another shape, or a number which is not finite.
        """
        wanted = np.asarray(controls, np.float64)
        if wanted.shape != (len(self), 3) or not np.isfinite(wanted).all():
            raise InvalidValueError(
                f"controls of shape {wanted.shape}: use finite numbers of shape ({len(self)}, 3)"
            )
        commands = np.clip(wanted, (0.0, -1.0, 0.0), 1.0).tolist()
        if self._pool is None:
            ((share, camera),) = self._shares
            self._advance(share, camera, commands)
        else:
            jobs = [
                self._pool.submit(self._advance, share, camera, commands)
                for share, camera in self._shares
            ]
            for job in jobs:
                job.result()
        return self.observations

    def reset(self, index: int, place: Transform, speed_mps: float = 0.0) -> None:
        """Puts a vehicle elsewhere in its world, at a speed along its new heading, and looks."""
        world, vehicle = self.worlds[index], self.vehicles[index]
        vehicle.halt()
        world.set_transform(vehicle.id, place)
        yaw = math.radians(place.rotation.yaw)
        vehicle.set_target_velocity(
            Vector3(speed_mps * math.cos(yaw), speed_mps * math.sin(yaw), 0.0)
        )
        row = vehicle.row
        row["throttle"] = row["steer"] = row["brake"] = row["z"] = 0.0
        self.impulses[index], self.collided[index] = 0.0, False
        self._look(range(index, index + 1), self._shares[0][1])

    def replace(self, index: int, world: World) -> None:
        """Goes on in another world, such as one on another map, from its first spawn point."""
        self.vehicles[index] = self._spawn(world)
        self.worlds[index] = world
        self.impulses[index], self.collided[index] = 0.0, False
        self._look(range(index, index + 1), self._shares[0][1])

    def close(self) -> None:
        """Ends the threads."""
        if self._pool is not None:
            self._pool.shutdown()

    def _advance(
        self, share: range, camera: PinholeCamera, commands: list[tuple[float, float, float]]
    ) -> None:
        for index in share:
            world, vehicle = self.worlds[index], self.vehicles[index]
            row = vehicle.row
            row["throttle"], row["steer"], row["brake"] = commands[index]
            world.tick()
            strongest = -1.0
            for event in world.collisions:
                if event.actor_id == vehicle.id:
                    strongest = max(strongest, math.hypot(*event.impulse))
            self.impulses[index] = max(strongest, 0.0)
            self.collided[index] = strongest >= 0.0
        self._look(share, camera)

    def _look(self, share: range, camera: PinholeCamera) -> None:
        """Brings states and pictures of some worlds up to date."""
        states = self.states[share.start : share.stop]
        for state, index in zip(states, share, strict=True):
            population, vehicle = self.worlds[index].population, self.vehicles[index]
            state[:] = population.rows.states[population.bodies.index(vehicle)]
        arm, turn = self._mount
        cos, sin = np.cos(states[:, _YAW]), np.sin(states[:, _YAW])
        places = np.column_stack(
            [
                states[:, _X] + cos * arm.x - sin * arm.y,
                states[:, _Y] + sin * arm.x + cos * arm.y,
                states[:, _Z] + arm.z,
                np.degrees(states[:, _YAW]) + turn.yaw,
            ]
        ).tolist()
        draw = camera.render if self._colour else camera.render_grey
        for index, (x, y, z, yaw) in zip(share, places, strict=True):
            world = self.worlds[index]
            population = world.population
            alone = len(population.bodies) == 1 and not len(population.fixtures)
            solids = None if alone else population.solids(self.vehicles[index].id)
            out = self.observations[index]
            draw(world.scene, (x, y, z), (turn.pitch, yaw, turn.roll), solids, out)
