"""Runs a world for its clients: ticks it on request or by the clock and publishes what happens."""

import asyncio
import logging
from collections.abc import Coroutine
from typing import Any

from carla_lite.roads import UnknownMapError
from carla_lite.server import codec
from carla_lite.server.codec import WORLD_STREAM_ID
from carla_lite.server.packing import Parts, pack_world_state
from carla_lite.server.sensor_packing import Moment, pack_collision, pack_obstacle, pack_reading
from carla_lite.server.streaming import Streams
from carla_lite.traffic import Traffic
from carla_lite.world import Actor, Collision, EpisodeSettings, ObstacleReading, Sensor, World
from carla_lite.world.prepared import PreparedMap
from carla_lite.world.sensor_blueprints import COLLISION

_MAX_COMPLAINTS = 100
_log = logging.getLogger(__name__)

CLIENT_MAP = "OpenDriveMap"
"""CARLA's name of a map that a client sent."""


class Simulation:
    """A world and its streams.

    Per tick the world state goes out first, then events, then readings, then the caller gets the
    frame number: a client spins a whole core between that number and the state.

    Attributes:
        world: the simulated world.
        streams: who listens.
        version: what the server calls itself.
        traffic: who drives and walks by script; None for nobody.
        traffic_managers: address by port, kept for clients that ask each other's.
        client_map: what `CLIENT_MAP` means: the map of the last OpenDRIVE text that a client sent.
        reading_map: held while such a text is read.
    """

    def __init__(self, world: World, version: str, traffic: Traffic | None = None) -> None:
        """Takes a world, the CARLA version to answer with, and the world's scripted traffic."""
        self.world = world
        self.version = version
        self.traffic = traffic
        self.streams = Streams(self._welcome)
        self.traffic_managers: dict[int, str] = {}
        self.client_map: PreparedMap | None = None
        self.reading_map = asyncio.Lock()
        self._draining: asyncio.Task[None] | None = None
        self._settings_changed = asyncio.Event()
        self._complaints: set[str] = set()

    def tick_cue(self) -> int | Coroutine[Any, Any, int]:
        """One synchronous tick; in asynchronous mode only the present frame's number."""
        if not self.world.settings.synchronous:
            return self.world.frame
        if not self.streams.is_settled or self._is_draining:
            return self._tick_in_turn()
        self._step()
        if self._draining is None:
            return self.world.frame
        return self._tick_drained(self._draining, self.world.frame)

    @property
    def _is_draining(self) -> bool:
        return self._draining is not None and not self._draining.done()

    async def _tick_in_turn(self) -> int:
        """A tick that first waits for earlier ones and for subscribers on their way."""
        await self.streams.settle()
        while self._is_draining and self._draining is not None:
            await asyncio.shield(self._draining)
        result = self.tick_cue()
        return result if isinstance(result, int) else await result

    @staticmethod
    async def _tick_drained(draining: asyncio.Task[None], frame: int) -> int:
        await asyncio.shield(draining)
        return frame

    async def run_freely(self) -> None:
        """Ticks by the clock whenever the settings are asynchronous; runs until cancelled."""
        loop = asyncio.get_running_loop()
        due = loop.time()
        while True:
            self._settings_changed.clear()
            if self.world.settings.synchronous:
                await self._settings_changed.wait()
                due = loop.time()
                continue
            due = max(due + self.world.delta_s, loop.time())
            try:
                await asyncio.wait_for(self._settings_changed.wait(), due - loop.time())
                continue
            except asyncio.TimeoutError:
                pass
            if not self._is_draining:
                try:
                    self._step()
                except Exception as error:
                    self._complain("a tick", error)

    def apply_settings(self, settings: EpisodeSettings) -> int:
        """Changes the settings and returns the present frame."""
        self.world.apply_settings(settings)
        self._settings_changed.set()
        return self.world.frame

    def load(self, map_name: str, reset_settings: bool) -> None:
        """Loads a map, an empty name meaning the present one, and tells everyone."""
        if not map_name:
            self.world.reload()
        elif map_name.rsplit("/", 1)[-1] != CLIENT_MAP:
            self.world.load(map_name)
        elif self.client_map is not None:
            self.world.load_prepared(self.client_map)
        else:
            raise UnknownMapError(
                f"no client has sent an {CLIENT_MAP} yet; client.generate_opendrive_world does"
            )
        if self.traffic is not None:
            self.traffic.populate()
        if reset_settings:
            self.apply_settings(EpisodeSettings())
        self._send(WORLD_STREAM_ID, [pack_world_state(self.world, map_changed=True)])

    def replace_traffic(self, vehicles: int, pedestrians: int, seed: int) -> tuple[int, int]:
        """Scripted traffic of other numbers and another seed; how many there was room for."""
        if self.traffic is None:
            self.traffic = Traffic(self.world, 0, 0)
        self.traffic.replace(vehicles, pedestrians, seed)
        return len(self.traffic.vehicles.ids), len(self.traffic.pedestrians.ids)

    def _welcome(self, stream_id: int) -> Parts | None:
        """A new client sees the world at once, even when nobody ticks."""
        if stream_id == WORLD_STREAM_ID:
            self.world.population.settle()
            return [pack_world_state(self.world)]
        return None

    def _step(self) -> None:
        """Ticks and publishes; `_draining` is what has to be waited for before the next one."""
        world, streams = self.world, self.streams
        if self.traffic is not None:
            self.traffic.step()
        world.tick()
        prompt = self._send(WORLD_STREAM_ID, [pack_world_state(world)])
        if world.collisions:
            prompt &= self._tell(world.collisions)
        for sensor in world.due:
            if self._has_readers(sensor):
                try:
                    prompt &= self._read(sensor)
                except Exception as error:  # which costs its own data alone
                    self._complain(sensor.type_id, error)
        self._draining = None
        if world.settings.synchronous and not prompt:
            self._draining = asyncio.get_running_loop().create_task(streams.drained())

    def _complain(self, what: str, error: Exception) -> None:
        """Logs a fault of ours, the same one only once: it may come back with every tick."""
        key = f"{what} failed: {error!r}"
        if key not in self._complaints and len(self._complaints) < _MAX_COMPLAINTS:
            self._complaints.add(key)
            _log.error(key, exc_info=error)

    def _read(self, sensor: Sensor) -> bool:
        reading = self.world.read(sensor.id)
        if reading is None:
            return True
        moment = self._moment(sensor)
        if isinstance(reading, ObstacleReading):
            carrier = self.world.actors.get(sensor.parent_id, sensor)
            actors = self._encode(carrier), self._encode(reading.other)
            return self._send(sensor.id, pack_obstacle(*actors, reading.distance_m, moment))
        return self._send(sensor.id, pack_reading(sensor.type_id, reading, moment))

    def _tell(self, collisions: list[Collision]) -> bool:
        """Sends collisions to the sensors that hang on who felt them."""
        world, prompt = self.world, True
        for stream_id in self.streams.read():  # far fewer than there are actors
            sensor = world.actors.get(stream_id)
            if not isinstance(sensor, Sensor) or sensor.type_id != COLLISION:
                continue
            if not self._has_readers(sensor):
                continue
            for actor_id, _, impulse, other in collisions:
                if actor_id == sensor.parent_id:
                    actors = self._encode(world.actors[actor_id]), self._encode(other)
                    message = pack_collision(*actors, impulse, self._moment(sensor))
                    prompt &= self._send(sensor.id, message)
        return prompt

    def _moment(self, sensor: Sensor) -> Moment:
        return Moment(self.world.frame, self.world.elapsed_s, sensor.transform)

    def _encode(self, actor: Actor) -> codec.Wire:
        return codec.encode_actor(actor, self.streams.port)

    def _has_readers(self, sensor: Sensor) -> bool:
        return self.streams.has_readers(sensor.id, lossless=self.world.settings.synchronous)

    def _send(self, stream_id: int, parts: Parts) -> bool:
        return self.streams.send(stream_id, parts, lossless=self.world.settings.synchronous)
