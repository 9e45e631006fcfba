"""Recorded drives as experience: decisions and what they earned, for a learner's memory."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple, Protocol

import numpy as np

from td3_driving.agent.types import Sight
from td3_driving.bags.errors import BagError
from td3_driving.bags.following import Followed, Follower
from td3_driving.bags.reader import Bag
from td3_driving.bags.ticks import RecordedTick
from td3_driving.driving.tasks import DrivingTask
from td3_driving.ros import topics

NEEDED = (topics.FRAME, topics.IMAGE, topics.ODOMETRY, topics.ROUTE, topics.ACTION)


class Memory(Protocol):
    """Who remembers, such as agent.trainer.OnlineTrainer."""

    def begin(self, sight: Sight) -> None:
        """Takes the first observation of an episode."""

    def recall(
        self, action: np.ndarray, reward: float, sight: Sight, terminated: bool, truncated: bool
    ) -> None:
        """Takes a decision and what it led to."""

    def abort(self) -> None:
        """Ends the episode where it is; nothing joins it to what comes."""


class Remembered(NamedTuple):
    """What came of a bag: decisions stored, and episodes that were broken off or passed over."""

    decisions: int
    broken_off: int


def require_fits(bag: Bag, task: DrivingTask) -> None:
    """Refuses a bag that cannot teach the task.

    Raises:
        BagError: it is of another task or stride, or lacks a topic.
    """
    about = bag.about
    if about.task and about.task != task.name:
        raise BagError(f"{bag.path} was driven for the task {about.task}, this run is {task.name}")
    if about.action_repeat not in (0, task.action_repeat):
        raise BagError(
            f"{bag.path}: a decision held {about.action_repeat} ticks, in this run it holds "
            f"{task.action_repeat} (td3_agent.action_repeat)"
        )
    lacking = [topic.name for topic in NEEDED if topic.name not in bag.present]
    if lacking:
        raise BagError(f"{bag.path} holds no {', '.join(lacking)}, which experience is made of")


class Experience:
    """Turns a recorded drive into decisions with the rewards of a task.

    A decision is stored when all of its ticks are there; after a gap the rest of the episode is
    left out, so that nothing joins what did not follow each other.

    Args:
        memory: Takes them.
        task: Whose rewards and ends count, whatever was recorded.
        crop: As perception has it.
        camera: Width and height of this run's pictures.
    """

    def __init__(
        self,
        memory: Memory,
        task: DrivingTask,
        crop: tuple[float, float, float, float],
        camera: tuple[int, int],
    ) -> None:
        self._memory, self._task, self._crop, self._camera = memory, task, crop, camera
        self._action: np.ndarray | None = None

    def take(self, name: str, ticks: Iterable[RecordedTick]) -> Remembered:
        """Stores what a bag holds.

        Args:
            name: Of the bag, for refusals.
            ticks: Its ticks.

        Raises:
            BagError: its pictures have another size, or were cropped or stacked otherwise, or its
                decisions held another number of ticks.
        """
        self._action, stored, broken = None, 0, 0
        follower = Follower(self._task, self._crop)
        for now in follower.follow(ticks):
            first = now.report is None
            if first:
                broken += self._break_off()
            elif self._action is None:
                continue
            if now.missing or (now.tick.action is None and not _ended(now)):
                broken += self._break_off()
                continue
            self._require_same_sight(name, now)
            if first:
                self._memory.begin(now.episode.see())
                self._action = self._decided(now)
            else:
                stored += self._go_on(name, now)
        broken += self._break_off() + bool(follower.refused)
        return Remembered(stored, broken)

    def _go_on(self, name: str, now: Followed) -> int:
        """Takes a tick of an open episode; how many decisions it completed."""
        ending, action = now.episode.ending, self._action
        assert action is not None
        if not now.episode.at_decision and not _ended(now):
            if (self._decided(now) != action).any():
                raise BagError(
                    f"{name}: the action changes at step {now.tick.step} of episode "
                    f"{now.tick.episode}, within a decision of {self._task.action_repeat} ticks "
                    "(td3_agent.action_repeat)"
                )
            return 0
        reward, sight = now.episode.take_reward(), now.episode.see()
        terminated = ending is not None and ending.terminated
        if not (np.abs(action) <= 1.0).all() or not (now.episode.at_decision or terminated):
            # Half a decision teaches nothing, nor does an action that no policy can take.
            self._break_off()
            return 0
        ended = _ended(now)
        self._memory.recall(action, reward, sight, terminated, ended and not terminated)
        self._action = None if ended else self._decided(now)
        return 1

    def _break_off(self) -> bool:
        """Ends an open episode; whether there was one."""
        was_open, self._action = self._action is not None, None
        if was_open:
            self._memory.abort()
        return was_open

    def _require_same_sight(self, name: str, now: Followed) -> None:
        height, width = now.tick.picture[0].shape[:2]
        if (width, height) != self._camera:
            raise BagError(
                f"{name} holds pictures of {width}x{height}, this run's have "
                f"{self._camera[0]}x{self._camera[1]} (carla_bridge.camera_width, camera_height)"
            )
        seen = now.tick.seen
        if seen is not None and not np.array_equal(seen, now.stack):
            raise BagError(
                f"{name}: at step {now.tick.step} of episode {now.tick.episode} perception saw "
                "another stack than this run would (perception.crop_*, frame_stride)"
            )

    @staticmethod
    def _decided(now: Followed) -> np.ndarray:
        return np.array(now.tick.action, np.float32)


def _ended(now: Followed) -> bool:
    """Whether the tick is an episode's last: by the task, or as it was recorded."""
    earned = now.tick.earned
    recorded = earned is not None and (earned.terminated or earned.truncated)
    return recorded or now.episode.ending is not None
