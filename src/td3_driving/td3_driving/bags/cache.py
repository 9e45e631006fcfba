"""Messages between who receives them and who writes them: bounded in bytes, drops counted."""

from __future__ import annotations

import threading
from collections import Counter, deque
from typing import NamedTuple


class Received(NamedTuple):
    """One serialized message and when it came, in nanoseconds of wall time."""

    topic: str
    at_ns: int
    data: bytes


class BoundedCache:
    """Takes messages from one thread and gives them to another; never waits for the disk.

    Args:
        limit_bytes: Of messages that wait; one that does not fit any more is dropped and counted.
    """

    def __init__(self, limit_bytes: int) -> None:
        self._limit = limit_bytes
        self._ready = threading.Condition()
        self._waiting: deque[Received] = deque()
        self._bytes = 0
        self._closed = False
        self.dropped: Counter[str] = Counter()
        """Messages dropped, by topic."""

    def put(self, message: Received) -> bool:
        """Takes a message; whether there was room."""
        with self._ready:
            if self._closed or self._bytes + len(message.data) > self._limit:
                self.dropped[message.topic] += 1
                return False
            self._waiting.append(message)
            self._bytes += len(message.data)
            self._ready.notify()
            return True

    def take(self) -> Received | None:
        """The oldest message, as soon as there is one; None once it is closed and empty."""
        with self._ready:
            self._ready.wait_for(lambda: self._waiting or self._closed)
            if not self._waiting:
                return None
            message = self._waiting.popleft()
            self._bytes -= len(message.data)
            return message

    def close(self) -> None:
        """Takes nothing more."""
        with self._ready:
            self._closed = True
            self._ready.notify_all()
