"""Cases of hostile company: others on our topics and services, while driving at a fixed rate."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

import numpy as np
import rclpy
from builtin_interfaces.msg import Time
from rclpy.context import Context
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from rosgraph_msgs.msg import Clock
from std_srvs.srv import SetBool

from td3_driving.reliability.case import Figures, NotInjected, Register, require, until
from td3_driving.reliability.driving import START_S, drive
from td3_driving.reliability.suite import Suite
from td3_driving.ros import topics
from td3_driving.ros.messages import header, to_image
from td3_driving_msgs.msg import Action, VehicleControl

COMMANDS = Register()
case = COMMANDS.case
N = TypeVar("N", bound=Node)


class Intruder(Node):
    """A node that is none of ours: it hears all topics, and says what it likes."""

    def __init__(self, context: Context, namespace: str) -> None:
        super().__init__("intruder", context=context, namespace=namespace)
        self.commands: list[VehicleControl] = []
        self.warnings: list[str] = []
        self.stamp: Any = None
        topics.VEHICLE_CONTROL.subscription(self, self.commands.append)
        topics.DIAGNOSTICS.subscription(self, self._on_diagnostics)
        topics.FRAME.subscription(self, self._on_frame)

    def _on_frame(self, frame: Any) -> None:
        self.stamp = frame.header.stamp

    def _on_diagnostics(self, array: Any) -> None:
        self.warnings += [f"{status.name} {status.message}" for status in array.status]

    def all_sound(self) -> bool:
        """Whether every command on the topic, ours alone, was finite and within limits."""
        return all(
            0.0 <= c.throttle <= 1.0 and -1.0 <= c.steer <= 1.0 and 0.0 <= c.brake <= 1.0
            for c in self.commands
        )


@contextmanager
def listening(domain: int, make: Callable[[Context], N]) -> Iterator[N]:
    """A node of our own in a ROS domain, served by a thread."""
    context = Context()
    rclpy.init(context=context, domain_id=domain)
    node = make(context)
    executor = SingleThreadedExecutor(context=context)
    executor.add_node(node)
    stopping = threading.Event()

    def spin() -> None:
        while not stopping.is_set():
            executor.spin_once(timeout_sec=0.05)

    thread = threading.Thread(target=spin, daemon=True)
    thread.start()
    try:
        yield node
    finally:
        stopping.set()
        thread.join(5.0)
        node.destroy_node()
        executor.shutdown()
        rclpy.shutdown(context=context)


@contextmanager
def intruding(suite: Suite) -> Iterator[Intruder]:
    """An intruder in the suite's domain, which has found the others."""
    with listening(suite.domain, lambda context: Intruder(context, suite.namespace)) as node:
        drive(suite)
        until(lambda: node.commands and node.stamp is not None, START_S, "the intruder hears us")
        yield node


def _publish(node: Intruder, topic: topics.Topic, messages: Iterator[Any], period_s: float) -> int:
    """Publishes all of them to somebody who listens; how many."""
    publisher = topic.publisher(node)
    until(publisher.get_subscription_count, START_S, f"somebody listens to {topic.name}")
    count = 0
    for message in messages:
        publisher.publish(message)
        count += 1
        time.sleep(period_s)
    node.destroy_publisher(publisher)
    return count


def _survives(suite: Suite, node: Intruder, sent: int) -> Figures:
    if not sent:
        raise NotInjected("nothing was published")
    resume_s = drive(suite)
    require(node.all_sound(), "a command that is not sound was on vehicle_control_cmd")
    require(suite.watch.all_sound(), "something else than a sound command was applied")
    require(all(map(suite.alive, suite.nodes)), "a node ended")
    return {"injected": sent, "resume_s": resume_s}


def _actions(
    node: Intruder, make: Callable[[int], tuple[float, float]], count: int
) -> Iterator[Any]:
    for number in range(count):
        steer, acceleration = make(number)
        head = header(0, "map")
        head.stamp = node.stamp
        yield Action(header=head, episode=1, step=1, steer=steer, acceleration=acceleration)


