"""Messages are found in a stream of bytes whatever way it is cut, and refused beyond the limits."""

from __future__ import annotations

import struct
from typing import Any

import msgpack
import pytest
from hypothesis import given
from hypothesis import strategies as st

from carla_lite.server.framing import MAX_MESSAGE_BYTES, MAX_MESSAGE_ITEMS, MessageBuffer

_leaves = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**63), 2**64 - 1),
    st.floats(allow_nan=False),
    st.text(max_size=300),
    st.binary(max_size=300),
    st.builds(msgpack.ExtType, st.integers(0, 127), st.binary(max_size=40)),
)
_keys = st.one_of(st.integers(), st.text(max_size=5)).filter(
    lambda key: not isinstance(key, int) or -(2**63) <= key < 2**64
)
_values = st.recursive(
    _leaves,
    lambda inner: st.one_of(
        st.lists(inner, max_size=20), st.dictionaries(_keys, inner, max_size=20)
    ),
    max_leaves=40,
)


def _all_of(buffer: MessageBuffer) -> list[Any]:
    messages = []
    while buffer and buffer.has_message():
        messages.append(buffer.take())
    return messages


@given(st.lists(_values, min_size=1, max_size=4), st.lists(st.integers(1, 50), min_size=1))
def test_messages_are_the_same_however_the_stream_is_cut(
    values: list[Any], sizes: list[int]
) -> None:
    stream = b"".join(msgpack.packb(value) for value in values)
    buffer, found, index = MessageBuffer(), [], 0
    while stream:
        size = sizes[index % len(sizes)]
        buffer.feed(stream[:size])
        stream, index = stream[size:], index + 1
        found += _all_of(buffer)
    assert found == values and len(buffer) == 0


@given(_values)
def test_a_message_is_not_found_before_its_last_byte(value: Any) -> None:
    packed = msgpack.packb(value)
    buffer = MessageBuffer()
    buffer.feed(packed[:-1])
    assert not (buffer and buffer.has_message())
    buffer.feed(packed[-1:])
    assert buffer.has_message() and buffer.take() == value


@given(st.binary(max_size=400))
def test_any_bytes_give_what_msgpack_makes_of_them_or_are_refused(noise: bytes) -> None:
    buffer = MessageBuffer()
    buffer.feed(noise)
    try:
        found = _all_of(buffer)
    except ValueError:
        return
    reference = msgpack.Unpacker(raw=False, strict_map_key=False)
    reference.feed(noise)
    assert [repr(value) for value in found] == [repr(reference.unpack()) for _ in found]
    assert reference.tell() == len(noise) - len(buffer)


@pytest.mark.parametrize(
    "head",
    [
        pytest.param(b"\xc6" + struct.pack(">I", MAX_MESSAGE_BYTES), id="bin"),
        pytest.param(b"\xdb" + struct.pack(">I", 2**32 - 1), id="str"),
        pytest.param(b"\xc9" + struct.pack(">I", 2**31) + b"\x01", id="ext"),
        pytest.param(b"\xdd" + struct.pack(">I", MAX_MESSAGE_ITEMS), id="array"),
        pytest.param(b"\xdf" + struct.pack(">I", MAX_MESSAGE_ITEMS // 2), id="map"),
        pytest.param(b"\xdd" + struct.pack(">I", 2**32 - 1), id="vast array"),
    ],
)
def test_a_length_beyond_the_limits_is_refused_before_its_content_comes(head: bytes) -> None:
    buffer = MessageBuffer()
    buffer.feed(head)
    with pytest.raises(ValueError, match="a message of more than"):
        buffer.has_message()


def test_a_map_with_a_list_for_a_key_is_refused() -> None:
    buffer = MessageBuffer()
    buffer.feed(b"\x81\x91\x01\x02")
    assert buffer.has_message()
    with pytest.raises(ValueError, match="bad key"):
        buffer.take()


def test_many_small_items_are_refused_though_their_bytes_are_few() -> None:
    buffer = MessageBuffer()
    with pytest.raises(ValueError, match=f"more than {MAX_MESSAGE_ITEMS} items"):
        for _ in range(MAX_MESSAGE_ITEMS // 1000):
            buffer.feed(b"\xdc\x03\xe8" + b"\xdc\x00\x02" * 999)
            buffer.has_message()
    assert len(buffer) < 4_000_000


def test_a_message_of_just_the_largest_size_is_taken() -> None:
    text = bytes(MAX_MESSAGE_BYTES - 5)
    buffer = MessageBuffer()
    buffer.feed(msgpack.packb(text))
    assert buffer.has_message() and buffer.take() == text
    items = [0] * (MAX_MESSAGE_ITEMS - 1)
    buffer.feed(msgpack.packb(items))
    assert buffer.has_message() and buffer.take() == items
