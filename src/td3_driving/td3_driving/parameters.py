"""Parameters as data: frozen dataclasses whose fields carry type, unit, range and meaning.

From them come the ROS declarations (ros/parameters.py) and the checks of config/*.yaml.

Example:
    >>> @dataclass(frozen=True)
    ... class ControlParameters:
    ...     stale_after_s: float = parameter(0.5, "age of a stale action", "s", 0.05, 10.0)
    >>> build(ControlParameters, "control", {"stale_after_s": 0.3})
    ControlParameters(stale_after_s=0.3)
"""

from __future__ import annotations

import contextlib
import dataclasses
import difflib
import json
import math
from typing import Any, TypeVar

import yaml

from td3_driving.configuration import config_file

T = TypeVar("T")


class ParameterError(ValueError):
    """A parameter is unknown, has the wrong type, or is out of range."""


def parameter(
    default: Any,
    doc: str,
    unit: str = "",
    minimum: float | None = None,
    maximum: float | None = None,
    choices: tuple[str, ...] = (),
    changeable: bool = False,
) -> Any:
    """A dataclass field that carries a parameter's description.

    Args:
        default: Its default, whose type is the parameter's type (bool, int, float or str).
        doc: One sentence.
        unit: Unit of the value, such as "s".
        minimum: Smallest value allowed; None for no limit.
        maximum: Largest value allowed; None for no limit.
        choices: The strings allowed; empty for any.
        changeable: Whether it may be set while the node works; else it is read-only.
    """
    metadata = {
        "doc": doc, "unit": unit, "minimum": minimum, "maximum": maximum, "choices": choices,
        "changeable": changeable,
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
    if isinstance(value, float) and not math.isfinite(value):
        raise ParameterError(f"parameter {name} must be finite, got {value}")
    low, high = meta["minimum"], meta["maximum"]
    if (low is not None and value < low) or (high is not None and value > high):
        limits = f"[{'-inf' if low is None else low}, {'inf' if high is None else high}]"
        unit = f" {meta['unit']}" if meta["unit"] else ""
        raise ParameterError(f"parameter {name} must be in {limits}{unit}, got {value}")
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


def require_consistent(owner: str, values: Any) -> None:
    """Refuses values that contradict each other.

    A dataclass of parameters that can do so has a method `contradictions`, which yields sentences.

    Raises:
        ParameterError: the first contradiction.
    """
    for sentence in getattr(values, "contradictions", tuple)():
        raise ParameterError(f"parameters of {owner} contradict each other: {sentence}")


def load(cls: type[T], node: str) -> T:
    """A node's parameters as config/<node>.yaml has them.

    Raises:
        ParameterError: the file names an unknown parameter, or a value that is not allowed.
    """
    file = config_file(f"{node}.yaml")
    content = yaml.safe_load(file.read_text()) or {}
    try:
        values = content[f"/**/{node}"]["ros__parameters"]
    except (KeyError, TypeError):
        raise ParameterError(
            f"{file} must hold '/**/{node}: ros__parameters: ...', as ROS parameter files do"
        ) from None
    return build(cls, node, values)


def from_text(text: str, current: Any) -> Any:
    """The value that a text, written as in YAML, means for a parameter of the current one's type.

    The text itself if it means none.
    """
    if isinstance(current, str):
        return text
    if isinstance(current, float):
        # YAML takes 5 for an int and 1e-4 for a string.
        with contextlib.suppress(ValueError):
            return float(text)
    try:
        return yaml.safe_load(text)
    except yaml.YAMLError:
        return text


def yaml_text(cls: type, node: str) -> str:
    """The ROS parameter file of a node: every parameter at its default, with what it means."""
    lines = [f"# Parameters of the {node} node.", f"/**/{node}:", "  ros__parameters:"]
    for field in dataclasses.fields(cls):
        meta = field.metadata
        low, high = meta["minimum"], meta["maximum"]
        notes = [meta["doc"]]
        if meta["unit"]:
            notes.append(f"[{meta['unit']}]")
        if low is not None or high is not None:
            notes.append(f"({'' if low is None else low} to {'' if high is None else high})")
        if meta["choices"]:
            notes.append(f"({' | '.join(meta['choices'])})")
        lines.append(f"    {field.name}: {json.dumps(field.default)}  # {' '.join(notes)}")
    return "\n".join(lines) + "\n"


def markdown_table(cls: type, node: str) -> str:
    """The section of docs/parameters.md on a node: every parameter, and whether it may change."""
    lines = [
        f"## {node}",
        "",
        "| parameter | type | default | unit | allowed | changeable | meaning |",
    ]
    lines.append("|---|---|---|---|---|---|---|")
    for field in dataclasses.fields(cls):
        meta = field.metadata
        low, high = meta["minimum"], meta["maximum"]
        allowed = ", ".join(meta["choices"])
        if low is not None or high is not None:
            allowed = f"{'' if low is None else low} to {'' if high is None else high}"
        cells = (
            f"`{field.name}`", type(field.default).__name__, f"`{json.dumps(field.default)}`",
            meta["unit"], allowed, "yes" if meta["changeable"] else "", meta["doc"],
        )  # fmt: skip
        lines.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
    return "\n".join(lines) + "\n"
