"""The parameters of all nodes: from config/*.yaml, changed by the command line, and checked."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from td3_driving.agent.parameters import AgentParameters
from td3_driving.bags.parameters import RecorderParameters
from td3_driving.nodes.bridge_parameters import BridgeParameters
from td3_driving.nodes.control import ControlParameters
from td3_driving.nodes.perception import PerceptionParameters
from td3_driving.parameters import ParameterError, build, from_text, load

NODES: dict[str, type] = {
    "carla_bridge": BridgeParameters,
    "perception": PerceptionParameters,
    "td3_agent": AgentParameters,
    "control": ControlParameters,
    "recorder": RecorderParameters,
}

Settings = dict[str, dict[str, Any]]


def load_settings() -> Settings:
    """Every parameter of every node, as config/<node>.yaml has it.

    Raises:
        ParameterError: a file names an unknown node or parameter, or a value that is not allowed.
    """
    settings: Settings = {}
    for node, cls in NODES.items():
        settings[node] = asdict(load(cls, node))
    return settings


def change(settings: Settings, node: str, name: str, value: Any) -> None:
    """Sets one parameter.

    Raises:
        ParameterError: there is no such node or parameter, or the value is not allowed.
    """
    if node not in settings:
        raise ParameterError(f"there is no node {node!r}; there are {', '.join(NODES)}")
    settings[node] = asdict(build(NODES[node], node, {**settings[node], name: value}))


def change_by_text(settings: Settings, assignment: str) -> None:
    """Sets one parameter from "node.name=value", the value written as in YAML.

    Raises:
        ParameterError: not of that form; or as change().
    """
    target, equals, text = assignment.partition("=")
    node, dot, name = target.partition(".")
    if not equals or not dot:
        raise ParameterError(
            f"--set {assignment!r} must be node.parameter=value, such as td3_agent.batch_size=128"
        )
    current = settings.get(node, {}).get(name)
    change(settings, node, name, from_text(text, current))


def record_to(settings: Settings, directory: str | None) -> bool:
    """Sets where a bag is written, as --record says it; whether one is wanted at all."""
    if directory is None:
        return False
    if directory:
        change(settings, "recorder", "directory", directory)
    return True


def follow(settings: Settings, action_repeat: int) -> None:
    """Sets what must agree between nodes: the stacks' stride, and the tick of the steering limit.

    Args:
        settings: Parameters of all nodes.
        action_repeat: Ticks that a decision of the agent holds.
    """
    change(settings, "perception", "frame_stride", action_repeat)
    change(settings, "control", "tick_s", settings["carla_bridge"]["fixed_delta_s"])
