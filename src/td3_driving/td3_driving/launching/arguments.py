"""What each launch file can be told: names, defaults and descriptions, as data."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from td3_driving.ros.topics import DEFAULT_ROLE

Mode = Literal["train", "drive", "evaluate"]
YES_OR_NO = ("true", "false")


@dataclass(frozen=True)
class Argument:
    """A launch argument. An empty default leaves the value to config/*.yaml and params_file."""

    name: str
    default: str
    description: str
    choices: tuple[str, ...] = ()


_COMMON = (
    Argument(
        "simulator", "lite",
        "lite: start carla-lite on host and port; carla: use the server that runs there",
        ("lite", "carla"),
    ),
    Argument("host", "127.0.0.1", "address of the simulator"),
    Argument("port", "2000", "RPC port of the simulator; the one after it serves sensor data"),
    Argument("map", "", "one fixed map, such as LiteTown_3 or Town02; empty: maps by seed"),
    Argument(
        "task", "",
        "a task of config/tasks, or a .yaml file; empty: as configured, the policy's, or "
        "lane_keeping",
    ),
    Argument("kind", "", "of the maps by seed, circuit, town or mixed; empty: as configured"),
    Argument(
        "role_name", DEFAULT_ROLE, "names the vehicle; all topics are below /carla/<role_name>"
    ),
    Argument(
        "domain", "", "ROS domain, 0 to 101: a second world in one of its own shares nothing with "
        "the first; empty: that of ROS_DOMAIN_ID",
    ),
    Argument("params_file", "", "ROS parameter file read after those of config/"),
    Argument("rviz", "false", "show it in rviz2, where that is installed", YES_OR_NO),
    Argument(
        "composed", "false", "one process for all nodes instead of one for each", YES_OR_NO
    ),
    Argument("record", "false", "write all topics into a bag, rosbag2's MCAP", YES_OR_NO),
    Argument(
        "bag", "", "folder of the bag, by default bags/<time> where ros2 launch was called"
    ),
)  # fmt: skip

_SEED = Argument("seed", "", "of everything random; empty: as configured")

_POLICY = Argument(
    "policy", "pure_pursuit", "who drives: a policy file, a run folder, random or pure_pursuit"
)

ARGUMENTS: dict[Mode, tuple[Argument, ...]] = {
    "train": (
        *_COMMON,
        _SEED,
        Argument("steps", "", "ticks of training in the whole run; empty: by minutes"),
        Argument("minutes", "", "wall time of training; empty: as configured, 10"),
        Argument(
            "run_dir", "",
            "folder of the run, by default runs/<time>-seed<seed> where ros2 launch was called",
        ),
        Argument("resume", "false", "go on with the run in run_dir", YES_OR_NO),
    ),
    "drive": (
        *_COMMON,
        _SEED,
        _POLICY,
        Argument("minutes", "", "how long; empty: until Ctrl-C"),
    ),
    "evaluate": (
        *_COMMON,
        _SEED,
        _POLICY,
        Argument("episodes", "", "how many; empty: as configured, 20"),
    ),
}  # fmt: skip
"""The arguments of each launch file."""


REPLAY_ARGUMENTS = (
    Argument("bag", "", "the recorded drive: a bag's folder, or its .mcap file"),
    Argument("policy", "pure_pursuit", "who looks at it, as for drive"),
    Argument("task", "", "as which it is seen; empty: the policy's; for baselines, the bag's"),
    Argument("report", "", "folder for replay.html and replay.json; empty: none"),
    Argument("expect", "", "file of the actions that are expected; empty: none"),
)
"""Those of replay.launch.py, which starts no simulator and no node."""


def defaults(mode: Mode) -> dict[str, str]:
    """Every argument of a launch file at its default."""
    return {argument.name: argument.default for argument in ARGUMENTS[mode]}
