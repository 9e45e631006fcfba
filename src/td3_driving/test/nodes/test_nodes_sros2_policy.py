"""The SROS2 policy allows each node what it does, and nothing else."""

from __future__ import annotations

import time
import xml.etree.ElementTree as ElementTree
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import rclpy
from rclpy.context import Context
from rclpy.node import Node
from rclpy.parameter import Parameter
from std_srvs.srv import Trigger

from td3_driving.nodes.carla_bridge import CarlaBridge
from td3_driving.nodes.control import Control
from td3_driving.nodes.managed import ManagedNode
from td3_driving.nodes.perception import Perception
from td3_driving.nodes.supervisor import Supervisor
from td3_driving.nodes.td3_agent import TD3AgentNode
from td3_driving.ros import topics
from td3_driving_msgs.msg import Frame

POLICY = Path(__file__).resolve().parents[4] / "config" / "sros2" / "policy.xml"
NODES: dict[str, type[Node]] = {
    "carla_bridge": CarlaBridge,
    "perception": Perception,
    "td3_agent": TD3AgentNode,
    "control": Control,
    "supervisor": Supervisor,
}
MANAGED = set(NODES) - {"supervisor"}
PARAMETERS = {"td3_agent": {"mode": "drive", "policy": "pure_pursuit"}}
ONLY_WITH_TF = {"/tf", "/tf_static"}
Rights = dict[str, set[str]]


def allowed() -> dict[str, Rights]:
    """What the policy allows, by node: full names by what may be done with them."""
    rights: dict[str, Rights] = {}
    for profile in ElementTree.parse(POLICY).iter("profile"):
        node, namespace = profile.attrib["node"], profile.attrib["ns"]
        assert namespace == topics.DEFAULT_NAMESPACE
        found: Rights = {"publish": set(), "subscribe": set(), "reply": set(), "request": set()}
        for group in profile:
            ((what, permission),) = group.attrib.items()
            assert permission == "ALLOW"
            for entry in group:
                name = (entry.text or "").replace("~", f"{namespace}/{node}")
                found[what].add(name if name.startswith("/") else f"{namespace}/{name}")
        rights[node] = found
    return rights


def names(pairs: list[tuple[str, Any]]) -> set[str]:
    return {name for name, _ in pairs}


def done_by(node: Node) -> Rights:
    """What a node has: its ends, by what is done with them."""
    me = node.get_name(), node.get_namespace()
    return {
        "publish": names(node.get_publisher_names_and_types_by_node(*me)),
        "subscribe": names(node.get_subscriber_names_and_types_by_node(*me)),
        "reply": names(node.get_service_names_and_types_by_node(*me)),
        "request": names(node.get_client_names_and_types_by_node(*me)),
    }


def all_done_by(node: Node) -> Rights:
    """What a node has, when the graph knows all of it.

    The graph hears of ends in the order in which they were made: a last one of each kind tells.
    """
    node.create_publisher(Frame, "last", 1)
    node.create_subscription(Frame, "last", lambda _: None, 1)
    node.create_service(Trigger, "last", lambda _, answer: answer)
    node.create_client(Trigger, "last")
    last = {f"{topics.DEFAULT_NAMESPACE}/last"}
    end_s = time.monotonic() + 20.0
    while not all(last <= found for found in done_by(node).values()):
        assert time.monotonic() < end_s, "the graph does not know the last ends"
        time.sleep(0.02)
    return {what: found - last for what, found in done_by(node).items()}


@pytest.fixture
def context() -> Iterator[Context]:
    made = Context()
    rclpy.init(context=made, domain_id=66)
    yield made
    rclpy.shutdown(context=made)


@pytest.mark.parametrize("name", NODES)
def test_a_node_may_do_what_it_does_and_no_more(name: str, context: Context) -> None:
    overrides = [Parameter(key, value=value) for key, value in PARAMETERS.get(name, {}).items()]
    node = NODES[name](context=context, parameter_overrides=overrides)
    wanted = allowed()[name]
    try:
        if isinstance(node, ManagedNode):
            node.require(node.trigger_configure())
        found = all_done_by(node)
    finally:
        node.destroy_node()
    found["publish"] |= ONLY_WITH_TF & wanted["publish"]
    assert found == wanted


def test_every_topic_of_the_graph_has_one_who_may_say_it_and_no_rival() -> None:
    rights = allowed()
    assert set(rights) == set(NODES)
    said_by = {
        topics.DIAGNOSTICS.name: set(NODES), f"{topics.DEFAULT_NAMESPACE}/heartbeat": MANAGED,
    }  # fmt: skip
    for topic in topics.TOPICS:
        name = topic.name
        full = name if name.startswith("/") else f"{topics.DEFAULT_NAMESPACE}/{name}"
        sayers = {node for node, right in rights.items() if full in right["publish"]}
        assert sayers == said_by[full] if full in said_by else len(sayers) == 1, full
    assert {topic.name for topic in topics.TOPICS if not topic.exclusive} == {
        "/diagnostics",
        "heartbeat",
    }
    for right in rights.values():
        assert not any("*" in name for names_ in right.values() for name in names_)
