"""Writing checkpoints on a thread of its own."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import chain, islice
from pathlib import Path
from typing import Any

from torch import Tensor

from td3_driving.learning.checkpoint.chunks import CHUNK, FOLDER, ChunkStore, Piece
from td3_driving.learning.checkpoint.load import ACTING
from td3_driving.learning.checkpoint.lock import WriterLock
from td3_driving.learning.checkpoint.saved import (
    AGENT,
    STATE,
    Saved,
    checkpoints,
    chunks_of,
    number,
    read_manifest,
    write_manifest,
)
from td3_driving.learning.errors import CheckpointError
from td3_driving.learning.files import sha256, sync, write_json, write_tensors
from td3_driving.learning.policy import Policy
from td3_driving.learning.replay import PARTS, FrameReplay
from td3_driving.learning.td3 import TD3Agent


@dataclass(frozen=True)
class LearnerState:
    """What an update changes: all of it belongs to the moment between two updates.

    Attributes:
        config: of the agent.
        tensors, values: TD3Agent.state_dict's.
        sampler: state of the replay's sampler, if there is one.
        extra: the caller's own, JSON-able.
    """

    config: dict[str, Any]
    tensors: dict[str, Tensor]
    values: dict[str, Any]
    sampler: dict[str, Any] | None
    extra: dict[str, Any] = field(default_factory=dict)

    @classmethod
    def of(
        cls,
        agent: TD3Agent,
        replay: FrameReplay | None = None,
        into: dict[str, Tensor] | None = None,
        extra: Mapping[str, Any] | None = None,
    ) -> LearnerState:
        """Copies it; call this from the thread that trains.

        Args:
            agent: to be copied.
            replay: whose sampler's state is copied.
            into: memory for the tensors, see state.copies.
            extra: the caller's own.
        """
        tensors, values = agent.state_dict(into)
        sampler = None if replay is None else replay.sampler_state()
        return cls(agent.config.to_dict(), tensors, values, sampler, dict(extra or {}))


class CheckpointWriter:
    """Writes the checkpoints of one run, one at a time, while the run goes on.

    It locks the folder at its first save, or at `lock()`, until it is closed.

    Args:
        directory: folder of checkpoints; made if missing.
        chunk: rows or transitions of a chunk.
    """

    def __init__(self, directory: Path | str, chunk: int = CHUNK) -> None:
        self.directory = Path(directory)
        self._store = ChunkStore(self.directory / FOLDER, chunk)
        self._passed_over: frozenset[Path] = frozenset()
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="checkpoint")
        self._saving: Future[Path] | None = None
        self._lock: WriterLock | None = None
        self.error: str | None = None
        """Why the last save failed; None if it did not."""

    @property
    def busy(self) -> bool:
        """Whether a save is under way."""
        return self._saving is not None and not self._saving.done()

    def lock(self) -> None:
        """Locks the folder. Idempotent.

        Raises:
            CheckpointsInUseError: another process writes there.
            OSError: the folder cannot be made or written.
        """
        if self._lock is not None:
            return
        if not self.directory.exists():
            self.directory.mkdir(parents=True)
            sync(self.directory.parent)
        self._lock = WriterLock(self.directory)

    def go_on_from(self, saved: Saved) -> None:
        """The replay was loaded from this checkpoint: the next one uses its chunks again."""
        self._store.chunks = list(saved.chunks)
        # Nothing that cannot be used counts among the checkpoints to keep.
        self._passed_over = frozenset(saved.passed_over)

    def save(
        self,
        learner: Future[LearnerState],
        replay: FrameReplay | None = None,
        acting: dict[str, Tensor] | None = None,
        extra: Mapping[str, Any] | None = None,
        keep: int = 3,
        then: Callable[[], None] = lambda: None,
    ) -> Future[Path]:
        """Begins to write the next checkpoint, and to remove all but the newest `keep`.

        Call it from the thread that writes the replay, when none is under way. The replay may go
        on at once; what it held now is saved.

        Args:
            learner: the learner's state, perhaps not taken yet. Its tensors must stay as they are
                until the save is over.
            replay: saved whole, if given; only what earlier saves have not written is written.
            acting: weights of the policy that acts, where it is an older one than the agent's;
                they must stay as they are, too.
            extra: JSON-able values of the caller: step counts, noise states.
            keep: checkpoints to keep, at least 1.
            then: called on the writer's thread, when the checkpoint is there.

        Returns:
            The new checkpoint's folder, or what went wrong: OSError for a disk that is full or
            read-only, CheckpointsInUseError. Earlier checkpoints are as they were then.
        """
        if keep < 1:
            raise ValueError(f"CheckpointWriter.save: keep is {keep}; it must be at least 1")
        if self.busy:
            raise RuntimeError("CheckpointWriter.save: one is under way; look at `busy`, or wait()")
        counters = None
        if replay is not None:
            counters = replay.counters()
            replay.reading(self._store.unwritten(counters))
        state = {"replay": counters, "extra": dict(extra or {})}
        self._saving = self._thread.submit(
            self._save, learner, replay, state, dict(acting or {}), keep, then
        )
        return self._saving

    def wait(self) -> None:
        """Waits for the save under way, whatever comes of it."""
        if self._saving is not None:
            self._saving.exception()

    def close(self) -> None:
        """Waits for the save under way and unlocks the folder. Idempotent."""
        self._thread.shutdown()
        if self._lock is not None:
            self._lock.release()

    def __enter__(self) -> CheckpointWriter:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # --- On the writer's thread ---

    def _save(
        self,
        learner: Future[LearnerState],
        replay: FrameReplay | None,
        state: dict[str, Any],
        acting: dict[str, Tensor],
        keep: int,
        then: Callable[[], None],
    ) -> Path:
        try:
            pieces: Iterator[Piece] = iter(())
            if replay is not None:
                pieces = self._store.pieces(replay, state["replay"])
            # Before all that takes time: the replay's writer may be waiting for these.
            soonest = list(islice(pieces, len(PARTS)))
            self.lock()
            # What a killed save has left, or a failed one on a disk that removed nothing either.
            for leftover in self.directory.glob(".*-checkpoint-*"):
                shutil.rmtree(leftover)
            path = self._write(learner, chain(soonest, pieces), state, acting)
            self._retire(keep)
            then()
        except Exception as error:
            self.error = str(error)
            raise
        finally:
            if replay is not None:
                replay.reading({})
        self.error = None
        return path

    def _write(
        self,
        learner: Future[LearnerState],
        pieces: Iterable[Piece],
        state: dict[str, Any],
        acting: dict[str, Tensor],
    ) -> Path:
        last = max((number(path) for path in checkpoints(self.directory)), default=0)
        final = self.directory / f"checkpoint-{last + 1:06d}"
        temporary = self.directory / f".writing-{final.name}"
        temporary.mkdir()
        try:
            tail_at, chunks = {}, []
            if state["replay"] is not None:
                tail_at = self._store.write(pieces, state["replay"], temporary)
                chunks = self._store.chunks
            self._write_learner(temporary, learner.result(), {**state, "tail_at": tail_at}, acting)
            files = {file.name: sha256(file) for file in sorted(temporary.iterdir())}
            write_manifest(temporary, files, chunks)
            sync(temporary)
            temporary.rename(final)
        except BaseException:
            shutil.rmtree(temporary, ignore_errors=True)
            raise
        sync(self.directory)
        return final

    def _write_learner(
        self,
        folder: Path,
        learner: LearnerState,
        state: dict[str, Any],
        acting: dict[str, Tensor],
    ) -> None:
        acts = {f"{ACTING}{name}": tensor for name, tensor in acting.items()}
        write_tensors(folder / AGENT, learner.tensors | acts)
        state |= {
            "config": learner.config,
            "agent": learner.values,
            "sampler": learner.sampler,
            "extra": state["extra"] | learner.extra,
        }
        write_json(folder / STATE, state)

    def _retire(self, keep: int) -> None:
        """Removes old checkpoints, and the chunks that none of the others needs."""
        every = checkpoints(self.directory)
        good = [path for path in every if path not in self._passed_over]
        for path in every:
            if number(path) < number(good[-keep:][0]):
                doomed = path.with_name(f".removing-{path.name}")
                path.rename(doomed)  # so that it is never there in part
                shutil.rmtree(doomed)
        try:
            manifests = [read_manifest(path) for path in checkpoints(self.directory)]
        except CheckpointError:
            return  # nobody knows which chunks that one needs; once it is gone, they go
        self._store.remove_all_but(chunk for each in manifests for chunk in chunks_of(each))


def save(
    directory: Path | str,
    agent: TD3Agent,
    replay: FrameReplay | None = None,
    extra: Mapping[str, Any] | None = None,
    keep: int = 3,
    acting: Policy | None = None,
) -> Path:
    """Writes one checkpoint and waits for it; CheckpointWriter is for a run that saves often.

    Call it from the thread that trains and stores. Arguments are CheckpointWriter.save's.

    Raises:
        OSError: the disk is full or read-only; earlier checkpoints are as they were.
        CheckpointsInUseError: another process writes there.
    """
    learner: Future[LearnerState] = Future()
    learner.set_result(LearnerState.of(agent, replay))
    acts = None if acting is None else acting.state_dict()
    with CheckpointWriter(directory) as writer:
        return writer.save(learner, replay, acts, extra, keep).result()
