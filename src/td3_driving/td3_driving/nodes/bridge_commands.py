"""Which of the commands that arrive may reach the simulator. Pure; time and stamps come in."""

from __future__ import annotations

from collections import Counter

from td3_driving.simulator import BRAKE, Command


class CommandIntake:
    """Judges commands by the stamp of the frame that they answer.

    Used in both modes: a command is fresh when it answers a frame of this episode, newer than the
    last frame that was answered. In lock-step that is the newest frame and no other.

    Attributes:
        ignored: How many were not fresh, by reason.
    """

    def __init__(self, lock_step: bool, timeout_s: float) -> None:
        self._lock_step = lock_step
        self._timeout_s = timeout_s
        self.ignored: Counter[str] = Counter()
        self.forget()

    def forget(self) -> None:
        """Ignore whatever was commanded until now, and all commands until the next frame."""
        self._first_ns: int | None = None
        self._newest_ns = -1
        self._answered_ns = -1
        self._command = BRAKE
        self._arrived_s = float("-inf")

    def frame(self, stamp_ns: int) -> None:
        """A frame was published."""
        if self._first_ns is None:
            self._first_ns = stamp_ns
        self._newest_ns = stamp_ns

    def accept(self, stamp_ns: int, command: Command, now_s: float) -> bool:
        """Take a command in; whether it was fresh."""
        reason = self._fault(stamp_ns)
        if reason:
            self.ignored[reason] += 1
            return False
        self._answered_ns, self._command, self._arrived_s = stamp_ns, command, now_s
        return True

    def current(self, now_s: float) -> Command:
        """The newest command, or the brake once it is too old (now_s is wall time)."""
        return BRAKE if self.silent(now_s) else self._command

    def silent(self, now_s: float) -> bool:
        """Whether no fresh command came for the time limit."""
        return now_s - self._arrived_s > self._timeout_s

    def _fault(self, stamp_ns: int) -> str:
        if self._first_ns is None:
            return "no_episode"
        if stamp_ns == self._answered_ns:
            return "duplicate"
        oldest_ns = self._newest_ns if self._lock_step else self._first_ns
        if stamp_ns < max(oldest_ns, self._answered_ns):
            return "older"
        return "newer" if stamp_ns > self._newest_ns else ""
