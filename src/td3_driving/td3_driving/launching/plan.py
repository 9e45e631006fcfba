"""From launch arguments to the processes to start. Pure, but for reading parameter files."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, fields
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import yaml

from td3_driving.agent.parameters import AgentParameters
from td3_driving.agent.task import DEFAULT_TASK, driving_task
from td3_driving.configuration import config_file
from td3_driving.driving.episodes import map_name, training_plan
from td3_driving.driving.tasks import load_task
from td3_driving.launching.arguments import Mode
from td3_driving.parameters import ParameterError, build
from td3_driving.ros import topics
from td3_driving.ros.middleware import middleware_environment

NODES = ("carla_bridge", "perception", "td3_agent", "control")
AGENT, RECORDER = "td3_agent", "recorder"

Parameters = dict[str, dict[str, Any]]
"""Values by node and parameter."""

MODE_PARAMETERS: dict[Mode, Parameters] = {
    "train": {AGENT: {"mode": "train"}},
    "drive": {
        AGENT: {"mode": "drive"},
        "carla_bridge": {"mode": "fixed_rate"},
        "control": {"recovery_commands": 3},
    },
    "evaluate": {AGENT: {"mode": "evaluate"}},
}
"""What makes a mode of the same nodes; parameter files and arguments come after it."""

RVIZ_TOPICS = (
    topics.IMAGE, topics.OBSERVATION_FRAMES, topics.ODOMETRY, topics.ROUTE, topics.MARKERS,
    topics.GUARD_MARKERS,
)  # fmt: skip
"""What config/td3_driving.rviz shows, of the vehicle with the default role name."""


@dataclass(frozen=True)
class Command:
    """An executable of a package, and its arguments."""

    package: str
    executable: str
    arguments: tuple[str, ...]


@dataclass(frozen=True)
class NodeProcess:
    """A node of td3_driving as a process: parameter files and values, each after the other."""

    name: str
    parameters: tuple[str | dict[str, Any], ...]


@dataclass(frozen=True)
class Plan:
    """What to start.

    Attributes:
        namespace: Of all nodes.
        simulator: carla-lite; None to use a server that runs.
        nodes: A process for each node; none when composed.
        supervisor: Brings those processes' nodes up; None when composed.
        composed: One process for all of them; None when not composed.
        rviz: Topics that rviz2 shows, as (name in its configuration, name here); None for no rviz2.
        stop_after_s: Wall time after which all is ended; None: when the agent is done.
        environment: Variables to set for all of them.
    """

    namespace: str
    simulator: Command | None
    nodes: tuple[NodeProcess, ...]
    supervisor: NodeProcess | None
    composed: Command | None
    rviz: tuple[tuple[str, str], ...] | None
    stop_after_s: float | None
    environment: dict[str, str]


def make_plan(mode: Mode, values: Mapping[str, str], time_stamp: str, launch: str = "") -> Plan:
    """What to start for these launch arguments.

    Args:
        mode: Which launch file.
        values: Every argument, as text.
        time_stamp: Names the folder of a run that was given none.
        launch: A name that no other launch has: an agent that dies and is started again by this one
            goes on with its run; empty where nothing is started again.

    Raises:
        ParameterError: an argument is not what it must be.
        FileNotFoundError: there is no such params_file.
    """
    namespace = topics.namespace_of(values["role_name"])
    extra = read_parameters(values["params_file"], namespace)
    given = _given(mode, values)
    configured = [read_parameters(str(config_file(f"{node}.yaml")), namespace) for node in NODES]
    settings = merge(*configured, MODE_PARAMETERS[mode], extra, given)
    agent = settings[AGENT]
    if mode == "train" and not agent["run_dir"]:
        folder = Path("runs") / f"{time_stamp}-seed{agent['seed']}"
        agent["run_dir"] = given[AGENT]["run_dir"] = str(folder.absolute())
    if mode == "train" and launch:
        given[AGENT]["launch"] = launch
    parameters = build(AgentParameters, AGENT, agent)  # refused before anything is started

    composed = values["composed"] == "true"
    followers = {
        "perception": {"frame_stride": trained_action_repeat(parameters)},
        "control": {"tick_s": settings["carla_bridge"]["fixed_delta_s"]},
    }
    last = merge(given, followers)
    bag = str(Path(values["bag"] or Path("bags") / time_stamp).expanduser().absolute())
    record = values["record"] == "true"
    if record:
        last[RECORDER] = {"directory": bag, **_about(parameters)}
    return Plan(
        namespace=namespace,
        simulator=_carla_lite(values, parameters) if values["simulator"] == "lite" else None,
        nodes=()
        if composed
        else tuple(
            _process(node, mode, values, last)
            # First, so that it is there when the others begin to speak.
            for node in ((RECORDER, *NODES) if record else NODES)
        ),
        composed=_composed(mode, values, merge(extra, given), agent, bag if record else None)
        if composed
        else None,
        supervisor=None if composed else _supervisor(values),
        rviz=_rviz(namespace) if values["rviz"] == "true" else None,
        stop_after_s=60.0 * agent["minutes"] if mode == "drive" and values["minutes"] else None,
        environment={**middleware_environment(), **_domain(values["domain"])},
    )


def replay_command(values: Mapping[str, str]) -> Command:
    """What replay.launch.py starts.

    Raises:
        ParameterError: no bag was named.
    """
    if not values["bag"]:
        raise ParameterError("name the recorded drive: bag:=bags/...")
    options = [
        text
        for name in ("policy", "task", "report", "expect")
        if values[name]
        for text in (f"--{name}", values[name])
    ]
    return Command("td3_driving", "td3-driving", ("replay", values["bag"], *options))


def merge(*sources: Parameters) -> Parameters:
    """Parameters of several sources; of those given twice the later ones."""
    merged: Parameters = {}
    for source in sources:
        for node, values in source.items():
            merged.setdefault(node, {}).update(values)
    return merged


def trained_action_repeat(agent: AgentParameters) -> int:
    """The task's action_repeat, but for a policy the one that it was trained with.

    Read from the file's own description, which needs no torch; a file that has none is left to the
    agent, which says what is wrong with it.
    """
    try:
        return int(_policy_says(agent)["action_repeat"])
    except (ValueError, KeyError, TypeError):
        return driving_task(agent).action_repeat


def _policy_says(agent: AgentParameters) -> dict[str, Any]:
    """What the file of the policy says of its task; nothing where there is no such file."""
    path = Path(agent.policy).expanduser()
    file = path / "policy.safetensors" if path.is_dir() else path
    try:
        with file.open("rb") as stream:
            size = int.from_bytes(stream.read(8), "little")
            said = json.loads(stream.read(min(size, 1_000_000)))["__metadata__"]
        return dict(json.loads(said["task"]))
    except (OSError, ValueError, KeyError, TypeError):
        return {}


def _about(agent: AgentParameters) -> dict[str, Any]:
    """What a bag says of its drive, as far as it is known before the agent starts."""
    said = _policy_says(agent)
    task = agent.task or str(said.get("task", "")) or DEFAULT_TASK
    repeat = trained_action_repeat(agent)
    policy = agent.policy or agent.mode
    return {"task": load_task(task).name, "action_repeat": repeat, "policy": policy}


def first_map(agent: AgentParameters) -> str:
    """The map of the agent's first episode, which the simulator may as well start with."""
    task = driving_task(agent)
    if agent.mode == "train":
        pool: range | str = task.map or range(agent.training_maps)
        return training_plan(agent.seed, 0, task.kind, pool).map
    fixed = (agent.map if agent.mode == "drive" else "") or agent.test_map or task.map
    return fixed or map_name(task.kind, agent.test_first_seed)


