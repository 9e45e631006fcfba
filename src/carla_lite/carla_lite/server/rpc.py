"""msgpack-rpc over TCP as CARLA's client speaks it: back-to-back messages without length prefix.

A request is [0, id, method, [meta, argument...]], where meta is [True] when the client will not
wait for the reply; the reply is [1, id, error, result].
"""

import asyncio
import logging
import reprlib
import socket
from collections.abc import Callable
from types import CoroutineType
from typing import Any

import msgpack

from carla_lite.server.framing import MessageBuffer

MAX_CONNECTIONS = 512
MAX_UNREAD_BYTES = 64 * 1024 * 1024
"""Of incomplete messages, over all connections."""

_MAX_WAITING = 64  # calls of one connection that wait for the world, such as ticks
_RECEIVE_BYTES = 256 * 1024
_TURN_S = 0.005  # then others have theirs
_REQUEST, _RESPONSE, _NOTIFICATION = 0, 1, 2
_log = logging.getLogger(__name__)

Dispatch = Callable[[str, list[Any], bool], Any]
"""Takes method, arguments and whether the client waits; gives the result or a coroutine of it."""


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
    raise MalformedRequestError(f"not a msgpack-rpc request: {reprlib.repr(message)}")


class RpcPort:
    """Everyone who is connected to the RPC port, and how much they may hold together."""

    def __init__(self, dispatch: Dispatch) -> None:
        """Takes what answers the calls."""
        self.dispatch = dispatch
        # What arrives is handled before anything else is received, so one buffer serves all.
        self.received = bytearray(_RECEIVE_BYTES)
        self._connections: dict[RpcConnection, None] = {}  # the longest silent one first

    def connection(self) -> "RpcConnection":
        """A protocol for the next client."""
        return RpcConnection(self)

    def add(self, connection: "RpcConnection") -> None:
        """Notes a new client; when there are too many, the longest silent one has to go."""
        self._connections[connection] = None
        if len(self._connections) > MAX_CONNECTIONS:
            silent = (one for one in self._connections if not one.has_spoken)
            next(silent, next(iter(self._connections))).end("there are too many connections")

    def discard(self, connection: "RpcConnection") -> None:
        """A client has gone."""
        self._connections.pop(connection, None)

    def limit_unread(self) -> None:
        """Cuts off who has sent the most of what is no message yet, when all is too much."""
        if sum(one.unread_bytes for one in self._connections) > MAX_UNREAD_BYTES:
            worst = max(self._connections, key=lambda one: one.unread_bytes)
            worst.end("its message is too large while others are")

    def close(self) -> None:
        """Hangs up on everyone."""
        for connection in list(self._connections):
            connection.close()


class RpcConnection(asyncio.BufferedProtocol):
    """One client. Malformed input ends this connection and harms no other."""

    def __init__(self, port: RpcPort) -> None:
        self._port = port
        self._buffer = MessageBuffer()
        self._pack = msgpack.Packer().pack
        self._transport: asyncio.Transport | None = None
        self._waiting: set[asyncio.Future[None]] = set()
        self._reads_replies = True
        self._is_working = False
        self.has_spoken = False

    @property
    def unread_bytes(self) -> int:
        """What has arrived and is not handled."""
        return len(self._buffer)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """A client connected."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        sock = transport.get_extra_info("socket")
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        self._loop = asyncio.get_running_loop()
        self._port.add(self)

    def connection_lost(self, exc: Exception | None) -> None:
        """The client left; its pending calls run to their end without a reply."""
        self._port.discard(self)
        self._buffer.clear()

    def pause_writing(self) -> None:
        """The client does not read its replies: take no further requests until it does."""
        self._reads_replies = False

    def resume_writing(self) -> None:
        """It reads again."""
        self._reads_replies = True
        self._work_on()

    def get_buffer(self, sizehint: int) -> bytearray:
        """Where the next bytes go."""
        return self._port.received

    def buffer_updated(self, nbytes: int) -> None:
        """Takes the bytes and handles every message that is complete."""
        self._buffer.feed(memoryview(self._port.received)[:nbytes])
        self._work()
        if len(self._buffer) >= _RECEIVE_BYTES:
            self._port.limit_unread()

    def close(self) -> None:
        """Hangs up."""
        if self._transport is not None:
            self._transport.close()

    def end(self, reason: str) -> None:
        """Hangs up at once, whatever was still to be sent, and says why in the log."""
        if self._transport is None or self._transport.is_closing():
            return
        peer = self._transport.get_extra_info("peername")
        _log.warning("closing the connection of %s: %s", peer, reason)
        self._buffer.clear()
        self._transport.abort()
        self._port.discard(self)

    def _work(self) -> None:
        """Handles messages until there is none, or it must wait, or others have their turn."""
        until = self._loop.time() + _TURN_S
        try:
            while self._buffer and self._buffer.has_message():
                if not self._reads_replies or len(self._waiting) >= _MAX_WAITING:
                    self._hold()
                    return
                self._handle(*parse_request(self._buffer.take()))
                if self._loop.time() > until and self._buffer:
                    self._hold()
                    self._work_on()
                    return
        except (ValueError, RecursionError, msgpack.exceptions.UnpackException) as error:
            self.end(str(error) or repr(error))

    def _hold(self) -> None:
        if self._transport is not None:
            self._transport.pause_reading()

    def _work_on(self, *_: object) -> None:
        """Goes on with what was held, when everything else has had its turn."""
        if not self._is_working:
            self._is_working = True
            self._loop.call_soon(self._resume)

    def _resume(self) -> None:
        self._is_working = False
        if self._transport is not None and not self._transport.is_closing():
            self._transport.resume_reading()
            self._work()

    def _handle(
        self, message_id: int | None, method: str, arguments: list[Any], waits: bool
    ) -> None:
        self.has_spoken = True
        result = self._port.dispatch(method, arguments, waits)
        if type(result) is CoroutineType:
            task = self._loop.create_task(self._reply_later(message_id, result))
            self._waiting.add(task)  # the loop itself keeps only a weak reference
            task.add_done_callback(self._waited)
        elif message_id is not None and waits:
            self._reply(message_id, result)

    def _waited(self, task: asyncio.Future[None]) -> None:
        self._waiting.discard(task)
        if self._buffer:
            self._work_on()

    async def _reply_later(
        self, message_id: int | None, result: "CoroutineType[Any, Any, Any]"
    ) -> None:
        value = await result
        if message_id is not None:
            self._reply(message_id, value)

    def _reply(self, message_id: int, result: Any) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(self._pack([_RESPONSE, message_id, None, result]))
