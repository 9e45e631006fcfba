"""td3_agent over real DDS, with a bridge and a perception of the test's own."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from rcl_interfaces.srv import GetParameters
from rclpy.callback_groups import ReentrantCallbackGroup
from rclpy.task import Future
from std_srvs.srv import SetBool, Trigger

from td3_driving.nodes.td3_agent import TD3AgentNode
from td3_driving.parameters import ParameterError
from td3_driving.ros import topics
from td3_driving_msgs.msg import Collision, LaneInvasion
from td3_driving_msgs.srv import ResetEpisode

SMALL = {
    "steps": 60,
    "episode_s": 1.0,
    "learning_starts": 4,
    "replay_capacity": 1000,
    "batch_size": 2,
    "selections": 0,
    "closing_test": "never",
}
"""Three episodes of 20 ticks."""


class Bridge:
    """The other nodes: one tick for each action, at 8 m/s along a straight road.

    Args:
        bench: Of the node under test.
        messages: Well-formed messages.
    """

    def __init__(self, bench: Any, messages: Any) -> None:
        self.bench, self.messages = bench, messages
        self.refusals: list[str] = []
        self.requests: list[Any] = []
        self.holding: Future | None = None
        """Keeps the next answer back until it is done."""
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
    monkeypatch.setattr(TD3AgentNode, "RETRY_S", 0.05)
    monkeypatch.setattr(TD3AgentNode, "WATCH_PERIOD_S", 0.02)

    def make(*heard: topics.Topic, **parameters: Any) -> Bridge:
        wanted = (topics.ACTION, topics.EPISODE, *heard)
        bench = make_bench(TD3AgentNode, *wanted, **{**SMALL, **parameters})
        return Bridge(bench, messages)

    return make


@pytest.fixture
def graph(make_graph) -> Bridge:
    return make_graph()


def test_an_answer_that_comes_after_it_was_given_up_is_ignored(graph, monkeypatch) -> None:
    monkeypatch.setattr(TD3AgentNode, "RESET_TIMEOUT_S", 0.2)
    holding = graph.holding = Future()
    status = graph.bench.node.runner.status
    graph.drive(lambda: status.ticks == 3)
    assert len(graph.requests) == 2
    holding.set_result(None)
    graph.drive(lambda: status.ticks == 10)
    assert status.faults == 0 and graph.episode == 1


def spoil(name: str, step: int, change: Callable[[Any], Any]) -> Callable[[int, str, Any], Any]:
    """Changes one message of one step, once."""
    done = []

    def apply(at: int, what: str, message: Any) -> Any:
        if (what, at) == (name, step) and not done:
            done.append(1)
            return change(message)
        return message

    return apply


def test_a_run_is_driven_to_its_last_step_and_told_step_by_step(graph) -> None:
    node, heard = graph.bench.node, graph.bench.heard
    graph.drive(lambda: node.finished)
    graph.bench.until(lambda: len(heard["episode"]) == 60)
    assert node.runner.status.training_ticks == 60 and node.invalid == 0
    assert len(graph.requests) == 3
    ends = [status for status in heard["episode"] if status.truncated]
    assert [(end.step, end.reason) for end in ends] == [(20, "time_limit")] * 3
    for status in heard["episode"]:
        assert sum(status.term_values) == pytest.approx(status.reward, abs=1e-5)
        assert status.header.frame_id == "map" and not status.terminated
    assert node.runner.trainer.replay.stored == 30


def test_the_reset_asks_for_the_planned_start(graph) -> None:
    graph.drive(lambda: graph.requests)
    task = graph.bench.node.runner.program
    request = graph.requests[0]
    assert request.map.startswith("LiteCircuit_") and (request.route_start, request.route_goal) == (
        -1,
        -1,
    )
    assert abs(request.start_lateral_m) <= 0.8 and 0.0 <= request.start_speed_mps <= 8.0
    assert task.index == 1


def test_every_action_carries_the_stamp_of_its_frame(graph) -> None:
    graph.bench.until(lambda: graph.bench.heard["action"])
    action = graph.bench.heard["action"][0]
    assert action.header.stamp == graph.messages.frame(0).header.stamp
    assert action.header.frame_id == "ego_vehicle/base_link"
    assert (action.episode, action.step) == (1, 0)


def test_a_reset_that_is_refused_is_asked_for_again_and_the_reason_shown(graph) -> None:
    status = graph.bench.node.runner.status
    graph.refusals = ["the simulator is away"] * 3
    graph.bench.until(lambda: status.waiting_for == "the simulator is away")
    assert graph.bench.node._health()[1] == "waiting for an episode: the simulator is away"
    graph.drive(lambda: status.ticks)
    assert len(graph.requests) == 4 and status.waiting_for == "" and status.faults == 0
    assert len({(request.seed, request.map) for request in graph.requests}) == 1


def test_without_a_bridge_it_says_what_it_waits_for(make_bench, monkeypatch) -> None:
    monkeypatch.setattr(TD3AgentNode, "RETRY_S", 0.05)
    bench = make_bench(TD3AgentNode, topics.DIAGNOSTICS, **SMALL)
    status = bench.next(topics.DIAGNOSTICS).status[0]
    assert status.message.endswith("no carla_bridge offers /carla/ego_vehicle/reset yet")


def test_ticks_that_come_before_the_answer_to_the_reset_are_not_lost(graph) -> None:
    """At a fixed rate the world goes on while the answer travels."""
    graph.also = graph.tick
    status = graph.bench.node.runner.status
    graph.bench.until(lambda: status.ticks)
    heard = graph.bench.heard["action"]
    graph.bench.until(lambda: len(heard) == 2)
    assert [action.step for action in heard] == [0, 1]


@pytest.mark.parametrize("last", [topics.COLLISION, topics.LANE_INVASION])
def test_a_tick_waits_for_every_event_that_its_frame_counts(graph, last: topics.Topic) -> None:
    def crash(frame: Any) -> Any:
        frame.collisions, frame.lane_invasions = 1, 2
        return frame

    graph.spoil = spoil("frame", 3, crash)
    graph.drive(lambda: graph.at == graph.first + 3)
    bench, head = graph.bench, graph.messages.frame(graph.at).header
    events = {
        topics.COLLISION.name: [Collision(header=head)],
        topics.LANE_INVASION.name: [LaneInvasion(header=head)] * 2,
    }
    held_back = events[last.name].pop()
    for topic in (topics.COLLISION, topics.LANE_INVASION):
        for event in events[topic.name]:
            bench.say(topic, event)
    node = bench.node
    bench.until(lambda: sum(counts.total() for counts in node._events.values()) == 2)
    assert node.runner.status.ticks == 2
    bench.say(last, held_back)
    bench.until(lambda: len(bench.heard["episode"]) == 3)
    ended = bench.heard["episode"][-1]
    assert ended.terminated and ended.reason == "collision"


def test_silence_is_a_fault_that_teaches_nothing_and_the_run_goes_on(make_graph) -> None:
    graph = make_graph(silence_s=0.3)
    node = graph.bench.node
    graph.spoil = spoil("odometry", 5, lambda message: None)
    graph.drive(lambda: node.finished)
    status, replay = node.runner.status, node.runner.trainer.replay
    assert (status.faults, replay.dropped) == (1, 1)
    assert status.message.startswith("no tick for 0.")
    assert status.training_ticks == 60 and len(graph.requests) == 4
    arrays, _ = replay.state()
    assert not arrays["terminated"].any() and node.invalid == 0


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
    make_graph, errors_of, case: str
) -> None:
    name, change = SPOILED[case]

    def changed(message: Any) -> Any:
        change(message)
        return message

    graph = make_graph(silence_s=0.2, steps=20)
    node, errors = graph.bench.node, errors_of(graph.bench.node)
    graph.spoil = spoil(name, 5, changed)
    graph.drive(lambda: node.finished)
    assert node.invalid == 1 and errors[0].startswith(f"{name} ignored: ")
    assert node.runner.status.faults == 1 and node.runner.status.training_ticks == 20
    arrays, _ = node.runner.trainer.replay.state()
    assert len(arrays["reward"]) == 2 + 8  # whole decisions before the fault and after it
    assert np.isfinite(arrays["vector"]).all() and np.isfinite(arrays["reward"]).all()


@pytest.mark.parametrize("place", [None, math.nan, math.inf, 1e12, 1e308])
def test_a_malformed_route_keeps_its_episode_from_starting_and_no_other(
    make_graph, errors_of, place: float | None
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
    graph.drive(lambda: node.finished)
    assert node.invalid == 1 and errors[0].startswith("route ignored: route")
    assert node.runner.status.faults == 1 and len(graph.requests) == 2


def test_a_second_tick_that_is_whole_before_the_first_waits_for_it(graph) -> None:
    graph.spoil, graph.also = spoil("route", 0, lambda message: None), graph.tick
    node, heard = graph.bench.node, graph.bench.heard["action"]
    graph.bench.until(lambda: len(node._waiting) == 2 and node._asked is None)
    graph.bench.say(topics.ROUTE, graph.messages.route(graph.first))
    graph.bench.until(lambda: len(heard) == 2)
    assert [action.step for action in heard] == [0, 1]


def test_a_step_that_comes_twice_is_refused(graph) -> None:
    node = graph.bench.node
    graph.drive(lambda: node.runner.status.ticks == 4)
    for step in (0, 4):
        graph.at, first = graph.first + step - 1, graph.first
        graph.tick()
        graph.bench.until(lambda step=step: node.invalid == (1 if step == 0 else 2))
        assert graph.first == first
    graph.drive(lambda: node.runner.status.ticks == 10)
    assert node.runner.status.faults == 0


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


def test_the_services_save_switch_and_refuse(make_graph, tmp_path) -> None:
    graph = make_graph(run_dir=str(tmp_path / "run"))
    node, bench = graph.bench.node, graph.bench
    graph.drive(lambda: node.runner.status.ticks == 12)
    saved = bench.call(topics.SAVE_CHECKPOINT, Trigger.Request())
    assert saved.success and len(list((tmp_path / "run" / "checkpoints").iterdir())) == 1
    off = bench.call(topics.SET_TRAINING, SetBool.Request(data=False))
    assert off.success and off.message == "driving without learning"
    updates = node.runner.trainer.updates
    graph.drive(lambda: node.runner.status.ticks == 40)
    assert node.runner.trainer.updates == updates
    assert bench.call(topics.SET_TRAINING, SetBool.Request(data=True)).message == "learning"
    refused = bench.call(topics.LOAD_POLICY, Trigger.Request())
    assert not refused.success and "a run that learns has its own policy" in refused.message


def test_a_driver_takes_another_policy_only_if_it_sees_alike(make_graph, tmp_path) -> None:
    for name, count in (("a", 25), ("b", 25), ("c", 5)):
        teacher = make_graph(run_dir=str(tmp_path / name), steps=20, waypoint_count=count)
        teacher.drive(lambda teacher=teacher: teacher.bench.node.finished)
        teacher.bench.node.runner.close()
    graph = make_graph(mode="evaluate", policy=str(tmp_path / "a"))
    file = tmp_path / "a" / "policy.safetensors"
    for name, success in (("b", True), ("c", False)):
        file.write_bytes((tmp_path / name / "policy.safetensors").read_bytes())
        answer = graph.bench.call(topics.LOAD_POLICY, Trigger.Request())
        assert answer.success == success, answer.message
    file.write_bytes(b"nonsense")
    answer = graph.bench.call(topics.LOAD_POLICY, Trigger.Request())
    assert not answer.success and "not a whole safetensors file" in answer.message
    graph.drive(lambda: graph.bench.node.runner.status.ticks)


def test_whoever_listens_sees_waypoints_and_action(make_graph) -> None:
    graph = make_graph(topics.MARKERS)
    graph.drive(lambda: graph.bench.heard["markers"])
    points, arrow = graph.bench.heard["markers"][0].markers
    assert len(points.points) == 25 and len(arrow.points) == 2
    assert points.header.frame_id == "ego_vehicle/base_link"


def test_the_parameters_in_force_can_be_asked_for(graph) -> None:
    service = topics.Service("td3_agent/get_parameters", GetParameters, "")
    request = GetParameters.Request(names=["batch_size", "kind"])
    batch_size, kind = graph.bench.call(service, request).values
    assert (batch_size.integer_value, kind.string_value) == (2, "circuit")


def test_health_tells_a_dead_actor_loudly(graph) -> None:
    node = graph.bench.node
    graph.drive(lambda: node.runner.status.ticks)
    assert node._health()[0] == b"\x00"
    node.runner.trainer.alarm = "the actor is dead"
    assert node._health()[:2] == (b"\x02", "the actor is dead")


@pytest.mark.parametrize(
    ("parameters", "complaint"),
    [
        ({"gamma": 1.5}, r"^parameter td3_agent\.gamma must be in \[0.0, 1.0\], got 1.5"),
        ({"learnig": "lock_step"}, "learnig does not exist; did you mean learning"),
        ({"mode": "sleep"}, "mode must be one of train, evaluate, drive; got 'sleep'"),
    ],
)
def test_parameters_that_cannot_be_are_refused_with_one_sentence(
    make_bench, parameters: dict[str, Any], complaint: str
) -> None:
    with pytest.raises(ParameterError, match=complaint) as refusal:
        make_bench(TD3AgentNode, **parameters)
    assert "\n" not in str(refusal.value)
