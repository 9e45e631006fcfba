"""Who else drives in a world of the fleet: scripted traffic, and the car ahead."""

from __future__ import annotations

from carla_lite.traffic import Traffic as ScriptedTraffic
from carla_lite.world import World
from td3_driving.driving.action import Command, to_command
from td3_driving.driving.episodes import EpisodePlan
from td3_driving.driving.frames import Pose
from td3_driving.driving.route import Route
from td3_driving.driving.traffic import LeadDriver, Traffic
from td3_driving.fleet.car import FleetCar

_ABOVE_GROUND_M = 0.3


class FleetTraffic:
    """The others of one world.

    Args:
        world: Theirs.
        traffic: Who there is.
    """

    def __init__(self, world: World, traffic: Traffic) -> None:
        self._config = traffic
        self.anybody = traffic.lead is not None or traffic.vehicles + traffic.pedestrians > 0
        """Whether there are any."""
        self._world = world
        self._scripted = None
        if traffic.vehicles or traffic.pedestrians:
            self._scripted = ScriptedTraffic(world, 0, 0)
        self._lead: FleetCar | None = None
        self._driver: LeadDriver | None = None
        self._time_s: float | None = None

    def begin(self, plan: EpisodePlan, route: Route) -> None:
        """Takes away who may stand in the way, and puts the car ahead on its start, to wait."""
        if self._scripted is not None:
            self._scripted.replace(0, 0, plan.seed)
        if self._config.lead is None:
            return
        self._driver = LeadDriver(self._config.lead, route, plan.seed)
        if self._lead is None:
            self._lead = FleetCar(self._world, "lead")
        x, y, yaw = self._driver.start
        self._lead.place(Pose(x, y, _ABOVE_GROUND_M, 0.0, 0.0, yaw), 0.0)
        self._lead.command(Command(0.0, 0.0, 1.0))
        self._time_s = None

    def enter(self, plan: EpisodePlan) -> None:
        """The vehicle stands on its start: the scripted traffic appears around it."""
        if self._scripted is not None:
            config = self._config
            self._scripted.replace(config.vehicles, config.pedestrians, plan.seed)

    def started(self) -> None:
        """The episode has begun: the time of the car ahead begins."""
        self._time_s = 0.0

    def step(self) -> None:
        """Decides what everyone does in the next tick."""
        if self._scripted is not None:
            self._scripted.step()
        if self._lead is not None and self._driver is not None and self._time_s is not None:
            steer, acceleration = self._driver.act(self._lead.state(self._time_s), self._time_s)
            self._lead.command(to_command(steer, acceleration))
            self._time_s += self._world.delta_s
