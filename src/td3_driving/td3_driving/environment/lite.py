"""One of carla_lite's worlds in this process as an environment's world: no server, no sockets."""

from __future__ import annotations

import cv2
import numpy as np

from td3_driving.agent.types import Assignment, Tick
from td3_driving.driving.route import Route
from td3_driving.driving.tasks import DrivingTask
from td3_driving.fleet.worlds import FleetWorlds

KEEP_MAPS = 8
"""Maps kept ready, about 15 MB each: a vector of environments keeps as many each."""


class LiteBackend:
    """A fleet of one; see backends.Backend.

    Args:
        task: That is driven.
    """

    def __init__(self, task: DrivingTask) -> None:
        self._worlds = FleetWorlds(task, 1, threads=1, keep_maps=KEEP_MAPS)

    def reset(self, assignment: Assignment) -> tuple[Tick, Route]:
        """As Backend.reset."""
        return self._worlds.reset(0, assignment.plan)

    def step(self, steer: float, acceleration: float) -> Tick:
        """As Backend.step."""
        return self._worlds.step(np.array([[steer, acceleration]]))[0]

    def camera(self) -> np.ndarray:
        """As Backend.camera."""
        return cv2.cvtColor(self._worlds.picture(0), cv2.COLOR_BGRA2BGR)

    def close(self) -> None:
        """As Backend.close."""
        self._worlds.close()
