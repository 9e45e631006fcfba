"""Replay memory that keeps every camera frame once and rebuilds the stacks when it samples.

A row is one observation: its newest frame, its vector, and its age in steps since the episode
began. Without pictures there are no frames, and all else is the same. A transition is a number t
and the row it starts from; the row after it holds the next observation, so an episode of T
transitions takes T + 1 rows. Rows and transitions are counted from the first one ever stored; each
lives in its ring at its count modulo the capacity.
"""

from __future__ import annotations

import threading
from bisect import bisect_left
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from td3_driving.learning.batch import Batch, check_array, check_sizes
from td3_driving.learning.errors import NonFiniteError, ReplayError, ShapeError
from td3_driving.learning.memory import require_memory, zeros

WRITER_LEAD = 256
"""Rows that the writer may store beyond `upto` before a sample of it is refused (see sample)."""

PARTS = {
    "rows": ("frame", "vector", "age"),
    "transitions": ("row", "action", "reward", "terminated"),
}
"""The arrays of the two rings; there is no frame where there are no pictures."""

_LARGEST = float(np.finfo(np.float32).max)


class FrameReplay:
    """A ring of single frames, or of vectors alone. One thread writes and one samples.

    Args:
        capacity: rows, about one per step; the oldest are overwritten.
        image_shape: (frames, rows, columns) of a stack; None: no pictures are kept.
        vector_dim: length of the vector.
        action_dim: length of the action.
        seed: of the sampler.
        n_step: steps that a sampled reward spans; fewer at an episode's end.
        gamma: discount per step.

    Raises:
        ValueError: an argument is out of range.
        ReplayMemoryError: the capacity does not fit into free memory; says which would.
    """

    def __init__(
        self,
        capacity: int,
        image_shape: tuple[int, int, int] | None = (4, 84, 84),
        vector_dim: int = 53,
        action_dim: int = 2,
        seed: int = 0,
        n_step: int = 1,
        gamma: float = 0.99,
    ) -> None:
        frames, rows, columns = image_shape or (1, 1, 1)
        check_sizes(
            "FrameReplay", capacity=capacity, frames=frames, rows=rows, columns=columns,
            vector_dim=vector_dim, action_dim=action_dim, n_step=n_step,
        )  # fmt: skip
        if not 0.0 <= gamma <= 1.0:
            raise ValueError(f"FrameReplay: gamma is {gamma}; it must be in [0, 1]")
        if capacity < 4 * (frames + n_step):
            raise ValueError(
                f"FrameReplay: capacity is {capacity}; it must be at least "
                f"{4 * (frames + n_step)}, four times a stack and the steps of a reward"
            )
        arrays: dict[str, tuple[tuple[int, ...], Any]] = {
            "vector": ((vector_dim,), np.float32),
            "age": ((), np.int32),
            "row": ((), np.int64),
            "action": ((action_dim,), np.float32),
            "reward": ((), np.float32),
            "terminated": ((), np.bool_),
        }
        if image_shape is not None:
            arrays["frame"] = ((rows, columns), np.uint8)
        self.bytes_per_row = sum(
            int(np.prod(shape)) * np.dtype(dtype).itemsize for shape, dtype in arrays.values()
        )
        require_memory("FrameReplay", capacity, self.bytes_per_row)
        self.capacity, self.stack, self.n_step, self.gamma = capacity, frames, n_step, gamma
        self.writer_lead = min(WRITER_LEAD, capacity // 4)
        self.image_shape, self.vector_dim, self.action_dim = image_shape, vector_dim, action_dim
        self.frame_shape = None if image_shape is None else (rows, columns)
        self.parts = {
            part: tuple(name for name in names if name in arrays) for part, names in PARTS.items()
        }
        """The arrays that there are, of PARTS."""
        self._arrays = zeros("FrameReplay", capacity, arrays)
        self._rng = np.random.Generator(np.random.PCG64(seed))
        self._lock = threading.Lock()
        self._room = threading.Condition(self._lock)
        self._reading: dict[str, int] = {}
        self._rows = 0
        self._open = False
        self.stored = 0
        """Transitions ever stored."""
        self.dropped = 0
        """Steps that were begun and never taught, because of a fault."""

    def __len__(self) -> int:
        """Transitions that can be sampled now."""
        with self._lock:
            return self.stored - self._oldest(self._rows - self.capacity)

    # --- Writing ---

    def begin(self, frame: np.ndarray | None, vector: np.ndarray) -> None:
        """Starts an episode with its first observation.

        Args:
            frame: uint8 (rows, columns): the newest frame; None without pictures.
            vector: float32 (vector_dim,).

        Raises:
            ReplayError: the last episode is still open.
            ShapeError, NonFiniteError: by the argument's name.
        """
        if self._open:
            raise ReplayError(
                "begin: the last episode is still open; end it by a terminated or truncated step, "
                "or by abort() after a fault"
            )
        self._check_observation(frame, vector)
        with self._room:
            self._room.wait_for(self._has_room)
            self._store_row(frame, vector, age=0)
            self._open = True

    def append(
        self,
        action: np.ndarray,
        reward: float,
        terminated: bool,
        truncated: bool,
        next_frame: np.ndarray | None,
        next_vector: np.ndarray,
    ) -> None:
        """Stores a step from the last observation to the next one.

        Args:
            action: float32 (action_dim,).
            reward: of the step.
            terminated: the value ends here.
            truncated: the episode ends here, the value does not.
            next_frame: uint8 (rows, columns); None without pictures.
            next_vector: float32 (vector_dim,).

        Raises:
            ReplayError: no episode is open.
            ShapeError, NonFiniteError: by the argument's name; the step is not stored and the
                episode stays open, so call abort().
        """
        if not self._open:
            raise ReplayError("append: no episode is open; call begin() with its first observation")
        check_array("action", action, np.float32, (self.action_dim,))
        if not (isinstance(reward, int | float | np.number) and abs(reward) <= _LARGEST):
            raise NonFiniteError(f"reward is {reward!r}, no number of float32; look at its terms")
        self._check_observation(next_frame, next_vector)
        with self._room:
            self._room.wait_for(self._has_room)
            last, slot = self._rows - 1, self.stored % self.capacity
            step = {"row": last, "action": action, "reward": reward, "terminated": terminated}
            for name, value in step.items():
                self._arrays[name][slot] = value
            self._store_row(next_frame, next_vector, self._arrays["age"][last % self.capacity] + 1)
            self.stored += 1
            self._open = not (terminated or truncated)

    def abort(self) -> None:
        """Ends the episode after a fault: the open step is dropped, what was stored remains.

        The last stored step bootstraps from the last observation. Does nothing between episodes.
        """
        if self._open:
            self._open = False
            self.dropped += 1

    # --- Sampling ---

    def sample(self, batch_size: int, upto: int | None = None) -> Batch:
        """Draws transitions uniformly, with replacement.

        Args:
            batch_size: how many.
            upto: only from the transitions before this count of `stored`. The draw then depends
                on nothing that was stored later, so that a run is the same however far the
                writer has gone on meanwhile.

        Raises:
            ReplayError: nothing to draw from, or the writer is more than writer_lead rows ahead.
        """
        with self._lock:
            oldest, end = self.range(upto)
            if oldest >= end:
                raise ReplayError(
                    f"sample: there is nothing to draw from ({self.stored} transitions stored, "
                    f"upto={upto}); store some before training"
                )
            return self.gather(self._rng.integers(oldest, end, batch_size), end)

    def range(self, upto: int | None = None) -> tuple[int, int]:
        """The first transition that `sample(upto=upto)` draws from and one past the last.

        Call it while holding the lock.
        """
        if upto is None:
            upto, floor = self.stored, self._rows - self.capacity
        else:
            floor = self._floor(upto)
        return self._oldest(floor, upto), upto

    def rings(self) -> tuple[dict[str, np.ndarray], int, int]:
        """The arrays, the rows and the transitions ever stored, for a copy elsewhere.

        Row and transition k lie at k modulo the capacity. Hold the lock meanwhile.
        """
        return self._arrays, self._rows, self.stored

    def gather(self, first: np.ndarray, upto: int) -> Batch:
        """The batch that starts at these transitions and knows none from `upto` on."""
        arrays, capacity = self._arrays, self.capacity
        row = arrays["row"][first % capacity]
        reward = arrays["reward"][first % capacity].astype(np.float64)
        length = np.ones_like(first)
        for k in range(1, self.n_step):
            slot = (first + k) % capacity
            # Rows run on within an episode; between two lies a final observation's.
            goes_on = (first + k < upto) & (arrays["row"][slot] == row + k)
            reward += np.where(goes_on, self.gamma**k * arrays["reward"][slot], 0.0)
            length += goes_on
        last, after = first + length - 1, row + length
        return Batch(
            image=self._stacks(row),
            vector=arrays["vector"][row % capacity],
            action=arrays["action"][first % capacity],
            reward=reward.astype(np.float32),
            next_image=self._stacks(after),
            next_vector=arrays["vector"][after % capacity],
            terminated=arrays["terminated"][last % capacity],
            discount=(self.gamma**length).astype(np.float32),
        )

    def _stacks(self, row: np.ndarray) -> np.ndarray | None:
        """uint8 (B, stack, rows, columns), newest last; the first frame stands in for older."""
        if self.image_shape is None:
            return None
        back = np.arange(self.stack - 1, -1, -1)
        age = self._arrays["age"][row % self.capacity]
        picks = row[:, None] - np.minimum(back, age[:, None])
        return self._arrays["frame"][picks % self.capacity]

    def _first_row(self, transition: int) -> int:
        """The oldest row that a transition's stack reaches back to."""
        row = int(self._arrays["row"][transition % self.capacity])
        return row - min(self.stack - 1, int(self._arrays["age"][row % self.capacity]))

    def _oldest(self, floor: int, upto: int | None = None) -> int:
        """The first transition whose rows all lie at or above `floor`."""
        upto = self.stored if upto is None else upto
        row_of = self._arrays["row"]
        low = max(0, self.stored - self.capacity)
        # Rows first: the age of a row that was overwritten is not its own.
        low = bisect_left(
            range(upto), floor, lo=low, hi=upto, key=lambda t: row_of[t % self.capacity]
        )
        return bisect_left(range(upto), floor, lo=low, hi=upto, key=self._first_row)

    def _floor(self, upto: int) -> int:
        """The oldest row to use for a draw before `upto`, with room for a writer that runs on."""
        if not 0 < upto <= self.stored:
            raise ReplayError(f"sample: upto={upto} is not in 1..{self.stored}, the stored count")
        written = int(self._arrays["row"][(upto - 1) % self.capacity]) + 2
        if self.stored - upto >= self.capacity or self._rows - written > self.writer_lead:
            raise ReplayError(
                f"sample: the writer is {self.stored - upto} transitions ahead of upto={upto}, "
                f"more than the {self.writer_lead} rows kept for it; let it wait for the learner"
            )
        return written + self.writer_lead - self.capacity

    # --- State ---

    def hold(self) -> threading.Lock:
        """The lock that keeps writer and sampler waiting: `with replay.hold(): ...`."""
        return self._lock

    def counters(self) -> dict[str, Any]:
        """JSON-able: how much was ever stored, and whether an episode is open.

        Call it from the writer's thread. With the sampler's state and with the newest rows and
        transitions, `capacity` of each at most, it is all that restore() needs.
        """
        return {
            "layout": self.layout(),
            "rows": self._rows,
            "transitions": self.stored,
            "open": self._open,
            "dropped": self.dropped,
        }

    def sampler_state(self) -> dict[str, Any]:
        """JSON-able: the state of the sampler's generator. Call it from the sampler's thread."""
        return dict(self._rng.bit_generator.state)

    def reading(self, first: Mapping[str, int]) -> None:
        """Lets another thread read rows and transitions while the writer goes on.

        The writer waits rather than overwrite one that is still to be read. What is stored
        never changes until then, so the reader needs no lock.

        Args:
            first: of each part ("rows", "transitions") the first number still to be read; a part
                that is left out is not being read.
        """
        with self._room:
            self._reading = dict(first)
            self._room.notify_all()

    def view(self, part: str, first: int, end: int) -> dict[str, np.ndarray]:
        """Rows or transitions of these numbers; not copied, but for those across the seam."""
        low, length = first % self.capacity, end - first
        over = max(0, low + length - self.capacity)
        return {
            name: np.concatenate((array[low:], array[:over])) if over else array[low : low + length]
            for name, array in ((name, self._arrays[name]) for name in self.parts[part])
        }

    def restore(
        self,
        counters: Mapping[str, Any],
        sampler: Mapping[str, Any],
        pieces: Iterable[tuple[str, int, Mapping[str, np.ndarray]]],
    ) -> None:
        """The inverse of counters(), sampler_state() and view().

        Args:
            counters: as they were.
            sampler: as it was.
            pieces: a part's name, its first number, and its arrays.

        Raises:
            ReplayError: the state belongs to a memory of another layout.
        """
        if counters["layout"] != self.layout():
            raise ReplayError(
                f"restore: the state is of {counters['layout']}, this memory of {self.layout()}; "
                "make the memory with the same arguments"
            )
        with self._lock:
            self._rows, self._open = int(counters["rows"]), bool(counters["open"])
            self.stored, self.dropped = int(counters["transitions"]), int(counters["dropped"])
            for part, first, arrays in pieces:
                for name in self.parts[part]:
                    count = self._rows if part == "rows" else self.stored
                    skip = max(0, count - self.capacity - first)
                    new = arrays[name][skip:]
                    slots = (first + skip + np.arange(len(new))) % self.capacity
                    self._arrays[name][slots] = new
            self._rng.bit_generator.state = dict(sampler)

    def layout(self) -> dict[str, Any]:
        """The arguments that a state depends on, JSON-able."""
        return {
            "capacity": self.capacity,
            "image_shape": None if self.image_shape is None else list(self.image_shape),
            "vector_dim": self.vector_dim,
            "action_dim": self.action_dim,
            "n_step": self.n_step,
            "gamma": self.gamma,
        }

    def _has_room(self) -> bool:
        """Whether the next row and transition overwrite none that is still being read."""
        counts = {"rows": self._rows, "transitions": self.stored}
        return all(counts[part] < first + self.capacity for part, first in self._reading.items())

    def _store_row(self, frame: np.ndarray | None, vector: np.ndarray, age: int) -> None:
        slot = self._rows % self.capacity
        if frame is not None:
            self._arrays["frame"][slot] = frame
        self._arrays["vector"][slot] = vector
        self._arrays["age"][slot] = age
        self._rows += 1

    def _check_observation(self, frame: np.ndarray | None, vector: np.ndarray) -> None:
        if self.frame_shape is not None:
            check_array("frame", frame, np.uint8, self.frame_shape)
        elif frame is not None:
            raise ShapeError("frame must be None: this memory keeps no pictures")
        check_array("vector", vector, np.float32, (self.vector_dim,))
