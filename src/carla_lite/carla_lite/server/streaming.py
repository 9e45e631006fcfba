"""Pushes world states and sensor data to whoever subscribed.

A subscriber connects, sends the id of a stream (u32, little endian) and from then on only reads
messages: u32 length, then that many bytes. Streams of unknown ids and of dead sensors stay open in
silence, since CARLA's client answers a closed one by reconnecting in a hot loop.
"""

import asyncio
import contextlib
import logging
import socket
import struct
from collections.abc import Callable

from carla_lite.server.packing import Parts

STALLED_AFTER_S = 10.0
"""A reader which has not taken its message after so long, while a tick waits, is cut off."""

MAX_READERS = 512
"""Subscribers of all streams; one more sends the one away which has waited longest for nothing."""

_MAX_GREETING = 128
_EXPECTED_FOR_S = 0.9
_MAX_EXPECTED = 64
_ACCEPT_PAUSE_S = 0.5
_ACCEPTED_AT_ONCE = 64
_IGNORED_BYTES = 65536
_JOINED_BYTES = 8192  # up to this size one copy is cheaper than sending pieces
_SEND_BUFFER_BYTES = 4 * 1024 * 1024
_KERNEL_HOLDS_BYTES = 16 * 1024
"""How much may wait in the kernel for a reader that has no room; with the megabytes it would like
to keep, a slow reader of small messages sees the world of minutes ago instead of losing frames.
Where no frame may be lost it is one message, so that a large picture leaves in one call."""

_LENGTH = struct.Struct("<I")
_log = logging.getLogger(__name__)


def _framed(parts: Parts) -> list[memoryview]:
    """A message behind its length, as few pieces."""
    size = sum(len(part) for part in parts)
    pieces = (_LENGTH.pack(size), *parts)
    if size <= _JOINED_BYTES:
        return [memoryview(b"".join(pieces))]
    return [memoryview(piece) for piece in pieces]


class _Reader:
    """One connection; before its id has arrived it reads no stream yet."""

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock
        self.stream_id = 0
        self.greeting = b""
        self.unsent: list[memoryview] = []
        self.was_served = False
        self._kernel_holds = 0

    def push(self, message: list[memoryview], lossless: bool) -> None:
        """Sends what the socket takes at once and keeps the rest."""
        self._let_kernel_hold(sum(len(piece) for piece in message) if lossless else 0)
        self.was_served = True
        self.unsent += message
        self.flush()

    def _let_kernel_hold(self, wanted: int) -> None:
        size = max(wanted, _KERNEL_HOLDS_BYTES)
        if size != self._kernel_holds and hasattr(socket, "TCP_NOTSENT_LOWAT"):
            self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT, size)
            self._kernel_holds = size

    def flush(self) -> None:
        """Goes on sending; raises OSError when the other side has left."""
        while self.unsent:
            try:
                if len(self.unsent) == 1:
                    sent = self.sock.send(self.unsent[0])
                else:
                    sent = self.sock.sendmsg(self.unsent)
            except BlockingIOError:
                return
            while self.unsent and sent >= len(self.unsent[0]):
                sent -= len(self.unsent.pop(0))
            if sent:
                self.unsent[0] = self.unsent[0][sent:]

    def keep(self, message: list[memoryview]) -> None:
        """Takes the rest that is unsent from this copy of the message."""
        rest = message[-len(self.unsent) :]
        rest[0] = rest[0][len(rest[0]) - len(self.unsent[0]) :]
        self.unsent = rest


