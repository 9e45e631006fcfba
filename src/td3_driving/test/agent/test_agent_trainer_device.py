"""The learner on another device: what is asked for and missing, and whole cycles at a time.

Cycles run here on the CPU; on a GPU the same class replays them as a CUDA graph.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from td3_driving.agent import learner as learner_module
from td3_driving.agent.parameters import AgentParameters
from td3_driving.agent.trainer import OnlineTrainer
from td3_driving.agent.types import Sight
from td3_driving.driving.vehicle import VehicleState
from td3_driving.learning.errors import DeviceError, ForeignCheckpointError
from td3_driving.learning.fast import CycleUpdates

PARAMETERS = AgentParameters(
    seed=1, replay_capacity=1000, batch_size=2, n_step=1, decisions_per_update=2
)


def sight(number: int) -> Sight:
    noise = np.random.default_rng(number)
    image = noise.integers(0, 256, (4, 84, 84), dtype=np.uint8)
    vector = noise.standard_normal(53).astype(np.float32)
    return Sight(
        image, vector, VehicleState(0.0, 0.0, 0.0, 0.0, 0.0), np.zeros((25, 2), np.float32)
    )


def drive(trainer: OnlineTrainer, decisions: int) -> None:
    trainer.begin(sight(0))
    for number in range(decisions):
        action = trainer.explore(sight(number), progress=0.0)
        last = number == decisions - 1
        trainer.store(action, 0.1 * number, sight(number + 1), False, truncated=last)


def weights(trainer: OnlineTrainer) -> str:
    trainer.wait()
    return trainer.agent.parameters_sha256()


@pytest.fixture
def make_trainer(monkeypatch: pytest.MonkeyPatch):
    """Trainers that learn in cycles, as on a GPU, but on the CPU."""
    trainers = []

    def cycles(agent, replay, precision, compile_):
        return CycleUpdates(agent, replay, precision)

    def make() -> OnlineTrainer:
        monkeypatch.setattr(learner_module, "make_updates", cycles)
        trainers.append(OnlineTrainer(PARAMETERS, learning_starts=4))
        return trainers[-1]

    yield make
    for trainer in trainers:
        trainer.close()


def test_a_gpu_that_is_asked_for_and_missing_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(
        DeviceError, match=r"device is cuda, but PyTorch .* finds no GPU; .* or use cpu or auto"
    ):
        OnlineTrainer(replace(PARAMETERS, device="cuda"), learning_starts=4)


def test_auto_is_the_cpu_where_there_is_no_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    trainer = OnlineTrainer(replace(PARAMETERS, device="auto"), learning_starts=4)
    trainer.close()
    assert trainer.agent.device == torch.device("cpu")


@pytest.mark.parametrize("precision", ["float16", "bfloat16"])
def test_half_precision_is_refused_on_a_cpu(precision: str) -> None:
    with pytest.raises(DeviceError, match=f"precision is {precision}, which is for a GPU"):
        OnlineTrainer(replace(PARAMETERS, device="cpu", precision=precision), learning_starts=4)


def test_the_updates_of_a_cycle_are_made_together_and_as_many_as_ever(
    make_trainer: Callable[[], OnlineTrainer],
) -> None:
    trainer, other = make_trainer(), make_trainer()
    for each in (trainer, other):
        drive(each, 20)
        each.wait()
    # Every fourth decision from the fourth on two updates, where a CPU makes one every second.
    assert trainer.updates == 10
    assert trainer.metrics["time/update_lag_decisions"] == 4.0
    assert {"loss/critic", "loss/actor", "time/update_ms"} <= set(trainer.metrics)
    assert weights(trainer) == weights(other)


def test_a_resumed_learner_of_cycles_goes_on_bit_for_bit(
    make_trainer: Callable[[], OnlineTrainer], tmp_path: Path
) -> None:
    trainer, resumed = make_trainer(), make_trainer()
    drive(trainer, 22)
    trainer.save(tmp_path, {}, keep=1)
    before = weights(trainer)
    drive(trainer, 20)
    trainer.close()
    resumed.load(tmp_path)
    assert weights(resumed) == before
    drive(resumed, 20)
    assert weights(resumed) == weights(trainer) != before
    assert resumed.updates == trainer.updates


def test_after_ten_refused_cycles_the_last_good_learner_is_restored_and_learns_on(
    make_trainer: Callable[[], OnlineTrainer], tmp_path: Path
) -> None:
    trainer = make_trainer()
    drive(trainer, 20)
    trainer.save(tmp_path, {}, keep=1)
    good = weights(trainer)
    with torch.no_grad():
        next(trainer.agent.critic.parameters()).fill_(torch.nan)
    drive(trainer, 36)
    assert weights(trainer) != good and "updates were refused" in (trainer.alarm or "")
    drive(trainer, 8)
    assert "the learner of checkpoint-000001 was restored" in (trainer.alarm or "")
    drive(trainer, 8)
    trainer.wait()
    assert trainer.metrics["health/restored"] == 1.0
    assert trainer.metrics["health/refused_updates"] >= 10.0
    assert all(p.isfinite().all() for _, net in trainer.agent.networks() for p in net.parameters())
    assert weights(trainer) != good


def test_a_checkpoint_of_another_kind_of_device_is_refused_before_anything_is_loaded(
    make_trainer: Callable[[], OnlineTrainer],
) -> None:
    agent = make_trainer().agent
    tensors, values = agent.state_dict()
    before = agent.parameters_sha256()
    elsewhere = tensors | {"generator": torch.zeros(16, dtype=torch.uint8)}
    with pytest.raises(ForeignCheckpointError, match="of a learner on another kind of device"):
        agent.load_state_dict({k: v + 1 for k, v in elsewhere.items()}, values)
    assert agent.parameters_sha256() == before
