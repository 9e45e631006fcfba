"""The task that the agent's parameters mean: the one they name, with what they set besides."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache

from td3_driving.agent.parameters import AS_THE_TASK, AgentParameters
from td3_driving.driving.tasks import DrivingTask, load_task

DEFAULT_TASK = "lane_keeping"

_SAME_NAME = (
    "kind", "map", "episode_s", "action_repeat", "waypoint_count", "waypoint_spacing_m", "reward",
)  # fmt: skip


@lru_cache(maxsize=64)
def driving_task(parameters: AgentParameters) -> DrivingTask:
    """The task as it is driven.

    Raises:
        ValueError: an unknown task or reward, or a value that the task can't have.
    """
    task = load_task(parameters.task or DEFAULT_TASK)
    changes = {
        name: value
        for name in _SAME_NAME
        if (value := getattr(parameters, name)) not in (AS_THE_TASK, "", 0)
    }
    if parameters.waypoint_mode != AS_THE_TASK:
        waypoints = replace(task.waypoints, mode=parameters.waypoint_mode)  # type: ignore[arg-type]
        changes["waypoints"] = waypoints
    if parameters.target_speed_mps:
        changes["reward_parameters"] = replace(
            task.reward_parameters, target_speed_mps=parameters.target_speed_mps
        )
    return replace(task, **changes)


def resolved(parameters: AgentParameters) -> AgentParameters:
    """The parameters with everything that they left to the task; a policy's file keeps these."""
    task = driving_task(parameters)
    return replace(
        parameters,
        task=parameters.task or DEFAULT_TASK,
        waypoint_mode=task.waypoints.mode,
        target_speed_mps=task.target_speed_mps,
        **{name: getattr(task, name) for name in _SAME_NAME},
    )
