"""What a node says of its topics on /diagnostics: rivals, offers that do not match, silence."""

from __future__ import annotations

from typing import Any

import pytest
from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy

from td3_driving.nodes.control import Control
from td3_driving.ros import topics, watch
from td3_driving_msgs.msg import Action


@pytest.fixture
def guard(make_bench) -> Any:
    return make_bench(Control, topics.DIAGNOSTICS, topics.VEHICLE_CONTROL)


def topics_status(guard: Any) -> Any:
    """The newest status of the node's topics."""
    heard = guard.heard["/diagnostics"]
    return heard[-1].status[1] if heard else None


def wait_for(guard: Any, words: str) -> Any:
    guard.until(lambda: topics_status(guard) and words in topics_status(guard).message)
    return topics_status(guard)


def test_rates_and_ages_are_told_by_topic(guard) -> None:
    assert wait_for(guard, "as they should be").level == b"\x00"
    guard.say(topics.ACTION, Action(step=1))

    def figures() -> dict[str, str]:
        return {pair.key: pair.value for pair in topics_status(guard).values}

    guard.until(lambda: figures()["action age [s]"] and float(figures()["action [Hz]"]) > 0.0)
    assert topics_status(guard).name == "/carla/ego_vehicle/control: topics"


def test_a_second_publisher_of_commands_is_an_error_with_both_names(guard) -> None:
    rival = topics.ACTION.publisher(guard.peer)
    status = wait_for(guard, "2 publishers of action")
    assert status.level == b"\x02" and "/carla/ego_vehicle/peer" in status.message
    guard.peer.destroy_publisher(rival)
    wait_for(guard, "as they should be")


def test_a_quality_of_service_that_does_not_match_is_an_error_with_the_reason(guard) -> None:
    latched = QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL)
    asked = guard.peer.create_subscription(
        topics.VEHICLE_CONTROL.type, topics.VEHICLE_CONTROL.name, lambda _: None, latched
    )
    status = wait_for(guard, "peer does not get /carla/ego_vehicle/vehicle_control_cmd of")
    assert status.level == b"\x02" and "transient local" in status.message
    guard.peer.destroy_subscription(asked)
    careless = QoSProfile(depth=1, reliability=ReliabilityPolicy.BEST_EFFORT)
    guard.peer.create_publisher(topics.ACTION.type, topics.ACTION.name, careless)
    assert (
        "reliab"
        in wait_for(guard, "control does not get /carla/ego_vehicle/action of").message.lower()
    )


def test_a_topic_of_every_tick_that_falls_silent_is_a_warning(
    guard, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watch, "SILENT_S", 0.1)
    guard.say(topics.ACTION, Action(step=1))
    assert wait_for(guard, "no action for").level == b"\x01"
