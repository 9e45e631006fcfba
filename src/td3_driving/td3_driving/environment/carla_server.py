"""A CARLA server, or a carla-lite in a process of its own, as an environment's world."""

from __future__ import annotations

import cv2
import numpy as np

from td3_driving.agent.types import Assignment, Tick
from td3_driving.driving.action import to_command
from td3_driving.driving.gate import CommandGate, GateLimits
from td3_driving.driving.picture import FrameStack, grey_84
from td3_driving.driving.route import Route
from td3_driving.driving.tasks import DrivingTask
from td3_driving.driving.vehicle import VehicleState
from td3_driving.environment.backends import TICK_S
from td3_driving.simulator import CarlaSession, Command, ResetRequest, SessionConfig
from td3_driving.simulator import Tick as ServerTick


class ServerBackend:
    """Drives in a server's world; see backends.Backend. Several need a server each.

    Args:
        task: That is driven.
        host: Where the server runs.
        port: Its RPC port.

    Raises:
        SimulatorError: no server answers, or it is of another version.
    """

    def __init__(self, task: DrivingTask, host: str, port: int) -> None:
        self._traffic = task.traffic
        self._stack = FrameStack(stride=task.action_repeat)
        self._gate = CommandGate(GateLimits())
        self._session = CarlaSession(SessionConfig(host, port, fixed_delta_s=TICK_S))
        self._episode = self._step = 0
        self._image = np.zeros((84, 84, 3), np.uint8)
        self._session.connect()

    def reset(self, assignment: Assignment) -> tuple[Tick, Route]:
        """As Backend.reset."""
        plan = assignment.plan
        start = self._session.reset(
            ResetRequest(
                seed=plan.seed,
                map=plan.map,
                start_speed_mps=plan.start_speed_mps,
                start_lateral_m=plan.start_lateral_m,
                start_heading_rad=plan.start_heading_rad,
                traffic=self._traffic,
            )
        )
        self._episode, self._step = self._episode + 1, 0
        self._gate.reset()
        return self._tick(start.tick), Route(start.route)

    def step(self, steer: float, acceleration: float) -> Tick:
        """As Backend.step."""
        command, _ = self._gate.filter(to_command(steer, acceleration), 0.0, TICK_S)
        self._step += 1
        return self._tick(
            self._session.tick(Command(command.throttle, command.steer, command.brake))
        )

    def camera(self) -> np.ndarray:
        """As Backend.camera."""
        return cv2.cvtColor(self._image, cv2.COLOR_BGRA2BGR)

    def close(self) -> None:
        """As Backend.close."""
        self._session.close()

    def _tick(self, tick: ServerTick) -> Tick:
        self._image = tick.image
        stack = self._stack.push(grey_84(tick.image, "bgra8"), self._step == 0)
        linear, angular = tick.twist.linear, tick.twist.angular
        state = VehicleState(
            tick.stamp_s, tick.pose.x, tick.pose.y, tick.pose.yaw, linear.x, linear.y, angular.z
        )
        hits = tuple(hit.other_actor_type for hit in tick.collisions)
        return Tick(self._episode, self._step, stack, state, hits, tick.light, tick.gap_m)
