"""A plain connection to a running carla-lite: CARLA's RPC, without CARLA's client."""

from __future__ import annotations

import socket
import threading
from typing import Any

import msgpack

MAX_REPLY_BYTES = 64 * 1024 * 1024
_CHUNK = 1 << 16


class LinkError(RuntimeError):
    """The server is not there, hung up, or refused what it was asked."""


class Link:
    """One connection, used by one thread at a time; the next call after a failure makes a new one.

    Attributes:
        host, port: of the server's RPC.
    """

    def __init__(self, host: str, port: int, timeout_s: float = 10.0) -> None:
        """Connects with the first call, not now."""
        self.host, self.port, self._timeout_s = host, port, timeout_s
        self._lock = threading.Lock()
        self._socket: socket.socket | None = None
        self._unpacker = msgpack.Unpacker()
        self._last_id = 0

    def call(self, method: str, *arguments: Any) -> Any:
        """Calls a method that returns Response<T>, and gives its value.

        Raises:
            LinkError: there is no server, it hung up or was silent for too long, or it answered
                with an error.
        """
        with self._lock:
            try:
                reply = self._exchange(method, arguments)
            except (OSError, ValueError, msgpack.exceptions.UnpackException) as error:
                self._drop()
                raise LinkError(
                    f"no answer from {self.host}:{self.port} ({error}): is carla-lite running "
                    "there?"
                ) from error
        match reply:
            case [1, int(), None, [[1, value]]]:
                return value
            case [1, int(), None, [[0, [str(message)]]]]:
                raise LinkError(message)
        raise LinkError(f"{self.host}:{self.port} answered {reply!r:.80}: that is no carla-lite")

    def close(self) -> None:
        """Hangs up."""
        with self._lock:
            self._drop()

    def _drop(self) -> None:
        if self._socket is not None:
            self._socket.close()
        self._socket = None

    def _exchange(self, method: str, arguments: tuple[Any, ...]) -> Any:
        if self._socket is None:
            address = (self.host, self.port)
            self._socket = socket.create_connection(address, timeout=self._timeout_s)
            self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._unpacker = msgpack.Unpacker(raw=False, max_buffer_size=MAX_REPLY_BYTES)
        self._last_id += 1
        request = [0, self._last_id, method, [[False], *arguments]]
        self._socket.sendall(msgpack.packb(request))
        while True:
            for reply in self._unpacker:
                return reply
            data = self._socket.recv(_CHUNK)
            if not data:
                raise ConnectionError("the server hung up")
            self._unpacker.feed(data)
