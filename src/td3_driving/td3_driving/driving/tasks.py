"""Tasks as data: where to drive, what is seen and earned, who else is there, and what ends it.

The tasks that come with us are config/tasks/<name>.yaml; a file of one's own is named by its path.
"""

from __future__ import annotations

import difflib
import math
import types
import typing
from collections.abc import Mapping
from dataclasses import MISSING, asdict, dataclass, field, fields, is_dataclass
from pathlib import Path
from typing import Any, TypeVar, get_args

import yaml

from td3_driving.configuration import config_folders
from td3_driving.driving.episodes import MapKind, StartConfig
from td3_driving.driving.reward import reward_function
from td3_driving.driving.reward_terms import RewardConfig
from td3_driving.driving.termination import EndRules
from td3_driving.driving.traffic import Traffic
from td3_driving.driving.validation import require_finite, require_positive
from td3_driving.driving.waypoint_noise import WaypointNoiseConfig

T = TypeVar("T")

_OF_THE_PLAN = {"time_limit_s": "episode_s", "distance_m": "evaluation.distance_m"}
"""Limits of EndRules that each episode's plan sets, and what a task says instead."""


class TaskError(ValueError):
    """A task is unknown, or its file is not what a task's must be."""


@dataclass(frozen=True, slots=True)
class Evaluation:
    """An episode that is scored: from rest, on the lane's centre.

    Args:
        distance_m: Distance along the route that completes it.
        duration_s: Time limit.
    """

    distance_m: float = 300.0
    duration_s: float = 60.0

    def __post_init__(self) -> None:
        require_positive(self, "distance_m", "duration_s")


@dataclass(frozen=True, slots=True)
class DrivingTask:
    """What is driven, and what counts as driving well. The defaults are lane_keeping.

    Args:
        name: For people, files and refusals.
        description: One sentence.
        kind: Of the procedural maps: circuit, town or mixed.
        map: One fixed map instead, such as Town02; empty for procedural ones.
        action_repeat: Ticks that one decision holds.
        waypoints: How the route is shown to the agent.
        waypoint_count: Waypoints in the observation.
        waypoint_spacing_m: Their spacing.
        reward: Name of the reward function.
        reward_parameters: Its parameters, the target speed among them.
        ends: What terminates an episode, and the limits. Time and distance are the plan's.
        starts: How training episodes start.
        episode_s: Length of a training episode.
        evaluation: Length of a scored one.
        traffic: Who else is on the road.

    Raises:
        ValueError: a value that can't be; the message names it.
    """

    name: str = "lane_keeping"
    description: str = ""
    kind: str = "circuit"
    map: str = ""
    action_repeat: int = 2
    waypoints: WaypointNoiseConfig = field(default_factory=lambda: WaypointNoiseConfig("none"))
    waypoint_count: int = 25
    waypoint_spacing_m: float = 2.0
    reward: str = "mul"
    reward_parameters: RewardConfig = field(default_factory=RewardConfig)
    ends: EndRules = field(default_factory=EndRules)
    starts: StartConfig = field(default_factory=StartConfig)
    episode_s: float = 30.0
    evaluation: Evaluation = field(default_factory=Evaluation)
    traffic: Traffic = field(default_factory=Traffic)

    def __post_init__(self) -> None:
        if not self.name:
            raise ValueError("DrivingTask.name is empty")
        if self.kind not in get_args(MapKind):
            kinds = ", ".join(get_args(MapKind))
            raise ValueError(f"DrivingTask.kind is {self.kind!r}; it must be one of {kinds}")
        require_finite(self)
        require_positive(self, "waypoint_spacing_m", "episode_s")
        for name, most in (("action_repeat", 20), ("waypoint_count", 200)):
            if not 1 <= getattr(self, name) <= most:
                raise ValueError(
                    f"DrivingTask.{name} is {getattr(self, name)}; it must be in [1, {most}]"
                )
        reward_function(self.reward)

    @property
    def target_speed_mps(self) -> float:
        """The speed with the highest reward."""
        return self.reward_parameters.target_speed_mps


