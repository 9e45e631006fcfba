"""Who else drives in a world of the fleet: scripted traffic, and the car ahead.

Everything happens in the order in which simulator/others.py has it done by a server.
"""

from __future__ import annotations

from carla_lite.traffic import Traffic as ScriptedTraffic
from carla_lite.world import World
from td3_driving.driving.action import Command, to_command
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
        self._world, self._config = world, traffic
        self._scripted: ScriptedTraffic | None = None
        self._lead: FleetCar | None = None
        self._driver: LeadDriver | None = None
        self._time_s = 0.0

    @property
    def anybody(self) -> bool:
        """Whether anyone is to be there at all."""
        config = self._config
        return config.lead is not None or config.vehicles + config.pedestrians > 0

    def make_way(self, route: Route, seed: int) -> None:
        """Before the vehicle is put on its start: takes away who may stand there.

        Args:
            route: The vehicle's.
            seed: Of the episode.

        Raises:
            SpawnError: the car ahead has no place.
        """
        if self._scripted is not None:
            self._scripted.replace(0, 0, seed)
        if self._config.lead is None:
            return
        self._driver = LeadDriver(self._config.lead, route, seed)
        self._time_s = 0.0
        x, y, yaw = self._driver.start
        pose = Pose(x, y, _ABOVE_GROUND_M, 0.0, 0.0, yaw)
        if self._lead is None:
            # Its start may be where the vehicle still stands; teleports ask nobody.
            self._lead = FleetCar(self._world, "ego_vehicle_lead")
        self._lead.place(pose, 0.0)
        self._lead.command(Command(0.0, 0.0, 1.0))

    def enter(self, seed: int) -> None:
        """The vehicle stands on its start: the scripted traffic appears around it."""
        config = self._config
        if config.vehicles or config.pedestrians:
            if self._scripted is None:
                self._scripted = ScriptedTraffic(self._world, 0, 0)
            self._scripted.replace(config.vehicles, config.pedestrians, seed)

    def act(self) -> None:
        """What the car ahead does in the next tick of the episode."""
        if self._lead is not None and self._driver is not None:
            steer, acceleration = self._driver.act(self._lead.state(self._time_s), self._time_s)
            self._lead.command(to_command(steer, acceleration))
            self._time_s += self._world.delta_s

    def step(self) -> None:
        """Before each tick: what scripted traffic does in it."""
        if self._scripted is not None:
            self._scripted.step()
