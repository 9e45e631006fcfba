"""Parameters as data: a frozen dataclass per node, declared, described and validated in one place.

Example:
    >>> @dataclass(frozen=True)
    ... class ControlParameters:
    ...     stale_after_s: float = parameter(0.5, "age at which an action is stale", "s", 0.05, 10.0)
    >>> parameters = declare(node, ControlParameters)
"""

from __future__ import annotations

import dataclasses
import difflib
import math
from typing import Any, TypeVar

from rcl_interfaces.msg import FloatingPointRange, IntegerRange, ParameterDescriptor
from rclpy.node import Node

T = TypeVar("T")

_FOREIGN = ("use_sim_time", "qos_overrides", "start_type_description_service")


class ParameterError(ValueError):
    """A parameter is unknown, has the wrong type, or is out of range."""


def parameter(
    default: Any,
    doc: str,
    unit: str = "",
    minimum: float | None = None,
    maximum: float | None = None,
    choices: tuple[str, ...] = (),
) -> Any:
    """A dataclass field that carries a parameter's description.

    Args:
        default: Its default, whose type is the parameter's type (bool, int, float or str).
        doc: One sentence.
        unit: Unit of the value, such as "s".
        minimum: Smallest value allowed; None for no limit.
        maximum: Largest value allowed; None for no limit.
        choices: The strings allowed; empty for any.
    """
    metadata = {
        "doc": doc, "unit": unit, "minimum": minimum, "maximum": maximum, "choices": choices
    }  # fmt: skip
    return dataclasses.field(default=default, metadata=metadata)


def check(owner: str, field: dataclasses.Field, value: Any) -> Any:
    """The value, if the field allows it.

    Raises:
        ParameterError: naming the parameter, the value, and what is allowed.
    """
    name, kind, meta = f"{owner}.{field.name}", type(field.default), field.metadata
    if type(value) is not kind:
        hint = " (write 1.0, not 1)" if kind is float and type(value) is int else ""
        raise ParameterError(
            f"parameter {name} must be {kind.__name__}, got {type(value).__name__} {value!r}{hint}"
        )
    if kind is float and not math.isfinite(value):
        raise ParameterError(f"parameter {name} must be finite, got {value}")
    low, high, unit = meta["minimum"], meta["maximum"], meta["unit"]
    if (low is not None and value < low) or (high is not None and value > high):
        limits = f"[{'-inf' if low is None else low}, {'inf' if high is None else high}]"
        raise ParameterError(f"parameter {name} must be in {limits} {unit}, got {value}".rstrip())
    if meta["choices"] and value not in meta["choices"]:
        allowed = ", ".join(meta["choices"])
        raise ParameterError(f"parameter {name} must be one of {allowed}; got {value!r}")
    return value


def unknown(owner: str, name: str, known: list[str]) -> ParameterError:
    """The error for a parameter that nobody declares, with the nearest name that exists."""
    near = difflib.get_close_matches(name, known, 1)
    hint = f"did you mean {near[0]}?" if near else f"it has: {', '.join(sorted(known))}"
    return ParameterError(f"parameter {owner}.{name} does not exist; {hint}")


def build(cls: type[T], owner: str, values: dict[str, Any]) -> T:
    """An instance of the dataclass from plain values, each checked.

    Raises:
        ParameterError: for an unknown name, a wrong type or a value out of range.
    """
    fields = {field.name: field for field in dataclasses.fields(cls)}  # type: ignore[arg-type]
    for name in values:
        if name not in fields:
            raise unknown(owner, name, list(fields))
    return cls(**{name: check(owner, fields[name], value) for name, value in values.items()})


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
