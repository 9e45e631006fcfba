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

_EXPECTED_FOR_S = 0.25
_ACCEPT_PAUSE_S = 0.5
_LENGTH = struct.Struct("<I")
_log = logging.getLogger(__name__)


class _Reader:
    """One connection; before its id has arrived it reads no stream yet."""

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock
        self.greeting = b""
        self.unsent: list[memoryview] = []

    def push(self, parts: Parts) -> None:
        """Sends what the socket takes at once and keeps the rest."""
        length = _LENGTH.pack(sum(len(part) for part in parts))
        self.unsent += [memoryview(part) for part in (length, *parts)]
        self.flush()

    def flush(self) -> None:
        """Goes on sending; raises OSError when the other side has left."""
        while self.unsent:
            try:
                sent = self.sock.sendmsg(self.unsent)
            except BlockingIOError:
                return
            while self.unsent and sent >= len(self.unsent[0]):
                sent -= len(self.unsent.pop(0))
            if sent:
                self.unsent[0] = self.unsent[0][sent:]


class Streams:
    """The stream port: accepts subscribers and sends them messages by stream id.

    Everything here runs on the event loop's thread.
    """

    def __init__(self, welcome: Callable[[int], Parts | None]) -> None:
        """`welcome` gives the message, if any, for a new reader of the stream with this id."""
        self._welcome = welcome
        self._listener: socket.socket | None = None
        self._readers: dict[int, list[_Reader]] = {}
        self._greeting: set[_Reader] = set()
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
        for reader in [*self._greeting, *(r for rs in self._readers.values() for r in rs)]:
            self._drop(reader)
        self._readers.clear()

    def has_readers(self, stream_id: int) -> bool:
        """Whether anyone would see a message, so that nothing is rendered for nobody."""
        return stream_id in self._readers

    def expect(self, stream_id: int) -> None:
        """Notes that a client has asked for a token and is about to subscribe."""
        now = self._loop.time()
        self._expected = {key: until for key, until in self._expected.items() if until > now}
        self._expected[stream_id] = now + _EXPECTED_FOR_S

    async def settle(self) -> None:
        """Waits a moment for subscribers on their way, so that a first tick is not lost on them."""
        while self._expected:
            remaining = max(self._expected.values()) - self._loop.time()
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
        prompt = True
        for reader in list(self._readers.get(stream_id, ())):
            if reader.unsent and not lossless:
                continue  # it has not finished its last message: this one is dropped
            self._push(stream_id, reader, parts)
            if reader.unsent:
                prompt = False
                if not lossless:
                    reader.unsent = [memoryview(bytes(part)) for part in reader.unsent]
        return prompt

    def _push(self, stream_id: int, reader: _Reader, parts: Parts) -> None:
        try:
            reader.push(parts)
        except OSError:
            self._leave(stream_id, reader)
        else:
            if reader.unsent:
                self._loop.add_writer(reader.sock, self._continue, stream_id, reader)

    async def drained(self) -> None:
        """Waits until every reader has everything; cuts off those which stopped reading."""
        deadline = self._loop.time() + STALLED_AFTER_S
        while waiting := [
            (stream_id, reader)
            for stream_id, readers in self._readers.items()
            for reader in readers
            if reader.unsent
        ]:
            if self._loop.time() > deadline:
                for stream_id, reader in waiting:
                    _log.warning(
                        "a reader of stream %d took no message for %.0f s: disconnected",
                        stream_id,
                        STALLED_AFTER_S,
                    )
                    self._leave(stream_id, reader)
                return
            self._progress.clear()
            with contextlib.suppress(asyncio.TimeoutError):
                await asyncio.wait_for(self._progress.wait(), deadline - self._loop.time())

    def _continue(self, stream_id: int, reader: _Reader) -> None:
        try:
            reader.flush()
        except OSError:
            self._leave(stream_id, reader)
        else:
            if not reader.unsent:
                self._loop.remove_writer(reader.sock)
        self._progress.set()

    def _accept(self) -> None:
        assert self._listener is not None
        try:
            sock, _ = self._listener.accept()
        except BlockingIOError:
            return
        except OSError as error:  # out of file descriptors: let some go first
            _log.warning("cannot accept a stream connection: %s", error)
            self._loop.remove_reader(self._listener)
            self._loop.call_later(_ACCEPT_PAUSE_S, self._resume_accepting)
            return
        sock.setblocking(False)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        reader = _Reader(sock)
        self._greeting.add(reader)
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
            self._drop(reader)
            return
        reader.greeting += data
        if len(reader.greeting) == _LENGTH.size:
            (stream_id,) = _LENGTH.unpack(reader.greeting)
            self._greeting.discard(reader)
            self._readers.setdefault(stream_id, []).append(reader)
            self._expected.pop(stream_id, None)
            self._subscribed.set()
            self._loop.add_reader(reader.sock, self._watch, stream_id, reader)
            message = self._welcome(stream_id)
            if message is not None:
                self._push(stream_id, reader, message)

    def _watch(self, stream_id: int, reader: _Reader) -> None:
        """Notices when a subscriber leaves; whatever it says is ignored."""
        try:
            gone = not reader.sock.recv(4096)
        except BlockingIOError:
            return
        except OSError:
            gone = True
        if gone:
            self._leave(stream_id, reader)
            self._progress.set()

    def _leave(self, stream_id: int, reader: _Reader) -> None:
        readers = self._readers.get(stream_id, [])
        if reader in readers:
            readers.remove(reader)
        if not readers:
            self._readers.pop(stream_id, None)
        self._drop(reader)

    def _drop(self, reader: _Reader) -> None:
        self._greeting.discard(reader)
        reader.unsent.clear()
        if reader.sock.fileno() >= 0:
            self._loop.remove_reader(reader.sock)
            self._loop.remove_writer(reader.sock)
            reader.sock.close()
