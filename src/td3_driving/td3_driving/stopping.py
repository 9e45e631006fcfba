"""Signals as a wish to stop: what is under way is finished, not torn apart."""

from __future__ import annotations

import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class StopRequest:
    """Set by a signal; callbacks under way are finished, not torn apart."""

    SAME_S = 1.0
    """Ctrl-C under `ros2 launch` comes twice: from the terminal, and from launch."""

    def __init__(self) -> None:
        self.signal: signal.Signals | None = None
        self._count = 0
        self._last_s = -self.SAME_S

    def take(self, number: int, _: FrameType | None) -> None:
        """The signal handler. A third signal no longer waits for anything."""
        self.signal = signal.Signals(number)
        now_s = time.monotonic()
        same, self._last_s = now_s - self._last_s < self.SAME_S, now_s
        if same:
            return
        self._count += 1
        if self._count == 2:
            print("still saving; once more stops at once", file=sys.stderr)
        elif self._count > 2:
            raise KeyboardInterrupt


@contextmanager
def stop_on_signals() -> Iterator[StopRequest]:
    """While inside, SIGINT, SIGTERM and SIGHUP ask for a stop instead of ending the process."""
    request = StopRequest()
    before = {number: signal.signal(number, request.take) for number in STOP_SIGNALS}
    try:
        yield request
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
