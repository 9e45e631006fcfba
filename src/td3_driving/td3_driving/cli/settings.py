"""The parameters of all nodes: from config/*.yaml, changed by the command line, and checked."""

from __future__ import annotations

import contextlib
from dataclasses import asdict
from typing import Any

import yaml

from td3_driving.agent.parameters import AgentParameters
from td3_driving.configuration import config_file
from td3_driving.nodes.bridge_parameters import BridgeParameters
from td3_driving.nodes.control import ControlParameters
from td3_driving.nodes.perception import PerceptionParameters
from td3_driving.parameters import ParameterError, build

NODES: dict[str, type] = {
    "carla_bridge": BridgeParameters,
    "perception": PerceptionParameters,
    "td3_agent": AgentParameters,
    "control": ControlParameters,
}

Settings = dict[str, dict[str, Any]]


def load_settings() -> Settings:
    """Every parameter of every node, as config/<node>.yaml has it.

    Raises:
        ParameterError: a file names an unknown node or parameter, or a value that is not allowed.
    """
    settings: Settings = {}
    for node, cls in NODES.items():
        file = config_file(f"{node}.yaml")
        content = yaml.safe_load(file.read_text()) or {}
        try:
            values = content[f"/**/{node}"]["ros__parameters"]
        except (KeyError, TypeError):
            raise ParameterError(
                f"{file} must hold '/**/{node}: ros__parameters: ...', as ROS parameter files do"
            ) from None
        settings[node] = asdict(build(cls, node, values))
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
    change(settings, node, name, text if isinstance(current, str) else _value(text, type(current)))


def _value(text: str, wanted: type) -> Any:
    """The value that a text means where a bool or a number is wanted; the text if it means none."""
    if wanted is float:
        # YAML takes 5 for an int and 1e-4 for a string.
        with contextlib.suppress(ValueError):
            return float(text)
    try:
        return yaml.safe_load(text)
    except yaml.YAMLError:
        return text


def follow(settings: Settings, action_repeat: int) -> None:
    """Sets what must agree between nodes: the stacks' stride, and the tick of the steering limit.

    Args:
        settings: Parameters of all nodes.
        action_repeat: Ticks that a decision of the agent holds.
    """
    change(settings, "perception", "frame_stride", action_repeat)
    change(settings, "control", "tick_s", settings["carla_bridge"]["fixed_delta_s"])
