"""Makes a runner from parameters: which program, which learner, which driver."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from td3_driving.agent.drivers import LearnedDriver, baseline, policy_file
from td3_driving.agent.parameters import AgentParameters
from td3_driving.agent.program import DrivingProgram, EvaluationProgram, Program, TrainingProgram
from td3_driving.agent.run_folder import RunFolder
from td3_driving.agent.runner import Runner
from td3_driving.agent.task import driving_task, resolved
from td3_driving.agent.trainer import OnlineTrainer
from td3_driving.agent.types import Driver
from td3_driving.driving.tasks import load_task
from td3_driving.learning.policy_file import load_policy

SIGHT = ("action_repeat", "waypoint_mode", "waypoint_count", "waypoint_spacing_m")
"""What a policy was trained to see; its file says so, and a run with it follows."""


def learning_starts(parameters: AgentParameters) -> int:
    """Decisions before the first update: as set, but at most a tenth of the run's."""
    if not parameters.steps:
        return parameters.learning_starts
    tenth = parameters.steps // driving_task(parameters).action_repeat // 10
    return max(2, min(parameters.learning_starts, tenth))


def make_runner(
    parameters: AgentParameters, config: Mapping[str, Mapping[str, Any]] | None = None
) -> Runner:
    """A runner for the agent's parameters.

    Args:
        parameters: Of the agent.
        config: Parameters of all nodes, by node, to be kept in the run folder; the agent's unless
            given.

    Raises:
        ValueError, RunFolderError, FileNotFoundError, LearningError: each says what and why.
    """
    if parameters.mode == "train":
        config = config or {"td3_agent": asdict(parameters)}
        return _training_runner(resolved(parameters), config)
    parameters, driver = load_driver(parameters)
    program: Program = (
        EvaluationProgram(parameters)
        if parameters.mode == "evaluate"
        else DrivingProgram(parameters)
    )
    return Runner(parameters, program, driver=driver)


def load_driver(parameters: AgentParameters) -> tuple[AgentParameters, Driver]:
    """The driver that the policy parameter names, and the parameters as its observation needs them.

    Raises:
        ValueError: no policy was named, or it was trained for another task than the one asked for.
        FileNotFoundError, LearningError: it can't be loaded.
    """
    if not parameters.policy:
        raise ValueError(
            f"mode {parameters.mode} needs a policy: a file, a run folder, random or pure_pursuit"
        )
    driver: Driver | None = baseline(parameters.policy, parameters.seed)
    if driver is not None:
        return resolved(parameters), driver
    policy, info = load_policy(policy_file(parameters.policy))
    learned = str(info.task.get("task", ""))
    if parameters.task and learned and load_task(parameters.task).name != load_task(learned).name:
        raise ValueError(
            f"policy {parameters.policy} was trained for the task {learned}, not for "
            f"{parameters.task}; leave the task out, or choose another policy"
        )
    sight = {name: info.task[name] for name in SIGHT if name in info.task}
    task = parameters.task or learned
    return resolved(replace(parameters, task=task, **sight)), LearnedDriver(policy)


def _training_runner(
    parameters: AgentParameters, config: Mapping[str, Mapping[str, Any]]
) -> Runner:
    if parameters.policy:
        raise ValueError(
            f"mode train learns a new policy, but policy is {parameters.policy!r}; "
            "go on with a run by --resume"
        )
    if parameters.resume and not parameters.run_dir:
        raise ValueError("resume needs the run's folder: --run-dir")
    program = TrainingProgram(parameters, parameters.closing_test == "always")
    trainer = OnlineTrainer(parameters, learning_starts(parameters))
    # The folder last: what is refused before has left nothing in it.
    folder = None
    if parameters.run_dir:
        folder = RunFolder(Path(parameters.run_dir), config, parameters.resume)
    runner = Runner(parameters, program, trainer=trainer, folder=folder)
    if folder is not None and folder.resumed:
        runner.restore()
    return runner
