"""From launch arguments to the processes to start. Pure, but for reading parameter files."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import yaml

from td3_driving.agent.parameters import AgentParameters
from td3_driving.driving.episodes import map_name, training_plan
from td3_driving.launching.arguments import Mode
from td3_driving.parameters import ParameterError, build
from td3_driving.ros import topics
from td3_driving.ros.middleware import config_file, middleware_environment

NODES = ("carla_bridge", "perception", "td3_agent", "control")
AGENT = "td3_agent"

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

RVIZ_TOPICS = (topics.IMAGE, topics.ODOMETRY, topics.ROUTE, topics.MARKERS)
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
        composed: One process for all of them; None when not composed.
        rviz: Topics that rviz2 shows, as (name in its configuration, name here); None for no rviz2.
        stop_after_s: Wall time after which all is ended; None: when the agent is done.
        environment: Variables to set for all of them.
    """

    namespace: str
    simulator: Command | None
    nodes: tuple[NodeProcess, ...]
    composed: Command | None
    rviz: tuple[tuple[str, str], ...] | None
    stop_after_s: float | None
    environment: dict[str, str]


def make_plan(mode: Mode, values: Mapping[str, str], time_stamp: str) -> Plan:
    """What to start for these launch arguments.

    Args:
        mode: Which launch file.
        values: Every argument, as text.
        time_stamp: Names the folder of a run that was given none.

    Raises:
        ParameterError: an argument is not what it must be.
        FileNotFoundError: there is no such params_file.
    """
    namespace = topics.namespace_of(values["role_name"])
    port = _port(values["port"])
    extra = read_parameters(values["params_file"], namespace)
    given = _given(mode, values)
    configured = read_parameters(str(config_file(f"{AGENT}.yaml")), namespace)
    agent = asdict(AgentParameters())
    for source in (configured, MODE_PARAMETERS[mode], extra, given):
        agent |= source.get(AGENT, {})
    if mode == "train" and not agent["run_dir"]:
        folder = Path("runs") / f"{time_stamp}-seed{agent['seed']}"
        agent["run_dir"] = given[AGENT]["run_dir"] = str(folder.absolute())
    build(AgentParameters, AGENT, agent)  # refused here, before anything is started

    simulator = None
    if values["simulator"] == "lite":
        first = first_map(AgentParameters(**agent))
        arguments = ("--host", values["host"], "--port", str(port), "--map", first)
        seed = ("--seed", str(agent["seed"]))
        simulator = Command("carla_lite", "carla-lite", (*arguments, *seed, "--exit-with-parent"))
    given["carla_bridge"] |= {"host": values["host"], "port": port}
    composed = values["composed"] == "true"
    ends = mode == "drive" and values["minutes"] != "" and not composed
    return Plan(
        namespace=namespace,
        simulator=simulator,
        nodes=() if composed else tuple(_process(n, mode, values, given) for n in NODES),
        composed=_composed(mode, values, extra, given, agent) if composed else None,
        rviz=_rviz(namespace) if values["rviz"] == "true" else None,
        stop_after_s=60.0 * agent["minutes"] if ends else None,
        environment=middleware_environment(),
    )


def first_map(agent: AgentParameters) -> str:
    """The map of the agent's first episode, which the simulator may as well start with."""
    if agent.mode == "train":
        pool: range | str = agent.map or range(agent.training_maps)
        return training_plan(agent.seed, 0, agent.kind, pool).map  # type: ignore[arg-type]
    fixed = (agent.map if agent.mode == "drive" else "") or agent.test_map
    return fixed or map_name(agent.kind, agent.test_first_seed)  # type: ignore[arg-type]


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
    agent: dict[str, Any] = {}
    for name in ("seed", "kind", "policy"):
        if values.get(name):
            agent[name] = values[name] if name != "seed" else _number(values, name)
    if values.get("minutes"):
        agent |= {"minutes": _number(values, "minutes"), "steps": 0}
    if mode == "train":
        if values["steps"] and values["minutes"]:
            raise ParameterError("steps and minutes are both given; give one of them")
        if values["steps"]:
            agent["steps"] = _number(values, "steps")
        if values["run_dir"]:
            agent["run_dir"] = str(Path(values["run_dir"]).expanduser().absolute())
        agent["resume"] = values["resume"] == "true"
    if mode == "evaluate" and values["episodes"]:
        agent["test_episodes"] = _number(values, "episodes")
    town = values["map"]
    if town and mode != "evaluate":
        agent["map"] = town
    if town and (mode == "evaluate" or not town.startswith("Lite")):
        # A map of CARLA's own has no others like it to be scored on.
        agent["test_map"] = town
    return {AGENT: agent, "carla_bridge": {"role_name": values["role_name"]}}


def _process(node: str, mode: Mode, values: Mapping[str, str], given: Parameters) -> NodeProcess:
    sources = (
        str(config_file(f"{node}.yaml")), MODE_PARAMETERS[mode].get(node), values["params_file"],
        given.get(node),
    )  # fmt: skip
    return NodeProcess(node, tuple(source for source in sources if source))


def _composed(
    mode: Mode,
    values: Mapping[str, str],
    extra: Parameters,
    given: Parameters,
    agent: Mapping[str, Any],
) -> Command:
    """td3-driving, which starts from the same files; the rest is told to it value by value."""
    options = ["--simulator", f"{values['host']}:{values['port']}"]
    if mode == "train":
        options += ["--run-dir", agent["run_dir"]]
        options += ["--resume"] if agent["resume"] else []
    else:
        options += ["--policy", agent["policy"]]
    if mode == "drive" and values["minutes"]:
        options += ["--minutes", values["minutes"]]
    said = {(AGENT, n) for n in ("run_dir", "resume", "policy", "mode")}
    said |= {("carla_bridge", n) for n in ("host", "port")}
    for source in (extra, given):
        for node, parameters in source.items():
            for name, value in parameters.items():
                if (node, name) not in said:
                    options += ["--set", f"{node}.{name}={json.dumps(value)}"]
    return Command("td3_driving", "td3-driving", (mode, *options))


def _rviz(namespace: str) -> tuple[tuple[str, str], ...]:
    return tuple(
        (f"{topics.DEFAULT_NAMESPACE}/{topic.name}", f"{namespace}/{topic.name}")
        for topic in RVIZ_TOPICS
    )


_KINDS: dict[str, type] = {field.name: type(field.default) for field in fields(AgentParameters)}
_KINDS["episodes"] = int


def _number(values: Mapping[str, str], name: str) -> Any:
    """An argument as the number that it must be."""
    text, kind = values[name], _KINDS[name]
    try:
        return kind(text)
    except ValueError:
        what = "a whole number" if kind is int else "a number"
        raise ParameterError(f"{name}:={text} must be {what}") from None


def _port(text: str) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= 65535:
        raise ParameterError(f"port:={text} must be a port, 1 to 65535")
    return int(text)
