"""Watching a graph over real DDS: what its topics say is what is shown."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator

import numpy as np
import pytest
import rclpy
from nav_msgs.msg import Odometry
from rclpy.context import Context
from rclpy.node import Node

from td3_driving.agent.types import Drive, StepReport
from td3_driving.driving.reward_terms import RewardTerms
from td3_driving.driving.route import Route
from td3_driving.nodes import bridge_messages
from td3_driving.ros import topics
from td3_driving.ros.markers import agent_markers, to_steering_values
from td3_driving.ros.messages import header, to_image
from td3_driving.view.listener import Listening
from td3_driving.view.moment import Watch
from td3_driving_msgs.msg import Action, EpisodeStatus, GuardState, VehicleControl

WITHIN_S = 20.0
HEAD = header(1_000_000_000, "map")


class Graph:
    """A node that publishes as the graph does, and a watch that listens to it."""

    def __init__(self, context: Context) -> None:
        self.watch = Watch()
        self.commands = 0
        self.node = Node("graph", context=context, namespace=topics.DEFAULT_NAMESPACE)
        self.publishers = {
            topic.name: topic.publisher(self.node)
            for topic in (
                topics.IMAGE, topics.OBSERVATION, topics.ODOMETRY, topics.ROUTE, topics.EPISODE,
                topics.GUARD, topics.VEHICLE_CONTROL, topics.ACTION, topics.MARKERS,
                topics.STEERING_VALUES,
            )
        }  # fmt: skip

    def command_came(self) -> None:
        self.commands += 1

    def publish(self, topic: topics.Topic, message: object) -> None:
        self.publishers[topic.name].publish(message)

    def until(self, is_so: Callable[[], bool], again: Callable[[], None] = lambda: None) -> None:
        """Waits; calls `again` now and then, since a watcher asks for no message twice."""
        deadline = time.monotonic() + WITHIN_S
        while not is_so():
            assert time.monotonic() < deadline, "it never came"
            again()
            time.sleep(0.02)


@pytest.fixture
def graph() -> Iterator[Graph]:
    context = Context()
    rclpy.init(context=context, domain_id=70 + os.getpid() % 30)
    graph = Graph(context)
    try:
        with Listening(
            graph.watch, graph.command_came, namespace=topics.DEFAULT_NAMESPACE, context=context
        ) as listening:
            graph.listener = listening.node
            graph.until(lambda: all(p.get_subscription_count() for p in graph.publishers.values()))
            yield graph
    finally:
        graph.node.destroy_node()
        rclpy.shutdown(context=context)


def odometry(x_m: float) -> Odometry:
    message = Odometry(header=HEAD)
    message.pose.pose.position.x = x_m
    message.pose.pose.orientation.w = 1.0
    message.twist.twist.linear.x = 6.5
    return message


def test_what_the_topics_say_is_what_is_shown(graph: Graph) -> None:
    random = np.random.default_rng(0)
    picture = random.integers(0, 256, (120, 160, 4), dtype=np.uint8)
    stack = random.integers(0, 256, (84, 84, 4), dtype=np.uint8)
    route = bridge_messages.route(np.array([[0.0, 0.0], [30.0, 0.0], [60.0, 0.0]]), HEAD)
    status = EpisodeStatus(
        header=HEAD, episode=4, step=12, reward=0.07, term_names=["speed", "lateral"],
        term_values=[0.08, -0.01], episode_return=3.5, completion=0.25, lateral_m=-0.3,
        heading_error_rad=0.1, reason="off_lane",
    )  # fmt: skip

    waypoints = np.array([[2.0, 0.5], [4.0, 1.0]])
    report = StepReport(4, 12, RewardTerms({}), *(4 * [0.0]), False, False, "", waypoints)
    markers = agent_markers(HEAD, report, Drive(0.75, -0.5))
    values = np.float32([[-1.0, 0.0, 1.0], [0.5, 2.0, 1.0]])

    def publish() -> None:
        graph.publish(topics.ROUTE, route)
        graph.publish(topics.IMAGE, to_image(picture, "bgra8", HEAD))
        graph.publish(topics.OBSERVATION, to_image(stack, "8UC4", HEAD))
        graph.publish(topics.ODOMETRY, odometry(5.0))
        graph.publish(topics.EPISODE, status)
        graph.publish(topics.GUARD, GuardState(header=HEAD, active=True, rate_limited=True))
        graph.publish(topics.ACTION, Action(header=HEAD, steer=0.75, acceleration=-0.5))
        graph.publish(topics.MARKERS, markers)
        graph.publish(topics.STEERING_VALUES, to_steering_values(values))
        command = VehicleControl(header=HEAD, steer=0.5, throttle=0.25)
        graph.publish(topics.VEHICLE_CONTROL, command)

    def all_there() -> bool:
        m = graph.watch.moment
        arrays = (m.camera, m.stack, m.waypoints, m.steering_values, m.action)
        seen = all(a is not None for a in arrays) and m.guard and m.steer and m.episode
        return bool(seen and m.x_m and len(graph.watch.course.route))

    graph.until(all_there, publish)
    moment = graph.watch.moment
    np.testing.assert_array_equal(moment.camera, picture[..., :3])
    np.testing.assert_array_equal(moment.stack, np.moveaxis(stack, -1, 0))
    assert (moment.x_m, moment.speed_mps) == (5.0, 6.5)
    assert (moment.steer, moment.throttle, moment.brake) == (0.5, 0.25, 0.0)
    assert moment.guard == ("rate_limited",)
    assert moment.action == (0.75, -0.5)
    np.testing.assert_array_equal(moment.waypoints, waypoints)
    np.testing.assert_array_equal(moment.steering_values, values)
    assert (moment.episode, moment.step, moment.reason) == (4, 12, "off_lane")
    assert moment.terms == pytest.approx({"speed": 0.08, "lateral": -0.01})
    assert moment.completion == pytest.approx(0.25)
    wanted = Route([(0.0, 0.0), (30.0, 0.0), (60.0, 0.0)]).points
    np.testing.assert_allclose(graph.watch.course.route, wanted)
    graph.until(lambda: graph.commands > 0)


def test_a_bad_message_is_refused_and_the_next_one_shown(graph: Graph) -> None:
    bad = odometry(float("nan"))
    graph.until(lambda: graph.listener.invalid > 0, lambda: graph.publish(topics.ODOMETRY, bad))
    assert graph.watch.moment.x_m == 0.0
    graph.until(
        lambda: graph.watch.moment.x_m == 7.0, lambda: graph.publish(topics.ODOMETRY, odometry(7.0))
    )
    graph.until(
        lambda: graph.listener.invalid > 1,
        lambda: graph.publish(topics.IMAGE, to_image(np.zeros((4, 4), np.uint8), "8UC1", HEAD)),
    )
    assert graph.watch.moment.camera is None
