"""What to drive next, and why: training, its selections and closing test, or an evaluation."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, replace
from typing import Any, Protocol

import numpy as np

from td3_driving.agent.parameters import AgentParameters
from td3_driving.agent.task import driving_task
from td3_driving.agent.types import Assignment, Purpose
from td3_driving.driving.episodes import MAP_SPLIT, EpisodePlan, evaluation_plan, training_plan
from td3_driving.evaluation.metrics import EpisodeScore

CANDIDATES = ("learner", "averaged")
FIRST_SELECTION, LAST_SELECTION = 0.5, 0.95
"""Shares of the run between which policies are scored: not before they can drive, and soon enough
that the last score, too, is part of the run's time."""

DRIVE_S, DRIVE_M = 600.0, 3000.0


class Program(Protocol):
    """Names one episode after the other."""

    tests: dict[Purpose, list[EpisodeScore]]
    """Scores of the episodes on test maps, by why they were driven."""

    def next(self, progress: float) -> Assignment | None:
        """The next episode, or None when all is done; progress of the training in [0, 1]."""

    def over(self, assignment: Assignment, score: EpisodeScore | None) -> None:
        """Takes the score of an episode, None if a fault ended it."""


def held_out_plan(parameters: AgentParameters, seeds: range, index: int) -> EpisodePlan:
    """The index-th scored episode on held-out map seeds, or on the fixed map to be scored on."""
    task = driving_task(parameters)
    plan = evaluation_plan(
        seeds, index, task.kind, task.evaluation.duration_s, task.evaluation.distance_m
    )
    return replace(plan, map=parameters.test_map or task.map or plan.map)


def test_seeds(parameters: AgentParameters) -> range:
    """Map seeds of an evaluation.

    Raises:
        ValueError: an empty range, or seeds that training or selection use.
    """
    seeds = range(parameters.test_first_seed, parameters.test_last_seed + 1)
    MAP_SPLIT.require_held_out(seeds)
    return seeds


def _test_assignments(parameters: AgentParameters) -> list[Assignment]:
    """The closing test: the policy that the run began with, then the best one."""
    seeds = test_seeds(parameters)
    return [
        Assignment(purpose, held_out_plan(parameters, seeds, i), driver)
        for purpose, driver in ((Purpose.UNTRAINED, "untrained"), (Purpose.TEST, "best"))
        for i in range(parameters.test_episodes)
    ]


@dataclass(frozen=True)
class Selection:
    """The mean score of one candidate at one point of the run.

    Args:
        progress: Of the training, in [0, 1].
        candidate: Which policy.
        completion_pct: Mean share of the distance driven.
        speed_error_mps: Mean speed's distance from the target speed.
    """

    progress: float
    candidate: str
    completion_pct: float
    speed_error_mps: float

    @property
    def rank(self) -> tuple[float, float]:
        """The higher, the better: of those that arrive, the one nearest to the target speed."""
        return self.completion_pct, -self.speed_error_mps


def _longest_selections(parameters: AgentParameters) -> int:
    """How many selections a run is long enough for: one per 2000 ticks or per minute."""
    return parameters.steps // 2000 if parameters.steps else int(parameters.minutes)


