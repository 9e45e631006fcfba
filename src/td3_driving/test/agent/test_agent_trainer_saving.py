"""The learner saved while it is at work, and put back when its updates are refused."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from td3_driving.agent import trainer as trainer_module
from td3_driving.agent.parameters import AgentParameters
from td3_driving.agent.trainer import OnlineTrainer
from td3_driving.agent.types import Sight
from td3_driving.driving.vehicle import VehicleState
from td3_driving.learning import newest
from td3_driving.learning.errors import CheckpointsInUseError

STARTS = 4
PARAMETERS = AgentParameters(
    seed=1, replay_capacity=1000, batch_size=2, n_step=1, decisions_per_update=2
)
STATE = VehicleState(0.0, 0.0, 0.0, 0.0, 0.0)


@pytest.fixture
def make_trainer() -> Iterator[Callable[[], OnlineTrainer]]:
    trainers = []

    def make() -> OnlineTrainer:
        trainers.append(OnlineTrainer(PARAMETERS, STARTS))
        return trainers[-1]

    yield make
    for trainer in trainers:
        trainer.close()


def sight(number: int) -> Sight:
    """What is seen at the decision of that number: noise."""
    noise = np.random.default_rng(number)
    image = noise.integers(0, 256, (4, 84, 84), dtype=np.uint8)
    vector = noise.standard_normal(53).astype(np.float32)
    return Sight(image, vector, STATE, np.zeros((25, 2), np.float32))


def drive(
    trainer: OnlineTrainer, decisions: int = 20, between: Callable[[], Any] = lambda: None
) -> list[np.ndarray]:
    """Makes decisions in one episode; returns the actions."""
    first = trainer.decisions
    trainer.begin(sight(first))
    actions = []
    for number in range(first, first + decisions):
        actions.append(trainer.explore(sight(number), progress=0.0))
        last = number == first + decisions - 1
        trainer.store(actions[-1], 0.1 * number, sight(number + 1), False, truncated=last)
        between()
    return actions


def test_saving_in_the_background_all_the_time_changes_nothing(
    make_trainer, tmp_path: Path
) -> None:
    plain, saved = make_trainer(), make_trainer()
    begun: list[bool] = []
    actions = drive(plain, 40)
    again = drive(saved, 40, lambda: begun.append(saved.save(tmp_path, {}, keep=2, wait=False)))
    assert np.array_equal(actions, again)
    for trainer in (plain, saved):
        trainer.wait()
    assert plain.agent.parameters_sha256() == saved.agent.parameters_sha256()
    assert any(begun) and saved.alarm is None


def test_a_save_is_of_its_moment_and_of_the_learner_after_the_update_under_way(
    make_trainer, tmp_path: Path
) -> None:
    trainer = make_trainer()
    drive(trainer, 9)
    trainer.wait()
    may_go_on, train = threading.Event(), trainer.agent.train

    def held_up(*arguments: Any, **options: Any) -> dict[str, float]:
        may_go_on.wait(30)
        return train(*arguments, **options)

    trainer.agent.train = held_up
    drive(trainer, 1)
    updates, acting = trainer.updates, trainer._acting.state_dict()
    assert trainer.save(tmp_path, {"at": 10}, keep=2, wait=False)
    assert not trainer.save(tmp_path, {"at": 10}, keep=2, wait=False)  # one is under way
    drive(trainer, 1)
    may_go_on.set()
    drive(trainer, 5)
    trainer._keeper.wait()
    assert newest(tmp_path).extra["program"] == {"at": 10}
    trainer.close()
    resumed = make_trainer()
    assert resumed.load(tmp_path) == {"at": 10}
    assert (resumed.decisions, resumed.replay.stored) == (10, 10)
    assert resumed.updates == updates + 1
    assert all(resumed._acting.state_dict()[name].equal(w) for name, w in acting.items())
    drive(resumed, 1)
    drive(resumed, 5)
    for each in (trainer, resumed):
        each.wait()
    assert resumed.agent.parameters_sha256() == trainer.agent.parameters_sha256()


def test_waiting_saves_what_is_there_now_though_another_save_is_under_way(
    make_trainer, tmp_path: Path
) -> None:
    trainer = make_trainer()
    drive(trainer, 6)
    trainer.save(tmp_path, {}, keep=5, wait=False)
    drive(trainer, 6)
    assert trainer.save(tmp_path, {}, keep=5)
    assert newest(tmp_path).extra["decisions"] == 12
    assert len(list(tmp_path.glob("checkpoint-*"))) == 2


def test_a_second_run_in_the_same_folder_is_refused(make_trainer, tmp_path: Path) -> None:
    first, second = make_trainer(), make_trainer()
    drive(first)
    first.save(tmp_path, {}, keep=2)
    with pytest.raises(CheckpointsInUseError, match=r"process \d+ writes checkpoints"):
        second.load(tmp_path)
    with pytest.raises(CheckpointsInUseError):
        second.save(tmp_path, {}, keep=2)
    assert "stop that run first" in second.alarm and first.alarm is None


# --- Refused updates ---


def spoil(trainer: OnlineTrainer) -> None:
    """The critic's weights are no numbers any more; so is every loss from now on."""
    trainer.wait()
    with torch.no_grad():
        next(trainer.agent.critic.parameters()).fill_(torch.nan)


