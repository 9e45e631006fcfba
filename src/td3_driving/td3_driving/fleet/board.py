"""What a fleet's worlds show, as arrays: a row for each world, in one block of memory.

The block may be shared by processes, so that pictures never pass through a pipe.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

STACK = (4, 84, 84)


class Board(NamedTuple):
    """One row for each world.

    Args:
        images: uint8 (n, 4, 84, 84), newest frame last.
        vectors: float32 (n, dim) of the observation.
        actions: float32 (n, 2) steer and acceleration, in [-1, 1]; from whoever decides.
        rewards: float64 (n,) of the decision whose ticks are over.
        steps: int64 (n,) ticks since the reset.
        terminated: bool (n,) whether the episode is over, and nothing is worth anything after it.
        truncated: bool (n,) whether it is over otherwise.
    """

    images: NDArray[np.uint8]
    vectors: NDArray[np.float32]
    actions: NDArray[np.float32]
    rewards: NDArray[np.float64]
    steps: NDArray[np.int64]
    terminated: NDArray[np.bool_]
    truncated: NDArray[np.bool_]

    def observation(self, indices: Sequence[int]) -> dict[str, np.ndarray]:
        """What these worlds show, as a policy takes it; copies."""
        at = list(indices)
        return {"image": self.images[at], "vector": self.vectors[at]}

    def part(self, first: int, step: int) -> Board:
        """Every step-th row from the first on; the same memory."""
        return Board._make(array[first::step] for array in self)


def board_bytes(worlds: int, dim: int) -> int:
    """Size of a board's memory."""
    return max(1, sum(_aligned(dtype, shape) for dtype, shape in _layout(worlds, dim)))


def board_in(memory: memoryview, worlds: int, dim: int) -> Board:
    """A board in memory of `board_bytes`.

    Args:
        memory: Writable; holds zeros, or another's board.
        worlds: Rows.
        dim: Of the observation's vector.
    """
    arrays: list[np.ndarray] = []
    at = 0
    for dtype, shape in _layout(worlds, dim):
        count = math.prod(shape)
        arrays.append(np.frombuffer(memory, dtype, count, at).reshape(shape))
        at += _aligned(dtype, shape)
    return Board._make(arrays)


def private_board(worlds: int, dim: int) -> Board:
    """A board of zeros for this process alone."""
    return board_in(memoryview(bytearray(board_bytes(worlds, dim))), worlds, dim)


def _layout(n: int, dim: int) -> list[tuple[type, tuple[int, ...]]]:
    return [
        (np.uint8, (n, *STACK)), (np.float32, (n, dim)), (np.float32, (n, 2)),
        (np.float64, (n,)), (np.int64, (n,)), (np.bool_, (n,)), (np.bool_, (n,)),
    ]  # fmt: skip


def _aligned(dtype: type, shape: tuple[int, ...]) -> int:
    """Bytes up to the next cache line."""
    return -(-np.dtype(dtype).itemsize * math.prod(shape) // 64) * 64
