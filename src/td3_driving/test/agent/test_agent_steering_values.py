"""What steering is worth is asked beside the driving, and changes nothing of it."""

from __future__ import annotations

from concurrent.futures import wait
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from td3_driving.agent.critic import Critic
from td3_driving.agent.steering_values import PERIOD_S, STEERINGS, SteeringValues, worth
from td3_driving.agent.types import Drive, Finished


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def answer(values: SteeringValues) -> np.ndarray | None:
    """What was asked, when it is there."""
    assert values._asked is not None
    wait([values._asked], timeout=20.0)
    return values.take()


def actions(acceleration: float) -> np.ndarray:
    return np.column_stack([STEERINGS, np.full(21, acceleration, np.float32)])


def test_a_learner_tells_what_its_critic_says_of_each_steering(make_run: Any) -> None:
    run, clock = make_run(), Clock()
    values = SteeringValues(run.runner, clock)
    values.ask(0.3)
    assert values._asked is None and values.take() is None  # nothing was decided yet
    run.tick()
    values.ask(0.3)
    told = answer(values)
    expected = Critic(run.runner.trainer.agent).values(run.runner.sight, *actions(0.3))
    np.testing.assert_array_equal(told, np.array([STEERINGS, expected], np.float32))
    assert len(set(expected)) > 1
    values.ask(0.3)
    assert values._asked is None, "asked again at once"
    clock.now += PERIOD_S
    values.ask(0.3)
    assert answer(values) is not None
    values.close()
    run.runner.close()


def test_being_watched_changes_no_bit_of_a_run(make_run: Any) -> None:
    def weights(watched: bool) -> dict[str, Any]:
        run = make_run()
        values = SteeringValues(run.runner, lambda: float(run.runner.status.ticks))
        answers = 0
        while not isinstance(run.reply, Finished):
            if watched and isinstance(run.reply, Drive):
                answers += values.take() is not None
                values.ask(run.reply.acceleration)
            run.tick()
        assert run.runner.trainer.updates and bool(answers) == watched
        run.runner.close()
        return run.runner.trainer.agent.actor.state_dict()

    alone, watched = weights(False), weights(True)
    for name, tensor in alone.items():
        np.testing.assert_array_equal(tensor.numpy(), watched[name].numpy(), err_msg=name)


def test_who_drives_with_a_runs_folder_has_its_critic(make_run: Any, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    make_run(run_dir=str(folder)).finish()
    run = make_run(mode="drive", policy=str(folder))
    values = SteeringValues(run.runner)
    run.tick()
    values.ask(0.5)
    told, critic = answer(values), Critic.of_run(folder)
    assert critic is not None
    np.testing.assert_array_equal(told, worth(critic, run.runner.sight, actions(0.5)))
    values.close()
    run.runner.close()


@pytest.mark.parametrize("policy", ["pure_pursuit", "random"])
def test_who_has_no_critic_is_asked_once(policy: str, make_run: Any) -> None:
    run, clock = make_run(mode="drive", policy=policy), Clock()
    values = SteeringValues(run.runner, clock)
    run.tick()
    values.ask(0.5)
    assert answer(values) is None
    clock.now += PERIOD_S
    values.ask(0.5)
    assert values._asked is None
    values.close()
    run.runner.close()
