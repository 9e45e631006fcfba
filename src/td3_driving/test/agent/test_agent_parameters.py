"""Parameters are checked by name before anything starts; config/*.yaml holds their defaults."""

from __future__ import annotations

import dataclasses
import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from td3_driving.agent.parameters import AgentParameters
from td3_driving.cli.settings import (
    NODES,
    change,
    change_by_text,
    follow,
    load_settings,
)
from td3_driving.configuration import config_file
from td3_driving.parameters import ParameterError, build, yaml_text

NUMBERS = [
    pytest.param(node, field, id=f"{node}.{field.name}")
    for node, cls in NODES.items()
    for field in dataclasses.fields(cls)
    if type(field.default) in (int, float)
]


@pytest.mark.parametrize("node", NODES)
def test_the_file_of_a_node_holds_every_parameter_at_its_default(node: str) -> None:
    assert config_file(f"{node}.yaml").read_text() == yaml_text(NODES[node], node)


def test_the_settings_without_options_are_the_defaults() -> None:
    assert load_settings() == {node: dataclasses.asdict(cls()) for node, cls in NODES.items()}


@pytest.mark.parametrize(("node", "field"), NUMBERS)
def test_every_number_is_refused_below_and_above_its_range(
    node: str, field: dataclasses.Field
) -> None:
    kind = type(field.default)
    low, high = field.metadata["minimum"], field.metadata["maximum"]
    for inside in (low, high):
        assert build(NODES[node], node, {field.name: kind(inside)})
    below = low - 1 if kind is int else math.nextafter(low, -math.inf)
    above = high + 1 if kind is int else math.nextafter(high, math.inf)
    for outside in (below, above):
        with pytest.raises(ParameterError, match=rf"{node}\.{field.name} must be in \["):
            build(NODES[node], node, {field.name: outside})


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_what_is_not_finite_is_refused(value: float) -> None:
    with pytest.raises(ParameterError, match=r"td3_agent\.gamma must be finite"):
        build(AgentParameters, "td3_agent", {"gamma": value})


@pytest.mark.parametrize(
    ("name", "value", "complaint"),
    [
        ("seed", 1.0, "must be int, got float 1.0"),
        ("seed", True, "must be int, got bool True"),
        ("seed", "1", "must be int, got str '1'"),
        ("gamma", 1, r"must be float, got int 1 \(write 1.0, not 1\)"),
        ("resume", 1, "must be bool, got int 1"),
        ("map", None, "must be str, got NoneType None"),
        ("kind", "motorway", "must be one of task, circuit, town, mixed; got 'motorway'"),
    ],
)
def test_a_wrong_type_or_choice_is_refused_by_name(
    name: str, value: object, complaint: str
) -> None:
    with pytest.raises(ParameterError, match=rf"parameter td3_agent\.{name} {complaint}"):
        build(AgentParameters, "td3_agent", {name: value})


def test_an_unknown_name_is_refused_with_the_nearest_one() -> None:
    with pytest.raises(ParameterError, match=r"batchsize does not exist; did you mean batch_size"):
        build(AgentParameters, "td3_agent", {"batchsize": 8})


@settings(max_examples=30, deadline=None)
@given(st.sampled_from(sorted(NODES)), st.text(max_size=20), st.text(max_size=20))
def test_no_text_after_set_breaks_the_settings(node: str, name: str, value: str) -> None:
    chosen = load_settings()
    try:
        change_by_text(chosen, f"{node}.{name}={value}")
    except ParameterError:
        assert chosen == load_settings()


@settings(max_examples=30, deadline=None)
@given(st.sampled_from([field.name for field in dataclasses.fields(AgentParameters)]), st.text())
def test_no_value_after_set_gets_past_the_check(name: str, value: str) -> None:
    chosen = load_settings()
    try:
        change_by_text(chosen, f"td3_agent.{name}={value}")
    except ParameterError as error:
        assert f"td3_agent.{name}" in str(error)
    build(AgentParameters, "td3_agent", chosen["td3_agent"])


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("td3_agent.actor_lr=1e-4", 1e-4),
        ("td3_agent.minutes=5", 5.0),
        ("td3_agent.seed=7", 7),
        ("td3_agent.resume=true", True),
        ("td3_agent.map=7", "7"),
        ("td3_agent.run_dir=a: [b", "a: [b"),
    ],
)
def test_set_takes_values_as_people_write_them(text: str, value: object) -> None:
    chosen = load_settings()
    change_by_text(chosen, text)
    node, name = text.partition("=")[0].split(".")
    assert chosen[node][name] == value and type(chosen[node][name]) is type(value)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("seed=1", "must be node.parameter=value"),
        ("td3_agent.seed", "must be node.parameter=value"),
        ("td3_agnt.seed=1", "there is no node 'td3_agnt'; there are carla_bridge"),
        ("td3_agent.gama=0.9", "td3_agent.gama does not exist; did you mean gamma"),
        ("td3_agent.gamma=nan", "td3_agent.gamma must be finite"),
        ("td3_agent.gamma=[", r"td3_agent.gamma must be float, got str '\['"),
        ("carla_bridge.port=70000", r"carla_bridge.port must be in \[1, 65535\], got 70000"),
    ],
)
def test_what_set_cannot_take_is_refused_with_the_reason(text: str, complaint: str) -> None:
    with pytest.raises(ParameterError, match=complaint):
        change_by_text(load_settings(), text)


def test_what_must_agree_between_nodes_follows_agent_and_bridge() -> None:
    chosen = load_settings()
    change(chosen, "carla_bridge", "fixed_delta_s", 0.1)
    follow(chosen, action_repeat=5)
    assert chosen["perception"]["frame_stride"] == 5
    assert chosen["control"]["tick_s"] == 0.1
