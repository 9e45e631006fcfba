"""Drives a bag again: the recorded sensors, the same code, and a policy; off-line."""

from __future__ import annotations

import hashlib
from collections import deque
from collections.abc import Callable, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from td3_driving.agent.critic import Critic
from td3_driving.agent.types import Driver, Sight
from td3_driving.bags.following import Followed, Follower
from td3_driving.bags.ticks import RecordedTick
from td3_driving.driving.action import to_command
from td3_driving.driving.gate import CommandGate, GateLimits

WORST = 6
"""Moments kept with their pictures."""

_APART = 20
"""Decisions between two of them."""

AHEAD = 64
"""Ticks followed before their decisions have been thought about."""

_NONE = float("nan")


@dataclass(frozen=True, slots=True, eq=False)
class Moment:
    """A decision that was taken differently, and what was to be seen."""

    index: int
    difference: float
    stack: np.ndarray


@dataclass(frozen=True, slots=True)
class Guarded:
    """What the last guard did to the commands of one driver, in ticks."""

    clipped: int = 0
    rate_limited: int = 0
    non_finite: int = 0

    @property
    def total(self) -> int:
        """Ticks with a command that was changed or ignored."""
        return self.clipped + self.rate_limited + self.non_finite


@dataclass(frozen=True, slots=True, eq=False)
class Replayed:
    """A bag driven again; arrays hold one entry per decision, NaN where something is not known.

    Args:
        time_s: (N,) simulation time since the first decision, pauses between episodes left out.
        episode: (N,) int64.
        step: (N,) int64, ticks since the reset.
        driven: (N, 2) float32, steer and acceleration as recorded.
        replayed: (N, 2) float32, as the policy would have it.
        reward: (N,) of the driven decision, by the task.
        value: (N,) of the moment, for the policy's action.
        td_error: (N,) of the driven decision.
        worst: The largest differences, largest first.
        guard_driven: The guard over what was driven.
        guard_replayed: The guard over the policy's actions.
        guarded_at_s: Times at which it changed one of those.
        ticks: Followed.
        duration_s: Their simulation time.
        decision_s: Simulation time of one decision.
        pictures_differ: Ticks in which perception had published another stack than ours.
        missing: Ticks missing within episodes.
        refused: Ticks that could not be followed.
    """

    time_s: NDArray[np.float64]
    episode: NDArray[np.int64]
    step: NDArray[np.int64]
    driven: NDArray[np.float32]
    replayed: NDArray[np.float32]
    reward: NDArray[np.float64]
    value: NDArray[np.float64]
    td_error: NDArray[np.float64]
    worst: list[Moment]
    guard_driven: Guarded
    guard_replayed: Guarded
    guarded_at_s: list[float]
    ticks: int
    duration_s: float
    decision_s: float
    pictures_differ: int
    missing: int
    refused: int

    @property
    def sha256(self) -> str:
        """Digest of the policy's actions and of where they belong."""
        digest = hashlib.sha256()
        for array in (self.episode, self.step, self.replayed):
            digest.update(array.astype(array.dtype.newbyteorder("<")).tobytes())
        return digest.hexdigest()


class _Row(NamedTuple):
    time_s: float
    episode: int
    step: int
    driven: np.ndarray
    replayed: np.ndarray


class _Guard:
    """The last guard as control runs it, over the actions of one driver."""

    def __init__(self, limits: GateLimits, tick_s: float) -> None:
        self._gate, self._tick_s = CommandGate(limits), tick_s
        self.counts = dict.fromkeys(Guarded.__slots__, 0)

    def pass_on(self, action: np.ndarray, first: bool) -> bool:
        """Whether the action's command was changed."""
        if first:
            self._gate.reset()
        _, report = self._gate.filter(to_command(*map(float, action)), 0.0, self._tick_s)
        kind = next((name for name in ("non_finite", "clipped", "rate_limited")
                     if getattr(report, name)), None)  # fmt: skip
        if kind is not None:
            self.counts[kind] += 1
        return kind is not None


class _Open(NamedTuple):
    """A decision whose outcome is still to come."""

    decision: int
    value_of_driven: float


class _Thought(NamedTuple):
    """What the policy would do, what its critic expects of that, and of what was driven."""

    action: np.ndarray
    value: float
    of_driven: float


class _Seen(NamedTuple):
    """What counts of a tick once the drive has gone on; the thought is there at decisions."""

    time_s: float
    tick: RecordedTick
    stack: np.ndarray
    first: bool
    missing: int
    reward: float | None
    terminated: bool
    thought: Future[_Thought] | None


