"""msgpack-rpc over TCP as CARLA's client speaks it: back-to-back messages without length prefix.

A request is [0, id, method, [meta, argument...]], where meta is [True] when the client will not
wait for the reply; the reply is [1, id, error, result].
"""

import asyncio
import logging
import socket
from collections.abc import Awaitable, Callable
from typing import Any

import msgpack

MAX_MESSAGE_BYTES = 16 * 1024 * 1024
_LIMITS = {  # a few bytes can announce a huge array, for which room would be made at once
    "max_buffer_size": MAX_MESSAGE_BYTES,
    "max_array_len": 16_384,
    "max_map_len": 1024,
    "max_ext_len": 1024,
}
_REQUEST, _RESPONSE, _NOTIFICATION = 0, 1, 2
_log = logging.getLogger(__name__)

Dispatch = Callable[[str, list[Any], bool], Any]
"""Takes method, arguments and whether the client waits; gives the result or an awaitable of it."""


class MalformedRequestError(ValueError):
    """Valid msgpack, but no request."""


def parse_request(message: Any) -> tuple[int | None, str, list[Any], bool]:
    """Splits a request into message id, method, arguments and whether the client waits.

    Raises:
        MalformedRequestError: it is none.
    """
    match message:
        case [0, int(message_id), str(method), [[bool(ignores_reply)], *arguments]]:
            return message_id, method, arguments, not ignores_reply
        case [0, int(message_id), str(method), [*arguments]]:
            return message_id, method, arguments, True
        case [2, str(method), [*arguments]]:
            return None, method, arguments, False
    raise MalformedRequestError(f"not a msgpack-rpc request: {message!r:.120}")


class RpcConnection(asyncio.Protocol):
    """One client. Malformed input ends this connection and harms no other."""

    def __init__(self, dispatch: Dispatch, connections: set["RpcConnection"]) -> None:
        self._dispatch = dispatch
        self._connections = connections
        self._unpacker = msgpack.Unpacker(raw=False, strict_map_key=False, **_LIMITS)
        self._pack = msgpack.Packer().pack
        self._transport: asyncio.Transport | None = None
        self._waiting: set[asyncio.Future[None]] = set()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """A client connected."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._connections.add(self)
        sock = transport.get_extra_info("socket")
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def connection_lost(self, exc: Exception | None) -> None:
        """The client left; its pending calls run to their end without a reply."""
        self._connections.discard(self)

    def pause_writing(self) -> None:
        """The client does not read its replies: take no further requests until it does."""
        if self._transport is not None:
            self._transport.pause_reading()

    def resume_writing(self) -> None:
        """It reads again."""
        if self._transport is not None and not self._transport.is_closing():
            self._transport.resume_reading()

    def data_received(self, data: bytes) -> None:
        """Handles every message that is complete."""
        try:
            self._unpacker.feed(data)
            for message in self._unpacker:
                self._handle(*parse_request(message))
        except (ValueError, msgpack.exceptions.UnpackException, RecursionError) as error:
            peer = self._transport.get_extra_info("peername") if self._transport else None
            _log.warning("closing the connection of %s: %s", peer, str(error) or repr(error))
            self.close()

    def close(self) -> None:
        """Hangs up."""
        if self._transport is not None:
            self._transport.close()

    def _handle(
        self, message_id: int | None, method: str, arguments: list[Any], waits: bool
    ) -> None:
        result = self._dispatch(method, arguments, waits)
        if isinstance(result, Awaitable):
            task = asyncio.ensure_future(self._reply_later(message_id, result))
            self._waiting.add(task)  # the loop itself keeps only a weak reference
            task.add_done_callback(self._waiting.discard)
        elif message_id is not None and waits:
            self._reply(message_id, result)

    async def _reply_later(self, message_id: int | None, result: Awaitable[Any]) -> None:
        value = await result
        if message_id is not None:
            self._reply(message_id, value)

    def _reply(self, message_id: int, result: Any) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(self._pack([_RESPONSE, message_id, None, result]))