class TrainingProgram:
    """Training episodes; between them, now and then, a selection; at the end, the closing test.

    Args:
        parameters: Of the agent.
        closing_test: Whether untrained and best policy are scored on test maps at the end; may
            be set until then.

    Raises:
        ValueError: the closing test's map seeds are not for tests.
    """

    def __init__(self, parameters: AgentParameters, closing_test: bool) -> None:
        self._parameters = parameters
        self._task = driving_task(parameters)
        self._test_assignments = _test_assignments(parameters)
        self.closing_test = closing_test
        self._queue: deque[Assignment] = deque()
        self._scores: dict[str, list[EpisodeScore]] = {}
        self._selecting = 0.0
        self._closed = False
        self.index = 0
        self.selections: list[Selection] = []
        self.points_passed = 0
        self.chosen: str | None = None
        """The candidate just found to be as good as all before, or better; take_chosen() it."""
        self.tests: dict[Purpose, list[EpisodeScore]] = {Purpose.UNTRAINED: [], Purpose.TEST: []}
        count = min(parameters.selections, _longest_selections(parameters))
        first = FIRST_SELECTION if count > 1 else LAST_SELECTION
        self._points = np.linspace(first, LAST_SELECTION, count).tolist()

    @property
    def best(self) -> Selection | None:
        """The best selection so far."""
        return max(reversed(self.selections), key=lambda s: s.rank, default=None)

    @property
    def selecting(self) -> bool:
        """Whether a selection is under way."""
        return any(a.purpose is Purpose.SELECT for a in self._queue) or bool(self._scores)

    @property
    def between_trainings(self) -> bool:
        """Whether nothing but training is under way: the moment for a checkpoint."""
        return not self._queue and not self._closed

    def next(self, progress: float) -> Assignment | None:
        """As Program.next."""
        due = (
            self.points_passed < len(self._points) and progress >= self._points[self.points_passed]
        )
        if due and not self._queue:
            self._selecting = progress
            self._queue.extend(self._selection_assignments())
        if progress >= 1.0 and not self._queue and not self._closed:
            self._closed = True
            self._queue.extend(self._test_assignments if self.closing_test else [])
        if self._queue:
            return self._queue.popleft()
        if progress >= 1.0:
            return None
        p, task = self._parameters, self._task
        pool: range | str = task.map or range(p.training_maps)
        plan = training_plan(
            p.seed, self.index, task.kind, pool, p.episodes_per_map, task.episode_s, task.starts
        )
        self.index += 1
        return Assignment(Purpose.TRAIN, plan, "learner")

    def over(self, assignment: Assignment, score: EpisodeScore | None) -> None:
        """As Program.over."""
        if score is None:
            # A fault says nothing about the policy: the same episode again.
            if assignment.purpose is not Purpose.TRAIN:
                self._queue.appendleft(assignment)
            return
        if assignment.purpose in self.tests:
            self.tests[assignment.purpose].append(score)
        elif assignment.purpose is Purpose.SELECT:
            scores = self._scores.setdefault(assignment.driver, [])
            scores.append(score)
            if len(scores) == self._parameters.selection_episodes:
                self._judge(assignment.driver, self._scores.pop(assignment.driver))
                if assignment.driver == CANDIDATES[-1]:
                    # Only now: a run resumed from before makes the selection anew.
                    self.points_passed = sum(self._selecting >= point for point in self._points)

    def _judge(self, candidate: str, scores: list[EpisodeScore]) -> None:
        mean_speed_mps = sum(s.mean_speed_mps for s in scores) / len(scores)
        result = Selection(
            self._selecting,
            candidate,
            sum(s.completion_pct for s in scores) / len(scores),
            abs(mean_speed_mps - self._task.target_speed_mps),
        )
        best = self.best
        self.selections.append(result)
        # Of equals the later: it has seen more.
        if best is None or result.rank >= best.rank:
            self.chosen = candidate

    def take_chosen(self) -> str | None:
        """The candidate to be kept as the best policy, once."""
        chosen, self.chosen = self.chosen, None
        return chosen

    def _selection_assignments(self) -> list[Assignment]:
        p = self._parameters
        return [
            Assignment(Purpose.SELECT, held_out_plan(p, MAP_SPLIT.selection[:1000], i), candidate)
            for candidate in CANDIDATES
            for i in range(p.selection_episodes)
        ]

    def state(self) -> dict[str, Any]:
        """JSON-able; a resumed run goes on with the episode after the last one."""
        return {
            "index": self.index,
            "points_passed": self.points_passed,
            "selections": [vars(s) for s in self.selections],
        }

    def restore(self, state: dict[str, Any]) -> None:
        """The inverse of state()."""
        self.index = int(state["index"])
        self.points_passed = int(state["points_passed"])
        self.selections = [Selection(**s) for s in state["selections"]]


class EvaluationProgram:
    """Scores one driver on test maps."""

    def __init__(self, parameters: AgentParameters) -> None:
        seeds = test_seeds(parameters)
        self._queue = deque(
            Assignment(Purpose.TEST, held_out_plan(parameters, seeds, i), "given")
            for i in range(parameters.test_episodes)
        )
        self.tests: dict[Purpose, list[EpisodeScore]] = {Purpose.TEST: []}

    def next(self, progress: float) -> Assignment | None:
        """As Program.next."""
        return self._queue.popleft() if self._queue else None

    def over(self, assignment: Assignment, score: EpisodeScore | None) -> None:
        """As Program.over."""
        if score is None:
            self._queue.appendleft(assignment)
        else:
            self.tests[assignment.purpose].append(score)


class DrivingProgram:
    """Drives on and on, for people to watch."""

    def __init__(self, parameters: AgentParameters) -> None:
        self._parameters = parameters
        self._seeds = test_seeds(parameters)
        self._index = 0
        self.tests: dict[Purpose, list[EpisodeScore]] = {}

    def next(self, progress: float) -> Assignment | None:
        """As Program.next."""
        plan = held_out_plan(self._parameters, self._seeds, self._index)
        plan = replace(
            plan, duration_s=DRIVE_S, distance_m=DRIVE_M, map=self._parameters.map or plan.map
        )
        self._index += 1
        return Assignment(Purpose.DRIVE, plan, "given")

    def over(self, assignment: Assignment, score: EpisodeScore | None) -> None:
        """As Program.over."""