class Replayer:
    """Lets a policy look at a recorded drive, once.

    A thread thinks, one decision after the other, while the drive is followed: torch lets go of
    the interpreter's lock, so that both cores have something to do. What was thought is waited for
    before it counts; the order of threads changes no bit.

    Args:
        driver: The policy.
        follower: Of its task.
        limits: Of the guard.
        tick_s: Simulation time of a tick.
        critic: Of the run that the policy comes from; None: no values.
    """

    def __init__(
        self,
        driver: Driver,
        follower: Follower,
        limits: GateLimits,
        tick_s: float,
        critic: Critic | None = None,
    ) -> None:
        self.driver, self.follower, self.critic = driver, follower, critic
        self.tick_s = tick_s
        self._driven, self._ours = _Guard(limits, tick_s), _Guard(limits, tick_s)
        self._guarded_at_s: list[float] = []
        self._action: np.ndarray | None = None
        self._rows: list[_Row] = []
        self._reward: dict[int, float] = {}
        self._value: dict[int, float] = {}
        self._td: dict[int, float] = {}
        self._worst: list[Moment] = []
        self._open: _Open | None = None
        self._over = False

    def replay(
        self, ticks: Iterable[RecordedTick], watch: Callable[[float], None] = lambda seconds: None
    ) -> Replayed:
        """Goes through all ticks once.

        Args:
            ticks: Of one bag, in their order.
            watch: Told the simulation time that each tick adds.
        """
        count = differ = 0
        time_s = 0.0
        waiting: deque[_Seen] = deque()
        with ThreadPoolExecutor(1, "policy") as thread:
            for now in self.follower.follow(ticks):
                count += 1
                time_s += self.tick_s * (1 + now.missing)
                watch(self.tick_s * (1 + now.missing))
                differ += now.tick.seen is not None and not np.array_equal(now.tick.seen, now.stack)
                waiting.append(self._look(now, time_s, thread))
                if len(waiting) > AHEAD:
                    self._account(waiting.popleft())
            for seen in waiting:
                self._account(seen)
        return self._result(count, time_s, differ)

    def _look(self, now: Followed, time_s: float, thread: ThreadPoolExecutor) -> _Seen:
        """Has a decision thought about, and keeps of the episode, which goes on, what counts."""
        episode = now.episode
        terminated = episode.ending is not None and episode.ending.terminated
        over = now.report is not None and (episode.at_decision or terminated)
        reward = episode.take_reward() if over else None
        thought = None
        if episode.at_decision and now.tick.action is not None:
            driven = np.array(now.tick.action, np.float32)
            thought = thread.submit(self._think, episode.see(), driven)
        return _Seen(time_s, now.tick, now.stack, now.report is None, now.missing, reward,
                     terminated, thought)  # fmt: skip

    def _think(self, sight: Sight, driven: np.ndarray) -> _Thought:
        action = np.array(self.driver.act(sight), np.float32)
        if self.critic is None:
            return _Thought(action, _NONE, _NONE)
        value, of_driven = self.critic.values(sight, action, driven)
        return _Thought(action, value, of_driven)

    def _account(self, seen: _Seen) -> None:
        """Counts a tick, in its turn."""
        self._earn(seen)
        if seen.tick.action is None:
            return
        if seen.thought is not None:
            self._action = self._decide(seen, seen.thought.result())
        if self._action is None:
            return
        first = seen.tick.step == 0
        self._driven.pass_on(np.array(seen.tick.action), first)
        if self._ours.pass_on(self._action, first):
            self._guarded_at_s.append(seen.time_s)

    def _earn(self, seen: _Seen) -> None:
        """What the decision before earned, if it is over."""
        if seen.first:
            self._open, self._over = None, False
            return
        if seen.missing:
            self._open = None  # what it led to is not known
        if seen.reward is None or self._open is None:
            return
        self._reward[self._open.decision] = seen.reward
        if seen.terminated:
            if self.critic is not None:
                self._td[self._open.decision] = seen.reward - self._open.value_of_driven
            self._open, self._over = None, True

    def _decide(self, seen: _Seen, thought: _Thought) -> np.ndarray:
        driven = np.array(seen.tick.action, np.float32)
        action, index = thought.action, len(self._rows)
        self._rows.append(_Row(seen.time_s, seen.tick.episode, seen.tick.step, driven, action))
        self._keep_worst(index, float(np.abs(driven - action).max()), seen.stack)
        before, self._open = self._open, None
        self._value[index] = thought.value
        if before is not None and self.critic is not None:
            reward = self._reward[before.decision]
            gained = reward + self.critic.gamma * thought.value
            self._td[before.decision] = gained - before.value_of_driven
        if not self._over:
            self._open = _Open(index, thought.of_driven)
        return action

    def _keep_worst(self, index: int, difference: float, stack: np.ndarray) -> None:
        near = next((m for m in self._worst if index - m.index < _APART), None)
        if near is not None:
            if difference <= near.difference:
                return
            self._worst.remove(near)
        elif len(self._worst) == WORST:
            if difference <= self._worst[-1].difference:
                return
            self._worst.pop()
        if difference > 0.0 or near is not None:
            self._worst.append(Moment(index, difference, stack.copy()))
            self._worst.sort(key=lambda moment: -moment.difference)

    def _result(self, ticks: int, duration_s: float, differ: int) -> Replayed:
        rows, count = self._rows, len(self._rows)

        def known(values: dict[int, float]) -> NDArray[np.float64]:
            return np.array([values.get(i, _NONE) for i in range(count)], np.float64)

        return Replayed(
            np.array([row.time_s for row in rows], np.float64),
            np.array([row.episode for row in rows], np.int64),
            np.array([row.step for row in rows], np.int64),
            np.array([row.driven for row in rows], np.float32).reshape(count, 2),
            np.array([row.replayed for row in rows], np.float32).reshape(count, 2),
            known(self._reward), known(self._value), known(self._td),
            self._worst, Guarded(**self._driven.counts), Guarded(**self._ours.counts),
            self._guarded_at_s, ticks, duration_s, self.tick_s * self.follower.repeat, differ,
            self.follower.missing, self.follower.refused,
        )  # fmt: skip
