"""The replay's part of a checkpoint: chunks that never change, and a tail that still grows."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from safetensors.numpy import load_file
from torch import Tensor

from td3_driving.learning.files import sha256, sync, write_tensors
from td3_driving.learning.replay import PARTS, FrameReplay

CHUNK = 1024
"""Rows, or transitions, of a chunk."""

FOLDER = "replay"


class Chunk(NamedTuple):
    """Rows or transitions of the numbers first..end - 1, in a file of their own.

    Attributes:
        part: "rows" or "transitions".
        first: number of the first, counted from the first ever stored.
        end: one past the last.
        sha256: of the file.
    """

    part: str
    first: int
    end: int
    sha256: str

    @property
    def name(self) -> str:
        """The file's name. Another content has another name, so no file is ever changed."""
        return f"{self.part}-{self.first:09d}-{self.end:09d}-{self.sha256[:16]}.safetensors"


class Piece(NamedTuple):
    """Rows or transitions of the numbers first..end - 1, copied out of the replay."""

    part: str
    first: int
    end: int
    tensors: dict[str, Tensor]


def tail_name(part: str) -> str:
    """Of the file of rows or transitions that do not fill a chunk."""
    return f"{part}.safetensors"


class ChunkStore:
    """Writes the chunks of one replay into a folder, each once.

    Args:
        folder: of the chunks.
        size: rows or transitions of a chunk.
    """

    def __init__(self, folder: Path, size: int = CHUNK) -> None:
        self._folder, self._size = folder, size
        self.chunks: list[Chunk] = []
        """What is on the disk, of what the replay held at the last save."""

    def unwritten(self, counters: dict[str, Any]) -> dict[str, int]:
        """The first number of each part, of those the replay still holds, that is not on disk."""
        capacity = counters["layout"]["capacity"]
        return {
            part: max(counters[part] - capacity, 0, *(c.end for c in self.chunks if c.part == part))
            for part in PARTS
        }

    def pieces(self, replay: FrameReplay, counters: dict[str, Any]) -> Iterator[Piece]:
        """Copies out of the replay what is not on disk yet, piece by piece.

        Those that are overwritten first come first: the replay's writer, which may go on
        meanwhile, is told what it need not wait for any more.

        Args:
            replay: which knows that it is being read from unwritten() on.
            counters: of the replay when the save was asked for.
        """
        unread = self.unwritten(counters)
        cuts = [
            (first - counters[part], part, first, end)
            for part in PARTS
            for first, end in _cuts(unread[part], counters[part], self._size)
        ]
        for _, part, first, end in sorted(cuts):
            view = replay.view(part, first, end)
            # torch copies without holding up other threads.
            tensors = {name: torch.from_numpy(array).clone() for name, array in view.items()}
            unread[part] = end
            replay.reading(unread)
            yield Piece(part, first, end, tensors)

    def write(
        self, pieces: Iterable[Piece], counters: dict[str, Any], tails: Path
    ) -> dict[str, int]:
        """Writes pieces: full chunks into the store's folder, the rest into the folder `tails`.

        Args:
            pieces: all that pieces() gives.
            counters: of the replay when the save was asked for.
            tails: the checkpoint's folder.

        Returns:
            The first number of each tail.

        Raises:
            OSError: chunks that were written until then are not written again.
        """
        if not self._folder.exists():
            self._folder.mkdir()
            sync(self._folder.parent)
        tail_at = self.unwritten(counters)
        capacity = counters["layout"]["capacity"]
        self.chunks = [c for c in self.chunks if c.end > counters[c.part] - capacity]
        for piece in pieces:
            if piece.end % self._size:
                write_tensors(tails / tail_name(piece.part), piece.tensors)
            else:
                self.chunks.append(self._write_chunk(piece))
                tail_at[piece.part] = piece.end
        sync(self._folder)
        return tail_at

    def remove_all_but(self, chunks: Iterable[Chunk]) -> None:
        """Removes the files that no checkpoint needs, and what a killed save has left."""
        needed = {chunk.name for chunk in chunks}
        for file in self._folder.glob("*"):
            if file.name not in needed:
                file.unlink()

    def _write_chunk(self, piece: Piece) -> Chunk:
        temporary = self._folder / f".writing-{piece.part}"
        try:
            write_tensors(temporary, piece.tensors)
            chunk = Chunk(piece.part, piece.first, piece.end, sha256(temporary))
            temporary.rename(self._folder / chunk.name)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise
        return chunk


def read_pieces(
    folder: Path, chunks: Iterable[Chunk], tails: Path, tail_at: dict[str, int]
) -> Iterator[tuple[str, int, dict[str, np.ndarray]]]:
    """What FrameReplay.restore takes, one file after the other.

    Args:
        folder: of the chunks.
        chunks: of the checkpoint.
        tails: the checkpoint's folder.
        tail_at: the first number of each tail.
    """
    for chunk in chunks:
        yield chunk.part, chunk.first, load_file(folder / chunk.name)
    for part, first in tail_at.items():
        if (tails / tail_name(part)).exists():
            yield part, first, load_file(tails / tail_name(part))


def _cuts(first: int, end: int, size: int) -> Iterator[tuple[int, int]]:
    """first..end, cut at the multiples of `size`."""
    while first < end:
        cut = min(end, (first // size + 1) * size)
        yield first, cut
        first = cut