class Streams:
    """The stream port: accepts subscribers and sends them messages by stream id.

    Everything here runs on the event loop's thread.
    """

    def __init__(self, welcome: Callable[[int], Parts | None]) -> None:
        """`welcome` gives the message, if any, for a new reader of the stream with this id."""
        self._welcome = welcome
        self._listener: socket.socket | None = None
        self._readers: dict[int, list[_Reader]] = {}
        self._subscribers: dict[_Reader, None] = {}  # the same, in the order in which they came
        self._greeting: dict[_Reader, None] = {}
        self._expected: dict[int, float] = {}
        self._subscribed = asyncio.Event()
        self._progress = asyncio.Event()
        self.port = 0

    def open(self, listener: socket.socket) -> None:
        """Serves a bound, listening socket."""
        listener.setblocking(False)
        self._loop = asyncio.get_running_loop()
        self._listener = listener
        self.port = listener.getsockname()[1]
        self._loop.add_reader(listener, self._accept)

    def close(self) -> None:
        """Hangs up on everyone."""
        if self._listener is not None:
            self._loop.remove_reader(self._listener)
            self._listener.close()
        for reader in [*self._greeting, *self._subscribers]:
            self._leave(reader)

    def read(self) -> list[int]:
        """The streams that anyone reads."""
        return list(self._readers)

    def has_readers(self, stream_id: int, *, lossless: bool) -> bool:
        """Whether `send` would reach anyone, so that nothing is rendered for nobody."""
        readers = self._readers.get(stream_id, ())
        return any(lossless or not reader.unsent for reader in readers)

    def expect(self, stream_id: int) -> None:
        """Notes that a client has asked for a token and is about to subscribe."""
        now = self._loop.time()
        self._expected = {key: until for key, until in self._expected.items() if until > now}
        if len(self._expected) < _MAX_EXPECTED:
            self._expected[stream_id] = now + _EXPECTED_FOR_S

    async def settle(self) -> None:
        """Waits a moment for subscribers on their way, so that a first tick is not lost on them."""
        patience = self._loop.time() + _EXPECTED_FOR_S  # however many keep asking
        while self._expected:
            remaining = min(patience, max(self._expected.values())) - self._loop.time()
            if remaining <= 0.0:
                self._expected.clear()
                return
            self._subscribed.clear()
            try:
                await asyncio.wait_for(self._subscribed.wait(), remaining)
            except asyncio.TimeoutError:
                self._expected.clear()

    @property
    def is_settled(self) -> bool:
        """Whether no subscriber is on its way."""
        return not self._expected

    def send(self, stream_id: int, parts: Parts, *, lossless: bool) -> bool:
        """Sends a message to every reader of a stream.

        Args:
            stream_id: the world's or a sensor's.
            parts: the message in pieces; with `lossless` they must stay as they are until
                `drained` returns.
            lossless: queue for readers which are behind instead of skipping them.

        Returns:
            Whether all of it left at once; if not, a lossless sender awaits `drained`.
        """
        readers = self._readers.get(stream_id)
        if not readers:
            return True
        message = _framed(parts)
        copy: list[memoryview] = []
        prompt = True
        for reader in list(readers):
            if reader.unsent and not lossless:
                continue  # it has not finished its last message: this one is dropped
            self._push(reader, message, lossless)
            if reader.unsent:
                prompt = False
                if not lossless:
                    copy = copy or [memoryview(bytes(piece)) for piece in message]
                    reader.keep(copy)
        return prompt

    def _push(self, reader: _Reader, message: list[memoryview], lossless: bool) -> None:
        try:
            reader.push(message, lossless)
        except OSError:
            self._leave(reader)
        else:
            if reader.unsent:
                self._loop.add_writer(reader.sock, self._continue, reader)

    async def drained(self) -> None:
        """Waits until every reader has everything; cuts off those which stopped reading."""
        deadline = self._loop.time() + STALLED_AFTER_S
        while waiting := [reader for reader in self._subscribers if reader.unsent]:
            if self._loop.time() > deadline:
                for reader in waiting:
                    _log.warning(
                        "a reader of stream %d took no message for %.0f s: disconnected",
                        reader.stream_id,
                        STALLED_AFTER_S,
                    )
                    self._leave(reader)
                return
            self._progress.clear()
            with contextlib.suppress(asyncio.TimeoutError):
                await asyncio.wait_for(self._progress.wait(), deadline - self._loop.time())

    def _continue(self, reader: _Reader) -> None:
        try:
            reader.flush()
        except OSError:
            self._leave(reader)
        else:
            if not reader.unsent:
                self._loop.remove_writer(reader.sock)
        self._progress.set()

    def _accept(self) -> None:
        """Takes everyone who waits at the door, but not for ever."""
        assert self._listener is not None
        for _ in range(_ACCEPTED_AT_ONCE):
            try:
                sock, _ = self._listener.accept()
            except (BlockingIOError, ConnectionAbortedError):
                return
            except OSError as error:  # out of file descriptors: let some go first
                _log.warning("cannot accept a stream connection: %s", error)
                self._loop.remove_reader(self._listener)
                self._loop.call_later(_ACCEPT_PAUSE_S, self._resume_accepting)
                return
            self._admit(sock)

    def _admit(self, sock: socket.socket) -> None:
        sock.setblocking(False)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _SEND_BUFFER_BYTES)
        reader = _Reader(sock)
        self._greeting[reader] = None
        if len(self._greeting) > _MAX_GREETING:
            self._leave(next(iter(self._greeting)))
        self._loop.add_reader(sock, self._greet, reader)

    def _resume_accepting(self) -> None:
        if self._listener is not None and self._listener.fileno() >= 0:
            self._loop.add_reader(self._listener, self._accept)

    def _greet(self, reader: _Reader) -> None:
        """Reads the four bytes that name the stream."""
        try:
            data = reader.sock.recv(_LENGTH.size - len(reader.greeting))
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            self._leave(reader)
            return
        reader.greeting += data
        if len(reader.greeting) == _LENGTH.size:
            (reader.stream_id,) = _LENGTH.unpack(reader.greeting)
            self._subscribe(reader)

    def _subscribe(self, reader: _Reader) -> None:
        self._greeting.pop(reader, None)
        if len(self._subscribers) >= MAX_READERS:
            idle = (one for one in self._subscribers if not one.was_served)
            self._leave(next(idle, next(iter(self._subscribers))))
        self._subscribers[reader] = None
        self._readers.setdefault(reader.stream_id, []).append(reader)
        self._expected.pop(reader.stream_id, None)
        self._subscribed.set()
        self._loop.add_reader(reader.sock, self._watch, reader)
        message = self._welcome(reader.stream_id)
        if message is not None:
            self._push(reader, _framed(message), lossless=True)

    def _watch(self, reader: _Reader) -> None:
        """Notices when a subscriber leaves; whatever it says is ignored."""
        try:
            gone = not reader.sock.recv(_IGNORED_BYTES)
        except BlockingIOError:
            return
        except OSError:
            gone = True
        if gone:
            self._leave(reader)
            self._progress.set()

    def _leave(self, reader: _Reader) -> None:
        """Lets go of a connection, whatever it had come to."""
        self._greeting.pop(reader, None)
        self._subscribers.pop(reader, None)
        readers = self._readers.get(reader.stream_id, [])
        if reader in readers:
            readers.remove(reader)
            if not readers:
                del self._readers[reader.stream_id]
        reader.unsent.clear()
        if reader.sock.fileno() >= 0:
            self._loop.remove_reader(reader.sock)
            self._loop.remove_writer(reader.sock)
            reader.sock.close()
