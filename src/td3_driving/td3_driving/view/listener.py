"""Watches a running graph: subscribes to its topics, and disturbs nobody."""

from __future__ import annotations

import threading
from collections.abc import Callable
from types import TracebackType
from typing import Any

import cv2
import numpy as np
import rclpy
from rclpy.executors import ExternalShutdownException, SingleThreadedExecutor
from rclpy.node import Node
from rclpy.qos import HistoryPolicy, QoSProfile, ReliabilityPolicy

from td3_driving.ros import topics
from td3_driving.ros.images import decode
from td3_driving.ros.markers import WAYPOINTS, from_steering_values
from td3_driving.ros.messages import InvalidMessage, from_image, from_odometry, from_route
from td3_driving.view.moment import Watch

# What a slow watcher misses is not sent again.
_GLANCE = QoSProfile(
    history=HistoryPolicy.KEEP_LAST, depth=2, reliability=ReliabilityPolicy.BEST_EFFORT
)
_TO_BGR = {
    "mono8": cv2.COLOR_GRAY2BGR, "rgb8": cv2.COLOR_RGB2BGR, "bgra8": cv2.COLOR_BGRA2BGR,
    "rgba8": cv2.COLOR_RGBA2BGR,
}  # fmt: skip
_GUARDS = ("stale", "non_finite", "clipped", "rate_limited")


class Listener(Node):
    """Fills a Watch from the graph's topics.

    Args:
        watch: To fill.
        on_command: Called after each command, which comes last in a tick.
        options: Of rclpy's Node; the namespace says whose graph it is.
    """

    def __init__(
        self, watch: Watch, on_command: Callable[[], None] = lambda: None, **options: Any
    ) -> None:
        super().__init__("view", **{"namespace": topics.DEFAULT_NAMESPACE, **options})
        self._watch = watch
        self._on_command = on_command
        self.messages = self.invalid = 0
        for topic, handle in (
            (topics.IMAGE, self._on_image),
            (topics.OBSERVATION, self._on_observation),
            (topics.ODOMETRY, self._on_odometry),
            (topics.ACTION, self._on_action),
            (topics.MARKERS, self._on_markers),
            (topics.STEERING_VALUES, self._on_steering_values),
            (topics.VEHICLE_CONTROL, self._on_control),
            (topics.GUARD, self._on_guard),
            (topics.EPISODE, self._on_episode),
            (topics.ROUTE, self._on_route),
        ):
            qos = topic.qos if topic is topics.ROUTE else _GLANCE
            self.create_subscription(topic.type, topic.name, self._guarded(handle), qos)

    def _guarded(self, handle: Callable[[Any], None]) -> Callable[[Any], None]:
        """A callback that refuses a bad message and lives on."""

        def callback(message: Any) -> None:
            self.messages += 1
            try:
                handle(message)
            except ValueError as error:
                self.invalid += 1
                self.get_logger().error(f"not shown: {error}", throttle_duration_sec=1.0)

        return callback

    def _on_image(self, message: Any) -> None:
        pixels, encoding = decode(message)
        code = _TO_BGR.get(encoding)
        # The message's memory is not ours to keep.
        self._watch.take(camera=pixels.copy() if code is None else cv2.cvtColor(pixels, code))

    def _on_observation(self, message: Any) -> None:
        picture = from_image(message)
        if picture.ndim != 3:
            raise InvalidMessage(f"observation has shape {picture.shape}; expected frames as 8UC4")
        self._watch.take(stack=np.ascontiguousarray(np.moveaxis(picture, -1, 0)))

    def _on_odometry(self, message: Any) -> None:
        state = from_odometry(message)
        self._watch.drive_to(state.x_m, state.y_m, state.yaw_rad, state.speed_mps)

    def _on_action(self, message: Any) -> None:
        self._watch.take(action=(float(message.steer), float(message.acceleration)))

    def _on_markers(self, message: Any) -> None:
        for marker in message.markers:
            if marker.ns == WAYPOINTS:
                points = [(point.x, point.y) for point in marker.points]
                self._watch.take(waypoints=np.array(points).reshape(-1, 2))

    def _on_steering_values(self, message: Any) -> None:
        self._watch.take(steering_values=from_steering_values(message))

    def _on_control(self, message: Any) -> None:
        self._watch.take(
            steer=float(message.steer), throttle=float(message.throttle), brake=float(message.brake)
        )
        self._on_command()

    def _on_guard(self, message: Any) -> None:
        self._watch.take(guard=tuple(name for name in _GUARDS if getattr(message, name)))

    def _on_episode(self, message: Any) -> None:
        self._watch.take(
            episode=int(message.episode),
            step=int(message.step),
            reward=float(message.reward),
            terms=dict(zip(message.term_names, map(float, message.term_values), strict=True)),
            episode_return=float(message.episode_return),
            completion=float(message.completion),
            lateral_m=float(message.lateral_m),
            heading_error_rad=float(message.heading_error_rad),
            reason=str(message.reason),
        )

    def _on_route(self, message: Any) -> None:
        self._watch.begin(np.asarray(from_route(message).points))


class Listening:
    """A Listener at work on a thread of its own; a context manager. ROS must be initialised.

    Args:
        watch: To fill.
        on_command: As the Listener's.
        options: Of rclpy's Node.
    """

    def __init__(
        self, watch: Watch, on_command: Callable[[], None] = lambda: None, **options: Any
    ) -> None:
        self.node = Listener(watch, on_command, use_global_arguments=False, **options)
        self._executor = SingleThreadedExecutor(context=self.node.context)
        self._executor.add_node(self.node)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._spin, name="view")

    def _spin(self) -> None:
        try:
            while not self._stop.is_set() and rclpy.ok(context=self.node.context):
                self._executor.spin_once(timeout_sec=0.1)
        except ExternalShutdownException:
            pass  # the graph is gone, and nothing is left to watch

    def __enter__(self) -> Listening:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stop.set()
        self._thread.join()
        self._executor.shutdown()
        self.node.destroy_node()
