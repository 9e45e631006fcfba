"""The rest of the graph, for a td3_agent that is timed: a car on a straight road, by wall time."""

from __future__ import annotations

import time
from typing import Any

import numpy as np
from geometry_msgs.msg import PoseStamped
from nav_msgs.msg import Odometry, Path
from rclpy.node import Node

from td3_driving.ros import topics
from td3_driving.ros.messages import header, to_image
from td3_driving_msgs.msg import Action, Frame
from td3_driving_msgs.srv import ResetEpisode

TICK_S, SPEED_MPS = 0.05, 8.0
_PICTURES = 16


class StraightRoad(Node):
    """Publishes ticks at a fixed rate, whatever the actions, and notes when each is answered.

    Args:
        ticks: Of the one episode that there is.
        period_s: Wall time from tick to tick.
    """

    def __init__(self, ticks: int, period_s: float) -> None:
        super().__init__("straight_road", namespace=topics.DEFAULT_NAMESPACE)
        self.ticks = ticks
        self.latencies_s: dict[int, float] = {}
        """By step: from the moment before a tick was published to its action's arrival here."""
        self._published: list[float] = []
        self._driving = False
        # Not one picture again and again: the agent takes that for a frozen camera.
        shape = (_PICTURES, 84, 84, 4)
        self._pictures = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
        self._frame = topics.FRAME.publisher(self)
        self._observation = topics.OBSERVATION.publisher(self)
        self._odometry = topics.ODOMETRY.publisher(self)
        self._route = topics.ROUTE.publisher(self)
        topics.ACTION.subscription(self, self._on_action)
        self.create_service(ResetEpisode, topics.RESET.name, self._on_reset)
        self.create_timer(period_s, self._on_timer)

    @property
    def over(self) -> bool:
        """Whether all ticks have been published, and the last one has been answered."""
        return len(self._published) == self.ticks and self.ticks - 1 in self.latencies_s

    @property
    def published(self) -> int:
        """Ticks so far."""
        return len(self._published)

    def _on_reset(self, request: Any, response: Any) -> Any:
        self._published.clear()
        self.latencies_s.clear()
        self._driving = True
        response.success, response.episode, response.stamp = True, 1, _header(0).stamp
        return response

    def _on_timer(self) -> None:
        if not self._driving or len(self._published) >= self.ticks:
            return
        step = len(self._published)
        frame = Frame(header=_header(step), episode=1, step=step)
        picture = to_image(self._pictures[step % _PICTURES], "8UC4", _header(step))
        odometry = _odometry(step)
        self._published.append(time.perf_counter())
        if step == 0:
            self._route.publish(_route(self.ticks * TICK_S * SPEED_MPS + 100.0))
        self._frame.publish(frame)
        self._odometry.publish(odometry)
        self._observation.publish(picture)

    def _on_action(self, action: Action) -> None:
        now = time.perf_counter()
        if action.step < len(self._published):
            self.latencies_s[action.step] = now - self._published[action.step]


def _header(step: int) -> Any:
    return header(round(step * TICK_S * 1e9) + 1_000_000_000, "map")


def _odometry(step: int) -> Odometry:
    message = Odometry(header=_header(step))
    message.pose.pose.position.x = step * TICK_S * SPEED_MPS
    message.pose.pose.orientation.w = 1.0
    message.twist.twist.linear.x = SPEED_MPS
    return message


def _route(length_m: float) -> Path:
    message = Path(header=_header(0))
    for x_m in (0.0, length_m):
        pose = PoseStamped(header=message.header)
        pose.pose.position.x = x_m
        message.poses.append(pose)
    return message
