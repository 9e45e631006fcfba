"""Episodes driven many at a time: whoever drives decides for all worlds at once."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Protocol

import numpy as np

from td3_driving.agent.parameters import AgentParameters
from td3_driving.agent.program import held_out_plan, test_seeds
from td3_driving.agent.types import Assignment, Purpose
from td3_driving.evaluation.metrics import EpisodeScore
from td3_driving.fleet.fleet import Fleet
from td3_driving.fleet.outcome import EpisodeOutcome
from td3_driving.fleet.workers import make_fleet
from td3_driving.learning.policy import Policy


class FleetDriver(Protocol):
    """Decides for several vehicles at once."""

    def __call__(
        self, observation: dict[str, np.ndarray], assignments: Sequence[Assignment]
    ) -> np.ndarray:
        """float32 (n, 2): steer and acceleration in [-1, 1].

        Args:
            observation: Of the n worlds, as Board.observation gives it.
            assignments: What each is to do.
        """


class PolicyDriver:
    """Policies without noise, by the names of drivers in assignments; each is asked once for all.

    Args:
        policies: By name.
    """

    def __init__(self, policies: Mapping[str, Policy]) -> None:
        self._policies = policies

    def __call__(
        self, observation: dict[str, np.ndarray], assignments: Sequence[Assignment]
    ) -> np.ndarray:
        """As FleetDriver."""
        actions = np.zeros((len(assignments), 2), np.float32)
        for name, policy in self._policies.items():
            mine = [i for i, assignment in enumerate(assignments) if assignment.driver == name]
            if mine:
                batch = {key: values[mine] for key, values in observation.items()}
                actions[mine] = policy.select_action(batch, deterministic=True)
        return actions


def drive(
    fleet: Fleet,
    assignments: Sequence[Assignment],
    driver: FleetDriver,
    watch: Callable[[], None] | None = None,
    first: int = 0,
) -> list[EpisodeOutcome]:
    """Drives one episode after the other in every world until all are over.

    The i-th episode is driven in the world that is the i-th modulo their number, so that the
    outcome does not depend on which of them ends first.

    Args:
        fleet: Where.
        assignments: What.
        driver: Decides for the worlds that drive, in the order of their numbers.
        watch: Called before each decision; may raise to stop it all.
        first: The worlds from this one on are used.

    Returns:
        The episodes in the order of the assignments.
    """
    count = len(fleet) - first
    waiting = {first + i: list(range(len(assignments)))[i::count] for i in range(count)}
    at: dict[int, int] = {}
    driven: dict[int, EpisodeOutcome] = {}
    while True:
        fresh = {i: queue.pop(0) for i, queue in waiting.items() if i not in at and queue}
        if fresh:
            fleet.begin({i: assignments[k] for i, k in fresh.items()})
            at |= fresh
        if not at:
            return [driven[k] for k in range(len(assignments))]
        indices = sorted(at)
        if watch is not None:
            watch()
        observation = fleet.board.observation(indices)
        actions = driver(observation, [assignments[at[i]] for i in indices])
        for i, outcome in fleet.decide(indices, actions).items():
            driven[at.pop(i)] = outcome


def scores_on_test_maps(
    parameters: AgentParameters, policy: Policy, episodes: int, threads: int = 0, workers: int = 0
) -> list[EpisodeScore]:
    """Scores of a policy on test maps, driven in a fleet of fresh worlds.

    Args:
        parameters: Of the agent; they name the task and the test maps.
        policy: Who drives.
        episodes: How many.
        threads: As of make_fleet.
        workers: As of make_fleet.
    """
    seeds = test_seeds(replace(parameters, test_last_seed=parameters.test_first_seed + episodes))
    assignments = [
        Assignment(Purpose.TEST, held_out_plan(parameters, seeds, i), "given")
        for i in range(episodes)
    ]
    with make_fleet(parameters, min(episodes, 64), workers, threads) as fleet:
        driven = drive(fleet, assignments, PolicyDriver({"given": policy}))
    return [e.score for e in driven if e.score is not None]
