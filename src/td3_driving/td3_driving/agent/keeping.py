"""Keeps a learner that is at work: writes its checkpoints, and puts one of them back."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from concurrent.futures import Executor
from pathlib import Path
from typing import Any

from torch import Tensor

from td3_driving.learning import checkpoint
from td3_driving.learning.checkpoint import CheckpointWriter, LearnerState, Saved
from td3_driving.learning.policy import Policy
from td3_driving.learning.replay import FrameReplay
from td3_driving.learning.td3 import TD3Agent


class LearnerKeeper:
    """Saves what a learner and its acting policy are, without holding either up.

    The agent is copied on the learner's own thread, between the update under way and the next; the
    rest on the caller's; and all is written on a third. So a checkpoint is of one moment of the
    program, however long each of them takes.

    Args:
        agent: the learner.
        replay: its memory, which the caller's thread writes.
        acting: the policy that acts; it changes on the caller's thread only.
        thread: the learner's; it does one thing after the other.
        adopt: called, on the learner's thread, when other weights were put into the agent.
    """

    def __init__(
        self,
        agent: TD3Agent,
        replay: FrameReplay,
        acting: Policy,
        thread: Executor,
        adopt: Callable[[], None],
    ) -> None:
        self._agent, self._replay, self._acting, self._adopt = agent, replay, acting, adopt
        self._thread = thread
        self._newest = agent.policy()
        self._memory: dict[str, Tensor] = {}
        self._acting_memory: dict[str, Tensor] = {}
        # So that the first save need not ask for memory, but for the optimisers' moments.
        acting.state_dict(self._acting_memory)
        agent.state_dict(self._memory)
        self._writer: CheckpointWriter | None = None

    @property
    def error(self) -> str | None:
        """What went wrong with the last save; None if nothing did."""
        return None if self._writer is None else self._writer.error

    def save(
        self,
        directory: Path,
        values: Mapping[str, Any],
        late_values: Callable[[], dict[str, Any]],
        keep: int,
        wait: bool,
        then: Callable[[Policy, int], None],
    ) -> bool:
        """Saves the learner as it will be after the update under way, all else as it is now.

        Args:
            directory: of the checkpoints; the same each time.
            values: JSON-able; of now.
            late_values: gives more of them, on the learner's thread, after the update under way.
            keep: checkpoints to keep.
            wait: come back when it is written; else at once.
            then: takes the learner's newest policy and its updates, when it is written, on
                another thread.

        Returns:
            Whether it is, or will be, saved: not, unless waiting, while another save is under way.

        Raises:
            OSError: only when waiting; else see `error`.
        """
        if self._writer is None:
            self._writer = CheckpointWriter(directory)
        if self._writer.busy and not wait:
            return False
        self.wait()
        acting = self._acting.state_dict(self._acting_memory)

        def copy() -> LearnerState:
            self._newest.load_from(self._agent)
            return LearnerState.of(self._agent, self._replay, self._memory, late_values())

        learner = self._thread.submit(copy)
        saving = self._writer.save(
            learner, self._replay, acting, values, keep,
            then=lambda: then(self._newest, int(learner.result().values["updates"])),
        )  # fmt: skip
        if wait:
            saving.result()
        return True

    def load(self, directory: Path) -> dict[str, Any]:
        """Goes on from the newest whole checkpoint; returns the values that were saved.

        Raises:
            FileNotFoundError: there is none.
            CheckpointError: it is of another configuration; or another process writes there.
        """
        if not directory.is_dir():
            raise FileNotFoundError(f"no whole checkpoint in {directory}; start the run anew")
        writer = CheckpointWriter(directory)
        try:
            writer.lock()
            saved = checkpoint.newest(directory)
            if saved is None:
                raise FileNotFoundError(f"no whole checkpoint in {directory}; start the run anew")
            values = checkpoint.load(saved, self._agent, self._replay, self._acting)
        except BaseException:
            writer.close()
            raise
        writer.go_on_from(saved)
        self._writer = writer
        return values

    def restore_learner(self, good: Callable[[Saved], bool]) -> str | None:
        """Puts networks and optimisers of the newest good checkpoint back, and lets them act.

        Nothing may be under way on the learner's thread but what is waited for here.

        Returns:
            The checkpoint's name; None if there is no such checkpoint.
        """
        if self._writer is None:
            return None
        found = checkpoint.whole(self._writer.directory, with_replay=False)
        saved = next((each for each in found if good(each)), None)
        if saved is None:
            return None
        self._thread.submit(checkpoint.load_networks, saved, self._agent).result()
        self._thread.submit(self._adopt).result()
        self._acting.load_from(self._agent)
        return saved.path.name

    def wait(self) -> None:
        """Waits for the save under way, whatever comes of it."""
        if self._writer is not None:
            self._writer.wait()

    def close(self) -> None:
        """Waits for the save under way and lets others write. Idempotent."""
        if self._writer is not None:
            self._writer.close()
