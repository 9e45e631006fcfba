"""Our vehicle and its sensors in one world, and everything they report, tick by tick.

Sensor callbacks run on the client's own threads and only put what they got into a queue;
`Rig.collect` takes it out on the caller's thread. carla.LaneInvasionSensor computes its events in
the client, from the callbacks that run, in the order of their registration, for every world
state. So a callback registered after it, the barrier, tells that the events of a tick are
complete. Collisions come over a connection of their own; one that arrives late is reported with
the next tick, never lost.
"""

from __future__ import annotations

import contextlib
import queue
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import carla
import numpy as np
import numpy.typing as npt

from td3_driving.driving.frames import Pose
from td3_driving.simulator import measurements
from td3_driving.simulator.config import CameraConfig, SessionConfig
from td3_driving.simulator.data import Collision, Gnss, Imu, LaneInvasion
from td3_driving.simulator.errors import FrameTimeout, SpawnError

_PER_TICK = ("camera", "imu", "gnss", "tick")  # what every tick must bring; tick is the barrier


@dataclass(frozen=True)
class Readings:
    """What the sensors said about one frame; see data.Tick."""

    image: npt.NDArray[np.uint8]
    imu: Imu
    gnss: Gnss
    collisions: tuple[Collision, ...]
    lane_invasions: tuple[LaneInvasion, ...]


class Rig:
    """A vehicle with camera, IMU, GNSS, collision and lane-invasion sensors.

    Args:
        world: Where to spawn them; it must have been ticked at least once.
        spawn_points: Where the vehicle may stand; the first free one is taken.
        config: Names and the camera.

    Raises:
        SpawnError: The server has no room or no blueprint for an actor.
    """

    def __init__(
        self, world: carla.World, spawn_points: list[carla.Transform], config: SessionConfig
    ) -> None:
        self._world = world
        self._library = world.get_blueprint_library()
        self._inbox: queue.SimpleQueue[tuple[str, int, Any]] = queue.SimpleQueue()
        self._events: deque[tuple[int, Collision | LaneInvasion]] = deque()
        self._forgotten_until = -1
        self._sensors: list[carla.Sensor] = []
        self._barrier: int | None = None
        self.dropped = 0  # pictures of frames that nobody asked for
        self.vehicle = self._spawn_vehicle(spawn_points, config)
        try:
            self._attach_sensors(config.camera)
        except BaseException:
            self.close()
            raise

    def collect(self, frame: int, timeout_s: float) -> Readings:
        """Wait until all sensors have reported the frame.

        Raises:
            FrameTimeout: One of them did not in time.
        """
        deadline = time.monotonic() + timeout_s
        found: dict[str, Any] = {}
        early = []
        while len(found) < len(_PER_TICK):
            try:
                item = self._inbox.get(timeout=max(deadline - time.monotonic(), 0.0))
            except queue.Empty:
                missing = [kind for kind in _PER_TICK if kind not in found]
                raise FrameTimeout(frame, missing, timeout_s) from None
            kind, at, data = item
            if at == frame:
                found[kind] = data
            elif at > frame:  # only where someone else ticks
                early.append(item)
            elif kind == "camera":
                self.dropped += 1
        for item in early:
            self._inbox.put(item)
        events = self._take_events()
        return Readings(
            measurements.pixels(found["camera"]),
            measurements.imu(found["imu"]),
            measurements.gnss(found["gnss"]),
            tuple(event for event in events if isinstance(event, Collision)),
            tuple(event for event in events if isinstance(event, LaneInvasion)),
        )

    def forget_events(self, until_frame: int) -> None:
        """Ignore the events up to this frame, also those that are still on their way."""
        self._forgotten_until = until_frame

    def stop(self) -> None:
        """Stop listening: needs no server, and must happen before the interpreter exits."""
        if self._barrier is not None:
            with contextlib.suppress(RuntimeError):
                self._world.remove_on_tick(self._barrier)
            self._barrier = None
        for sensor in self._sensors:
            with contextlib.suppress(RuntimeError):
                sensor.stop()

    def close(self) -> None:
        """Stop and destroy everything; never raises."""
        self.stop()
        for actor in (*reversed(self._sensors), self.vehicle):
            destroy(actor)

    def _take_events(self) -> list[Collision | LaneInvasion]:
        events = []
        while self._events:
            frame, event = self._events.popleft()
            if frame > self._forgotten_until:
                events.append(event)
        return events

    def _spawn_vehicle(
        self, spawn_points: list[carla.Transform], config: SessionConfig
    ) -> carla.Vehicle:
        blueprint = self._blueprint(config.vehicle, {"role_name": config.role_name})
        for spawn_point in spawn_points:
            vehicle = self._world.try_spawn_actor(blueprint, spawn_point)
            if vehicle is not None:
                return vehicle
        raise SpawnError(
            f"no free place for {config.vehicle} among the map's {len(spawn_points)} spawn "
            "points; remove other vehicles or choose another map"
        )

    def _attach_sensors(self, camera: CameraConfig) -> None:
        listen = self._attach("sensor.camera.rgb", *_camera_setup(camera))
        listen(self._reporter("camera"))
        self._attach("sensor.other.imu")(self._reporter("imu"))
        self._attach("sensor.other.gnss")(self._reporter("gnss"))
        note = self._events.append
        self._attach("sensor.other.collision")(
            lambda event: note((event.frame, measurements.collision(event)))
        )
        self._attach("sensor.other.lane_invasion")(
            lambda event: note((event.frame, measurements.lane_invasion(event)))
        )
        self._barrier = self._world.on_tick(self._reporter("tick"))

    def _reporter(self, kind: str) -> Callable[[Any], None]:
        put = self._inbox.put
        return lambda data: put((kind, data.frame, data))

    def _attach(
        self,
        blueprint_id: str,
        attributes: dict[str, str] | None = None,
        at: carla.Transform | None = None,
    ) -> Callable[[Callable[[Any], None]], None]:
        blueprint = self._blueprint(blueprint_id, attributes or {})
        try:
            sensor = self._world.spawn_actor(blueprint, at or carla.Transform(), self.vehicle)
        except RuntimeError as error:
            raise SpawnError(f"the server refused to spawn {blueprint_id}: {error}") from error
        self._sensors.append(sensor)
        return sensor.listen

    def _blueprint(self, blueprint_id: str, attributes: dict[str, str]) -> carla.ActorBlueprint:
        try:
            blueprint = self._library.find(blueprint_id)
        except IndexError:
            family = blueprint_id.split(".")[0]
            known = sorted(known.id for known in self._library.filter(f"{family}.*"))
            raise SpawnError(
                f"the server has no blueprint {blueprint_id!r}; it has: {', '.join(known)}"
            ) from None
        for name, value in attributes.items():
            blueprint.set_attribute(name, value)
        return blueprint


def destroy(actor: carla.Actor) -> None:
    """Destroy an actor that may be gone already."""
    with contextlib.suppress(RuntimeError):
        if actor.is_alive:
            actor.destroy()


def _camera_setup(camera: CameraConfig) -> tuple[dict[str, str], carla.Transform]:
    attributes = {
        "image_size_x": str(camera.width),
        "image_size_y": str(camera.height),
        "fov": str(camera.fov_deg),
    }
    pitch_rad = np.radians(camera.pitch_deg)
    pose = Pose(camera.x_m, camera.y_m, camera.z_m, 0.0, float(pitch_rad), 0.0)
    return attributes, measurements.transform(pose)