def task_names() -> list[str]:
    """The tasks that come with us, in alphabetical order."""
    return sorted(
        {file.stem for folder in config_folders() for file in (folder / "tasks").glob("*.yaml")}
    )


def load_task(name_or_path: str) -> DrivingTask:
    """A task by name, or from a file of one's own by its path, which ends in .yaml.

    Raises:
        TaskError: there is no such task, or its file holds something else.
    """
    if name_or_path.endswith((".yaml", ".yml")):
        file = Path(name_or_path).expanduser()
    elif name_or_path in task_names():
        files = [folder / "tasks" / f"{name_or_path}.yaml" for folder in config_folders()]
        file = next(file for file in files if file.is_file())
    else:
        raise TaskError(
            f"task {name_or_path!r} is unknown; there are {', '.join(task_names())}, or give the "
            "path of a .yaml file"
        )
    try:
        content = yaml.safe_load(file.read_text())
    except OSError as error:
        raise TaskError(f"task file {file} can't be read: {error.strerror}") from None
    except (UnicodeDecodeError, yaml.YAMLError) as error:
        raise TaskError(f"task file {file} is not YAML: {error}") from None
    return parse_task(content, str(file))


def parse_task(content: object, where: str = "task") -> DrivingTask:
    """A task from plain values, as a YAML file or `task_values` has them.

    Args:
        content: Fields of DrivingTask; those left out have their defaults.
        where: Named in errors.

    Raises:
        TaskError: an unknown field, a wrong type, or a value that can't be; names it.
    """
    return _build(DrivingTask, content, where)


def task_values(task: DrivingTask) -> dict[str, Any]:
    """Plain values for JSON or YAML, from which `parse_task` makes the same task."""
    values = asdict(task)
    values["ends"]["ends"] = list(task.ends.ends)
    for name in _OF_THE_PLAN:
        del values["ends"][name]
    return values


def _build(cls: type[T], content: object, where: str) -> T:
    if not isinstance(content, Mapping):
        raise TaskError(f"{where} must hold fields of {cls.__name__}, got {content!r:.60}")
    hints = typing.get_type_hints(cls)
    known = [each.name for each in fields(cls)]  # type: ignore[arg-type]
    if cls is EndRules:
        for name, instead in _OF_THE_PLAN.items():
            if name in content:
                raise TaskError(f"{where}.{name} is set by the plan; set {instead}")
    values: dict[str, Any] = {}
    for name, value in content.items():
        if name not in known:
            near = difflib.get_close_matches(str(name), known, 1)
            hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(known)}"
            raise TaskError(f"{where}.{name} does not exist; {hint}")
        values[name] = _value(hints[name], value, f"{where}.{name}")
    missing = [
        each.name
        for each in fields(cls)  # type: ignore[arg-type]
        if each.name not in values and each.default is MISSING and each.default_factory is MISSING
    ]
    if missing:
        raise TaskError(f"{where} lacks {', '.join(missing)}")
    try:
        return cls(**values)
    except ValueError as error:
        raise TaskError(f"{where}: {error}") from None


def _value(hint: Any, value: object, where: str) -> Any:
    """A value as the type of its field, whole numbers standing for floats too."""
    origin, arguments = typing.get_origin(hint), get_args(hint)
    if origin in (typing.Union, types.UnionType):
        if value is None:
            return None
        hint = next(each for each in arguments if each is not type(None))
    elif origin is typing.Literal:
        hint = str
    elif origin is tuple:
        if not isinstance(value, list | tuple):
            raise TaskError(f"{where} must be a list, got {value!r:.60}")
        return tuple(_value(arguments[0], each, f"{where}[{i}]") for i, each in enumerate(value))
    if is_dataclass(hint):
        return _build(hint, value, where)  # type: ignore[arg-type]
    if hint is float and type(value) is int:
        value = float(value)
    if type(value) is not hint:
        wanted = {str: "text", int: "a whole number", float: "a number", bool: "true or false"}
        raise TaskError(f"{where} must be {wanted.get(hint, hint)}, got {value!r:.60}")
    if isinstance(value, float) and not math.isfinite(value):
        raise TaskError(f"{where} must be finite, got {value}")
    return value
