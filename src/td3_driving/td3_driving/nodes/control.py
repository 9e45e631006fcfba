"""control: the last guard before the simulator."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from std_msgs.msg import Header

from td3_driving.driving.action import Command, to_command
from td3_driving.driving.gate import CommandGate, GateLimits, GuardReport
from td3_driving.nodes.managed import ManagedNode
from td3_driving.nodes.running import run_node
from td3_driving.parameters import parameter
from td3_driving.ros import topics
from td3_driving.ros.diagnostics import OK, WARN, Health
from td3_driving.ros.markers import guard_markers
from td3_driving.ros.messages import InvalidMessage, from_action, to_ns
from td3_driving_msgs.msg import Action, GuardState, VehicleControl

NS = 1e9


@dataclass(frozen=True)
class ControlParameters:
    """The control node's parameters."""

    stale_after_s: float = parameter(
        0.5, "silence after which the brake is applied", "s", 0.05, 5.0
    )
    steer_rate_per_s: float = parameter(
        10.0, "largest change of steering; 10 is lock to lock in 0.2 s", "1/s", 0.1, 1000.0
    )
    max_steer: float = parameter(1.0, "largest steering", "", 0.01, 1.0)
    max_throttle: float = parameter(1.0, "largest throttle", "", 0.01, 1.0)
    recovery_commands: int = parameter(
        1, "fresh actions in a row that release the brake after silence", "", 1, 100
    )
    tick_s: float = parameter(0.05, "simulation time between two actions", "s", 0.001, 0.5)

    def contradictions(self) -> Iterator[str]:
        """One sentence for each."""
        if self.stale_after_s <= self.tick_s:
            yield (
                f"stale_after_s is {self.stale_after_s:g} s, not more than tick_s, "
                f"{self.tick_s:g} s, so that it would brake between any two actions"
            )


class Control(ManagedNode[ControlParameters]):
    """Takes action; gives vehicle_control_cmd, guard_state and guard_markers.

    Whatever comes in, what goes out is finite, within limits and of bounded steering rate; silence
    brakes, measured on the wall's clock, since a simulator that hangs stops its own. The last
    command of a node that is deactivated is the brake.
    """

    CHECK_PERIOD_S = 0.05

    def __init__(self, **options: Any) -> None:
        super().__init__("control", ControlParameters, "guard", **options)

    def configure(self, parameters: ControlParameters) -> None:
        """As ManagedNode.configure."""
        self._tick_s = parameters.tick_s
        self._gate = CommandGate(
            GateLimits(
                parameters.stale_after_s, parameters.steer_rate_per_s, parameters.max_steer,
                parameters.max_throttle, parameters.recovery_commands,
            )
        )  # fmt: skip
        self._stale_after_s = parameters.stale_after_s
        self._heard_ns: int | None = None
        self._header: Header | None = None
        self._braking = False
        self.commands = self.interventions = self.invalid = 0
        self._out = topics.VEHICLE_CONTROL.publisher(self)
        self._guard = topics.GUARD.publisher(self)
        self._guard_markers = topics.GUARD_MARKERS.publisher(self)
        self._watch.subscription(topics.ACTION, self._on_action)
        self.create_timer(self.CHECK_PERIOD_S, self._on_check, clock=self._steady)

    def activate(self) -> None:
        """As ManagedNode.activate: holds nothing from before."""
        self._gate.reset()
        self._heard_ns = self._header = None
        self._braking = False

    def deactivate(self) -> None:
        """As ManagedNode.deactivate: brakes, if anything was commanded."""
        if self._header is not None:
            self._braking = True
            command, report = self._gate.filter(None, 0.0, math.inf)
            self._publish(command, report, age_s=self._age_s())

    def _on_action(self, message: Action) -> None:
        if not self.active:
            return
        try:
            to_ns(message.header.stamp)
        except InvalidMessage as error:
            self.invalid += 1
            self.get_logger().error(f"action ignored: {error}", throttle_duration_sec=1.0)
            return
        self._heard_ns = self._steady.now().nanoseconds
        self._header = message.header
        if message.step == 0:
            # A teleport: the wheels stand straight again.
            self._gate.reset()
        command, report = self._gate.filter(to_command(*from_action(message)), 0.0, self._tick_s)
        self._braking = report.stale
        self._publish(command, report, age_s=0.0)

    def _on_check(self) -> None:
        if self._heard_ns is None or not self.active:
            return
        age_s = self._age_s()
        if age_s <= self._stale_after_s:
            return
        command, report = self._gate.filter(None, age_s, age_s)
        if not self._braking:
            self._braking = True
            self.get_logger().warning(f"no action for {age_s:.2f} s: braking")
        self._publish(command, report, age_s)

    def _age_s(self) -> float:
        assert self._heard_ns is not None
        return (self._steady.now().nanoseconds - self._heard_ns) / NS

    def _publish(self, command: Command, report: GuardReport, age_s: float) -> None:
        self.commands += 1
        self.interventions += report.active
        if report.non_finite:
            self.get_logger().error(
                "an action that is not a number was ignored", throttle_duration_sec=1.0
            )
        self._out.publish(
            VehicleControl(
                header=self._header, throttle=command.throttle, steer=command.steer,
                brake=command.brake,
            )
        )  # fmt: skip
        state = GuardState(
            header=self._header, active=report.active, stale=report.stale,
            non_finite=report.non_finite, clipped=report.clipped,
            rate_limited=report.rate_limited, action_age_s=age_s,
            interventions=self.interventions,
        )  # fmt: skip
        self._guard.publish(state)
        if self._guard_markers.get_subscription_count():
            self._guard_markers.publish(guard_markers(state))

    def health(self) -> Health:
        """As ManagedNode.health."""
        figures = {
            "commands": self.commands, "interventions": self.interventions, "invalid": self.invalid
        }  # fmt: skip
        if self._heard_ns is None:
            return OK, "waiting for the first action", figures
        if self._braking:
            return WARN, "no action: braking", figures
        return OK, "passing actions on", figures


def main() -> int:
    """Runs the node."""
    return run_node(Control)
