"""A fleet: worlds with an episode in each, driven a decision at a time, here or by workers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

import numpy as np

from td3_driving.agent.episode import EpisodeInProgress
from td3_driving.agent.types import Assignment
from td3_driving.driving.episodes import EpisodePlan
from td3_driving.driving.observation import vector_dim
from td3_driving.driving.tasks import DrivingTask
from td3_driving.fleet.board import Board, private_board
from td3_driving.fleet.outcome import EpisodeOutcome, outcome_of
from td3_driving.fleet.worlds import FleetWorlds


class Fleet(Protocol):
    """Worlds by their numbers. The same calls lead to the same board, wherever they are driven."""

    board: Board

    def __len__(self) -> int:
        """How many worlds there are."""

    def prepare(self, plans: Mapping[int, EpisodePlan]) -> None:
        """Says what worlds will soon drive, so that its maps are ready by then."""

    def begin(self, assignments: Mapping[int, Assignment]) -> None:
        """Begins an episode in each of these worlds; the board shows where it starts.

        Raises:
            SpawnError, RouteError, UnknownMapError: it can't be begun.
            WorkerError: so says a worker, or it has died.
        """

    def decide(self, indices: Sequence[int], actions: np.ndarray) -> dict[int, EpisodeOutcome]:
        """Holds a decision for its ticks, in each world until its episode ends.

        Args:
            indices: Of the worlds, rising.
            actions: float32 (n, 2), one for each of them.

        Returns:
            The episodes that ended, by world, in the order of `indices`.

        Raises:
            ValueError: actions of another shape, or not finite.
            WorkerError: a worker failed or has died.
        """

    def close(self) -> None:
        """Ends it. Idempotent."""

    def __enter__(self) -> Fleet:
        """Nothing to do."""

    def __exit__(self, *exception: object) -> None:
        """Close."""


class LocalFleet:
    """A fleet in this process.

    Args:
        task: What is driven.
        count: Worlds.
        threads: As of FleetWorlds.
        keep_maps: As of FleetWorlds.
        board: To show it on; one of its own unless given.
    """

    def __init__(
        self,
        task: DrivingTask,
        count: int,
        threads: int = 0,
        keep_maps: int = 32,
        board: Board | None = None,
    ) -> None:
        self._task = task
        self._worlds = FleetWorlds(task, count, threads, keep_maps=keep_maps)
        if board is None:
            board = private_board(count, vector_dim(task.waypoint_count))
        self.board = board
        self._episodes: dict[int, EpisodeInProgress] = {}

    def __len__(self) -> int:
        """How many worlds there are."""
        return len(self._worlds)

    def prepare(self, plans: Mapping[int, EpisodePlan]) -> None:
        """As Fleet."""
        self._worlds.prepare(plans.values())

    def begin(self, assignments: Mapping[int, Assignment]) -> None:
        """As Fleet."""
        indices = list(assignments)
        starts = self._worlds.reset_many(indices, [a.plan for a in assignments.values()])
        for i, (tick, route) in zip(indices, starts, strict=True):
            self._episodes[i] = EpisodeInProgress(self._task, assignments[i], route, tick)
            self._show(i, 0.0)

    def decide(self, indices: Sequence[int], actions: np.ndarray) -> dict[int, EpisodeOutcome]:
        """As Fleet."""
        episodes = [self._episodes[i] for i in indices]
        going = list(range(len(indices)))
        for _ in range(self._task.action_repeat):
            ticks = self._worlds.step(actions[going], [indices[k] for k in going])
            for k, tick in zip(going, ticks, strict=True):
                episodes[k].advance(tick, float(actions[k, 0]))
            going = [k for k in going if episodes[k].ending is None]
            if not going:
                break
        for i, episode in zip(indices, episodes, strict=True):
            self._show(i, episode.take_reward())
        return {
            i: outcome_of(episode)
            for i, episode in zip(indices, episodes, strict=True)
            if episode.ending is not None
        }

    def close(self) -> None:
        """As Fleet."""
        self._worlds.close()

    def __enter__(self) -> LocalFleet:
        """Nothing to do."""
        return self

    def __exit__(self, *exception: object) -> None:
        """Close."""
        self.close()

    def _show(self, index: int, reward: float) -> None:
        board, episode = self.board, self._episodes[index]
        sight, ending = episode.see(), episode.ending
        board.images[index], board.vectors[index] = sight.image, sight.vector
        board.rewards[index], board.steps[index] = reward, episode.steps
        board.terminated[index] = ending is not None and ending.terminated
        board.truncated[index] = ending is not None and ending.truncated