def networks(trainer: OnlineTrainer) -> str:
    trainer.wait()
    return trainer.agent.parameters_sha256()


def test_after_ten_refused_updates_the_last_good_learner_is_restored_and_told(
    make_trainer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trainer_module, "TOLD_FOR", 20)
    trainer = make_trainer()
    drive(trainer)
    good = networks(trainer)
    trainer.save(tmp_path, {}, keep=9)
    drive(trainer, 6)
    spoil(trainer)
    drive(trainer, 8)
    trainer.save(tmp_path, {}, keep=9)  # of a learner that is refused: not a good one
    updates = trainer.updates
    drive(trainer, 12)
    assert networks(trainer) != good and "the critic's loss is nan" in trainer.alarm
    assert trainer.metrics["health/refused_updates"] == 9.0
    drive(trainer, 2)
    assert trainer.alarm == (
        "10 updates in a row were refused, the last because the critic's loss is nan at update "
        f"{updates}; no weight of it was changed. Rewards far from 1 or a diverging critic are the "
        "usual causes.; the learner of checkpoint-000001 was restored"
    )
    assert networks(trainer) != good  # one update has been made since
    assert trainer.metrics["health/restored"] == 1.0 and trainer.updates == updates + 1
    drive(trainer, 22)
    assert trainer.alarm is None and trainer.agent.non_finite == 10
    assert all(p.isfinite().all() for _, net in trainer.agent.networks() for p in net.parameters())


def test_the_learner_that_is_put_back_is_the_saved_one_and_acts(
    make_trainer, tmp_path: Path
) -> None:
    trainer = make_trainer()
    drive(trainer)
    good, policy = networks(trainer), trainer.candidate("learner").act(sight(0))
    trainer.save(tmp_path, {}, keep=1)
    drive(trainer)
    stored = trainer.replay.stored
    assert trainer._keeper.restore_learner(lambda saved: True) == "checkpoint-000001"
    assert networks(trainer) == good and trainer.replay.stored == stored
    assert np.array_equal(trainer._acting.select_action(sight(0).observation), policy)


def test_without_a_checkpoint_updates_are_refused_on_and_on_and_it_is_told(make_trainer) -> None:
    trainer = make_trainer()
    drive(trainer)
    spoil(trainer)
    drive(trainer, 50)
    assert "24 updates in a row were refused" in trainer.alarm
    assert trainer.alarm.endswith("there is no good checkpoint to restore")
    assert trainer.metrics["health/refused_updates"] == 24.0
    assert trainer.metrics["health/restored"] == 0.0


def test_refusals_are_counted_on_after_a_resume(make_trainer, tmp_path: Path) -> None:
    trainer = make_trainer()
    drive(trainer)
    trainer.save(tmp_path, {}, keep=9)
    spoil(trainer)
    drive(trainer, 15)
    trainer.save(tmp_path, {}, keep=9)
    trainer.close()
    resumed = make_trainer()
    resumed.load(tmp_path)
    drive(resumed, 10)
    assert resumed.metrics["health/restored"] == 1.0
    assert "the learner of checkpoint-000001 was restored" in resumed.alarm
