"""The weather, and where the spectator looks from: as asked for, and in the end as found."""

from __future__ import annotations

import contextlib
import math

import carla

from td3_driving.driving.frames import Pose
from td3_driving.simulator import measurements
from td3_driving.simulator.config import SessionConfig

_BEHIND_M, _ABOVE_M = 8.0, 4.0
_DOWN_RAD = math.radians(18.0)


class Surroundings:
    """What people see of one world besides the vehicle.

    Args:
        world: Where it is.
        config: Says which weather there shall be, and whether the spectator follows.
    """

    def __init__(self, world: carla.World, config: SessionConfig) -> None:
        self._world = world
        self._weather: carla.WeatherParameters | None = None
        self._spectator: carla.Actor | None = None
        self._view: carla.Transform | None = None
        if config.weather:
            self._weather = world.get_weather()
            world.set_weather(getattr(carla.WeatherParameters, config.weather))
        if config.spectator_follows:
            self._spectator = world.get_spectator()
            self._view = self._spectator.get_transform()

    def follow(self, pose: Pose) -> None:
        """Puts the spectator behind and above the vehicle, which is at `pose`."""
        if self._spectator is not None:
            self._spectator.set_transform(measurements.transform(view_of(pose)))

    def close(self) -> None:
        """Restores what was found; never raises."""
        with contextlib.suppress(RuntimeError):
            if self._weather is not None:
                self._world.set_weather(self._weather)
            if self._spectator is not None:
                self._spectator.set_transform(self._view)


def view_of(pose: Pose) -> Pose:
    """From where a vehicle is watched: 8 m behind it, 4 m above, looking 18 degrees down."""
    x = pose.x - _BEHIND_M * math.cos(pose.yaw)
    y = pose.y - _BEHIND_M * math.sin(pose.yaw)
    return Pose(x, y, pose.z + _ABOVE_M, 0.0, _DOWN_RAD, pose.yaw)
