"""Driving to learn from: the worlds of a fleet move in two groups that take turns."""

from __future__ import annotations

from collections.abc import Callable
from itertools import cycle

from td3_driving.agent.parameters import AgentParameters
from td3_driving.agent.task import driving_task
from td3_driving.agent.types import Assignment, Purpose
from td3_driving.driving.episodes import EpisodePlan, training_plan
from td3_driving.fleet.fleet import NO_ACTIONS, Fleet
from td3_driving.fleet.learner import FleetLearner
from td3_driving.fleet.outcome import EpisodeOutcome


class TrainingPlans:
    """What each world drives, one episode after the other.

    Each world has maps of its own, so that none is prepared by more than one worker.

    Args:
        parameters: Of the agent, resolved.
        worlds: How many.
    """

    def __init__(self, parameters: AgentParameters, worlds: int) -> None:
        self._parameters, self._task = parameters, driving_task(parameters)
        self._begun = [0] * worlds

    @property
    def begun(self) -> int:
        """Episodes that have been taken."""
        return sum(self._begun)

    def peek(self, world: int, ahead: int = 0) -> EpisodePlan:
        """What a world drives next, or so many episodes later."""
        p, task, worlds = self._parameters, self._task, len(self._begun)
        block, place = divmod(self._begun[world] + ahead, p.episodes_per_map)
        index = (block * worlds + world) * p.episodes_per_map + place
        maps = range(p.training_maps)
        pool: range | str = task.map or maps[world % len(maps) :: worlds]
        return training_plan(
            p.seed, index, task.kind, pool, p.episodes_per_map, task.episode_s, task.starts
        )

    def take(self, world: int) -> EpisodePlan:
        """What a world drives next; after that, the one after it is next."""
        plan = self.peek(world)
        self._begun[world] += 1
        return plan


class _Group:
    """Worlds that move together.

    Args:
        worlds: Their numbers.
    """

    def __init__(self, worlds: list[int]) -> None:
        self.worlds = worlds
        self.fresh = worlds
        """Those that begin an episode in their next turn, or in the one under way."""
        self.deciding: list[int] = []
        """Those that hold `actions` in the turn under way."""
        self.actions = NO_ACTIONS
        self.steps = 0
        """Ticks of the episodes of `deciding` until that turn."""


class Turns:
    """While one group moves, the learner takes what the other's turn led to, starts the updates
    that are due for it, and decides for it again; so workers, learner and GPU work at the same
    time. An episode begins in the turn after the one that ended the last.

    Args:
        fleet: Whose first worlds these are.
        trainer: Decides for them and learns from them.
        plans: What they drive.
        worlds: How many.
        episodes_ahead: That a world's maps are prepared before they are driven on.
        log: Takes every episode that is over.
    """

    def __init__(
        self,
        fleet: Fleet,
        trainer: FleetLearner,
        plans: TrainingPlans,
        worlds: int,
        episodes_ahead: int,
        log: Callable[[EpisodeOutcome], None],
    ) -> None:
        self._fleet, self._trainer, self._plans = fleet, trainer, plans
        self._ahead, self._log = episodes_ahead, log
        everyone, middle = list(range(worlds)), -(-worlds // 2)
        self._groups = [_Group(part) for part in (everyone[:middle], everyone[middle:]) if part]
        self._order = cycle(self._groups)
        self.ticks = 0
        """Of all worlds, in the turns that are over."""

    def next(self, progress: float) -> None:
        """Finishes the oldest turn and starts that group's next one.

        Args:
            progress: Of the training, in [0, 1].
        """
        group = next(self._order)
        self._finish(group)
        self._trainer.learn()
        self._start(group, progress)

    def start(self, progress: float) -> None:
        """Lets all groups move, when none does."""
        for _ in self._groups:
            self._start(next(self._order), progress)

    def finish(self) -> None:
        """No world moves then, and the fleet is free for others."""
        for _ in self._groups:
            self._finish(next(self._order))

    def _start(self, group: _Group, progress: float) -> None:
        """A decision in each world of a group; in the fresh ones, an episode begins."""
        board, fresh = self._fleet.board, group.fresh
        group.deciding = [i for i in group.worlds if i not in fresh]
        group.actions = self._trainer.explore(board, group.deciding, progress)
        group.steps = int(board.steps[group.deciding].sum())
        plans = {i: Assignment(Purpose.TRAIN, self._plans.take(i), "learner") for i in fresh}
        self._fleet.start(group.deciding, group.actions, plans)
        if fresh:
            # take() was one of them.
            self._fleet.prepare({i: self._plans.peek(i, self._ahead - 1) for i in fresh})

    def _finish(self, group: _Group) -> None:
        """Waits for a group's turn, which is the oldest, and takes what it led to."""
        over = self._fleet.finish()
        # Before anything is stored: the updates under way draw from what was there when they began.
        self._trainer.adopt()
        board = self._fleet.board
        self.ticks += int(board.steps[group.deciding].sum()) - group.steps
        self._trainer.store(board, group.deciding, group.actions)
        self._trainer.begin(board, group.fresh)
        group.fresh = list(over)
        for outcome in over.values():
            self._log(outcome)
