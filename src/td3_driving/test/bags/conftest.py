"""Bags of a drive that never was: straight on at 8 m/s, written as the recorder writes them."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from geometry_msgs.msg import PoseStamped
from nav_msgs.msg import Odometry
from nav_msgs.msg import Path as RouteMessage
from rclpy.serialization import serialize_message

from td3_driving.bags.writer import BagWriter
from td3_driving.driving.picture import FrameStack, grey_84
from td3_driving.ros import topics
from td3_driving.ros.messages import header, to_image
from td3_driving_msgs.msg import Action, EpisodeStatus, Frame

TICK_NS = 50_000_000
SPEED_MPS = 8.0
REPEAT = 2
Change = Callable[[int, int, str, Any], Any]
"""(episode, step, topic, message) to the message that is written instead; None: none is."""


def action_of(episode: int, step: int) -> tuple[float, float]:
    """What was driven: the same within a decision."""
    decision = step // REPEAT
    return float(np.float32(0.01 * ((7 * decision + episode) % 20) - 0.1)), 0.25


class Scene:
    """The messages of a drive, tick by tick."""

    def __init__(
        self, width: int = 32, height: int = 24, repeat: int = REPEAT, anew: bool = False
    ) -> None:
        self._size, self._anew = (height, width, 4), anew
        self._stack = FrameStack(4, repeat)

    def tick(self, episode: int, step: int, last: bool) -> Iterator[tuple[topics.Topic, Any]]:
        """All messages of a tick; those of what the agent answers last."""
        # Time may begin anew with every episode, as it does with another map.
        stamp = (1 if self._anew else episode) * 10_000_000_000 + step * TICK_NS
        in_map = header(stamp, "map")
        if step == 0:
            yield topics.ROUTE, route_message(stamp)
        pixels = np.random.default_rng([episode, step]).integers(
            0, 256, self._size, dtype=np.uint8
        )  # fmt: skip
        yield topics.IMAGE, to_image(pixels, "bgra8", in_map)
        odometry = Odometry(header=in_map)
        odometry.pose.pose.position.x = SPEED_MPS * step * TICK_NS / 1e9
        odometry.pose.pose.orientation.w = 1.0
        odometry.twist.twist.linear.x = SPEED_MPS
        yield topics.ODOMETRY, odometry
        yield topics.FRAME, Frame(
                header=in_map, episode=episode, step=step, seed=1000 + episode
            )  # fmt: skip
        stack = self._stack.push(grey_84(pixels, "bgra8"), step == 0)
        yield topics.OBSERVATION, to_image(np.ascontiguousarray(stack.transpose(1, 2, 0)), "8UC4",
                                           in_map)  # fmt: skip
        if step > 0:
            yield topics.EPISODE, EpisodeStatus(
                header=in_map, episode=episode, step=step, reward=0.1, truncated=last,
                reason="time_limit" if last else "",
            )  # fmt: skip
        if not last:
            steer, acceleration = action_of(episode, step)
            yield topics.ACTION, Action(
                header=in_map, episode=episode, step=step, steer=steer, acceleration=acceleration
            )  # fmt: skip


def route_message(stamp: int) -> RouteMessage:
    """A straight road of 400 m."""
    message = RouteMessage(header=header(stamp, "map"))
    for x_m in (0.0, 400.0):
        pose = PoseStamped(header=message.header)
        pose.pose.position.x = x_m
        message.poses.append(pose)
    return message


def as_written(episode: int, step: int, topic: str, message: Any) -> Any:
    """No change."""
    return message


@pytest.fixture
def make_bag(tmp_path: Path) -> Callable[..., Path]:
    """Writes bags: (name, episodes, steps, change, about, scene)."""

    def make(
        name: str = "bag",
        episodes: int = 2,
        steps: int = 20,
        change: Change = as_written,
        about: dict[str, Any] | None = None,
        scene: Scene | None = None,
        namespace: str = topics.DEFAULT_NAMESPACE,
    ) -> Path:
        said = {"task": "lane_keeping", "policy": "nobody", "action_repeat": REPEAT}
        scene, path = scene or Scene(), tmp_path / name
        with BagWriter(path, namespace, json.dumps({**said, **(about or {})})) as writer:
            now_ns = 1_700_000_000_000_000_000
            for episode in range(1, episodes + 1):
                for step in range(steps + 1):
                    for topic, message in scene.tick(episode, step, step == steps):
                        now_ns += 100_000
                        changed = change(episode, step, topic.name, message)
                        if changed is not None:
                            data = changed if isinstance(changed, bytes) else (
                                serialize_message(changed)
                            )  # fmt: skip
                            writer.write(topic.name, now_ns, data)
        return path

    return make


@pytest.fixture
def scene() -> type[Scene]:
    """What make_bag's drives look like."""
    return Scene


@pytest.fixture
def driven_action() -> Callable[[int, int], tuple[float, float]]:
    """The action at a step of an episode."""
    return action_of
