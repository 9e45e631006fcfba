"""A fleet: worlds with an episode in each, driven a decision at a time, here or by workers."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import TypeVar

import numpy as np

from td3_driving.agent.episode import EpisodeInProgress
from td3_driving.agent.types import Assignment
from td3_driving.driving.episodes import EpisodePlan
from td3_driving.driving.observation import vector_dim
from td3_driving.driving.tasks import DrivingTask
from td3_driving.fleet.board import Board, private_board
from td3_driving.fleet.outcome import EpisodeOutcome, outcome_of
from td3_driving.fleet.worlds import FleetWorlds

F = TypeVar("F", bound="Fleet")

NO_ACTIONS = np.zeros((0, 2), np.float32)
NO_EPISODES: Mapping[int, Assignment] = MappingProxyType({})


class Fleet(ABC):
    """Worlds by their numbers. The same calls lead to the same board, wherever they are driven.

    Worlds move in turns. Several may be under way, each of other worlds, so that whoever decides
    for some of them need not wait for the others; they are finished in the order of their starts.
    """

    board: Board

    @abstractmethod
    def __len__(self) -> int:
        """How many worlds there are."""

    @abstractmethod
    def prepare(self, plans: Mapping[int, EpisodePlan]) -> None:
        """Says what worlds will soon drive, so that its maps are ready by then."""

    @abstractmethod
    def start(
        self,
        indices: Sequence[int],
        actions: np.ndarray,
        assignments: Mapping[int, Assignment] = NO_EPISODES,
    ) -> None:
        """Starts a turn. Until it is finished the board's rows of its worlds are not to be read.

        Args:
            indices: Of the worlds that hold a decision for its ticks, rising; each until its
                episode ends.
            actions: float32 (n, 2), one for each of them.
            assignments: Episodes that begin in other worlds.

        Raises:
            ValueError: actions of another shape, or not finite.
            WorkerError: a worker has died.
        """

    @abstractmethod
    def finish(self) -> dict[int, EpisodeOutcome]:
        """Waits for the oldest turn; the board then shows where its worlds are.

        Returns:
            The episodes that ended, by world, in the order of `indices`.

        Raises:
            SpawnError, RouteError, UnknownMapError: an episode can't be begun.
            WorkerError: so says a worker, or it has died.
        """

    @abstractmethod
    def close(self) -> None:
        """Ends it. Idempotent."""

    def begin(self, assignments: Mapping[int, Assignment]) -> None:
        """A turn of episodes that begin, while no other is under way; see start and finish."""
        self.start((), NO_ACTIONS, assignments)
        self.finish()

    def decide(self, indices: Sequence[int], actions: np.ndarray) -> dict[int, EpisodeOutcome]:
        """A turn of decisions, while no other is under way; see start and finish."""
        self.start(indices, actions)
        return self.finish()

    def __enter__(self: F) -> F:
        """Nothing to do."""
        return self

    def __exit__(self, *exception: object) -> None:
        """Close."""
        self.close()


def require_actions(indices: Sequence[int], actions: np.ndarray) -> None:
    """Refuses what no world could be driven by.

    Raises:
        ValueError: actions of another shape, or not finite.
    """
    if actions.shape != (len(indices), 2) or not np.isfinite(actions).all():
        raise ValueError(
            f"actions of shape {actions.shape} for {len(indices)} worlds; they must be finite "
            f"and ({len(indices)}, 2)"
        )


class LocalFleet(Fleet):
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
        self._turns: deque[tuple[Sequence[int], np.ndarray, Mapping[int, Assignment]]] = deque()

    def __len__(self) -> int:
        """How many worlds there are."""
        return len(self._worlds)

    def prepare(self, plans: Mapping[int, EpisodePlan]) -> None:
        """As Fleet."""
        self._worlds.prepare(plans.values())

    def start(
        self,
        indices: Sequence[int],
        actions: np.ndarray,
        assignments: Mapping[int, Assignment] = NO_EPISODES,
    ) -> None:
        """As Fleet; nothing moves before `finish`."""
        require_actions(indices, actions)
        self._turns.append((indices, actions, assignments))

    def finish(self) -> dict[int, EpisodeOutcome]:
        """As Fleet."""
        indices, actions, assignments = self._turns.popleft()
        over = self._drive(indices, actions)
        if assignments:
            self._begin(assignments)
        return over

    def close(self) -> None:
        """As Fleet."""
        self._worlds.close()

    def _begin(self, assignments: Mapping[int, Assignment]) -> None:
        indices = list(assignments)
        starts = self._worlds.reset_many(indices, [a.plan for a in assignments.values()])
        for i, (tick, route) in zip(indices, starts, strict=True):
            self._episodes[i] = EpisodeInProgress(self._task, assignments[i], route, tick)
            self._show(i, 0.0)

    def _drive(self, indices: Sequence[int], actions: np.ndarray) -> dict[int, EpisodeOutcome]:
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

    def _show(self, index: int, reward: float) -> None:
        board, episode = self.board, self._episodes[index]
        sight, ending = episode.see(), episode.ending
        board.images[index], board.vectors[index] = sight.image, sight.vector
        board.rewards[index], board.steps[index] = reward, episode.steps
        board.terminated[index] = ending is not None and ending.terminated
        board.truncated[index] = ending is not None and ending.truncated
