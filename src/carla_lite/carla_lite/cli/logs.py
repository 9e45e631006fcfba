"""Keeps a log readable, whatever clients do."""

import logging
import time

_BURST = 100
_PER_S = 5.0


class FloodGate(logging.Filter):
    """Lets a burst of records through and then a few each second; says how many it kept back."""

    def __init__(self) -> None:
        super().__init__()
        self._room = float(_BURST)
        self._last_s = time.monotonic()
        self._kept_back = 0

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether to show a record."""
        now = time.monotonic()
        self._room = min(float(_BURST), self._room + _PER_S * (now - self._last_s))
        self._last_s = now
        if self._room < 1.0:
            self._kept_back += 1
            return False
        self._room -= 1.0
        if self._kept_back:
            record.msg = f"({self._kept_back} messages left out) {record.msg}"
            self._kept_back = 0
        return True
