"""Splits what a connection sends into msgpack messages, within limits.

msgpack has no outer length, and a few bytes can announce gigabytes or become many small objects.
So the end of a message is found first, and only a whole message within the limits is built.
"""

from typing import Any

import msgpack

from carla_lite.server._framing import Framer

MAX_MESSAGE_BYTES = 16 * 1024 * 1024
"""Enough for an OpenDRIVE file of a large town."""

MAX_MESSAGE_ITEMS = 500_000
"""Numbers, texts and lists in one message; enough for a batch of ten thousand spawns."""


class MessageBuffer:
    """The unread bytes of one connection."""

    def __init__(self) -> None:
        self._data = bytearray()
        self._framer = Framer(MAX_MESSAGE_BYTES, MAX_MESSAGE_ITEMS)

    def __len__(self) -> int:
        """How many bytes wait."""
        return len(self._data)

    def feed(self, data: bytes | memoryview) -> None:
        """Adds what arrived."""
        self._data += data

    def clear(self) -> None:
        """Forgets everything."""
        self._data.clear()
        self._framer.reset()

    def has_message(self) -> bool:
        """Whether a whole message waits.

        Raises:
            ValueError: what waits is no msgpack, or beyond the limits.
        """
        whole: bool = self._framer.advance(self._data)
        return whole

    def take(self) -> Any:
        """The first message, after `has_message` has said yes.

        Raises:
            ValueError: text that is no UTF-8, too many lists within one another, or a map with a
                key that Python cannot have.
        """
        end = self._framer.position
        with memoryview(self._data) as view, view[:end] as message:
            try:
                built = msgpack.unpackb(message, raw=False, strict_map_key=False)
            except TypeError as error:
                raise ValueError(f"a map with a bad key: {error}") from None
        del self._data[:end]
        self._framer.reset()
        return built
