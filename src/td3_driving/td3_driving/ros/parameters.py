"""A node's parameters, declared from its dataclass and checked by it."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any, Generic, TypeVar

from rcl_interfaces.msg import (
    FloatingPointRange,
    IntegerRange,
    ParameterDescriptor,
    SetParametersResult,
)
from rclpy.node import Node
from rclpy.parameter import Parameter

from td3_driving.parameters import (
    ParameterError,
    build,
    check,
    parameter,
    require_consistent,
    unknown,
)

T = TypeVar("T")

_FOREIGN = ("use_sim_time", "qos_overrides", "start_type_description_service")


def declare(node: Node, cls: type[T]) -> T:
    """Declares every field of the dataclass on a node that is not managed; the values in force.

    Raises:
        ParameterError: as DeclaredParameters.checked.
    """
    values = build(cls, node.get_name(), _overrides(node))
    require_consistent(node.get_name(), values)
    for field in dataclasses.fields(cls):  # type: ignore[arg-type]
        node.declare_parameter(field.name, getattr(values, field.name), descriptor(field))
    return values


def _overrides(node: Node) -> dict[str, Any]:
    # rclpy offers no public view of overrides that were never declared.
    given = {name: item.value for name, item in node._parameter_overrides.items()}
    return {name: value for name, value in given.items() if name.split(".")[0] not in _FOREIGN}


@dataclasses.dataclass(frozen=True)
class CommonParameters:
    """What every managed node has besides its own."""

    autostart: bool = parameter(
        False, "configure and activate at start, without a supervisor; for one node alone"
    )


class DeclaredParameters(Generic[T]):
    """Declares every field of a dataclass on a node, and keeps the values in force.

    What an override gets wrong does not stop the node from being made: `checked` refuses it.

    Args:
        node: Whose parameters they are.
        cls: Their dataclass.
        changed: Called with all values after changeable ones were set.
    """

    def __init__(self, node: Node, cls: type[T], changed: Callable[[T], None]) -> None:
        self._owner = node.get_name()
        own = {f.name: f for f in dataclasses.fields(cls)}  # type: ignore[arg-type]
        common = {f.name: f for f in dataclasses.fields(CommonParameters)}
        self._fields = {**own, **common}
        self._refused: dict[str, ParameterError] = {}
        self._changed = changed
        values = self._sound_overrides(node)
        self.values: T = cls(**{name: v for name, v in values.items() if name in own})
        self.common = CommonParameters(**{n: v for n, v in values.items() if n in common})
        for name, field in self._fields.items():
            value = values.get(name, field.default)
            node.declare_parameter(name, value, descriptor(field), ignore_override=True)
        node.add_on_set_parameters_callback(self._judge)
        node.add_post_set_parameters_callback(self._take)

    def checked(self) -> T:
        """The values in force.

        Raises:
            ParameterError: for an override that is unknown, of the wrong type or out of range, or
                for values that contradict each other.
        """
        for error in self._refused.values():
            raise error
        require_consistent(self._owner, self.values)
        return self.values

    def _sound_overrides(self, node: Node) -> dict[str, Any]:
        given = _overrides(node)
        for name, value in given.items():
            self._note_unsound(name, value)
        return {name: value for name, value in given.items() if name not in self._refused}

    def _note_unsound(self, name: str, value: Any) -> None:
        try:
            if name not in self._fields:
                raise unknown(self._owner, name, list(self._fields))
            check(self._owner, self._fields[name], value)
        except ParameterError as error:
            self._refused[name] = error

    def _judge(self, parameters: list[Parameter]) -> SetParametersResult:
        """Whether these may be set now, and together with all others."""
        try:
            given = self._given(parameters)
            for name, value in given.items():
                check(self._owner, self._fields[name], value)
            require_consistent(self._owner, dataclasses.replace(self.values, **given))  # type: ignore[type-var]
        except ParameterError as error:
            return SetParametersResult(successful=False, reason=str(error))
        return SetParametersResult(successful=True)

    def _take(self, parameters: list[Parameter]) -> None:
        given = self._given(parameters)
        if given:
            self.values = dataclasses.replace(self.values, **given)  # type: ignore[type-var]
            for name in given:
                self._refused.pop(name, None)
            self._changed(self.values)

    def _given(self, parameters: list[Parameter]) -> dict[str, Any]:
        return {p.name: p.value for p in parameters if p.name in self._fields}


def descriptor(field: dataclasses.Field) -> ParameterDescriptor:
    """What ROS is told of a parameter: meaning, unit, range, and whether it may change."""
    meta, unit = field.metadata, field.metadata["unit"]
    described = ParameterDescriptor(
        description=meta["doc"] + (f" [{unit}]" if unit else ""), read_only=not meta["changeable"]
    )
    if meta["choices"]:
        described.additional_constraints = "one of: " + ", ".join(meta["choices"])
    low, high = meta["minimum"], meta["maximum"]
    if type(field.default) is float and (low is not None or high is not None):
        big = 1e308
        described.floating_point_range = [
            FloatingPointRange(
                from_value=float(-big if low is None else low),
                to_value=float(big if high is None else high),
            )
        ]
    if type(field.default) is int and (low is not None or high is not None):
        big_int = 2**62
        described.integer_range = [
            IntegerRange(
                from_value=int(-big_int if low is None else low),
                to_value=int(big_int if high is None else high),
                step=1,
            )
        ]
    return described
