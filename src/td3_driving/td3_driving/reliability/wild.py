"""Cases of messages that say anything: each node alone, over real DDS, between good messages."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import rclpy
from geometry_msgs.msg import PoseStamped
from nav_msgs.msg import Odometry
from nav_msgs.msg import Path as PathMessage
from rclpy.context import Context
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from rclpy.parameter import Parameter
from sensor_msgs.msg import Image

from td3_driving.nodes.control import Control
from td3_driving.nodes.managed import ManagedNode
from td3_driving.nodes.perception import Perception
from td3_driving.nodes.td3_agent import TD3AgentNode
from td3_driving.reliability.case import Figures, PromiseBroken, Register, require
from td3_driving.ros import topics
from td3_driving.ros.messages import header, to_image
from td3_driving_msgs.msg import Action, Frame
from td3_driving_msgs.srv import ResetEpisode

WILD = Register()
case = WILD.case

WITHIN_S = 1.0
AGAIN_S = 0.2
"""After so long without an answer another good message is sent."""
CONNECTED_S = 60.0
TICK_NS = 50_000_000
EXAMPLES = 60
BIG = ((3132, 4000), (1, 12_500_000))
"""Pictures of 50 MB, by rows and columns."""


class Lone:
    """A node under test and a peer that says what the rest of the graph would, tick by tick.

    Args:
        node: under test.
        peer: publishes, listens, and answers resets.
        executor: of both.
        answers: the topic on which the node answers a tick with the tick's stamp.
    """

    def __init__(
        self,
        node: ManagedNode[Any],
        peer: Node,
        executor: SingleThreadedExecutor,
        answers: topics.Topic,
    ) -> None:
        self._executor = executor
        self._at, self._first, self._episode = 199, 200, 1
        self._answered_ns = 0
        self.node, self.said, self.worst_s = node, 0, 0.0
        peer.create_service(ResetEpisode, topics.RESET.name, self._on_reset)
        answers.subscription(peer, self._on_answer)
        node.require(node.trigger_configure())
        heard = {subscription.topic_name for subscription in node.subscriptions}
        self.takes = [t for t in topics.TOPICS if peer.resolve_topic_name(t.name) in heard]
        self.publishers = {topic.name: topic.publisher(peer) for topic in self.takes}
        self._spin_until(self._is_connected, CONNECTED_S)
        node.require(node.trigger_activate())
        self.require_answer(CONNECTED_S)

    def say(self, topic: topics.Topic, message: Any, within_s: float) -> None:
        """Says something wild, and requires an answer to the next good message."""
        self.publishers[topic.name].publish(message)
        self.said += 1
        self.require_answer(within_s)

    def require_answer(self, within_s: float) -> None:
        """Sends good ticks until one of them is answered.

        Raises:
            PromiseBroken: none was in time.
        """
        begun_s = time.monotonic()
        first_ns = (self._at + 1) * TICK_NS
        while self._answered_ns < first_ns:
            if time.monotonic() - begun_s > within_s:
                raise PromiseBroken(f"{self.node.get_name()}: no answer within {within_s:g} s")
            self._tick()
            self._spin_until(lambda: self._answered_ns >= first_ns, AGAIN_S)
        self.worst_s = max(self.worst_s, time.monotonic() - begun_s)

    def _is_connected(self) -> bool:
        return all(publisher.get_subscription_count() for publisher in self.publishers.values())

    def _spin_until(self, done: Callable[[], bool], within_s: float) -> None:
        end_s = time.monotonic() + within_s
        while not done() and time.monotonic() < end_s:
            self._executor.spin_once(timeout_sec=0.02)

    def _on_answer(self, message: Any) -> None:
        stamp = message.header.stamp
        self._answered_ns = max(self._answered_ns, stamp.sec * 10**9 + stamp.nanosec)

    def _on_reset(
        self, _: ResetEpisode.Request, response: ResetEpisode.Response
    ) -> ResetEpisode.Response:
        self._episode += 1
        self._first = self._at + 1
        self._tick()
        response.success, response.episode = True, self._episode
        return response

    def _tick(self) -> None:
        """All that the node takes of the next tick."""
        self._at += 1
        step, head = self._at - self._first, header(self._at * TICK_NS, "map")
        for topic, message in _good(step, self._episode, head):
            if topic.name in self.publishers:
                self.publishers[topic.name].publish(message)


def _good(step: int, episode: int, head: Any) -> Iterator[tuple[topics.Topic, Any]]:
    """What is sound of one tick, at 8 m/s along a straight road."""
    noise = np.random.default_rng(step)
    odometry = Odometry(header=head)
    odometry.pose.pose.position.x = 0.4 * step
    odometry.pose.pose.orientation.w = 1.0
    odometry.twist.twist.linear.x = 8.0
    yield topics.ODOMETRY, odometry
    seen = noise.integers(0, 256, (84, 84, 4), dtype=np.uint8)
    yield topics.OBSERVATION, to_image(seen, "8UC4", head)
    yield topics.IMAGE, to_image(noise.integers(0, 256, (60, 80, 4), np.uint8), "bgra8", head)
    if step == 0:
        route = PathMessage(header=head)
        for x_m in (0.0, 400.0):
            pose = PoseStamped(header=head)
            pose.pose.position.x = x_m
            route.poses.append(pose)
        yield topics.ROUTE, route
    yield topics.FRAME, Frame(header=head, episode=episode, step=step)
    yield topics.ACTION, Action(header=head, episode=episode, step=step, acceleration=0.5)


@contextmanager
def alone(
    make: Callable[..., ManagedNode[Any]], answers: topics.Topic, domain: int, **parameters: Any
) -> Iterator[Lone]:
    """A node alone with its peer in a ROS domain."""
    context = Context()
    rclpy.init(context=context, domain_id=domain)
    executor = SingleThreadedExecutor(context=context)
    overrides = [Parameter(name, value=value) for name, value in parameters.items()]
    node = make(context=context, parameter_overrides=overrides)
    peer = Node("peer", context=context, namespace=topics.DEFAULT_NAMESPACE)
    try:
        executor.add_node(node)
        executor.add_node(peer)
        yield Lone(node, peer, executor, answers)
    finally:
        for each in (node, peer):
            executor.remove_node(each)
            each.destroy_node()
        executor.shutdown()
        rclpy.shutdown(context=context)


def say_wild_things(lone: Lone, examples: int, within_s: float) -> None:
    """So many messages of each type that the node takes, drawn by Hypothesis."""
    from hypothesis import HealthCheck, given, settings

    from td3_driving.reliability.wild_messages import wild

    def say(topic: topics.Topic) -> None:
        @settings(
            max_examples=examples, deadline=None, database=None, derandomize=True,
            suppress_health_check=list(HealthCheck),
        )  # fmt: skip
        @given(wild(topic.type))
        def one(message: Any) -> None:
            lone.say(topic, message, within_s)

        one()

    for topic in lone.takes:
        say(topic)


def say_big_things(lone: Lone, within_s: float) -> None:
    """Pictures of 50 MB, of which some contradict themselves."""
    for topic in (topic for topic in lone.takes if topic.type is Image):
        for shape in BIG:
            for encoding in ("bgra8", "mono8", "nonsense"):
                message = to_image(np.zeros((*shape, 4), np.uint8), "bgra8", header(1, "map"))
                message.encoding = encoding
                lone.say(topic, message, within_s)


def _lives(lone: Lone) -> Figures:
    say_wild_things(lone, EXAMPLES, WITHIN_S)
    say_big_things(lone, WITHIN_S)
    require(lone.said >= EXAMPLES, f"only {lone.said} messages were said")
    return {"injected": lone.said, "answer_s": lone.worst_s}


@case("control hears anything that its types allow, and answers the next good action within 1 s")
def wild_messages_to_control(domain: int) -> Figures:
    """Actions."""
    with alone(Control, topics.VEHICLE_CONTROL, domain) as lone:
        return _lives(lone)


@case("perception sees anything, up to 50 MB, and shows the next good picture within 1 s")
def wild_messages_to_perception(domain: int) -> Figures:
    """Pictures and frames."""
    with alone(Perception, topics.OBSERVATION, domain) as lone:
        return _lives(lone)


@case("the agent hears anything that its types allow, up to 50 MB, and acts on within 1 s")
def wild_messages_to_td3_agent(domain: int) -> Figures:
    """Observations, odometry, frames, routes, collisions and lane invasions."""
    drives = {"mode": "drive", "policy": "pure_pursuit"}
    with alone(TD3AgentNode, topics.ACTION, domain, **drives) as lone:
        return _lives(lone)
