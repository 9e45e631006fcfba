"""Every parameter of every node: refused at configuration, described, changed at run time."""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import rclpy
from rcl_interfaces.msg import ParameterDescriptor
from rclpy.context import Context
from rclpy.lifecycle import TransitionCallbackReturn
from rclpy.parameter import Parameter

from td3_driving.cli.settings import NODES
from td3_driving.configuration import config_file
from td3_driving.nodes.carla_bridge import CarlaBridge
from td3_driving.nodes.control import Control
from td3_driving.nodes.managed import ManagedNode
from td3_driving.nodes.perception import Perception
from td3_driving.nodes.reference import ALL, page
from td3_driving.nodes.td3_agent import TD3AgentNode
from td3_driving.parameters import ParameterError, yaml_text

MAKERS: dict[str, type[ManagedNode[Any]]] = {
    "carla_bridge": CarlaBridge, "perception": Perception, "td3_agent": TD3AgentNode,
    "control": Control,
}  # fmt: skip
PARAMETERS = [
    pytest.param(node, field, id=f"{node}.{field.name}")
    for node in MAKERS
    for field in dataclasses.fields(NODES[node])
]
ROOT = Path(__file__).parents[4]


@pytest.fixture(scope="module")
def context() -> Iterator[Context]:
    made = Context()
    rclpy.init(context=made, domain_id=69)
    yield made
    rclpy.shutdown(context=made)


@pytest.fixture
def make(context: Context) -> Iterator[Any]:
    nodes: list[ManagedNode[Any]] = []

    def one(node: str, **values: Any) -> ManagedNode[Any]:
        overrides = [Parameter(name, value=value) for name, value in values.items()]
        nodes.append(MAKERS[node](context=context, parameter_overrides=overrides))
        return nodes[-1]

    yield one
    for node in nodes:
        node.destroy_node()


def refusal(node: ManagedNode[Any]) -> str:
    """The one sentence with which a node refuses to be configured."""
    assert node.trigger_configure() == TransitionCallbackReturn.FAILURE
    assert isinstance(node.refusal, ParameterError) and not node.configured
    sentence = str(node.refusal)
    assert "\n" not in sentence
    return sentence


def wrong_values(field: dataclasses.Field) -> list[Any]:
    """Below, above, not a number, of another type, not among the choices."""
    kind, meta = type(field.default), field.metadata
    low, high = meta["minimum"], meta["maximum"]
    wrong: list[Any] = ["text"] if kind is not str else [3]
    if kind is float:
        wrong += [math.nan, math.inf, 1]
        wrong += [] if low is None else [math.nextafter(low, -math.inf)]
        wrong += [] if high is None else [math.nextafter(high, math.inf)]
    if kind is int:
        wrong += [1.5, True]
        wrong += [] if low is None else [low - 1]
        wrong += [] if high is None else [high + 1]
    if kind is bool:
        wrong += [1]
    if meta["choices"]:
        wrong += ["none of them"]
    return wrong


@pytest.mark.parametrize(("node", "field"), PARAMETERS)
def test_every_wrong_value_and_a_misspelt_name_fail_the_configuration(
    make, node: str, field: dataclasses.Field
) -> None:
    for value in wrong_values(field):
        assert f"parameter {node}.{field.name} must be " in refusal(
            make(node, **{field.name: value})
        )
    misspelt = f"{field.name}_x"
    assert f"parameter {node}.{misspelt} does not exist" in refusal(make(node, **{misspelt: 1}))


def test_every_number_has_a_range() -> None:
    for cls in ALL.values():
        for field in dataclasses.fields(cls):
            if type(field.default) in (int, float):
                assert None not in (field.metadata["minimum"], field.metadata["maximum"])


@pytest.mark.parametrize(
    ("node", "values", "sentence"),
    [
        ("control", {"stale_after_s": 0.05}, "it would brake between any two actions"),
        ("perception", {"crop_top": 0.6, "crop_bottom": 0.4}, "leave nothing of the picture"),
        ("carla_bridge", {"retry_min_s": 9.0}, "retry_min_s, 9 s, is more than retry_max_s"),
        (
            "carla_bridge",
            {"mode": "fixed_rate", "command_timeout_s": 0.05},
            "it would brake between any two commands",
        ),
        ("td3_agent", {"learning_starts": 200_000}, "learning_starts is 200000, more than"),
        (
            "td3_agent",
            {"replay_capacity": 1000, "batch_size": 2000, "learning_starts": 10},
            "batch_size is 2000, more than replay_capacity, 1000",
        ),
        ("td3_agent", {"test_last_seed": 5}, "test_last_seed, 5, is before test_first_seed"),
    ],
)
def test_values_that_contradict_each_other_fail_the_configuration(
    make, node: str, values: dict[str, Any], sentence: str
) -> None:
    told = refusal(make(node, **values))
    assert told.startswith(f"parameters of {node} contradict each other: ") and sentence in told


@pytest.mark.parametrize("node", MAKERS)
def test_what_ros_is_told_of_a_parameter_is_what_its_dataclass_says(make, node: str) -> None:
    made = make(node)
    for field in dataclasses.fields(NODES[node]):
        meta = field.metadata
        told: ParameterDescriptor = made.describe_parameter(field.name)
        assert made.get_parameter(field.name).value == field.default
        assert told.read_only != meta["changeable"]
        assert told.description.startswith(meta["doc"]) and meta["unit"] in told.description
        for limits in (*told.floating_point_range, *told.integer_range):
            assert (limits.from_value, limits.to_value) == (meta["minimum"], meta["maximum"])
        ranged = bool(told.floating_point_range or told.integer_range)
        assert ranged == (type(field.default) in (int, float))


@pytest.mark.parametrize("node", ALL)
def test_files_and_page_say_what_the_dataclasses_say(node: str) -> None:
    assert config_file(f"{node}.yaml").read_text() == yaml_text(ALL[node], node)
    written = (ROOT / "docs" / "parameters.md").read_text()
    assert written == page()
    section = written.split(f"## {node}\n")[1].split("\n## ")[0]
    for field in dataclasses.fields(ALL[node]):
        assert f"| `{field.name}` | {type(field.default).__name__} | " in section
        assert f"`{json.dumps(field.default)}`" in section


def test_noise_speed_and_training_change_at_run_time_and_nothing_else(make) -> None:
    node = make("td3_agent", replay_capacity=1000, learning_starts=10)
    node.require(node.trigger_configure())

    def put(name: str, value: Any) -> tuple[bool, str]:
        (result,) = node.set_parameters([Parameter(name, value=value)])
        return result.successful, result.reason

    assert put("noise_start", 0.5)[0] and put("noise_end", 0.0)[0]
    assert put("target_speed_mps", 4.0)[0] and put("training", False)[0]
    runner = node.runner
    assert (runner.parameters.noise_start, runner.parameters.noise_end) == (0.5, 0.0)
    assert runner.task.target_speed_mps == 4.0 and not runner.trainer.enabled
    assert put("target_speed_mps", 0.0)[0]
    assert runner.task.target_speed_mps > 4.0  # the task's own
    for name, value in (("noise_start", 9.0), ("noise_end", math.nan), ("gamma", 0.5)):
        assert not put(name, value)[0]
    assert runner.parameters.noise_start == 0.5 and runner.parameters.gamma == 0.99
