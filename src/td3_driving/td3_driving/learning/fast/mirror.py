"""A replay memory's copy on the GPU, drawn from without the host."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from td3_driving.learning.errors import ReplayError, ReplayMemoryError
from td3_driving.learning.fast.encoder import block_grid, stack_blocks, to_blocks
from td3_driving.learning.fast.fused import fused
from td3_driving.learning.replay import FrameReplay


class Draw(NamedTuple):
    """Transitions as an update takes them; the pixels are `encoder.stack_blocks`'s, or (N, 0)."""

    pixels: Tensor
    vector: Tensor
    action: Tensor
    reward: Tensor
    next_pixels: Tensor
    next_vector: Tensor
    bootstrap: Tensor


class _Span(NamedTuple):
    """What a draw takes: frames of observations (2 N, stack), then of next ones; the rest, too."""

    frames: Tensor
    vector: Tensor
    action: Tensor
    reward: Tensor
    bootstrap: Tensor


class ReplayMirror:
    """The rows and transitions of a FrameReplay, frames in blocks.

    `update` copies what was stored since; `draw` may be captured in a CUDA graph, since the range
    it draws from stands in a tensor of its own.

    Args:
        replay: the memory; its owner goes on writing to it.
        device: where the copy lives.
        dtype: of pixels that are drawn.
        compile_: fuse the element-wise work with torch.compile.
        batches: of equal size that make up a draw, each with a range of its own.

    Raises:
        ReplayMemoryError: the device's free memory is too small; says what would fit.
    """

    def __init__(
        self,
        replay: FrameReplay,
        device: torch.device,
        dtype: torch.dtype,
        compile_: bool = False,
        batches: int = 1,
    ) -> None:
        self._replay, self._dtype = replay, dtype
        # Without pictures: frames of no blocks.
        self._grid = block_grid(*replay.frame_shape) if replay.frame_shape else (0, 0)
        blocks = self._grid[0] * self._grid[1]
        n = replay.capacity
        _require_memory(device, n, 16 * blocks + 4 * (replay.vector_dim + replay.action_dim) + 17)

        def ring(*shape: int, dtype: torch.dtype) -> Tensor:
            return torch.zeros((n, *shape), dtype=dtype, device=device)

        self._frame = ring(blocks, 16, dtype=torch.uint8)
        self._vector = ring(replay.vector_dim, dtype=torch.float32)
        self._age = ring(dtype=torch.int32)
        self._row = ring(dtype=torch.int64)
        self._action = ring(replay.action_dim, dtype=torch.float32)
        self._reward = ring(dtype=torch.float32)
        self._terminated = ring(dtype=torch.bool)
        self._back = torch.arange(replay.stack - 1, -1, -1, device=device)
        self._range = torch.zeros((2, batches), dtype=torch.int64, device=device)
        self._rows = self._stored = 0
        self._find = fused(self._span_of, compile_)
        self._span = fused(self._span_from, compile_)
        self._stack = fused(stack_blocks, compile_)

    def update(self, upto: int | None = None, apart: int = 0) -> None:
        """Copies what is new and sets the range to draw from.

        Args:
            upto: as FrameReplay.sample's; the range of the last batch ends there.
            apart: transitions by which the range of each batch ends before that of the next.

        Raises:
            ReplayError: nothing to draw from, or the writer is too far ahead.
        """
        replay = self._replay
        with replay.hold():
            arrays, rows, stored = replay.rings()
            for part in _ring_parts(self._rows, rows, replay.capacity):
                if replay.frame_shape:
                    frames = torch.from_numpy(arrays["frame"][part]).to(self._frame.device)
                    self._frame[part] = to_blocks(frames)
                self._copy(("vector", "age"), arrays, part)
            for part in _ring_parts(self._stored, stored, replay.capacity):
                self._copy(("row", "action", "reward", "terminated"), arrays, part)
            oldest, end = replay.range(upto)
        self._rows, self._stored = rows, stored
        batches = self._range.shape[1]
        ends = [end - apart * k for k in reversed(range(batches))]
        if oldest >= ends[0]:
            raise ReplayError("there is nothing to draw from; store some before training")
        self._range.copy_(torch.tensor(([oldest] * batches, ends)))

    def _copy(self, names: tuple[str, ...], arrays: dict[str, np.ndarray], part: slice) -> None:
        for name in names:
            getattr(self, f"_{name}")[part] = torch.from_numpy(arrays[name][part]).to(
                self._frame.device
            )

    def draw(self, fraction: Tensor) -> Draw:
        """Transitions at these fractions of the batches' ranges, float64 (N,) in [0, 1)."""
        return self._draw(self._find(fraction))

    def gather(self, first: Tensor, end: Tensor) -> Draw:
        """As FrameReplay's: n steps from each of `first` int64 (N,), none beyond `end`, () or N."""
        return self._draw(self._span(first, end))

    def _draw(self, span: _Span) -> Draw:
        pixels = self._pixels(span.frames)
        half = len(span.action)
        vector = span.vector
        return Draw(
            pixels[:half],
            vector[:half],
            span.action,
            span.reward,
            pixels[half:],
            vector[half:],
            span.bootstrap,
        )

    def _pixels(self, rows: Tensor) -> Tensor:
        """Stacks of the frames in these rows int64 (N, stack); (N, 0) without pictures."""
        if not self._replay.frame_shape:
            return self._vector.new_empty(len(rows), 0)
        # index_select moves whole frames; fused with the rearrangement it took three times as long.
        words = self._frame.view(len(self._frame), -1).view(torch.int64)
        frames = words.index_select(0, rows.reshape(-1)).view(torch.uint8)
        return self._stack(frames.view(*rows.shape, -1, 16), self._grid, self._dtype)

    def _span_of(self, fraction: Tensor) -> _Span:
        oldest, end = self._range[0, :, None], self._range[1, :, None]
        share = fraction.view(len(end), -1)
        first = oldest + (share * (end - oldest)).long()
        return self._span_from(first.view(-1), end.expand_as(first).reshape(-1))

    def _span_from(self, first: Tensor, end: Tensor) -> _Span:
        replay, n = self._replay, self._replay.capacity
        row = self._row[first % n]
        reward = self._reward[first % n].double()
        length = torch.ones_like(first)
        for k in range(1, replay.n_step):
            slot = (first + k) % n
            goes_on = (first + k < end) & (self._row[slot] == row + k)
            reward = reward + torch.where(goes_on, replay.gamma**k * self._reward[slot], 0.0)
            length = length + goes_on
        ends = self._terminated[(first + length - 1) % n]
        bootstrap = torch.where(ends, 0.0, replay.gamma ** length.double())
        rows = torch.cat((row, row + length))
        picks = rows[:, None] - torch.minimum(self._back, self._age[rows % n][:, None])
        return _Span(
            picks % n,
            self._vector[rows % n],
            self._action[first % n],
            reward.float()[:, None],
            bootstrap.float()[:, None],
        )


def _ring_parts(first: int, end: int, capacity: int) -> list[slice]:
    """The slots of counts first..end in a ring, in one or two pieces, at most once round."""
    first = max(first, end - capacity)
    if first >= end:
        return []
    low, high = first % capacity, (end - 1) % capacity + 1
    return [slice(low, high)] if low < high else [slice(low, capacity), slice(0, high)]


def _require_memory(device: torch.device, capacity: int, bytes_per_row: int) -> None:
    if device.type != "cuda":
        return
    free = torch.cuda.mem_get_info(device)[0]
    if capacity * bytes_per_row > 0.9 * free:
        raise ReplayMemoryError(
            f"the replay of capacity {capacity} takes {capacity * bytes_per_row / 1e9:.1f} GB on "
            f"{device} and {free / 1e9:.1f} GB are free there; a capacity of at most "
            f"{int(0.8 * free / bytes_per_row)} fits"
        )
