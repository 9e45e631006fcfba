"""What is malformed is refused at td3_agent's door, by name; nothing stored is lost."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from td3_driving.ros import topics
from td3_driving_msgs.msg import Collision, LaneInvasion

SPOILED = {
    "odometry: NaN speed": ("odometry", lambda m: _set(m.twist.twist.linear, x=math.nan)),
    "odometry: NaN place": ("odometry", lambda m: _set(m.pose.pose.position, y=math.nan)),
    "odometry: no rotation": ("odometry", lambda m: _set(m.pose.pose.orientation, w=0.0)),
    "odometry: faster than any car": ("odometry", lambda m: _set(m.twist.twist.linear, x=1e30)),
    "odometry: stamp": ("odometry", lambda m: _set(m.header.stamp, nanosec=4_000_000_000)),
    "observation: size": ("observation", lambda m: _set(m, width=83)),
    "observation: data": ("observation", lambda m: _set(m, data=m.data[:-1])),
    "observation: encoding": ("observation", lambda m: _set(m, encoding="32FC1")),
    "observation: another size": ("observation", lambda m: _halved(m)),
    "frame: stamp": ("frame", lambda m: _set(m.header.stamp, nanosec=2**32 - 1)),
}


def _set(part: Any, **values: Any) -> None:
    for name, value in values.items():
        setattr(part, name, value)


def _halved(message: Any) -> None:
    _set(message, width=42, step=168, data=message.data[: 84 * 168])


@pytest.mark.parametrize("case", SPOILED)
def test_a_malformed_message_is_refused_by_name_and_nothing_stored_is_lost(
    make_graph, spoil, errors_of, case: str
) -> None:
    name, change = SPOILED[case]

    def changed(message: Any) -> Any:
        change(message)
        return message

    graph = make_graph(silence_s=0.2, steps=20)
    node, errors = graph.bench.node, errors_of(graph.bench.node)
    graph.spoil = spoil(name, 5, changed)
    graph.drive(lambda: node.invalid)
    graph.clock.advance(0.3)
    graph.drive(lambda: node.finished)
    assert node.invalid == 1 and errors[0].startswith(f"{name} ignored: ")
    assert node.runner.status.faults == 1 and node.runner.status.training_ticks == 20
    replay = node.runner.trainer.replay
    assert replay.stored == 2 + 8  # whole decisions before the fault and after it
    assert np.isfinite(replay.view("rows", 0, replay.counters()["rows"])["vector"]).all()
    assert np.isfinite(replay.view("transitions", 0, replay.stored)["reward"]).all()


@pytest.mark.parametrize("place", [None, math.nan, math.inf, 1e12, 1e308])
def test_a_malformed_route_keeps_its_episode_from_starting_and_no_other(
    make_graph, spoil, errors_of, place: float | None
) -> None:
    def changed(route: Any) -> Any:
        if place is None:
            route.poses = []
        else:
            route.poses[0].pose.position.x = place
        return route

    graph = make_graph(silence_s=0.2, steps=20)
    node, errors = graph.bench.node, errors_of(graph.bench.node)
    graph.spoil = spoil("route", 0, changed)
    graph.drive(lambda: node.invalid and node._driving is not None)
    graph.clock.advance(0.3)
    graph.drive(lambda: node.finished)
    assert node.invalid == 1 and errors[0].startswith("route ignored: route")
    assert node.runner.status.faults == 1 and len(graph.requests) == 2


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    numbers=st.lists(st.floats(), min_size=9, max_size=9),
    step=st.integers(0, 2**32 - 1),
    episode=st.integers(0, 3),
    counts=st.tuples(st.integers(0, 2**32 - 1), st.integers(0, 2**32 - 1)),
    stamp=st.tuples(st.integers(-(2**31), 2**31 - 1), st.integers(0, 2**32 - 1)),
    size=st.tuples(st.integers(0, 100), st.integers(0, 100), st.integers(0, 500)),
    encoding=st.sampled_from(["8UC4", "bgra8", "mono8", "", "x"]),
)
def test_no_message_ends_the_node(
    graph, numbers, step, episode, counts, stamp, size, encoding
) -> None:
    node, bench = graph.bench.node, graph.bench
    graph.drive(lambda: node.runner.status.ticks or node.finished)
    messages, passed = graph.messages, len(bench.heard["episode"])
    frame, picture = messages.frame(step % 1000, episode), messages.observation(0)
    odometry, route = messages.odometry(0), messages.route(0)
    frame.step, (frame.collisions, frame.lane_invasions) = step, counts
    picture.width, picture.height, picture.step = size
    picture.encoding = encoding
    x, y, *q, vx, vy, wz = numbers
    _set(odometry.pose.pose.position, x=x, y=y)
    _set(odometry.pose.pose.orientation, **dict(zip("xyzw", q, strict=True)))
    _set(odometry.twist.twist.linear, x=vx, y=vy)
    odometry.twist.twist.angular.z = wz
    _set(route.poses[0].pose.position, x=x, y=vx)
    for message in (frame, picture, odometry, route):
        _set(message.header.stamp, sec=stamp[0], nanosec=stamp[1])
    head = frame.header
    for topic, message in (
        (topics.ROUTE, route), (topics.ODOMETRY, odometry), (topics.OBSERVATION, picture),
        (topics.COLLISION, Collision(header=head)),
        (topics.LANE_INVASION, LaneInvasion(header=head)), (topics.FRAME, frame),
    ):  # fmt: skip
        bench.say(topic, message)
    graph.drive(lambda: len(bench.heard["episode"]) > passed or node.finished)
    assert node.runner.trainer.agent.non_finite == 0
