"""Many streams of episodes at once into one replay memory, which keeps each of them whole.

A stream collects its steps and hands them over in segments: at the end of an episode, and before
it every `steps` steps. A segment lies in the memory in a row, with the frames before it that its
first stacks need. Where an episode goes on in another segment nothing ends: rewards over n steps
are cut short there, at most n - 1 of every `steps` times, and bootstrap from the observation that
both segments hold.
"""

from __future__ import annotations

import numpy as np

from td3_driving.learning.batch import check_array
from td3_driving.learning.errors import NonFiniteError, ReplayError, ShapeError
from td3_driving.learning.replay import FrameReplay

SEGMENT_STEPS = 64
"""Steps of a segment: longer ones come later, shorter ones store more frames twice."""


class SegmentReplay(FrameReplay):
    """A FrameReplay that takes whole segments, too."""

    def extend(
        self,
        frames: np.ndarray | None,
        vectors: np.ndarray,
        actions: np.ndarray,
        rewards: np.ndarray,
        terminated: bool,
        first_age: int = 0,
    ) -> None:
        """Stores T steps of one episode in a row.

        Args:
            frames: uint8 (L + T + 1, rows, columns): of the L observations before the first step,
                L being the smaller of `first_age` and the stack's depth - 1, then of the T steps'
                observations and of the one they led to; None without pictures.
            vectors: float32 (L + T + 1, vector_dim), of the same observations.
            actions: float32 (T, action_dim).
            rewards: float32 (T,).
            terminated: whether the value ends with the last step.
            first_age: steps of the episode before the first one of these.

        Raises:
            ReplayError: an episode is open, or the segment is longer than a quarter of the memory.
            ShapeError, NonFiniteError: by the argument's name; nothing is stored then.
        """
        if self._open:
            raise ReplayError("extend: an episode is open; end it before a segment comes")
        steps, lead = len(actions), min(first_age, self.stack - 1)
        rows = lead + steps + 1
        if not 0 < 4 * rows <= self.capacity:
            raise ReplayError(
                f"extend: a segment of {rows} rows into a memory of {self.capacity}; hand over at "
                "least one step and at most a quarter of the memory"
            )
        check_array("vectors", vectors, np.float32, (rows, self.vector_dim))
        check_array("actions", actions, np.float32, (steps, self.action_dim))
        check_array("rewards", rewards, np.float32, (steps,))
        if self.frame_shape is not None:
            check_array("frames", frames, np.uint8, (rows, *self.frame_shape))
        elif frames is not None:
            raise ShapeError("frames must be None: this memory keeps no pictures")
        ends = np.zeros(steps, np.bool_)
        ends[-1] = terminated
        with self._room:
            self._room.wait_for(lambda: self._has_room_for(rows, steps))
            slots = (self._rows + np.arange(rows)) % self.capacity
            observations = {"vector": vectors, "age": first_age - lead + np.arange(rows)}
            if frames is not None:
                observations["frame"] = frames
            for name, values in observations.items():
                self._arrays[name][slots] = values
            slots = (self.stored + np.arange(steps)) % self.capacity
            starts = self._rows + lead + np.arange(steps)
            taken = {"row": starts, "action": actions, "reward": rewards, "terminated": ends}
            for name, values in taken.items():
                self._arrays[name][slots] = values
            self._rows += rows
            self.stored += steps

    def _has_room_for(self, rows: int, steps: int) -> bool:
        counts = {"rows": self._rows + rows, "transitions": self.stored + steps}
        return all(counts[part] <= first + self.capacity for part, first in self._reading.items())


class EpisodeStream:
    """One of the streams: takes steps as FrameReplay does, and stores them a segment at a time.

    Args:
        replay: where to; all streams of a thread may share it.
        steps: of a segment.
    """

    def __init__(self, replay: SegmentReplay, steps: int = SEGMENT_STEPS) -> None:
        self._replay, self._steps = replay, steps
        self._open = False
        self._age = 0
        self._frames: list[np.ndarray] = []
        self._vectors: list[np.ndarray] = []
        self._actions: list[np.ndarray] = []
        self._rewards: list[float] = []

    @property
    def waiting(self) -> int:
        """Steps that are not in the memory yet."""
        return len(self._actions)

    def begin(self, frame: np.ndarray | None, vector: np.ndarray) -> None:
        """Starts an episode; as FrameReplay.begin."""
        if self._open:
            raise ReplayError("begin: the stream's last episode is still open; end it first")
        self._age, self._frames, self._vectors = 0, [], []
        self._actions, self._rewards = [], []
        self._open = True
        self._see(frame, vector)

    def append(
        self,
        action: np.ndarray,
        reward: float,
        terminated: bool,
        truncated: bool,
        next_frame: np.ndarray | None,
        next_vector: np.ndarray,
    ) -> None:
        """Takes a step; as FrameReplay.append."""
        if not self._open:
            raise ReplayError("append: the stream has no episode; call begin() first")
        if not np.isfinite(reward):
            raise NonFiniteError(f"reward is {reward}; look at the terms it was made of")
        self._see(next_frame, next_vector)
        self._actions.append(action)
        self._rewards.append(reward)
        self._open = not (terminated or truncated)
        if not self._open or len(self._actions) == self._steps:
            self._store(terminated)

    def flush(self) -> None:
        """Stores what waits, for whoever wants to learn from it now; the episode goes on."""
        if self._actions:
            self._store(terminated=False)

    def _see(self, frame: np.ndarray | None, vector: np.ndarray) -> None:
        if frame is not None:
            self._frames.append(frame)
        self._vectors.append(vector)

    def _store(self, terminated: bool) -> None:
        steps, stack = len(self._actions), self._replay.stack
        self._replay.extend(
            np.stack(self._frames) if self._frames else None,
            np.stack(self._vectors),
            np.stack(self._actions),
            np.array(self._rewards, np.float32),
            terminated,
            self._age,
        )
        self._age += steps
        # What the next segment's first stack looks back at.
        kept = min(self._age, stack - 1) + 1
        self._frames, self._vectors = self._frames[-kept:], self._vectors[-kept:]
        self._actions, self._rewards = [], []
