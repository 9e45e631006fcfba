"""The task decides what the agent's parameters leave open; a policy drives the task it learned."""

from __future__ import annotations

from dataclasses import asdict, replace
from pathlib import Path

import pytest

from td3_driving.agent.build import load_driver, make_runner
from td3_driving.agent.parameters import AgentParameters
from td3_driving.agent.program import EvaluationProgram, TrainingProgram
from td3_driving.agent.task import driving_task, resolved
from td3_driving.agent.types import Purpose
from td3_driving.driving.observation import vector_dim
from td3_driving.driving.tasks import DrivingTask, TaskError, load_task, task_names
from td3_driving.learning.config import TD3Config
from td3_driving.learning.policy import Policy
from td3_driving.learning.policy_file import save_policy


def policy_of(folder: Path, parameters: AgentParameters) -> str:
    """The file of an untrained policy of a task."""
    dim = vector_dim(driving_task(parameters).waypoint_count)
    policy = Policy.create(TD3Config(vector_dim=dim))
    return str(save_policy(folder / "policy.safetensors", policy, asdict(resolved(parameters))))


def test_where_nothing_is_said_lane_keeping_is_driven_as_before() -> None:
    task = driving_task(AgentParameters())
    assert replace(task, description="") == DrivingTask()
    values = asdict(resolved(AgentParameters()))
    assert {name: values[name] for name in (
        "task", "kind", "map", "episode_s", "action_repeat", "waypoint_mode", "waypoint_count",
        "waypoint_spacing_m", "reward", "target_speed_mps",
    )} == {
        "task": "lane_keeping", "kind": "circuit", "map": "", "episode_s": 30.0,
        "action_repeat": 2, "waypoint_mode": "none", "waypoint_count": 25,
        "waypoint_spacing_m": 2.0, "reward": "mul", "target_speed_mps": 8.0,
    }  # fmt: skip


@pytest.mark.parametrize("name", task_names())
def test_a_task_is_driven_as_its_file_says(name: str) -> None:
    assert driving_task(AgentParameters(task=name)) == load_task(name)
    # What was left to the task and what it said are the same.
    assert driving_task(resolved(AgentParameters(task=name))) == load_task(name)


def test_a_parameter_that_is_set_overrides_the_task_and_nothing_else_of_it() -> None:
    parameters = AgentParameters(
        task="car_following", kind="town", map="Town02", episode_s=12.0, action_repeat=4,
        waypoint_mode="noisy", waypoint_count=10, waypoint_spacing_m=3.0, reward="add",
        target_speed_mps=5.0,
    )  # fmt: skip
    task, origin = driving_task(parameters), load_task("car_following")
    assert (task.kind, task.map, task.episode_s, task.action_repeat) == ("town", "Town02", 12.0, 4)
    assert (task.waypoints.mode, task.waypoint_count, task.waypoint_spacing_m) == ("noisy", 10, 3.0)
    assert (task.reward, task.target_speed_mps) == ("add", 5.0)
    assert task.reward_parameters.gap_weight == origin.reward_parameters.gap_weight
    assert task.traffic == origin.traffic and task.evaluation == origin.evaluation


def test_training_and_scoring_follow_the_task() -> None:
    parameters = AgentParameters(task="urban", test_episodes=3)
    task = load_task("urban")
    plan = TrainingProgram(parameters, closing_test=False).next(0.0).plan  # type: ignore[union-attr]
    assert plan.map.startswith("LiteTown_") and plan.duration_s == task.episode_s
    assert plan.start_speed_mps == 0.0
    scored = EvaluationProgram(parameters).next(0.0)
    assert scored is not None and scored.purpose is Purpose.TEST
    wanted = task.evaluation
    assert (scored.plan.duration_s, scored.plan.distance_m) == (
        wanted.duration_s, wanted.distance_m,
    )  # fmt: skip


def test_mixed_maps_are_circuits_and_towns() -> None:
    program = EvaluationProgram(AgentParameters(task="route_following", test_episodes=4))
    maps = [program.next(0.0).plan.map for _ in range(4)]  # type: ignore[union-attr]
    assert [name.split("_")[0] for name in maps] == ["LiteCircuit", "LiteTown"] * 2


def test_a_task_with_a_map_of_its_own_is_trained_and_scored_there(tmp_path: Path) -> None:
    file = tmp_path / "there.yaml"
    file.write_text("name: there\nmap: Town02\n")
    parameters = AgentParameters(task=str(file), test_episodes=1)
    for program in (TrainingProgram(parameters, False), EvaluationProgram(parameters)):
        assert program.next(0.0).plan.map == "Town02"  # type: ignore[union-attr]


def test_a_policy_drives_the_task_that_it_learned(tmp_path: Path) -> None:
    file = policy_of(tmp_path, AgentParameters(task="car_following", action_repeat=3))
    parameters, _ = load_driver(AgentParameters(mode="evaluate", policy=file))
    task = driving_task(parameters)
    assert task.name == "car_following" and task.traffic.lead is not None
    assert task.action_repeat == 3  # as it was trained, not as the task's file says


def test_a_policy_of_another_task_is_refused_by_name(tmp_path: Path) -> None:
    file = policy_of(tmp_path, AgentParameters(task="car_following"))
    with pytest.raises(ValueError, match="trained for the task car_following, not for urban"):
        make_runner(AgentParameters(mode="evaluate", policy=file, task="urban"))


def test_an_unknown_task_or_reward_is_refused_before_anything_starts(tmp_path: Path) -> None:
    run_dir = tmp_path / "run"
    for wrong in ({"task": "parking"}, {"reward": "money"}):
        with pytest.raises((TaskError, ValueError), match="is unknown; there are"):
            make_runner(AgentParameters(run_dir=str(run_dir), **wrong))  # type: ignore[arg-type]
    assert not run_dir.exists()
