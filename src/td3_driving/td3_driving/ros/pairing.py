"""Pairs the messages of one simulation tick by their exact stamp."""

from __future__ import annotations

from typing import Any


class StampPairer:
    """Collects one message per name and stamp until a stamp is complete.

    Old stamps are dropped, and counted, when more than `depth` are incomplete, or when a newer one
    completes first: the graph moves forward only.
    """

    def __init__(self, names: tuple[str, ...], depth: int = 32) -> None:
        self._names = frozenset(names)
        self._depth = depth
        self._waiting: dict[int, dict[str, Any]] = {}
        self.dropped = 0

    def add(self, stamp_ns: int, name: str, message: Any) -> dict[str, Any] | None:
        """Takes a message; returns all messages of its stamp once they are complete."""
        if name not in self._names:
            raise KeyError(f"{name!r} is not one of {sorted(self._names)}")
        waiting = self._waiting.setdefault(stamp_ns, {})
        waiting[name] = message
        if len(waiting) == len(self._names):
            del self._waiting[stamp_ns]
            # Simulation time may start again, with another server: only earlier stamps are old.
            for old in [stamp for stamp in self._waiting if stamp < stamp_ns]:
                del self._waiting[old]
                self.dropped += 1
            return waiting
        while len(self._waiting) > self._depth:
            del self._waiting[next(iter(self._waiting))]
            self.dropped += 1
        return None

    def clear(self) -> None:
        """Forgets what is incomplete."""
        self._waiting.clear()
