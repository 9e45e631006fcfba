"""Health of a node on /diagnostics, once a second, after diagnostic_updater's conventions."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus, KeyValue
from rclpy.clock import Clock, ClockType
from rclpy.node import Node

from td3_driving.ros.topics import DIAGNOSTICS

OK, WARN, ERROR, STALE = (
    DiagnosticStatus.OK, DiagnosticStatus.WARN, DiagnosticStatus.ERROR, DiagnosticStatus.STALE,
)  # fmt: skip

Health = tuple[bytes, str, Mapping[str, object]]
"""(level, one sentence, figures by name)."""


class Diagnostics:
    """Publishes what is said of the node, by wall time: a clock that stands still shows.

    Args:
        node: The node.
        hardware_id: What it is about.
        health: How the node's work goes.
        topics: How its topics are; None for a node that watches none.
    """

    def __init__(
        self,
        node: Node,
        hardware_id: str,
        health: Callable[[], Health],
        topics: Callable[[], Health] | None = None,
    ) -> None:
        self._node = node
        self._hardware_id = hardware_id
        self._tasks = {"health": health} if topics is None else {"health": health, "topics": topics}
        self._publisher = DIAGNOSTICS.publisher(node)
        self._timer = node.create_timer(
            1.0, self.publish, clock=Clock(clock_type=ClockType.STEADY_TIME)
        )

    def publish(self) -> None:
        """Publishes the node's health now."""
        array = DiagnosticArray()
        for task, tell in self._tasks.items():
            level, message, figures = tell()
            array.status.append(
                DiagnosticStatus(
                    level=level,
                    name=f"{self._node.get_fully_qualified_name()}: {task}",
                    message=message,
                    hardware_id=self._hardware_id,
                    values=[KeyValue(key=key, value=str(value)) for key, value in figures.items()],
                )
            )
        array.header.stamp = self._node.get_clock().now().to_msg()
        self._publisher.publish(array)
