"""The learner of a fleet: stores what many worlds tell, updates while they drive on."""

from __future__ import annotations

import os
import platform
from collections.abc import Callable, Iterable
from concurrent.futures import Future
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import numpy as np
import torch

from td3_driving.agent.drivers import RandomDriver
from td3_driving.agent.learner import Learner, noise_level
from td3_driving.agent.parameters import AgentParameters
from td3_driving.fleet.board import Board
from td3_driving.learning.errors import LearningError, NonFiniteError
from td3_driving.learning.health import DeadActorDetector, RefusalCounter
from td3_driving.learning.policy import Policy
from td3_driving.learning.segments import EpisodeStream, SegmentReplay


class FleetLearner:
    """Learns from N worlds that decide together. All methods belong to one thread.

    Updates run on another one, while the worlds drive; they are waited for before anything is
    stored or decided. So each batch and each action depend on the seed alone, and still learner
    and simulator work at the same time.

    Args:
        parameters: Of the agent.
        worlds: How many.
        compile_: On a GPU: compile the update first; see CudaUpdates.

    Raises:
        DeviceError: the device or the precision is not to be had here.
        ReplayMemoryError: the replay does not fit into memory, here or on the device.
    """

    def __init__(self, parameters: AgentParameters, worlds: int, compile_: bool = True) -> None:
        self._parameters = parameters
        self._core = core = Learner.create(parameters, SegmentReplay, True, compile_)
        self.agent, self.replay, self.config = core.agent, core.replay, core.agent.config
        self._learner, self.acting = core.updates, core.acting
        self._thread, self._keeper = core.thread, core.keeper
        self.streams = [EpisodeStream(self.replay) for _ in range(worlds)]
        device = self.agent.device
        # Decisions don't queue up behind the updates under way.
        self._stream = torch.cuda.Stream(device, priority=-1) if device.type == "cuda" else None
        self._noise = np.random.default_rng([parameters.seed, 1])
        self._warm_up = [RandomDriver(parameters.seed * 100_003 + i) for i in range(worlds)]
        self._update: Future[dict[str, float]] | None = None
        self._prepared: Future[None] = Future()
        self._prepared.set_result(None)
        self._health, self._refusals = DeadActorDetector(), RefusalCounter()
        self.decisions = self.updates = 0
        """Updates count when they are adopted, so that no figure hangs on how threads run."""
        self._owed = 0.0
        self._learning = False
        self.metrics: dict[str, float] = {}
        self.alarm: str | None = None
        """What is wrong with the learner, for people; None if nothing is."""

    @property
    def warming_up(self) -> bool:
        """Whether nothing is learned yet, and everyone drives at random."""
        return self.decisions < self._parameters.learning_starts

    def prepare(self) -> None:
        """Begins what takes long before the first update, while everyone drives at random."""
        self._prepared = self._thread.submit(self._learner.prepare)

    def explore(self, board: Board, worlds: list[int], progress: float) -> np.ndarray:
        """Actions with exploration noise for some worlds; random before learning starts.

        Args:
            board: Shows what they see.
            worlds: Their numbers.
            progress: Of the training, in [0, 1].

        Returns:
            float32 (n, 2).
        """
        if self.warming_up or not worlds:
            return np.array([self._warm_up[i].draw() for i in worlds], np.float32).reshape(-1, 2)
        self._prepared.result()
        level = noise_level(self._parameters, progress)
        noise = level * self._noise.standard_normal((len(worlds), self.config.action_dim))
        with nullcontext() if self._stream is None else torch.cuda.stream(self._stream):
            return self.acting.select_action(board.observation(worlds), noise.astype(np.float32))

    def begin(self, board: Board, worlds: Iterable[int]) -> None:
        """Episodes have begun in these worlds."""
        for i in worlds:
            # Copies: the board goes on, and the streams keep what they are given.
            self.streams[i].begin(board.images[i, -1].copy(), board.vectors[i].copy())

    def store(self, board: Board, worlds: list[int], actions: np.ndarray) -> None:
        """Takes what a decision of these worlds led to."""
        frames, vectors = board.images[worlds, -1], board.vectors[worlds]
        figures = (array[worlds].tolist() for array in board[3:])
        rewards, _, terminated, truncated = figures
        for k, i in enumerate(worlds):
            self.streams[i].append(
                actions[k], rewards[k], terminated[k], truncated[k], frames[k], vectors[k]
            )
        self.decisions += len(worlds)
        if not self.warming_up:
            self._owed += len(worlds) / self._parameters.decisions_per_update

    def learn(self) -> None:
        """Starts the updates that are due for the decisions stored until now."""
        if self.warming_up or self._update is not None:
            return
        if not self._learning:
            self._learning = True
            for stream in self.streams:
                stream.flush()
        cycle = self._learner.at_once
        count = int(self._owed) // cycle * cycle
        if count:
            self._owed -= count
            self._update = self._thread.submit(self._core.train, count)

    def adopt(self) -> None:
        """Waits for the updates under way; from then on the acting policy is the newest one.

        Raises:
            LearningError: updates are refused, one after the other.
        """
        if self._update is None:
            return
        update, self._update = self._update, None
        try:
            self.metrics |= update.result()
        except NonFiniteError as error:
            if self._refusals.refused():
                raise LearningError(
                    f"{self._refusals.in_a_row} rounds of updates in a row were refused, the last "
                    f"because {error} Start again with another seed or a lower learning rate"
                ) from error
            self.alarm = str(error)
            return
        finally:
            self.updates = self.agent.updates
        self._refusals.accepted()
        self.alarm = self._health.update(self.metrics)
        self.acting.load_from(self.agent)
        if self._stream is not None:
            self._stream.wait_stream(torch.cuda.current_stream())

    def settle(self) -> None:
        """As adopt, and waits for the preparation, too: nothing is under way then."""
        self._prepared.result()
        self.adopt()

    def candidate(self, name: str) -> Policy:
        """A frozen copy of the "learner" or of its "averaged" actor, acting where it learns."""
        self.settle()
        agent = self.agent
        if name == "averaged":
            return Policy(self.config, agent.average_actor_cnn, agent.average_actor, agent.device)
        return Policy(self.config, agent.actor_cnn, agent.actor, agent.device)

    def save(
        self,
        directory: Path,
        values: dict[str, Any],
        wait: bool,
        then: Callable[[Policy, int], None],
    ) -> None:
        """Writes a checkpoint, in the background unless `wait`; see LearnerKeeper.save.

        Raises:
            OSError: it could not be written. Only when waiting.
        """
        late = self._learner.state_dict
        self._keeper.save(directory, values, lambda: {"learner": late()}, 1, wait, then)

    def machine(self) -> dict[str, Any]:
        """JSON-able: on what it learns."""
        device = self.agent.device
        gpu = device.type == "cuda"
        return {
            "device": torch.cuda.get_device_name(device) if gpu else platform.machine(),
            "processors": len(os.sched_getaffinity(0)),
            "torch": torch.__version__,
            "python": platform.python_version(),
        }

    def close(self) -> None:
        """Waits for the learner and for a save under way, and ends their threads."""
        self._thread.shutdown()
        self._keeper.close()
