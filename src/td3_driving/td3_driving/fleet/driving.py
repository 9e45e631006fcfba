"""Episodes driven many at a time: whoever drives decides for all worlds at once."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Protocol

import numpy as np

from td3_driving.agent.episode import EpisodeInProgress
from td3_driving.agent.parameters import AgentParameters
from td3_driving.agent.program import held_out_plan, test_seeds
from td3_driving.agent.task import driving_task
from td3_driving.agent.types import Assignment, Purpose, Sight
from td3_driving.evaluation.metrics import EpisodeScore, score
from td3_driving.fleet.worlds import FleetWorlds
from td3_driving.learning.policy import Policy


class FleetDriver(Protocol):
    """Decides for several vehicles at once."""

    def __call__(self, sights: Sequence[Sight], assignments: Sequence[Assignment]) -> np.ndarray:
        """float32 (n, 2): steer and acceleration in [-1, 1], for what each sees and is to do."""


class PolicyDriver:
    """Policies without noise, by the names of drivers in assignments; each is asked once for all.

    Args:
        policies: By name.
    """

    def __init__(self, policies: Mapping[str, Policy]) -> None:
        self._policies = policies

    def __call__(self, sights: Sequence[Sight], assignments: Sequence[Assignment]) -> np.ndarray:
        """As FleetDriver."""
        actions = np.zeros((len(sights), 2), np.float32)
        for name, policy in self._policies.items():
            mine = [i for i, assignment in enumerate(assignments) if assignment.driver == name]
            if mine:
                observation = batch_of([sights[i] for i in mine])
                actions[mine] = policy.select_action(observation, deterministic=True)
        return actions


def batch_of(sights: Sequence[Sight]) -> dict[str, np.ndarray]:
    """The sights' observations as one batch."""
    return {
        "image": np.stack([sight.image for sight in sights]),
        "vector": np.stack([sight.vector for sight in sights]),
    }


def decide(
    worlds: FleetWorlds,
    episodes: Sequence[EpisodeInProgress],
    indices: Sequence[int],
    actions: np.ndarray,
) -> None:
    """Holds a decision for its ticks, in each world until its episode ends.

    Args:
        worlds: All of them.
        episodes: What is driven in the worlds of `indices`; they advance, and may end.
        indices: Of the worlds.
        actions: float32 (n, 2), one for each of them.
    """
    going = list(range(len(indices)))
    for _ in range(worlds.task.action_repeat):
        ticks = worlds.step(actions[going], [indices[k] for k in going])
        for k, tick in zip(going, ticks, strict=True):
            episodes[k].advance(tick, float(actions[k, 0]))
        going = [k for k in going if episodes[k].ending is None]
        if not going:
            return


def drive(
    worlds: FleetWorlds,
    assignments: Sequence[Assignment],
    driver: FleetDriver,
    watch: Callable[[], None] | None = None,
) -> list[EpisodeInProgress]:
    """Drives one episode after the other in every world until all are over.

    The i-th episode is driven in world i modulo their number, so that the outcome does not depend
    on which of them ends first.

    Args:
        worlds: Where.
        assignments: What.
        driver: Decides for the worlds that drive, in the order of their numbers.
        watch: Called before each decision; may raise to stop it all.

    Returns:
        The episodes, over, in the order of the assignments.
    """
    count = len(worlds)
    waiting = [list(range(len(assignments)))[i::count] for i in range(count)]
    driven: dict[int, EpisodeInProgress] = {}
    at: dict[int, int] = {}
    while True:
        fresh = [i for i in range(count) if i not in at and waiting[i]]
        if fresh:
            at |= {i: waiting[i].pop(0) for i in fresh}
            starts = worlds.reset_many(fresh, [assignments[at[i]].plan for i in fresh])
            for i, (tick, route) in zip(fresh, starts, strict=True):
                assignment = assignments[at[i]]
                driven[at[i]] = EpisodeInProgress(worlds.task, assignment, route, tick)
        if not at:
            return [driven[k] for k in range(len(assignments))]
        indices = sorted(at)
        episodes = [driven[at[i]] for i in indices]
        if watch is not None:
            watch()
        sights = [episode.see() for episode in episodes]
        actions = driver(sights, [episode.assignment for episode in episodes])
        decide(worlds, episodes, indices, actions)
        at = {i: at[i] for i in indices if driven[at[i]].ending is None}


def scores_on_test_maps(
    parameters: AgentParameters, policy: Policy, episodes: int, threads: int = 0
) -> list[EpisodeScore]:
    """Scores of a policy on test maps, driven in a fleet of fresh worlds.

    Args:
        parameters: Of the agent; they name the task and the test maps.
        policy: Who drives.
        episodes: How many.
        threads: As of FleetWorlds.
    """
    seeds = test_seeds(replace(parameters, test_last_seed=parameters.test_first_seed + episodes))
    assignments = [
        Assignment(Purpose.TEST, held_out_plan(parameters, seeds, i), "given")
        for i in range(episodes)
    ]
    with FleetWorlds(driving_task(parameters), min(episodes, 64), threads) as worlds:
        driven = drive(worlds, assignments, PolicyDriver({"given": policy}))
    return [score(record) for e in driven if (record := e.record()) is not None]