@case("actions of NaN, infinity and 1e30 between the agent's own: no unsound command, no node ends")
def actions_not_finite(suite: Suite) -> Figures:
    """At 50 Hz for 2 s, with stamps that are in force."""
    bad = (math.nan, math.inf, -math.inf, 1e30, -1e30, 2.0)
    with intruding(suite) as node:
        wild = _actions(node, lambda n: (bad[n % 6], bad[n // 6 % 6]), 100)
        return _survives(suite, node, _publish(node, topics.ACTION, wild, 0.02))


@case("steering from lock to lock in every tick stays within the steering rate")
def actions_full_range_flips(suite: Suite) -> Figures:
    """Full-range flips."""
    with intruding(suite) as node:
        since_s = time.monotonic()
        flips = _actions(node, lambda n: (1.0 if n % 2 else -1.0, 1.0), 80)
        sent = _publish(node, topics.ACTION, flips, 0.025)
        by_frame = {sample.frame: sample.steer for sample in suite.watch.since(since_s)}
        figures = _survives(suite, node, sent)
    steps = [
        abs(by_frame[frame] - by_frame[frame - 1])
        for frame in by_frame if frame - 1 in by_frame
    ]  # fmt: skip
    require(len(steps) > 10, "too few ticks were seen")
    # Two actions may pass control within one tick of the bridge.
    require(max(steps) <= 2 * 0.5 + 1e-3, f"steering moved by {max(steps):.2f} in one tick")
    return {**figures, "most_steer_step": max(steps)}


@case("a second publisher of vehicle_control_cmd is told on /diagnostics within 5 s")
def second_publisher(suite: Suite) -> Figures:
    """Somebody else steers, too."""
    with intruding(suite) as node:
        publisher = topics.VEHICLE_CONTROL.publisher(node)
        told_s = until(
            lambda: any("2 publishers" in warning for warning in node.warnings), 5.0,
            "the bridge tells of the second publisher",
        )  # fmt: skip
        node.destroy_publisher(publisher)
        return {"told_s": told_s, "resume_s": drive(suite)}


@case("commands with stamps of zero, the past, the future and no time at all are not obeyed")
def commands_with_wrong_stamps(suite: Suite) -> Figures:
    """Full throttle to the left, never with the stamp of the newest frame."""

    def wrong(node: Intruder) -> Iterator[Any]:
        for number in range(100):
            message = VehicleControl(header=header(0, "map"), throttle=1.0, steer=-1.0)
            now = node.stamp
            message.header.stamp.sec = (0, max(now.sec - 3, 0), now.sec + 3, 2**31 - 1)[number % 4]
            message.header.stamp.nanosec = (0, now.nanosec, 10**9, 2**32 - 1)[number // 4 % 4]
            yield message

    with intruding(suite) as node:
        since_s = time.monotonic()
        sent = _publish(node, topics.VEHICLE_CONTROL, wrong(node), 0.02)
        obeyed = [s for s in suite.watch.since(since_s) if s.steer == -1.0 and s.throttle == 1.0]
        require(not obeyed, f"{len(obeyed)} looks saw a command with a wrong stamp in force")
        node.commands.clear()
        return _survives(suite, node, sent)


@case("a burst of 1000 images, and one of 48 MB, between the camera's own: no node ends")
def burst_of_images(suite: Suite) -> Figures:
    """Nobody has asked for them."""

    def images(node: Intruder) -> Iterator[Any]:
        small = np.zeros((120, 160, 4), np.uint8)
        for number in range(1000):
            yield to_image(small, "bgra8", header(number, "map"))
        yield to_image(np.zeros((3000, 4000, 4), np.uint8), "bgra8", header(1, "map"))

    with intruding(suite) as node:
        return _survives(suite, node, _publish(node, topics.IMAGE, images(node), 0.0))


@case("messages that contradict themselves on every topic the nodes hear: refused, and driven on")
def malformed_messages(suite: Suite) -> Figures:
    """Empty and wild messages of each subscribed type."""
    heard = (
        topics.FRAME, topics.IMAGE, topics.OBSERVATION, topics.ODOMETRY, topics.ROUTE,
        topics.COLLISION, topics.LANE_INVASION, topics.ACTION, topics.VEHICLE_CONTROL,
    )  # fmt: skip

    def wild(topic: topics.Topic) -> Iterator[Any]:
        for nanosec in (0, 10**9, 2**32 - 1):
            message = topic.type()
            message.header.stamp.nanosec = nanosec
            yield message

    with intruding(suite) as node:
        sent = sum(_publish(node, topic, wild(topic), 0.01) for topic in heard)
        return _survives(suite, node, sent)


@case("anything that a command's type allows, to the bridge: refused or limited, ticked on in 1 s")
def wild_messages_to_carla_bridge(suite: Suite) -> Figures:
    """Commands drawn by Hypothesis."""
    from hypothesis import HealthCheck, given, settings

    from td3_driving.reliability.wild_messages import wild

    with intruding(suite) as node:
        publisher = topics.VEHICLE_CONTROL.publisher(node)
        until(publisher.get_subscription_count, START_S, "the bridge listens")
        answers_s: list[float] = []

        @settings(
            max_examples=60, deadline=None, database=None, derandomize=True,
            suppress_health_check=list(HealthCheck),
        )  # fmt: skip
        @given(wild(VehicleControl))
        def say(message: Any) -> None:
            before = node.stamp
            publisher.publish(message)
            answers_s.append(until(lambda: node.stamp != before, 1.0, "the next tick"))

        say()
        node.destroy_publisher(publisher)
        node.commands.clear()
        return {**_survives(suite, node, len(answers_s)), "answer_s": max(answers_s)}


@case("pictures with stamps of zero, the past, the future and backwards: not driven by, driven on")
def pictures_with_wrong_stamps(suite: Suite) -> Figures:
    """Black ones, of the camera and of perception, between their own."""

    def black(node: Intruder, pixels: np.ndarray, encoding: str) -> Iterator[Any]:
        for number in range(100):
            message = to_image(pixels, encoding, header(0, "map"))
            sec = node.stamp.sec
            backwards = max(0, sec - number)
            message.header.stamp.sec = (0, max(0, sec - 3), sec + 3, backwards)[number % 4]
            message.header.stamp.nanosec = (0, 10**9 - 1, 10**9, 2**32 - 1)[number // 4 % 4]
            yield message

    camera = np.zeros((120, 160, 4), np.uint8), "bgra8"
    stack = np.zeros((84, 84, 4), np.uint8), "8UC4"
    with intruding(suite) as node:
        sent = _publish(node, topics.IMAGE, black(node, *camera), 0.01)
        sent += _publish(node, topics.OBSERVATION, black(node, *stack), 0.01)
        return _survives(suite, node, sent)


@case("/clock jumping back and forth by somebody else's hand: driven on")
def clock_jumps_back(suite: Suite) -> Figures:
    """Nobody here lives by /clock: silence is measured by the wall's."""
    with intruding(suite) as node:
        # Nobody of ours listens, so there is nobody to wait for.
        publisher = topics.CLOCK.publisher(node)
        for number in range(100):
            sec = max(0, node.stamp.sec + (-30, 30, -10_000)[number % 3])
            publisher.publish(Clock(clock=Time(sec=sec)))
            time.sleep(0.02)
        node.destroy_publisher(publisher)
        return _survives(suite, node, 100)


@case("service calls at up to 1 kHz for 3 s: answered, and driven on")
def service_calls_at_1_khz(suite: Suite) -> Figures:
    """set_training, which a graph that only drives refuses."""
    with intruding(suite) as node:
        client = node.create_client(SetBool, topics.SET_TRAINING.name)
        until(client.service_is_ready, START_S, "the service is there")
        begun_s, calls = time.monotonic(), []
        while time.monotonic() - begun_s < 3.0:
            calls.append(client.call_async(SetBool.Request(data=True)))
            time.sleep(0.001)
        until(lambda: sum(call.done() for call in calls[-50:]) >= 1, START_S, "answers come")
        figures = _survives(suite, node, len(calls))
        answered = sum(call.done() for call in calls)
        node.destroy_client(client)
    return {**figures, "answered": answered}