def read_parameters(file: str, namespace: str) -> Parameters:
    """The parameters that a ROS parameter file has for our nodes; none for no file.

    Raises:
        FileNotFoundError: there is no such file.
        ParameterError: it is not a parameter file.
    """
    if not file:
        return {}
    try:
        content = yaml.safe_load(Path(file).read_text()) or {}
        sections = {key: section["ros__parameters"] for key, section in content.items()}
    except FileNotFoundError:
        raise FileNotFoundError(f"params_file {file} does not exist") from None
    except (AttributeError, KeyError, TypeError, yaml.YAMLError) as error:
        raise ParameterError(
            f"{file} must hold '/**/NODE: ros__parameters: ...', as ROS parameter files do"
        ) from error
    values: Parameters = {}
    for key, section in sections.items():
        for node in NODES:
            # As ROS has it: * is one name, ** any number of them; we have one depth only.
            if fnmatchcase(f"{namespace}/{node}", key):
                values.setdefault(node, {}).update(section or {})
    return values


def _given(mode: Mode, values: Mapping[str, str]) -> Parameters:
    """The parameters that arguments set."""
    agent: dict[str, Any] = {
        parameter: _typed(parameter, argument, values[argument])
        for argument, parameter in _ARGUMENT_OF_AGENT
        if values.get(argument)
    }
    if "minutes" in agent:
        if "steps" in agent:
            raise ParameterError("steps and minutes are both given; give one of them")
        agent["steps"] = 0
    if mode == "train":
        agent["resume"] = values["resume"] == "true"
        if values["run_dir"]:
            agent["run_dir"] = str(Path(values["run_dir"]).expanduser().absolute())
    place = values["map"]
    if place and mode != "evaluate":
        agent["map"] = place
    if place and (mode == "evaluate" or not place.startswith("Lite")):
        # A map of CARLA's own has no others like it to be scored on.
        agent["test_map"] = place
    port = _typed("port", "port", values["port"])
    if not 1 <= port <= 65535:
        raise ParameterError(f"port:={port} must be in [1, 65535]")
    bridge = {"role_name": values["role_name"], "host": values["host"], "port": port}
    return {AGENT: agent, "carla_bridge": bridge}


