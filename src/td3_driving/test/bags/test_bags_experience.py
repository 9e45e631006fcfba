"""Recorded drives as experience: whole decisions, their task's rewards, and no false joints."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest

from td3_driving.agent.parameters import AgentParameters
from td3_driving.agent.task import driving_task
from td3_driving.agent.trainer import OnlineTrainer
from td3_driving.agent.types import Sight
from td3_driving.bags.errors import BagError
from td3_driving.bags.experience import Experience, Remembered, require_fits
from td3_driving.bags.reader import Bag
from td3_driving.bags.ticks import read_ticks
from td3_driving.cli.main import main

TASK = driving_task(AgentParameters())
WHOLE = (0.0, 0.0, 0.0, 0.0)
MakeBag = Callable[..., Path]


class Step(NamedTuple):
    action: tuple[float, float]
    reward: float
    terminated: bool
    truncated: bool
    x_m: float


class Notes:
    """A memory that notes what it is told: episodes of steps."""

    def __init__(self) -> None:
        self.episodes: list[list[Step]] = []
        self.aborted = 0

    def begin(self, sight: Sight) -> None:
        self.episodes.append([])

    def recall(
        self, action: np.ndarray, reward: float, sight: Sight, terminated: bool, truncated: bool
    ) -> None:
        steer, acceleration = map(float, action)
        self.episodes[-1].append(
            Step((steer, acceleration), reward, terminated, truncated, sight.state.x_m)
        )

    def abort(self) -> None:
        self.aborted += 1


def remember(path: Path, memory: Any, camera: tuple[int, int] = (32, 24)) -> Remembered:
    with Bag(path) as bag:
        require_fits(bag, TASK)
        return Experience(memory, TASK, WHOLE, camera).take(path.name, read_ticks(bag))


def test_every_decision_is_stored_with_the_tasks_reward(
    make_bag: MakeBag, driven_action: Callable[[int, int], tuple[float, float]]
) -> None:
    notes = Notes()
    assert remember(make_bag(episodes=2, steps=20), notes) == (20, 0)
    assert notes.aborted == 0
    for number, episode in enumerate(notes.episodes, 1):
        assert [step.action for step in episode] == [
            driven_action(number, step) for step in range(0, 20, 2)
        ]
        assert [step.x_m for step in episode] == pytest.approx(0.8 * np.arange(1, 11))
        assert [step.truncated for step in episode] == 9 * [False] + [True]
        assert not any(step.terminated for step in episode)
        # On the centre at the target speed: 0.1 a tick, less 0.03 per unit of changed steering in
        # the first of the two ticks of a decision.
        steer = np.array([0.0, *(step.action[0] for step in episode)])
        expected = 0.1 - 0.03 * np.abs(np.diff(steer)) / 2
        assert [step.reward for step in episode] == pytest.approx(expected, abs=1e-6)


def test_leaving_the_lane_terminates_by_the_task_whatever_was_recorded(make_bag: MakeBag) -> None:
    def change(episode: int, step: int, topic: str, message: Any) -> Any:
        if topic == "odometry" and step >= 9:
            message.pose.pose.position.y = 0.5 * (step - 8) if step < 13 else 2.5
        return message

    notes = Notes()
    remember(make_bag(episodes=1, steps=20, change=change), notes)
    (episode,) = notes.episodes
    assert len(episode) == 7, "the seventh decision ends at step 13, in its middle"
    assert [step.terminated for step in episode] == 6 * [False] + [True]
    assert episode[-1].reward < -0.9


@pytest.mark.parametrize("lost", [("frame", 7), ("rgb_front/image", 7), ("action", 7)])
def test_nothing_joins_what_a_gap_parts(make_bag: MakeBag, lost: tuple[str, int]) -> None:
    def change(episode: int, step: int, topic: str, message: Any) -> Any:
        return None if (episode, topic, step) == (1, *lost) else message

    notes = Notes()
    assert remember(make_bag(episodes=2, steps=20, change=change), notes) == (13, 1)
    assert [len(episode) for episode in notes.episodes] == [3, 10]
    assert notes.aborted == 1


def test_an_episode_that_was_cut_off_ends_with_its_last_whole_decision(make_bag: MakeBag) -> None:
    def change(episode: int, step: int, topic: str, message: Any) -> Any:
        return None if episode == 1 and step > 9 else message

    notes = Notes()
    assert remember(make_bag(episodes=2, steps=20, change=change), notes) == (14, 1)
    assert [len(episode) for episode in notes.episodes] == [4, 10]
    assert notes.aborted == 1


def test_an_action_beyond_what_a_policy_can_do_is_not_learned_from(make_bag: MakeBag) -> None:
    def change(episode: int, step: int, topic: str, message: Any) -> Any:
        if topic == "action" and step in (6, 7):
            message.steer = float("nan")
        return message

    notes = Notes()
    path = make_bag(episodes=1, steps=20, change=change)
    try:
        remember(path, notes)
    except BagError as error:
        assert "the action changes" in str(error)  # NaN equals nothing, itself not either
    assert [len(episode) for episode in notes.episodes] == [3]


@pytest.mark.parametrize(
    ("about", "complaint"),
    [
        ({"task": "urban"}, "driven for the task urban, this run is lane_keeping"),
        ({"action_repeat": 4}, "a decision held 4 ticks, in this run it holds 2"),
    ],
)
def test_a_bag_of_another_drive_is_refused_by_name(
    make_bag: MakeBag, about: dict[str, Any], complaint: str
) -> None:
    with pytest.raises(BagError, match=complaint):
        remember(make_bag(about=about), Notes())


def test_a_bag_without_actions_or_with_other_pictures_is_refused_by_name(
    make_bag: MakeBag, scene: Any
) -> None:
    def change(episode: int, step: int, topic: str, message: Any) -> Any:
        return None if topic == "action" else message

    with pytest.raises(BagError, match="holds no action"):
        remember(make_bag("mute", change=change), Notes())
    with pytest.raises(BagError, match=r"pictures of 32x24, this run's have 160x120"):
        remember(make_bag("small"), Notes(), (160, 120))
    with pytest.raises(BagError, match=r"at step 2 .* another stack"):
        remember(make_bag("stride", scene=scene(repeat=1), about={"action_repeat": 0}), Notes())


def test_actions_that_change_within_a_decision_are_another_stride(make_bag: MakeBag) -> None:
    def change(episode: int, step: int, topic: str, message: Any) -> Any:
        if topic == "action" and step == 5:
            message.steer += 0.1
        return message

    with pytest.raises(BagError, match="changes at step 5 of episode 1, within a decision of 2"):
        remember(make_bag(change=change, about={"action_repeat": 0}), Notes())


def test_a_trainer_remembers_counts_and_learns(make_bag: MakeBag) -> None:
    parameters = AgentParameters(replay_capacity=1000, batch_size=4, learning_starts=8)
    trainer = OnlineTrainer(parameters, learning_starts=8)
    try:
        before = trainer.agent.parameters_sha256()
        assert remember(make_bag(episodes=2, steps=20), trainer) == (20, 0)
        assert (trainer.replay.stored, trainer.decisions, trainer.updates) == (20, 20, 0)
        assert trainer.agent.parameters_sha256() == before
        for _ in range(4):
            trainer.learn_now()
        assert trainer.updates == 4
        assert trainer.agent.parameters_sha256() != before
        assert "loss/actor" in trainer.metrics
    finally:
        trainer.close()


@pytest.mark.parametrize(
    ("given", "complaint"),
    [
        (["--pretrain-updates", "5"], "name them with --from-bag"),
        (["--from-bag", "/nowhere/bag"], "there is no bag at /nowhere/bag"),
    ],
)
def test_the_command_refuses_bags_before_anything_starts(
    given: list[str], complaint: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert main(["train", "--run-dir", str(tmp_path / "run"), *given]) == 2
    assert complaint in capfd.readouterr().err
    assert not (tmp_path / "run").exists()
