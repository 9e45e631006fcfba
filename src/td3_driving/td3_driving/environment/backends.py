"""What an environment drives in: one world, tick by tick."""

from __future__ import annotations

from typing import Protocol

import numpy as np

from td3_driving.agent.types import Assignment, Tick
from td3_driving.driving.route import Route
from td3_driving.driving.tasks import DrivingTask

TICK_S = 0.05
"""Simulation time of one tick, as the bridge has it."""


class Backend(Protocol):
    """A world with our vehicle in it. All calls belong to one thread."""

    def reset(self, assignment: Assignment) -> tuple[Tick, Route]:
        """Starts an episode; its first tick, and its route."""

    def step(self, steer: float, acceleration: float) -> Tick:
        """Drives one tick; both in [-1, 1], steer + to the right."""

    def camera(self) -> np.ndarray:
        """The picture of the last tick, uint8 (H, W, 3) BGR."""

    def close(self) -> None:
        """Leaves the world as it was found. Idempotent."""


def make_backend(name: str, task: DrivingTask, host: str, port: int) -> Backend:
    """A backend by name.

    Args:
        name: lite: carla_lite's world in this process; carla: a server that runs.
        task: That is driven.
        host: Of the server.
        port: Of the server.

    Raises:
        ValueError: an unknown name.
        SimulatorError: no server is there.
    """
    if name == "lite":
        from td3_driving.environment.lite import LiteBackend

        return LiteBackend(task)
    if name == "carla":
        from td3_driving.environment.carla_server import ServerBackend

        return ServerBackend(task, host, port)
    raise ValueError(f"backend {name!r} is unknown; use lite (in this process) or carla (a server)")
