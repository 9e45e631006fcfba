"""td3_agent over real DDS, with a bridge and a perception of the test's own."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from rcl_interfaces.srv import GetParameters
from rclpy.task import Future
from std_srvs.srv import SetBool, Trigger

from td3_driving.agent import steering_values
from td3_driving.driving.observation import vector_dim
from td3_driving.learning.config import TD3Config
from td3_driving.learning.policy import Policy
from td3_driving.learning.policy_file import save_policy
from td3_driving.nodes.td3_agent import TD3AgentNode
from td3_driving.parameters import ParameterError
from td3_driving.ros import markers, topics
from td3_driving_msgs.msg import Collision, LaneInvasion, Traffic


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
    # Lane keeping is driven alone.
    assert request.traffic == Traffic()


def test_every_action_carries_the_stamp_of_its_frame(graph) -> None:
    graph.bench.until(lambda: graph.bench.heard["action"])
    action = graph.bench.heard["action"][0]
    assert action.header.stamp == graph.messages.frame(0).header.stamp
    assert action.header.frame_id == "ego_vehicle/base_link"
    assert (action.episode, action.step) == (1, 0)


def test_a_reset_that_is_refused_is_asked_for_again_and_the_reason_shown(graph) -> None:
    status = graph.bench.node.runner.status
    node, graph.refusals = graph.bench.node, ["the simulator is away"] * 3
    for asked in (1, 2, 3):
        graph.bench.until(lambda asked=asked: len(graph.requests) == asked and node._asked is None)
        assert node.health()[1] == "waiting for an episode: the simulator is away"
        graph.clock.advance(TD3AgentNode.RETRY_S)
    graph.drive(lambda: status.ticks)
    assert len(graph.requests) == 4 and status.waiting_for == "" and status.faults == 0
    assert len({(request.seed, request.map) for request in graph.requests}) == 1


def test_without_a_bridge_it_says_what_it_waits_for(make_bench, monkeypatch) -> None:
    monkeypatch.setattr(TD3AgentNode, "RETRY_S", 0.05)
    bench = make_bench(TD3AgentNode, topics.DIAGNOSTICS, replay_capacity=1000, learning_starts=100)
    status = bench.next(topics.DIAGNOSTICS).status[0]
    assert status.message.endswith("no carla_bridge offers /carla/ego_vehicle/reset yet")


def test_an_answer_that_comes_after_it_was_given_up_is_ignored(graph) -> None:
    holding = graph.holding = Future()
    status = graph.bench.node.runner.status
    graph.bench.until(lambda: graph.requests)
    graph.clock.advance(TD3AgentNode.RESET_TIMEOUT_S + 0.1)
    graph.drive(lambda: status.ticks == 3)
    assert len(graph.requests) == 2
    holding.set_result(None)
    graph.drive(lambda: status.ticks == 10)
    assert status.faults == 0 and graph.episode == 1


def test_ticks_that_come_before_the_answer_to_the_reset_are_not_lost(graph) -> None:
    """At a fixed rate the world goes on while the answer travels."""
    graph.also = graph.tick
    status = graph.bench.node.runner.status
    graph.bench.until(lambda: status.ticks)
    heard = graph.bench.heard["action"]
    graph.bench.until(lambda: len(heard) == 2)
    assert [action.step for action in heard] == [0, 1]


@pytest.mark.parametrize("last", [topics.COLLISION, topics.LANE_INVASION])
def test_a_tick_waits_for_every_event_that_its_frame_counts(
    graph, spoil, last: topics.Topic
) -> None:
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
    bench.until(
        lambda: sum(len(at) for events in node._events.values() for at in events.values()) == 2
    )
    assert node.runner.status.ticks == 2
    bench.say(last, held_back)
    bench.until(lambda: len(bench.heard["episode"]) == 3)
    ended = bench.heard["episode"][-1]
    assert ended.terminated and ended.reason == "collision"


def test_silence_is_a_fault_that_teaches_nothing_and_the_run_goes_on(make_graph, spoil) -> None:
    graph = make_graph(silence_s=0.3)
    node = graph.bench.node
    graph.spoil = spoil("odometry", 5, lambda message: None)
    graph.drive(lambda: graph.at == graph.first + 5)
    graph.clock.advance(0.4)
    graph.drive(lambda: node.finished)
    status, replay = node.runner.status, node.runner.trainer.replay
    assert (status.faults, replay.dropped) == (1, 1)
    assert status.message == "no tick for 0.4 s"
    assert status.training_ticks == 60 and len(graph.requests) == 4
    assert (
        not replay.view("transitions", 0, replay.stored)["terminated"].any() and node.invalid == 0
    )


def test_a_second_tick_that_is_whole_before_the_first_waits_for_it(graph, spoil) -> None:
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


def test_the_services_save_switch_and_refuse(make_graph, tmp_path) -> None:
    graph = make_graph(run_dir=str(tmp_path / "run"))
    node, bench = graph.bench.node, graph.bench
    graph.drive(lambda: node.runner.status.ticks == 12)
    saved = bench.call(topics.SAVE_CHECKPOINT, Trigger.Request())
    assert saved.success
    assert len(list((tmp_path / "run" / "checkpoints").glob("checkpoint-*"))) == 1
    off = bench.call(topics.SET_TRAINING, SetBool.Request(data=False))
    assert off.success and off.message == "driving without learning"
    updates = node.runner.trainer.updates
    graph.drive(lambda: node.runner.status.ticks == 40)
    assert node.runner.trainer.updates == updates
    assert bench.call(topics.SET_TRAINING, SetBool.Request(data=True)).message == "learning"
    refused = bench.call(topics.LOAD_POLICY, Trigger.Request())
    assert not refused.success and "a run that learns has its own policy" in refused.message


def test_an_episode_is_driven_though_the_answer_to_its_reset_got_lost(make_graph) -> None:
    graph = make_graph()
    graph.lost = never = Future()
    graph.bench.until(lambda: graph.bench.node._waiting)
    graph.clock.advance(TD3AgentNode.ANSWER_LOST_S)
    graph.drive(lambda: graph.bench.node.runner.status.ticks >= 3)
    assert not never.done() and len(graph.requests) == 1


def test_a_driver_takes_another_policy_only_if_it_sees_alike(make_graph, tmp_path) -> None:
    file = tmp_path / "policy.safetensors"

    def write(seed: int, waypoint_count: int) -> None:
        config = TD3Config(vector_dim=vector_dim(waypoint_count))
        save_policy(file, Policy.create(config, seed), {"waypoint_count": waypoint_count})

    write(seed=1, waypoint_count=25)
    graph = make_graph(mode="evaluate", policy=str(file))
    for seed, waypoint_count, success in ((2, 25, True), (3, 5, False)):
        write(seed, waypoint_count)
        answer = graph.bench.call(topics.LOAD_POLICY, Trigger.Request())
        assert answer.success == success, answer.message
    file.write_bytes(b"nonsense")
    answer = graph.bench.call(topics.LOAD_POLICY, Trigger.Request())
    assert not answer.success and "not a whole safetensors file" in answer.message
    graph.drive(lambda: graph.bench.node.runner.status.ticks)


def test_whoever_listens_sees_waypoints_action_reward_and_what_steering_is_worth(
    make_graph, monkeypatch
) -> None:
    monkeypatch.setattr(steering_values, "PERIOD_S", 0.0)
    graph = make_graph(topics.MARKERS, topics.STEERING_VALUES, steps=10_000)
    heard = graph.bench.heard

    def newest() -> dict[str, Any]:
        return {m.ns: m for m in heard["markers"][-1].markers} if heard["markers"] else {}

    graph.drive(lambda: markers.Q in newest() and heard["steering_values"])
    first = {m.ns: m for m in heard["markers"][0].markers}
    assert set(first) == {markers.WAYPOINTS, markers.ACTION, markers.REWARD, markers.REWARD_TERMS}
    assert len(first[markers.WAYPOINTS].points) == 25
    assert {m.header.frame_id for m in first.values()} == {"ego_vehicle/base_link"}
    steerings, worths = markers.from_steering_values(heard["steering_values"][-1])
    assert list(steerings) == pytest.approx(list(np.linspace(-1.0, 1.0, 21)))
    assert len(set(worths)) > 1
    assert len(newest()[markers.Q].points) == 21


def test_nobody_is_asked_what_steering_is_worth_while_nobody_listens(graph, monkeypatch) -> None:
    asked: list[float] = []
    monkeypatch.setattr(steering_values.SteeringValues, "ask", lambda _, value: asked.append(value))
    graph.drive(lambda: graph.bench.node.finished)
    assert asked == []


def test_the_parameters_in_force_can_be_asked_for(graph) -> None:
    service = topics.Service("td3_agent/get_parameters", GetParameters, "")
    request = GetParameters.Request(names=["batch_size", "kind"])
    batch_size, kind = graph.bench.call(service, request).values
    assert (batch_size.integer_value, kind.string_value) == (2, "task")


def test_health_tells_a_dead_actor_loudly(graph) -> None:
    node = graph.bench.node
    graph.drive(lambda: node.runner.status.ticks)
    assert node.health()[0] == b"\x00"
    node.runner.trainer.tell("dead", "the actor is dead")
    assert node.health()[:2] == (b"\x02", "the actor is dead")


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
