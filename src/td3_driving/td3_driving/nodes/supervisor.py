"""supervisor: brings the four nodes up, watches them, takes them down, and brings them back."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

import rclpy.task
from lifecycle_msgs.srv import ChangeState
from rclpy.clock import Clock, ClockType
from rclpy.node import Node

from td3_driving.nodes.running import run_node
from td3_driving.nodes.supervision import (
    RISING_ORDER,
    Limits,
    Phase,
    Request,
    Sign,
    Supervision,
)
from td3_driving.parameters import parameter
from td3_driving.ros import topics
from td3_driving.ros.diagnostics import ERROR, OK, WARN, Diagnostics, Health
from td3_driving.ros.parameters import declare
from td3_driving_msgs.msg import Heartbeat


@dataclass(frozen=True)
class SupervisorParameters:
    """The supervisor node's parameters."""

    restarts: int = parameter(
        5, "failures of nodes, within the window, after which all are brought back", "", 0, 1000
    )
    window_s: float = parameter(60.0, "length of that window", "s", 1.0, 86_400.0)
    absent_s: float = parameter(
        120.0, "wait for the first sign of life of a node", "s", 1.0, 86_400.0
    )


class Supervisor(Node):
    """Takes heartbeat; asks the nodes for their transitions. See supervision.py for which."""

    LOOK_S = 0.05

    def __init__(self, **options: Any) -> None:
        super().__init__("supervisor", **{"namespace": topics.DEFAULT_NAMESPACE, **options})
        parameters = declare(self, SupervisorParameters)
        limits = Limits(parameters.restarts, parameters.window_s, parameters.absent_s)
        self.supervision = Supervision(limits, time.monotonic())
        self._told = (self.supervision.phase, "")
        self._ask = {
            node: self.create_client(ChangeState, f"{node}/change_state") for node in RISING_ORDER
        }
        topics.HEARTBEAT.subscription(self, self._on_heartbeat)
        steady = Clock(clock_type=ClockType.STEADY_TIME)
        self.create_timer(self.LOOK_S, self._on_look, clock=steady)
        self._diagnostics = Diagnostics(self, "suite", self._health)

    def _on_heartbeat(self, message: Heartbeat) -> None:
        sign = Sign(
            message.node, message.incarnation, message.state, message.silence_s, message.refusal
        )
        self.supervision.heard(sign, time.monotonic())

    def _on_look(self) -> None:
        request = self.supervision.next(time.monotonic())
        told = (self.supervision.phase, self.supervision.why)
        if told != self._told:
            self._told = told
            self._say()
        if request is not None:
            self._send(request)

    def _send(self, request: Request) -> None:
        call = ChangeState.Request()
        call.transition.label = request.transition
        future = self._ask[request.node].call_async(call)

        def answered(future: rclpy.task.Future) -> None:
            self.supervision.answered(request, future.result().success)

        future.add_done_callback(answered)

    def _say(self) -> None:
        phase, why = self._told
        if phase in (Phase.FALLING, Phase.OVER):
            self.get_logger().error(f"{why}: {phase.value}")
        else:
            self.get_logger().info(phase.value)

    @property
    def gave_up(self) -> bool:
        """Whether there is nothing left to supervise."""
        return self.supervision.phase is Phase.OVER

    def _health(self) -> Health:
        now = self.supervision
        resting = ", ".join(now.resting)
        figures = {"failures": now.failures, "resting": resting, "last_failure": now.why}
        if now.phase is Phase.DRIVING:
            return (WARN, f"not active: {resting}", figures) if resting else (OK, "", figures)
        return (WARN if now.phase is Phase.RISING else ERROR), now.phase.value, figures


def main() -> int:
    """Runs the node; returns 0 after a signal, 1 when it gave up, 2 for parameters it refuses."""
    ended: list[Supervisor] = []
    code = run_node(Supervisor, lambda node: node.gave_up, ended.append)
    return code or int(any(node.gave_up for node in ended))
