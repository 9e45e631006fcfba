"""A session with a CARLA server: connect, reset, tick, close."""

from __future__ import annotations

import atexit
import math
from collections import OrderedDict

import carla

from td3_driving.driving import frames
from td3_driving.driving.frames import Pose
from td3_driving.driving.routing import RoutePlanner
from td3_driving.driving.start import (
    SETTLING_TICKS,
    forward_velocity,
    has_arrived,
    one_tick_before,
    start_pose,
)
from td3_driving.simulator import measurements
from td3_driving.simulator.config import SessionConfig
from td3_driving.simulator.data import BRAKE, Command, EpisodeStart, ResetRequest, Tick, Twist
from td3_driving.simulator.errors import (
    ServerRefused,
    SimulatorUnavailable,
    SpawnError,
    UnknownMap,
)
from td3_driving.simulator.link import Link
from td3_driving.simulator.loading import load_map
from td3_driving.simulator.routing import map_basename, planner_of

_PLANNERS_KEPT = 16
HALT_S = 10.0
STANDING_MPS = 0.05


class CarlaSession:
    """Drives one vehicle in a CARLA world, and leaves the world as it was.

    All methods belong on one thread. It is a context manager, which connects and closes; without
    it, what is still open when the interpreter exits is closed then.

    After a SimulatorUnavailable or ServerRefused the session is no longer connected; connect()
    makes a new connection on the same object.

    Args:
        config: Where the server is and what to put in its world.
    """

    def __init__(self, config: SessionConfig) -> None:
        self.config = config
        self._link: Link | None = None
        self._planners: OrderedDict[tuple[str, int], RoutePlanner] = OrderedDict()
        self._last_stamp_s = 0.0
        self._stamp_offset_s: float | None = None
        self._dropped = 0

    @property
    def connected(self) -> bool:
        """Whether there is a vehicle to drive."""
        return self._link is not None

    @property
    def map_name(self) -> str:
        """Name of the present map without its folder; empty when not connected."""
        return map_basename(self._link.map.name) if self._link else ""

    @property
    def dropped_images(self) -> int:
        """Pictures of ticks that nobody waited for, since the session was made."""
        return self._dropped + (self._link.rig.dropped if self._link else 0)

    def connect(self) -> None:
        """Connect with a new client, clear what a predecessor left, and spawn vehicle and sensors.

        Raises:
            SimulatorUnavailable: No server answers.
            VersionMismatch: Its version is not the client's.
            SpawnError: It has no place or no blueprint for the vehicle or a sensor.
        """
        self.close()
        self._link = Link(self.config)
        self._stamp_offset_s = None
        atexit.register(self.close)

    def close(self) -> None:
        """Destroy our actors and restore the server's settings; idempotent, never raises."""
        self._disconnect(alive=True)

    def reset(self, request: ResetRequest) -> EpisodeStart:
        """Start an episode: load the map if it is another one, and put the vehicle on its start.

        The vehicle is teleported, never respawned; its controls are cleared, and what the sensors
        had to say about the time before is thrown away. The first tick shows the start pose.

        Raises:
            UnknownMap: The server does not know the map.
            RouteError: No route joins the places that were asked for.
            SimulatorUnavailable: The server stopped answering.
            FrameTimeout: A sensor's data got lost.
        """
        self._connected()
        try:
            if request.map and map_basename(request.map) != self.map_name:
                self._change_map(request.map)
            link = self._connected()
            planner = self._planner(link)
            route = planner.plan(
                request.seed,
                request.route_start,
                request.route_goal,
                request.route_length_m or self.config.route_length_m,
            )
            start = start_pose(route.start, request.start_lateral_m, request.start_heading_rad)
            with link.answering():
                link.others.make_way(request.traffic, route.points, request.seed)
            tick = self._start(link, start, request.start_speed_mps, request.seed)
            return EpisodeStart(self.map_name, route.points, tick)
        except (SimulatorUnavailable, ServerRefused) as error:
            self._disconnect(alive=isinstance(error, ServerRefused))
            raise

    def tick(self, command: Command) -> Tick:
        """Apply a command for one tick and return what that tick gave.

        Raises:
            SimulatorUnavailable: The server stopped answering.
            FrameTimeout: The server ticked, but a sensor's data got lost.
        """
        link = self._connected()
        try:
            with link.answering():
                link.others.act(link.world.get_snapshot(), self.config.fixed_delta_s)
                link.rig.vehicle.apply_control(_vehicle_control(command))
            return self._advance(link)
        except (SimulatorUnavailable, ServerRefused) as error:
            self._disconnect(alive=isinstance(error, ServerRefused))
            raise

    def halt(self) -> None:
        """Tick with the brake until the vehicle stands, or for HALT_S of simulation time.

        Raises:
            SimulatorUnavailable: The server stopped answering.
        """
        for _ in range(round(HALT_S / self.config.fixed_delta_s)):
            linear = self.tick(BRAKE).twist.linear
            if math.hypot(linear.x, linear.y) < STANDING_MPS:
                return

    def __enter__(self) -> CarlaSession:
        """Connect."""
        self.connect()
        return self

    def __exit__(self, *exception: object) -> None:
        """Close."""
        self.close()

    def _connected(self) -> Link:
        if self._link is None:
            raise SimulatorUnavailable(self.config.host, self.config.port, "not connected")
        return self._link

    def _disconnect(self, alive: bool) -> None:
        atexit.unregister(self.close)
        link, self._link = self._link, None
        if link is not None:
            self._dropped += link.rig.dropped
            link.close(alive)

    def _change_map(self, name: str) -> None:
        restore = self._connected().leave()
        self._dropped = self.dropped_images
        self._stamp_offset_s = None
        self._link = None  # no client may be connected while the map is loaded: see loading
        refusal = None
        try:
            load_map(self.config.host, self.config.port, name, self.config.map_timeout_s)
        except ServerRefused as error:
            refusal = error
        self._link = Link(self.config, restore)
        if refusal is not None:
            available = self._link.available_maps()
            raise UnknownMap(name, available, refusal.__cause__) from refusal

    def _planner(self, link: Link) -> RoutePlanner:
        # Maps of one name may differ between servers.
        key = link.map.name, hash(link.map.to_opendrive())
        if key not in self._planners:
            spawn_points = link.map.get_spawn_points()
            planner = planner_of(link.map, spawn_points, self.config.route_spacing_m)
            self._planners[key] = planner
        self._planners.move_to_end(key)
        if len(self._planners) > _PLANNERS_KEPT:
            self._planners.popitem(last=False)
        return self._planners[key]

    def _start(self, link: Link, start: Pose, speed_mps: float, seed: int) -> Tick:
        behind = one_tick_before(start, speed_mps, self.config.fixed_delta_s)
        self._put(link, behind, 0.0)
        for _ in range(SETTLING_TICKS):
            tick = self._advance(link)
            if has_arrived(tick.pose, behind):
                break
        else:
            raise SpawnError(
                f"the vehicle did not arrive at its start ({behind.x:.1f}, {behind.y:.1f}) "
                f"within {SETTLING_TICKS} ticks; is another vehicle standing there?"
            )
        # The jump itself crosses lanes, and the old episode may have ended in a collision.
        link.rig.forget_events(tick.frame)
        with link.answering():
            link.others.enter(seed)
        self._put(link, behind, speed_mps)
        return self._advance(link)

    def _put(self, link: Link, pose: Pose, speed_mps: float) -> None:
        forward = frames.mirror_vector(*forward_velocity(pose, speed_mps))
        vehicle = link.rig.vehicle
        with link.answering():
            vehicle.apply_control(_vehicle_control(Command()))
            vehicle.set_transform(measurements.transform(pose))
            vehicle.set_target_velocity(carla.Vector3D(*forward))
            vehicle.set_target_angular_velocity(carla.Vector3D())

    def _advance(self, link: Link) -> Tick:
        with link.answering():
            snapshot = link.advance()
            vehicle = snapshot.find(link.rig.vehicle.id)
            if vehicle is None:
                raise RuntimeError("our vehicle is no longer in the world")
            pose = measurements.pose(vehicle.get_transform())
            gap_m = link.others.gap_m(snapshot, vehicle.id, pose)
            link.surroundings.follow(pose)
        readings = link.rig.collect(snapshot.frame, self.config.timeout_s)
        velocity, rate = vehicle.get_velocity(), vehicle.get_angular_velocity()
        acceleration = vehicle.get_acceleration()
        linear, angular, acceleration = frames.to_body(
            pose,
            frames.mirror_vector(velocity.x, velocity.y, velocity.z),
            frames.angular_velocity_from_carla(rate.x, rate.y, rate.z),
            frames.mirror_vector(acceleration.x, acceleration.y, acceleration.z),
        )
        return Tick(
            frame=snapshot.frame,
            stamp_s=self._stamp_s(snapshot.timestamp.elapsed_seconds),
            image=readings.image,
            pose=pose,
            twist=Twist(linear, angular),
            acceleration=acceleration,
            imu=readings.imu,
            gnss=readings.gnss,
            collisions=readings.collisions,
            lane_invasions=readings.lane_invasions,
            light=measurements.light(link.rig.vehicle),
            gap_m=gap_m,
        )

    def _stamp_s(self, elapsed_s: float) -> float:
        """Simulation time that goes on where a new world or server begins again at zero."""
        if self._stamp_offset_s is None:
            next_stamp_s = self._last_stamp_s + self.config.fixed_delta_s
            self._stamp_offset_s = max(0.0, next_stamp_s - elapsed_s)
        self._last_stamp_s = elapsed_s + self._stamp_offset_s
        return self._last_stamp_s


def _vehicle_control(command: Command) -> carla.VehicleControl:
    return carla.VehicleControl(
        throttle=command.throttle,
        steer=command.steer,
        brake=command.brake,
        hand_brake=command.hand_brake,
        reverse=command.reverse,
    )
