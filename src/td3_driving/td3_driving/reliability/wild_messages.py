"""Hypothesis strategies for any ROS message: whatever its type allows, likely or not."""

from __future__ import annotations

import array
import re
from collections.abc import Callable
from importlib import import_module
from typing import Any

from hypothesis import strategies as st

MOST_BYTES, MOST_ITEMS = 4096, 4
ENCODINGS = ("", "bgra8", "8UC4", "rgb8", "mono8", "8UC1", "32FC1", "yuv422", "bgra8 ", "jpeg")

_NESTED = re.compile(r"^(?P<package>\w+)/(?P<name>\w+)$")
_MANY = re.compile(r"^sequence<(?P<item>[^,>]+)(, (?P<most>\d+))?>$")
_ARRAY = re.compile(r"^(?P<item>[^\[]+)\[(?P<count>\d+)\]$")
_INTEGER = re.compile(r"^(?P<unsigned>u?)int(?P<bits>\d+)$")

_PLAIN: dict[str, Callable[[], st.SearchStrategy[Any]]] = {
    "boolean": st.booleans,
    "float": lambda: st.floats(width=32),
    "double": st.floats,
    "string": lambda: st.one_of(
        st.sampled_from(ENCODINGS),
        st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=40),
    ),
    "octet": lambda: st.binary(min_size=1, max_size=1),
}


def wild(message: type) -> st.SearchStrategy[Any]:
    """Messages of a type with any content, numbers that are not finite included."""
    fields = message.get_fields_and_field_types()  # type: ignore[attr-defined]
    return st.builds(message, **{name: _field(kind) for name, kind in fields.items()})


def _field(kind: str) -> st.SearchStrategy[Any]:
    if kind in _PLAIN:
        return _PLAIN[kind]()
    if integer := _INTEGER.match(kind):
        bits = int(integer["bits"])
        low = 0 if integer["unsigned"] else -(2 ** (bits - 1))
        high = 2**bits - 1 if integer["unsigned"] else 2 ** (bits - 1) - 1
        small = st.integers(0, 100)
        return st.one_of(small, st.integers(low, high), st.sampled_from((low, high)))
    if kind == "sequence<uint8>":
        return st.binary(max_size=MOST_BYTES).map(lambda data: array.array("B", data))
    if many := _MANY.match(kind):
        most = min(int(many["most"] or MOST_ITEMS), MOST_ITEMS)
        return st.lists(_field(many["item"]), max_size=most)
    if fixed := _ARRAY.match(kind):
        count = int(fixed["count"])
        item = _field(fixed["item"])
        # A few values, repeated: 36 of them drawn one by one take long and show no more.
        return st.lists(item, min_size=1, max_size=3).map(lambda v: (v * count)[:count])
    nested = _NESTED.match(kind)
    assert nested is not None, f"no strategy for a field of {kind}"
    return wild(getattr(import_module(f"{nested['package']}.msg"), nested["name"]))
