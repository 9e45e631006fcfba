"""Declares a node's parameters from its dataclass of parameters."""

from __future__ import annotations

import dataclasses
from typing import TypeVar

from rcl_interfaces.msg import FloatingPointRange, IntegerRange, ParameterDescriptor
from rclpy.node import Node

from td3_driving.parameters import build

T = TypeVar("T")

_FOREIGN = ("use_sim_time", "qos_overrides", "start_type_description_service")


def declare(node: Node, cls: type[T]) -> T:
    """Declares every field of the dataclass on the node and returns the values in force.

    Raises:
        ParameterError: for an override that is unknown, of the wrong type, or out of range.
    """
    owner = node.get_name()
    fields = {field.name: field for field in dataclasses.fields(cls)}  # type: ignore[arg-type]
    # rclpy offers no public view of overrides that were never declared.
    overrides = {name: item.value for name, item in node._parameter_overrides.items()}
    known = {n: v for n, v in overrides.items() if n.split(".")[0] not in _FOREIGN}
    values = build(cls, owner, known)
    for name, field in fields.items():
        node.declare_parameter(name, getattr(values, name), _descriptor(field))
    return values


def _descriptor(field: dataclasses.Field) -> ParameterDescriptor:
    meta, unit = field.metadata, field.metadata["unit"]
    descriptor = ParameterDescriptor(
        description=meta["doc"] + (f" [{unit}]" if unit else ""), read_only=True
    )
    if meta["choices"]:
        descriptor.additional_constraints = "one of: " + ", ".join(meta["choices"])
    low, high = meta["minimum"], meta["maximum"]
    if type(field.default) is float and (low is not None or high is not None):
        big = 1e308
        descriptor.floating_point_range = [
            FloatingPointRange(
                from_value=float(-big if low is None else low),
                to_value=float(big if high is None else high),
            )
        ]
    if type(field.default) is int and (low is not None or high is not None):
        big_int = 2**62
        descriptor.integer_range = [
            IntegerRange(
                from_value=int(-big_int if low is None else low),
                to_value=int(big_int if high is None else high),
                step=1,
            )
        ]
    return descriptor
