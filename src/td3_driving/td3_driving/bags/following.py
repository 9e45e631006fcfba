"""Follows a recorded drive through the code that perception and agent run: no ROS, no simulator."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np

from td3_driving.agent.episode import EpisodeInProgress
from td3_driving.agent.types import Assignment, Purpose, StepReport, Tick
from td3_driving.bags.ticks import RecordedTick
from td3_driving.driving.episodes import EpisodePlan
from td3_driving.driving.picture import FrameStack, grey_84
from td3_driving.driving.tasks import DrivingTask

STACK = 4
_ENDLESS_S = 1e9
"""Time limits are the plan's, which no bag holds; the recorded truncations stand for them."""


@dataclass(frozen=True, slots=True, eq=False)
class Followed:
    """One tick as perception and agent make it.

    Args:
        tick: As recorded.
        stack: uint8 (4, 84, 84) of the recorded picture.
        episode: Where the vehicle is, as of this tick.
        report: What the step to this tick earns by the task; None for an episode's first tick.
        missing: Ticks of the episode missing right before this one.
    """

    tick: RecordedTick
    stack: np.ndarray
    episode: EpisodeInProgress
    report: StepReport | None
    missing: int


class Follower:
    """Goes along with a recorded drive.

    Args:
        task: What is seen and earned, and what ends an episode; its action repeat is the stride of
            the stacks.
        crop: Shares of the picture cut off at the top, bottom, left and right.
    """

    def __init__(self, task: DrivingTask, crop: tuple[float, float, float, float]) -> None:
        self._task = task
        self._crop = crop
        self._stack = FrameStack(STACK, task.action_repeat)
        self._episode: EpisodeInProgress | None = None
        self._last: RecordedTick | None = None
        self._steer = 0.0
        self.missing = self.refused = 0
        """Ticks missing within episodes; ticks that no episode could take."""

    @property
    def repeat(self) -> int:
        """Ticks that one decision holds."""
        return self._task.action_repeat

    def follow(self, ticks: Iterable[RecordedTick]) -> Iterator[Followed]:
        """The ticks of episodes whose first tick is there; others are counted as refused."""
        for tick in ticks:
            if tick.episode == 0:
                continue  # before the first reset nobody drives
            try:
                followed = self._take(tick)
            except ValueError:  # a picture, a stamp or a place that the agent refuses, too
                followed = None
            if followed is None:
                self._episode = None
                self.refused += 1
                continue
            self._last = tick
            if tick.action is not None:
                self._steer = tick.action[0]
            yield followed

    def _take(self, tick: RecordedTick) -> Followed | None:
        first = tick.step == 0
        small = grey_84(*tick.picture, self._crop)
        if first:
            if tick.route is None:
                return None
            stack = self._stack.push(small, True)
            self._episode = EpisodeInProgress(
                self._task, _assignment(tick), tick.route, self._as_tick(tick, stack)
            )
            self._steer = 0.0
            return Followed(tick, stack, self._episode, None, 0)
        episode, last = self._episode, self._last
        if episode is None or last is None or tick.episode != last.episode:
            return None
        missing = tick.step - last.step - 1
        if missing < 0:
            return None
        self.missing += missing
        stack = self._stack.push(small, False)
        report = episode.advance(self._as_tick(tick, stack), self._steer)
        return Followed(tick, stack, episode, report, missing)

    def _as_tick(self, tick: RecordedTick, stack: np.ndarray) -> Tick:
        return Tick(tick.episode, tick.step, stack, tick.state, tick.hits, tick.light, tick.gap_m)


def _assignment(tick: RecordedTick) -> Assignment:
    plan = EpisodePlan("", tick.seed, 0.0, 0.0, 0.0, _ENDLESS_S, None)
    return Assignment(Purpose.DRIVE, plan, "recorded")
