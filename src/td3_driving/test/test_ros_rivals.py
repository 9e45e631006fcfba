"""Others who publish what one node should, as DDS tells of them: awaited, told, or gone in time."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator

import pytest
import rclpy
from rclpy.context import Context
from rclpy.node import Node
from rclpy.publisher import Publisher

from td3_driving.ros import topics
from td3_driving.ros.rivals import lasting_rivals

TOPIC = f"{topics.DEFAULT_NAMESPACE}/frame"


@pytest.fixture
def probe() -> Iterator[Node]:
    context = Context()
    rclpy.init(context=context, domain_id=70 + os.getpid() % 30)
    yield (node := Node("probe", context=context))
    node.destroy_node()
    rclpy.shutdown(context=context)


@pytest.fixture
def other(probe: Node) -> Iterator[tuple[Node, Publisher]]:
    """A rival that the probe has discovered, and its publisher."""
    context = Context()
    rclpy.init(context=context, domain_id=probe.context.get_domain_id())
    node = Node("other", context=context, namespace=topics.DEFAULT_NAMESPACE)
    publisher = topics.FRAME.publisher(node)
    end_s = time.monotonic() + 20.0
    while not any(end.node_name == "other" for end in probe.get_publishers_info_by_topic(TOPIC)):
        assert time.monotonic() < end_s
        time.sleep(0.01)
    yield node, publisher
    node.destroy_node()
    rclpy.shutdown(context=context)


def test_nobody_is_found_without_a_word_where_nobody_is(probe: Node) -> None:
    said: list[str] = []
    assert lasting_rivals(probe, TOPIC, said.append, look_s=0.1) == []
    assert said == []


def test_a_rival_that_stays_is_named_after_a_wait_that_is_told(probe: Node, other) -> None:
    said: list[str] = []
    rivals = lasting_rivals(probe, TOPIC, said.append, look_s=0.0, lease_s=0.2)
    assert rivals == ["/carla/ego_vehicle/other"]
    assert said == [
        f"DDS tells of a publisher of {TOPIC} (/carla/ego_vehicle/other); waiting up to 0.2 s, "
        "in case it has died"
    ]


def test_a_ghost_that_leaves_in_time_is_waited_for(probe: Node, other) -> None:
    node, publisher = other
    said: list[str] = []

    def leave(words: str) -> None:
        said.append(words)
        node.destroy_publisher(publisher)

    assert lasting_rivals(probe, TOPIC, leave, look_s=0.0, lease_s=20.0) == []
    assert len(said) == 1
