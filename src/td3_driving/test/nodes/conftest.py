"""A node under test and its peers, over real DDS in a ROS domain of their own."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
import rclpy
from geometry_msgs.msg import PoseStamped
from nav_msgs.msg import Odometry, Path
from rclpy.callback_groups import ReentrantCallbackGroup
from rclpy.clock import ClockType
from rclpy.context import Context
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from rclpy.parameter import Parameter
from rclpy.task import Future
from rclpy.time import Time
from sensor_msgs.msg import Image

from td3_driving.nodes.managed import ManagedNode
from td3_driving.nodes.td3_agent import TD3AgentNode
from td3_driving.ros import topics
from td3_driving.ros.messages import header, to_image
from td3_driving_msgs.msg import Frame
from td3_driving_msgs.srv import ResetEpisode

DOMAIN = 70 + os.getpid() % 30
TICK_NS = 50_000_000


def stamp_of(step: int) -> int:
    """Simulation time of a step, in nanoseconds."""
    return 10_000_000_000 + step * TICK_NS


SMALL = {
    "steps": 60,
    "episode_s": 1.0,
    "learning_starts": 4,
    "replay_capacity": 1000,
    "batch_size": 2,
    "selections": 0,
    "closing_test": "never",
}
"""Of td3_agent: three episodes of 20 ticks."""


class HeldClock:
    """A node's steady clock that stands until the test lets it go on; its timers keep to theirs.

    So a busy machine's pauses are nobody's silence.
    """

    def __init__(self, now_ns: int) -> None:
        self._now_ns = now_ns

    def now(self) -> Time:
        return Time(nanoseconds=self._now_ns, clock_type=ClockType.STEADY_TIME)

    def advance(self, seconds: float) -> None:
        self._now_ns += round(seconds * 1e9)


class Bench:
    """A node, and a peer that publishes, listens and calls; spun together.

    Args:
        make: The node's class.
        parameters: Its overrides.
    """

    def __init__(self, make: type[Node], **parameters: Any) -> None:
        self.context = Context()
        rclpy.init(context=self.context, domain_id=DOMAIN)
        self.executor = SingleThreadedExecutor(context=self.context)
        self.peer = Node("peer", context=self.context, namespace=topics.DEFAULT_NAMESPACE)
        self.executor.add_node(self.peer)
        self.heard: dict[str, list[Any]] = {}
        self._publishers: dict[str, Any] = {}
        self._make = make
        self._parameters = parameters
        self.node: Any = None

    def hear(self, *wanted: topics.Topic) -> Bench:
        """Listens to these topics."""
        for topic in wanted:
            self.heard[topic.name] = []
            topic.subscription(self.peer, self.heard[topic.name].append)
        return self

    def start(self) -> Bench:
        """Makes the node and waits until all that it takes and gives is connected."""
        overrides = [Parameter(name, value=value) for name, value in self._parameters.items()]
        self.node = self._make(context=self.context, parameter_overrides=overrides)
        self.executor.add_node(self.node)
        if isinstance(self.node, ManagedNode):
            self.node.require(self.node.trigger_configure())
        takes = {subscription.topic_name for subscription in self.node.subscriptions}
        heard = {self.peer.resolve_topic_name(name) for name in self.heard}
        for topic in topics.TOPICS:
            if self.peer.resolve_topic_name(topic.name) in takes:
                self._publishers[topic.name] = topic.publisher(self.peer)
        gives = [given for given in self.node.publishers if given.topic_name in heard]
        ends = (*self._publishers.values(), *gives)
        self.until(lambda: all(end.get_subscription_count() for end in ends))
        if isinstance(self.node, ManagedNode):
            self.node.require(self.node.trigger_activate())
        return self

    def hold_clock(self) -> HeldClock:
        """Stops the clock by which the node judges silence."""
        self.node._steady = HeldClock(self.node._steady.now().nanoseconds)
        return self.node._steady

    def say(self, topic: topics.Topic, message: Any) -> None:
        """Publishes to the node."""
        self._publishers[topic.name].publish(message)

    def until(self, done: Callable[[], Any], timeout_s: float = 30.0) -> None:
        """Spins until it is done."""
        end = time.monotonic() + timeout_s
        while not done():
            counts = {name: len(heard) for name, heard in self.heard.items()}
            assert time.monotonic() < end, f"still waiting; heard {counts}"
            self.executor.spin_once(timeout_sec=0.05)

    def next(self, topic: topics.Topic) -> Any:
        """Waits for a message and takes it off."""
        heard = self.heard[topic.name]
        self.until(lambda: heard)
        return heard.pop(0)

    def call(self, service: topics.Service, request: Any) -> Any:
        """Calls a service of the node and waits for the answer."""
        client = self.peer.create_client(service.type, service.name)
        self.until(client.service_is_ready)
        future = client.call_async(request)
        self.until(future.done)
        self.peer.destroy_client(client)
        return future.result()

    def close(self) -> None:
        """Ends everything."""
        for node in (self.node, self.peer):
            if node is not None:
                self.executor.remove_node(node)
                node.destroy_node()
        self.executor.shutdown()
        rclpy.shutdown(context=self.context)


@pytest.fixture
def make_bench() -> Iterator[Callable[..., Bench]]:
    """Makes benches: (node's class, topics to hear, **parameters)."""
    benches: list[Bench] = []

    def make(node: type[Node], *heard: topics.Topic, **parameters: Any) -> Bench:
        benches.append(Bench(node, **parameters))
        return benches[-1].hear(*heard).start()

    yield make
    for bench in benches:
        bench.close()


class Messages:
    """Well-formed messages of one tick, to be spoiled."""

    @staticmethod
    def frame(step: int, episode: int = 1, **counts: int) -> Frame:
        return Frame(header=header(stamp_of(step), "map"), episode=episode, step=step, **counts)

    @staticmethod
    def image(step: int, grey: int = 0, width: int = 160, height: int = 120) -> Image:
        pixels = np.full((height, width, 4), grey, np.uint8)
        return to_image(pixels, "bgra8", header(stamp_of(step), "ego_vehicle/rgb_front"))

    @staticmethod
    def observation(step: int) -> Image:
        pixels = np.random.default_rng(step).integers(0, 256, (84, 84, 4), dtype=np.uint8)
        return to_image(pixels, "8UC4", header(stamp_of(step), "ego_vehicle/rgb_front"))

    @staticmethod
    def odometry(step: int, x_m: float = 0.0) -> Odometry:
        message = Odometry(header=header(stamp_of(step), "map"))
        message.pose.pose.position.x = x_m
        message.pose.pose.orientation.w = 1.0
        message.twist.twist.linear.x = 8.0
        return message

    @staticmethod
    def route(step: int) -> Path:
        message = Path(header=header(stamp_of(step), "map"))
        for x_m in (0.0, 400.0):
            pose = PoseStamped(header=message.header)
            pose.pose.position.x = x_m
            message.poses.append(pose)
        return message


@pytest.fixture
def messages() -> type[Messages]:
    """Well-formed messages."""
    return Messages


@pytest.fixture
def errors_of(monkeypatch: pytest.MonkeyPatch) -> Callable[[Node], list[str]]:
    """The errors that a node logs from now on."""

    def listen(node: Node) -> list[str]:
        errors: list[str] = []

        class Logger:
            def error(self, text: str, **_: object) -> None:
                errors.append(text)

            warning = info = error

        monkeypatch.setattr(node, "get_logger", Logger)
        return errors

    return listen


class Bridge:
    """The other nodes: one tick for each action, at 8 m/s along a straight road.

    Args:
        bench: Of the node under test.
        messages: Well-formed messages.
    """

    def __init__(self, bench: Any, messages: Any) -> None:
        self.bench, self.messages = bench, messages
        self.clock = bench.hold_clock()
        self.refusals: list[str] = []
        self.requests: list[Any] = []
        self.holding: Future | None = None
        """Keeps the next answer back until it is done."""
        self.lost: Future | None = None
        """Keeps the next answer back, though its episode begins."""
        self.spoil: Callable[[int, str, Any], Any] = lambda step, name, message: message
        """Changes a message before it is sent; None keeps it back."""
        self.also: Callable[[], None] = lambda: None
        """Called after the first tick of an episode, before the reset is answered."""
        self.at, self.first = -1, 0
        self.episode = 0
        bench.peer.create_service(
            ResetEpisode, topics.RESET.name, self._on_reset,
            callback_group=ReentrantCallbackGroup(),
        )  # fmt: skip

    async def _on_reset(self, request: Any, response: Any) -> Any:
        self.requests.append(request)
        if self.holding is not None:
            holding, self.holding = self.holding, None
            await holding
            response.success, response.episode = True, 99
            return response
        if self.refusals:
            response.message = self.refusals.pop(0)
            return response
        self.episode += 1
        self.first = self.at + 1
        self.tick()
        self.also()
        if self.lost is not None:
            lost, self.lost = self.lost, None
            await lost
        response.success, response.episode = True, self.episode
        response.stamp = self.messages.frame(self.first).header.stamp
        return response

    def tick(self) -> None:
        """All messages of the next tick; the frame comes first, as DDS may have it."""
        self.at += 1
        at, step = self.at, self.at - self.first
        frame = self.messages.frame(at, self.episode)
        frame.step = step
        parts = {
            "frame": (topics.FRAME, frame),
            "observation": (topics.OBSERVATION, self.messages.observation(at)),
            "odometry": (topics.ODOMETRY, self.messages.odometry(at, 0.4 * step)),
        }
        if step == 0:
            parts["route"] = (topics.ROUTE, self.messages.route(at))
        for name, (topic, message) in parts.items():
            spoiled = self.spoil(step, name, message)
            if spoiled is not None:
                self.bench.say(topic, spoiled)

    def answer(self) -> None:
        """Ticks if the newest tick has been answered."""
        for action in self.bench.heard["action"]:
            if action.header.stamp == self.messages.frame(self.at).header.stamp:
                self.bench.heard["action"].clear()
                self.tick()
                return

    def drive(self, done: Callable[[], Any]) -> None:
        """Goes on until it is done."""

        def over() -> bool:
            self.answer()
            return bool(done())

        self.bench.until(over)


@pytest.fixture
def make_graph(make_bench, messages, monkeypatch) -> Callable[..., Bridge]:
    monkeypatch.setattr(TD3AgentNode, "WATCH_PERIOD_S", 0.02)

    def make(*heard: topics.Topic, **parameters: Any) -> Bridge:
        wanted = (topics.ACTION, topics.EPISODE, *heard)
        bench = make_bench(TD3AgentNode, *wanted, **{**SMALL, **parameters})
        return Bridge(bench, messages)

    return make


@pytest.fixture
def graph(make_graph) -> Bridge:
    return make_graph()


@pytest.fixture
def spoil() -> Callable[..., Callable[[int, str, Any], Any]]:
    """Makes what changes one message of one step, once: (name, step, change)."""

    def make(name: str, step: int, change: Callable[[Any], Any]) -> Callable[[int, str, Any], Any]:
        done = []

        def apply(at: int, what: str, message: Any) -> Any:
            if (what, at) == (name, step) and not done:
                done.append(1)
                return change(message)
            return message

        return apply

    return make
