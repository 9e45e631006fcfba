"""One connection to a CARLA server. It is never mended: a lost one is replaced by a new one.

The client's RPC socket does not reconnect, while its streams do, so a client that lost its server
once looks half alive for ever. Hence a new carla.Client, world and rig for every attempt.
"""

from __future__ import annotations

import contextlib
import logging
import time
from collections.abc import Iterator

import carla

from td3_driving.simulator.config import SessionConfig
from td3_driving.simulator.errors import (
    FrameTimeout,
    ServerRefused,
    SimulatorUnavailable,
    VersionMismatch,
)
from td3_driving.simulator.others import Others, lead_role
from td3_driving.simulator.rig import Rig, destroy
from td3_driving.simulator.routing import map_basename
from td3_driving.simulator.surroundings import Surroundings

_LOG = logging.getLogger(__name__)
_SENSORS_TIMEOUT_S = 1.0
# With fewer, all stream threads may wait for the GIL while the caller waits for a stream.
_WORKER_THREADS = 8


class Link:
    """A client, its world, and our rig in it.

    Args:
        config: Where the server is and what to put in its world.
        restore: Settings to restore at the end; None takes those that are found.

    Raises:
        SimulatorError: One of the kinds in `errors`; nothing is left behind in the server.
    """

    world: carla.World
    map: carla.Map
    rig: Rig
    others: Others
    surroundings: Surroundings

    def __init__(self, config: SessionConfig, restore: carla.WorldSettings | None = None) -> None:
        self._config = config
        self._restore = restore
        self._has_rig = False
        self._undo = contextlib.ExitStack()
        with self.answering():
            self._client = carla.Client(config.host, config.port, _WORKER_THREADS)
            self._set_timeout(config.timeout_s)
            self._check_version()
        try:
            with self.answering():
                # A fresh world may take far longer for its first answers than for any other.
                self._set_timeout(config.map_timeout_s)
                self._settle_in()
                self._set_timeout(config.timeout_s)
        except BaseException:
            self.close()
            raise

    @contextlib.contextmanager
    def answering(self) -> Iterator[None]:
        """Turn the client's RuntimeErrors into ours."""
        try:
            yield
        except RuntimeError as error:
            where = self._config.host, self._config.port
            if any(sign in str(error) for sign in ("time-out", "resolve:", "connect")):
                raise SimulatorUnavailable(*where, error) from error
            raise ServerRefused(*where, error) from error

    def advance(self) -> carla.WorldSnapshot:
        """Tick the world, or wait for the one who does, and return its new state."""
        if not self._config.synchronous:
            return self.world.wait_for_tick(self._timeout_s)
        frame = self.world.tick(self._timeout_s)
        snapshot = self.world.get_snapshot()
        if snapshot.frame != frame:
            raise RuntimeError(f"frame {snapshot.frame} came after tick {frame}: two clients tick")
        return snapshot

    def available_maps(self) -> list[str]:
        """Names of the server's maps, without their folders."""
        with self.answering():
            return sorted(map(map_basename, self._client.get_available_maps()))

    def leave(self) -> carla.WorldSettings | None:
        """Remove our actors, and return the settings for the next link to restore."""
        with self.answering():
            self._client.get_server_version()  # a dead server is not waited for actor by actor
        self._drop_rig()
        return self._restore

    def close(self, alive: bool = True) -> None:
        """Remove our actors and restore the settings; never raises.

        Args:
            alive: False when the server is known to be gone, which saves waiting for it.
        """
        try:
            self._set_timeout(self._config.timeout_s)
            if alive:
                self._client.get_server_version()
        except RuntimeError:
            alive = False
        if self._has_rig and not alive:
            self.rig.stop()
            return
        self._drop_rig()
        if alive and self._restore is not None:
            with contextlib.suppress(RuntimeError):
                self.world.apply_settings(self._restore)

    def _check_version(self) -> None:
        ours, theirs = self._client.get_client_version(), self._client.get_server_version()
        if ours != theirs:
            raise VersionMismatch(self._config.host, self._config.port, ours, theirs)

    def _settle_in(self) -> None:
        """Take over the world: our settings, no leftovers, our rig."""
        self.world = self._client.get_world()
        self.map = self.world.get_map()
        if self._config.synchronous:
            settings = self.world.get_settings()
            self._restore = self._restore or self.world.get_settings()
            settings.synchronous_mode = True
            settings.fixed_delta_seconds = self._config.fixed_delta_s
            self.world.apply_settings(settings)
        self.advance()  # before the first state the client knows no actors
        self._remove_leftovers()
        self.surroundings = Surroundings(self.world, self._config)
        self._undo.callback(self.surroundings.close)
        self.rig = Rig(self.world, self.map.get_spawn_points(), self._config)
        self._has_rig = True
        self.others = Others(self.world, self._config)
        self._wait_for_sensors()

    def _wait_for_sensors(self) -> None:
        """Tick until a tick reaches all sensors: their streams open some time after listen()."""
        deadline = time.monotonic() + self._config.map_timeout_s
        while True:
            frame = self.advance().frame
            try:
                self.rig.collect(frame, _SENSORS_TIMEOUT_S)
                break
            except FrameTimeout:
                if time.monotonic() > deadline:
                    raise
        self.rig.dropped = 0

    def _set_timeout(self, timeout_s: float) -> None:
        self._timeout_s = timeout_s
        self._client.set_timeout(timeout_s)

    def _remove_leftovers(self) -> None:
        """Destroy what a crashed predecessor of our role name left in the world."""
        actors = list(self.world.get_actors())
        role = self._config.role_name
        roles = (role, lead_role(role))
        vehicles = [actor for actor in actors if actor.attributes.get("role_name") in roles]
        if not vehicles:
            return
        _LOG.warning("removing %d vehicle(s) named %s left by a crash", len(vehicles), role)
        ids = {vehicle.id for vehicle in vehicles}
        sensors = [actor for actor in actors if actor.parent and actor.parent.id in ids]
        for actor in (*sensors, *vehicles):
            destroy(actor)
        if self._restore is not None:
            # The synchronous mode we found was the predecessor's, and nobody ticks any more.
            self._restore.synchronous_mode = False
            self._restore.fixed_delta_seconds = None
        self.advance()

    def _drop_rig(self) -> None:
        self._undo.close()
        if self._has_rig:
            self._has_rig = False
            self.others.close()
            self.rig.close()
