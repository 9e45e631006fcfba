"""Everyone else in an episode: the car ahead, which we drive, and the server's scripted traffic."""

from __future__ import annotations

import contextlib
import logging

import carla
import numpy as np

from td3_driving.driving.action import to_command
from td3_driving.driving.frames import FloatArray, Pose, mirror_vector, to_body
from td3_driving.driving.route import Route
from td3_driving.driving.traffic import LeadDriver, Traffic, gap_ahead
from td3_driving.driving.vehicle import VehicleState
from td3_driving.simulator import measurements
from td3_driving.simulator.config import SessionConfig
from td3_driving.simulator.errors import SimulatorUnavailable, SpawnError
from td3_driving.simulator.loading import Refused, call

_LOG = logging.getLogger(__name__)
_ABOVE_GROUND_M = 0.3
_NOBODY = Traffic()


class Others:
    """The others of one world, episode after episode.

    Args:
        world: Where they are.
        config: Where its server is, and our role name.
    """

    def __init__(self, world: carla.World, config: SessionConfig) -> None:
        self._world = world
        self._config = config
        self._traffic = _NOBODY
        self._is_scripted = False
        self._lead: carla.Vehicle | None = None
        self._driver: LeadDriver | None = None
        self._route: Route | None = None
        self._boxes: dict[int, tuple[float, float, float]] = {}
        self._s_m = self._time_s = 0.0

    def make_way(self, traffic: Traffic, points: FloatArray, seed: int) -> None:
        """Before the vehicle is put on its start: takes away who may stand there.

        Args:
            traffic: Who shall be there in this episode.
            points: (N, 2) the vehicle's route.
            seed: Of the episode.

        Raises:
            SpawnError: the car ahead can't be created.
        """
        self._traffic = traffic
        self._route = None if traffic == _NOBODY else Route(points)
        self._s_m = self._time_s = 0.0
        self._boxes.clear()
        if self._is_scripted:
            self._script(_NOBODY, seed)
        self._driver = None
        if self._route is None or traffic.lead is None:
            self._remove_lead()
        else:
            self._driver = LeadDriver(traffic.lead, self._route, seed)
            self._put_lead(self._driver)

    def enter(self, seed: int) -> None:
        """The vehicle stands on its start: the scripted traffic appears around it."""
        if self._traffic.vehicles or self._traffic.pedestrians:
            self._script(self._traffic, seed)
            self._boxes.clear()

    def act(self, snapshot: carla.WorldSnapshot, delta_s: float) -> None:
        """Before a tick: what the car ahead does in it."""
        if self._lead is None or self._driver is None:
            return
        seen = snapshot.find(self._lead.id)
        if seen is None:  # another client took it away
            return
        command = to_command(*self._driver.act(_state(seen, self._time_s), self._time_s))
        self._lead.apply_control(
            carla.VehicleControl(
                throttle=command.throttle, steer=command.steer, brake=command.brake
            )
        )
        self._time_s += delta_s

    def gap_m(self, snapshot: carla.WorldSnapshot, own_id: int, pose: Pose) -> float | None:
        """The free way to who is ahead of our vehicle on its route; None: nobody is."""
        if self._route is None:
            return None
        if not self._boxes:
            self._look_round()
        place = self._route.locate(pose.x, pose.y, pose.yaw, near_s_m=self._s_m)
        self._s_m = place.s_m
        rows = []
        for actor_id, (middle, length, width) in self._boxes.items():
            seen = None if actor_id == own_id else snapshot.find(actor_id)
            if seen is not None:
                at = measurements.pose(seen.get_transform())
                x, y = at.x + middle * np.cos(at.yaw), at.y + middle * np.sin(at.yaw)
                rows.append((x, y, at.yaw, length, width))
        return gap_ahead(self._route, self._s_m, np.array(rows).reshape(-1, 5))

    def close(self) -> None:
        """Takes away whom we brought; never raises."""
        self._remove_lead()
        if self._is_scripted:
            with contextlib.suppress(SimulatorUnavailable, Refused):
                self._ask(_NOBODY, 0)
            self._is_scripted = False

    def _look_round(self) -> None:
        """Notes who is there and how large; those who come later are not seen."""
        for kind in ("vehicle.*", "walker.*"):
            for actor in self._world.get_actors().filter(kind):
                box = actor.bounding_box
                self._boxes[actor.id] = box.location.x, box.extent.x, box.extent.y

    def _put_lead(self, driver: LeadDriver) -> None:
        x, y, yaw = driver.start
        transform = measurements.transform(Pose(x, y, _ABOVE_GROUND_M, 0.0, 0.0, yaw))
        if self._lead is None or not self._lead.is_alive:
            library = self._world.get_blueprint_library()
            blueprint = library.find(self._config.vehicle)
            blueprint.set_attribute("role_name", lead_role(self._config.role_name))
            # Its start may be where our vehicle still stands; teleports ask nobody.
            places = self._world.get_map().get_spawn_points()
            spawned = (self._world.try_spawn_actor(blueprint, place) for place in places)
            self._lead = next((car for car in spawned if car is not None), None)
            if self._lead is None:
                raise SpawnError(
                    f"the car ahead has no place on any of {len(places)} spawn points; is "
                    "someone standing on each?"
                )
        self._lead.apply_control(carla.VehicleControl(brake=1.0))
        self._lead.set_transform(transform)
        self._lead.set_target_velocity(carla.Vector3D())
        self._lead.set_target_angular_velocity(carla.Vector3D())

    def _remove_lead(self) -> None:
        lead, self._lead = self._lead, None
        if lead is not None:
            with contextlib.suppress(RuntimeError):
                lead.destroy()

    def _script(self, traffic: Traffic, seed: int) -> None:
        try:
            there = self._ask(traffic, seed)
            self._is_scripted = traffic is not _NOBODY
        except Refused:
            _LOG.warning(
                "this server scripts no traffic of its own: whoever is there counts; CARLA's "
                "examples/generate_traffic.py brings vehicles and pedestrians"
            )
            return
        wanted = [traffic.vehicles, traffic.pedestrians]
        if there != wanted:
            _LOG.warning("of %s vehicles and pedestrians there is room for %s", wanted, there)

    def _ask(self, traffic: Traffic, seed: int) -> list[int]:
        """carla_lite's own call; CARLA's server refuses it."""
        config = self._config
        try:
            there: list[int] = call(
                config.host, config.port, config.timeout_s, "lite_traffic",
                traffic.vehicles, traffic.pedestrians, seed,
            )  # fmt: skip
        except OSError as error:
            raise SimulatorUnavailable(config.host, config.port, error) from error
        return there


def lead_role(role_name: str) -> str:
    """The role name of the car ahead of the vehicle of that role name."""
    return f"{role_name}_lead"


def _state(seen: carla.ActorSnapshot, stamp_s: float) -> VehicleState:
    pose = measurements.pose(seen.get_transform())
    velocity = seen.get_velocity()
    (body,) = to_body(pose, mirror_vector(velocity.x, velocity.y, velocity.z))
    return VehicleState(stamp_s, pose.x, pose.y, pose.yaw, body.x, body.y)
