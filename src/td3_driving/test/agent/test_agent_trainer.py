"""The learner on its thread: the seed alone decides, what is not a number stops at the door."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from td3_driving.agent.drivers import RandomDriver
from td3_driving.agent.parameters import AgentParameters
from td3_driving.agent.trainer import OnlineTrainer
from td3_driving.agent.types import Sight
from td3_driving.driving.vehicle import VehicleState
from td3_driving.learning.errors import NonFiniteError

STARTS = 4
PARAMETERS = AgentParameters(
    seed=1, replay_capacity=1000, batch_size=2, n_step=1, decisions_per_update=2
)
STATE = VehicleState(0.0, 0.0, 0.0, 0.0, 0.0)


def sight(number: int, **changes: Any) -> Sight:
    """What is seen at the decision of that number: noise."""
    noise = np.random.default_rng(number)
    image = noise.integers(0, 256, (4, 84, 84), dtype=np.uint8)
    vector = noise.standard_normal(53).astype(np.float32)
    return replace(Sight(image, vector, STATE, np.zeros((25, 2), np.float32)), **changes)


def drive(
    trainer: OnlineTrainer, decisions: int = 20, between: Callable[[], None] = lambda: None
) -> list[np.ndarray]:
    """Makes decisions in one episode; returns the actions."""
    trainer.begin(sight(0))
    actions = []
    for number in range(decisions):
        actions.append(trainer.explore(sight(number), progress=0.0))
        last = number == decisions - 1
        trainer.store(actions[-1], 0.1 * number, sight(number + 1), False, truncated=last)
        between()
    return actions


@pytest.fixture
def make_trainer() -> Any:
    trainers = []

    def make(**changes: Any) -> OnlineTrainer:
        trainers.append(OnlineTrainer(replace(PARAMETERS, **changes), STARTS))
        return trainers[-1]

    yield make
    for trainer in trainers:
        trainer.close()


def dawdle(trainer: OnlineTrainer, seed: int) -> None:
    """Makes every update take a time of its own."""
    times, train = random.Random(seed), trainer.agent.train

    def slow(*arguments: Any, **options: Any) -> dict[str, float]:
        time.sleep(times.uniform(0.0, 0.02))
        metrics = train(*arguments, **options)
        time.sleep(times.uniform(0.0, 0.02))
        return metrics

    trainer.agent.train = slow  # type: ignore[method-assign]


def test_the_same_seed_gives_the_same_parameters_however_long_updates_take(make_trainer) -> None:
    prompt, slow, other = make_trainer(), make_trainer(), make_trainer(seed=2)
    dawdle(slow, seed=5)
    actions = [drive(trainer) for trainer in (prompt, slow, other)]
    for trainer in (prompt, slow, other):
        trainer.wait()
    assert prompt.updates == slow.updates == 9
    assert prompt.agent.parameters_sha256() == slow.agent.parameters_sha256()
    assert prompt.agent.parameters_sha256() != other.agent.parameters_sha256()
    assert np.array_equal(actions[0], actions[1])


def test_saving_and_looking_at_candidates_changes_nothing(make_trainer, tmp_path: Path) -> None:
    plain, watched = make_trainer(), make_trainer()
    actions = drive(plain)

    def look() -> None:
        if watched.decisions in (5, 8, 11):
            watched.save(tmp_path, {}, keep=1)
        watched.candidate("learner")

    assert np.array_equal(actions, drive(watched, between=look))
    for trainer in (plain, watched):
        trainer.wait()
    assert plain.agent.parameters_sha256() == watched.agent.parameters_sha256()


def test_before_learning_starts_actions_are_random_and_afterwards_the_actors(make_trainer) -> None:
    trainer = make_trainer()
    warm_up = RandomDriver(PARAMETERS.seed + 2)
    actions = drive(trainer)
    expected = [warm_up.act(sight(number)) for number in range(STARTS)]
    assert np.array_equal(actions[:STARTS], expected)
    assert np.abs(actions[STARTS:]).max() < 1.0  # an untrained actor with noise of 0.25
    assert trainer.updates > 0


def test_without_noise_the_actor_decides_alone(make_trainer) -> None:
    trainer = make_trainer(noise_start=0.0, noise_end=0.0)
    trainer.enabled = False
    drive(trainer, STARTS)
    expected = trainer.untrained().act(sight(9))
    assert np.array_equal(trainer.explore(sight(9), progress=0.0), expected)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_what_is_not_a_number_stops_at_the_door_and_nothing_stored_is_lost(
    make_trainer, bad: float
) -> None:
    trainer = make_trainer()
    drive(trainer, 6)
    trainer.begin(sight(7))
    action = trainer.explore(sight(7), progress=0.0)
    broken = sight(8, vector=np.full(53, bad, np.float32))
    with pytest.raises(NonFiniteError, match="reward is"):
        trainer.store(action, bad, sight(8), False, False)
    with pytest.raises(NonFiniteError, match="vector"):
        trainer.store(action, 0.0, broken, False, False)
    with pytest.raises(NonFiniteError, match="vector"):
        trainer.explore(broken, progress=0.0)
    trainer.abort()
    assert (trainer.replay.stored, trainer.replay.dropped, trainer.decisions) == (6, 1, 6)
    drive(trainer, 6)
    trainer.wait()
    assert trainer.replay.stored == 12 and trainer.agent.non_finite == 0
    assert trainer.alarm is None


def test_learning_can_be_switched_off_and_on_while_driving(make_trainer) -> None:
    trainer = make_trainer()
    before = trainer.agent.parameters_sha256()
    trainer.enabled = False
    drive(trainer)
    assert trainer.updates == 0 and trainer.agent.parameters_sha256() == before
    assert trainer.replay.stored == 20
    trainer.enabled = True
    drive(trainer)
    trainer.wait()
    assert trainer.updates == 10


def test_free_running_never_waits_for_the_learner(make_trainer) -> None:
    trainer = make_trainer(learning="free_running")
    may_end, train = threading.Event(), trainer.agent.train

    def held_up(*arguments: Any, **options: Any) -> dict[str, float]:
        may_end.wait(30)
        return train(*arguments, **options)

    trainer.agent.train = held_up
    drive(trainer, 40)
    assert trainer.updates == 0
    may_end.set()
    trainer.wait()
    assert trainer.updates == 1


def test_an_update_that_is_not_finite_is_said_loudly_and_the_next_one_goes_on(make_trainer) -> None:
    trainer = make_trainer()
    train, calls = trainer.agent.train, []

    def third_fails(*arguments: Any, **options: Any) -> dict[str, float]:
        calls.append(1)
        if len(calls) == 3:
            raise NonFiniteError("the critic's loss is nan")
        return train(*arguments, **options)

    trainer.agent.train = third_fails
    alarms: list[str | None] = []
    drive(trainer, between=lambda: alarms.append(trainer.alarm))
    trainer.wait()
    assert "the critic's loss is nan" in alarms and alarms[-1] is None
    assert trainer.updates == 8


def test_the_update_lag_is_told_in_decisions(make_trainer) -> None:
    trainer = make_trainer(decisions_per_update=3)
    drive(trainer)
    assert trainer.metrics["time/update_lag_decisions"] == 3.0
    assert trainer.metrics["time/update_ms"] > 0.0


def test_a_saved_learner_goes_on_with_its_counters_even_in_a_longer_run(
    make_trainer, tmp_path: Path
) -> None:
    first = make_trainer()
    drive(first)
    first.save(tmp_path, {"index": 3}, keep=2)
    first.close()
    # A longer run would have begun to learn later.
    resumed = OnlineTrainer(PARAMETERS, learning_starts=1000)
    assert resumed.load(tmp_path) == {"index": 3}
    assert (resumed.decisions, resumed.updates) == (first.decisions, first.updates)
    assert resumed.agent.parameters_sha256() == first.agent.parameters_sha256()
    assert resumed.replay.stored == 20
    drive(resumed, 4)
    resumed.close()
    assert resumed.updates == first.updates + 2


def test_the_averaged_policy_is_another_than_the_learners(make_trainer) -> None:
    trainer = make_trainer()
    drive(trainer)
    acts = [trainer.candidate(name).act(sight(0)) for name in ("learner", "averaged")]
    assert not np.array_equal(*acts)
    assert np.array_equal(trainer.candidate("learner").act(sight(0)), acts[0])
