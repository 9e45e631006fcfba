"""What people see of the agent in rviz2, Foxglove and the page; made only while someone looks."""

from __future__ import annotations

import numpy as np
from rclpy.node import Node

from td3_driving.agent.runner import Runner
from td3_driving.agent.steering_values import SteeringValues
from td3_driving.agent.types import Drive, StepReport
from td3_driving.learning.errors import LearningError
from td3_driving.ros import topics
from td3_driving.ros.markers import agent_markers, to_steering_values
from td3_driving.ros.messages import header


class AgentDisplay:
    """Publishes markers and steering_values on the node.

    Args:
        node: The agent's.
        runner: Whom they show.
    """

    def __init__(self, node: Node, runner: Runner) -> None:
        self._logger = node.get_logger()
        self._markers = topics.MARKERS.publisher(node)
        self._values = topics.STEERING_VALUES.publisher(node)
        self._asked = SteeringValues(runner)
        self._known: np.ndarray | None = None

    def show(self, stamp_ns: int, frame_id: str, report: StepReport, action: Drive) -> None:
        """Shows a tick to whoever listens.

        Args:
            stamp_ns: Of the tick.
            frame_id: The body frame.
            report: What the tick earned.
            action: What was decided.
        """
        watched = self._markers.get_subscription_count()
        if not watched and not self._values.get_subscription_count():
            return
        self._ask(action)
        if watched:
            head = header(stamp_ns, frame_id)
            self._markers.publish(agent_markers(head, report, action, self._known))

    def close(self) -> None:
        """Ends what works beside. Idempotent."""
        self._asked.close()

    def _ask(self, action: Drive) -> None:
        try:
            values = self._asked.take()
        except (LearningError, OSError) as error:
            self._logger.warning(f"no values of steering are shown: {error}")
            return
        if values is not None and np.isfinite(values).all():
            self._known = values
            self._values.publish(to_steering_values(values))
        self._asked.ask(action.acceleration)
