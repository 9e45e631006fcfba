"""Which policy of a run is kept: scored on selection maps now and then, the best few once more."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from td3_driving.agent.parameters import AgentParameters
from td3_driving.agent.program import Selection, held_out_plan
from td3_driving.agent.task import driving_task
from td3_driving.agent.types import Assignment, Purpose
from td3_driving.driving.episodes import MAP_SPLIT
from td3_driving.evaluation.metrics import EpisodeScore
from td3_driving.fleet.driving import PolicyDriver, drive
from td3_driving.fleet.fleet import Fleet
from td3_driving.fleet.outcome import EpisodeOutcome
from td3_driving.learning.policy import Policy

_MAPS = MAP_SPLIT.selection[:1000]
FINALISTS = 3
"""Policies that are scored once more at the end."""


@dataclass(frozen=True, eq=False)
class Scored:
    """A policy with its score."""

    selection: Selection
    policy: Policy


class Choosing:
    """Scores policies of one run and keeps the best.

    The best of many scores on a few maps is partly luck. So the finalists drive on other selection
    maps at the end, and those scores decide.

    Args:
        parameters: Of the agent; they say how many episodes each score takes.
        fleet: Whose worlds from `first` on are for this.
        first: See there.
        log: Takes every episode.
        check: Called before each decision; may raise to stop it all.
    """

    def __init__(
        self,
        parameters: AgentParameters,
        fleet: Fleet,
        first: int,
        log: Callable[[EpisodeOutcome], None],
        check: Callable[[], None],
    ) -> None:
        self._parameters, self._fleet, self._first = parameters, fleet, first
        self._log, self._check = log, check
        self._target_mps = driving_task(parameters).target_speed_mps
        self._finalists: list[Scored] = []
        self._closed: Scored | None = None
        self.selections: list[Selection] = []
        """All scores so far."""

    @property
    def best(self) -> Scored | None:
        """The best policy so far: of the newest of those that scored alike, or of the finalists."""
        return self._closed or (self._finalists[0] if self._finalists else None)

    def select(self, policies: Mapping[str, Policy], progress: float) -> float:
        """Scores policies; returns the best completion of them, in percent.

        Args:
            policies: By name of CANDIDATES.
            progress: Of the training, in [0, 1].
        """
        episodes = range(self._parameters.selection_episodes)
        new = self._score(policies, episodes, [progress] * len(policies))
        ranked = sorted([*reversed(new), *self._finalists], key=_rank, reverse=True)
        self._finalists = ranked[:FINALISTS]
        return max(scored.selection.completion_pct for scored in new)

    def close(self, episodes: int) -> None:
        """Scores the finalists on other maps; the best of those scores is the best policy.

        Args:
            episodes: For each of them; 0: the scores so far decide.
        """
        if not episodes or len(self._finalists) < 2:
            return
        first = self._parameters.selection_episodes
        policies = {f"finalist_{i}": each.policy for i, each in enumerate(self._finalists)}
        progress = [each.selection.progress for each in self._finalists]
        again = self._score(policies, range(first, first + episodes), progress)
        self._closed = max(again, key=_rank)

    def _score(
        self, policies: Mapping[str, Policy], episodes: range, progress: Sequence[float]
    ) -> list[Scored]:
        """Scores in the order of the policies, each of another point of the run."""
        assignments = select_assignments(self._parameters, policies, episodes)
        driver = PolicyDriver(policies)
        driven = drive(self._fleet, assignments, driver, self._check, self._first)
        scores: dict[str, list[EpisodeScore]] = {name: [] for name in policies}
        for episode in driven:
            self._log(episode)
            if episode.score is not None:
                scores[episode.assignment.driver].append(episode.score)
        scored = []
        for at, (name, policy) in zip(progress, policies.items(), strict=True):
            speed_mps = float(np.mean([s.mean_speed_mps for s in scores[name]]))
            completion_pct = float(np.mean([s.completion_pct for s in scores[name]]))
            selection = Selection(at, name, completion_pct, abs(speed_mps - self._target_mps))
            self.selections.append(selection)
            scored.append(Scored(selection, policy))
        return scored


def select_assignments(
    parameters: AgentParameters, names: Sequence[str] | Mapping[str, Policy], episodes: range
) -> list[Assignment]:
    """Each of these selection episodes, for each name."""
    return [
        Assignment(Purpose.SELECT, held_out_plan(parameters, _MAPS, i), name)
        for name in names
        for i in episodes
    ]


def _rank(scored: Scored) -> tuple[float, float]:
    return scored.selection.rank