def _domain(text: str) -> dict[str, str]:
    if not text:
        return {}
    if not text.isdecimal() or int(text) > 101:
        raise ParameterError(f"domain:={text} must be a whole number in [0, 101]")
    return {"ROS_DOMAIN_ID": text}


def _carla_lite(values: Mapping[str, str], agent: AgentParameters) -> Command:
    arguments = ("--host", values["host"], "--port", values["port"], "--map", first_map(agent))
    seed = ("--seed", str(agent.seed))
    return Command("carla_lite", "carla-lite", (*arguments, *seed, "--exit-with-parent"))


def _process(node: str, mode: Mode, values: Mapping[str, str], last: Parameters) -> NodeProcess:
    sources = (
        str(config_file(f"{node}.yaml")), MODE_PARAMETERS[mode].get(node), values["params_file"],
        last.get(node),
    )  # fmt: skip
    return NodeProcess(node, tuple(source for source in sources if source))


def _supervisor(values: Mapping[str, str]) -> NodeProcess:
    sources = (str(config_file("supervisor.yaml")), values["params_file"])
    return NodeProcess("supervisor", tuple(source for source in sources if source))


def _composed(
    mode: Mode,
    values: Mapping[str, str],
    told: Parameters,
    agent: Mapping[str, Any],
    bag: str | None,
) -> Command:
    """td3-driving, which starts from the same files; the rest is told to it value by value."""
    options = ["--simulator", f"{values['host']}:{values['port']}"]
    said = {AGENT: {"mode", "policy"}, "carla_bridge": {"host", "port"}}
    if mode == "train":
        options += ["--run-dir", agent["run_dir"], *(["--resume"] if agent["resume"] else [])]
        said[AGENT] |= {"run_dir", "resume", "launch"}
    else:
        options += ["--policy", agent["policy"]]
    if bag is not None:
        options += ["--record", bag]
    for node, parameters in told.items():
        for name, value in parameters.items():
            if name not in said.get(node, ()):
                text = value if isinstance(value, str) else json.dumps(value)
                options += ["--set", f"{node}.{name}={text}"]
    return Command("td3_driving", "td3-driving", (mode, *options))


def _rviz(namespace: str) -> tuple[tuple[str, str], ...]:
    return tuple(
        (f"{topics.DEFAULT_NAMESPACE}/{topic.name}", f"{namespace}/{topic.name}")
        for topic in RVIZ_TOPICS
    )


_ARGUMENT_OF_AGENT = (
    ("seed", "seed"), ("task", "task"), ("kind", "kind"), ("policy", "policy"), ("steps", "steps"),
    ("minutes", "minutes"), ("episodes", "test_episodes"),
)  # fmt: skip

_KINDS: dict[str, type] = {field.name: type(field.default) for field in fields(AgentParameters)}
_KINDS["port"] = int


def _typed(parameter: str, argument: str, text: str) -> Any:
    """An argument as a value of its parameter's type."""
    kind = _KINDS[parameter]
    try:
        return kind(text)
    except ValueError:
        what = "a whole number" if kind is int else "a number"
        raise ParameterError(f"{argument}:={text} must be {what}") from None
