"""The launch files: what they accept, and which processes follow from it.

What needs no `launch` is tested everywhere. The last tests start the files with launch itself,
which comes with an apt install of ROS 2 alone.
"""

from __future__ import annotations

import contextlib
import importlib.util
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import pytest
import yaml
from ament_index_python.packages import get_package_share_directory

from td3_driving.agent.parameters import AgentParameters
from td3_driving.agent.program import DrivingProgram, EvaluationProgram, TrainingProgram
from td3_driving.cli.main import parser
from td3_driving.cli.settings import change_by_text, load_settings
from td3_driving.configuration import config_file
from td3_driving.launching.arguments import ARGUMENTS, Mode, defaults
from td3_driving.launching.plan import (
    MODE_PARAMETERS,
    NODES,
    RVIZ_TOPICS,
    NodeProcess,
    Plan,
    make_plan,
)
from td3_driving.learning.config import TD3Config
from td3_driving.learning.policy import Policy
from td3_driving.learning.policy_file import save_policy
from td3_driving.parameters import ParameterError
from td3_driving.ros import topics

MODES: tuple[Mode, ...] = get_args(Mode)
FOLDER = Path(__file__).parents[1] / "launch"

HAS_LAUNCH = importlib.util.find_spec("launch_ros") is not None
needs_launch = pytest.mark.skipif(
    not HAS_LAUNCH, reason="launch is not installed; it comes with an apt install of ROS 2"
)


def plan_of(mode: Mode, **given: str) -> Plan:
    return make_plan(mode, {**defaults(mode), **given}, "20260101-120000")


def parameters_of(node: NodeProcess) -> dict[str, Any]:
    """What the process's parameter files and values come to, the later ones winning."""
    values: dict[str, Any] = {}
    for source in node.parameters:
        if isinstance(source, str):
            source = yaml.safe_load(Path(source).read_text())[f"/**/{node.name}"]["ros__parameters"]
        values.update(source)
    return values


def settings_of(plan: Plan) -> dict[str, dict[str, Any]]:
    return {node.name: parameters_of(node) for node in plan.nodes}


# --- What they accept ---


def test_every_launch_file_has_a_mode_and_is_installed() -> None:
    names = {f"{mode}.launch.py" for mode in (*MODES, "replay")}
    assert {file.name for file in FOLDER.glob("*.launch.py")} == names
    installed = Path(get_package_share_directory("td3_driving")) / "launch"
    assert {file.name for file in installed.glob("*.launch.py")} == names


@pytest.mark.parametrize("mode", MODES)
def test_every_argument_is_described_and_its_default_is_allowed(mode: Mode) -> None:
    for argument in ARGUMENTS[mode]:
        assert len(argument.description) > 10
        assert not argument.choices or argument.default in argument.choices
    names = [argument.name for argument in ARGUMENTS[mode]]
    assert len(set(names)) == len(names)
    wanted = {"simulator", "host", "port", "map", "role_name", "seed", "rviz", "composed"}
    assert wanted <= set(names)


def test_the_plan_needs_neither_launch_nor_what_the_system_python_lacks() -> None:
    lacking = "torch carla safetensors networkx matplotlib rich cv2 msgpack launch_ros"
    program = "import sys\nfor name in sys.argv[1:]:\n    sys.modules[name] = None\n"
    program += "import td3_driving.launching.plan"
    subprocess.run([sys.executable, "-c", program, *lacking.split()], check=True)


# --- Which processes follow ---


@pytest.mark.parametrize("mode", MODES)
def test_the_four_nodes_run_as_processes_beside_carla_lite(mode: Mode) -> None:
    plan = plan_of(mode)
    assert [node.name for node in plan.nodes] == list(NODES)
    assert plan.namespace == "/carla/ego_vehicle"
    assert plan.supervisor is not None and plan.supervisor.name == "supervisor"
    assert plan.composed is None and plan.rviz is None and plan.stop_after_s is None
    assert plan.simulator is not None
    assert plan.simulator.arguments[:4] == ("--host", "127.0.0.1", "--port", "2000")
    assert settings_of(plan)["td3_agent"]["mode"] == mode


def test_a_server_that_runs_is_used_as_it_is() -> None:
    plan = plan_of("train", simulator="carla", host="10.0.0.7", port="2500", map="Town02")
    assert plan.simulator is None
    bridge, agent = settings_of(plan)["carla_bridge"], settings_of(plan)["td3_agent"]
    assert (bridge["host"], bridge["port"]) == ("10.0.0.7", 2500)
    assert (agent["map"], agent["test_map"]) == ("Town02", "Town02")


@pytest.mark.parametrize("place", ["", "LiteTown_3"])
@pytest.mark.parametrize("mode", MODES)
def test_carla_lite_starts_with_the_map_of_the_first_episode(mode: Mode, place: str) -> None:
    plan = plan_of(mode, map=place, seed="5")
    parameters = AgentParameters(**settings_of(plan)["td3_agent"])
    programs = {"train": TrainingProgram, "drive": DrivingProgram, "evaluate": EvaluationProgram}
    program = programs[mode](parameters, *([False] if mode == "train" else []))
    assert plan.simulator is not None
    arguments = plan.simulator.arguments
    assert arguments[arguments.index("--map") + 1] == program.next(0.0).plan.map


@pytest.mark.parametrize(
    ("mode", "given", "parameter", "value"),
    [
        ("train", {"seed": "7"}, "seed", 7),
        ("train", {"steps": "400"}, "steps", 400),
        ("train", {"minutes": "2.5"}, "minutes", 2.5),
        ("train", {"kind": "town"}, "kind", "town"),
        ("train", {"resume": "true", "run_dir": "/r"}, "resume", True),
        ("train", {"run_dir": "/r"}, "run_dir", "/r"),
        ("drive", {"policy": "random"}, "policy", "random"),
        ("drive", {"map": "LiteTown_9"}, "map", "LiteTown_9"),
        ("evaluate", {"episodes": "3"}, "test_episodes", 3),
        ("evaluate", {"map": "LiteTown_9"}, "test_map", "LiteTown_9"),
    ],
)
def test_an_argument_sets_its_parameter(
    mode: Mode, given: dict[str, str], parameter: str, value: object
) -> None:
    agent = settings_of(plan_of(mode, **given))["td3_agent"]
    assert agent[parameter] == value
    assert type(agent[parameter]) is type(value)


def test_a_run_without_a_folder_gets_one_named_by_time_and_seed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    agent = settings_of(plan_of("train", seed="3"))["td3_agent"]
    assert agent["run_dir"] == str(tmp_path / "runs" / "20260101-120000-seed3")


def test_arguments_win_over_the_parameter_file_and_that_over_the_mode(tmp_path: Path) -> None:
    file = tmp_path / "mine.yaml"
    file.write_text(
        "/**/td3_agent: {ros__parameters: {seed: 5, batch_size: 32}}\n"
        "/carla/ego_vehicle/carla_bridge: {ros__parameters: {mode: lock_step}}\n"
        "/carla/other/td3_agent: {ros__parameters: {batch_size: 16}}\n"
    )
    plan = plan_of("drive", params_file=str(file), seed="6")
    by_node = {node.name: node.parameters for node in plan.nodes}
    for name, sources in by_node.items():
        forced = [MODE_PARAMETERS["drive"][name]] if name in MODE_PARAMETERS["drive"] else []
        assert sources[: 2 + len(forced)] == (
            str(config_file(f"{name}.yaml")), *forced, str(file),
        )  # fmt: skip
    assert by_node["td3_agent"][-1]["seed"] == 6  # type: ignore[index]

    told = parser().parse_args(
        plan_of("drive", params_file=str(file), seed="6", composed="true").composed.arguments
    )
    settings = load_settings()
    for assignment in told.set:
        change_by_text(settings, assignment)
    assert settings["td3_agent"]["seed"] == 6
    assert settings["td3_agent"]["batch_size"] == 32
    assert settings["carla_bridge"]["mode"] == "lock_step"


@pytest.mark.parametrize("mode", MODES)
def test_composed_means_the_same_parameters(mode: Mode) -> None:
    given = {"seed": "4", "map": "LiteTown_2", "role_name": "two", "kind": "town"}
    given |= {"train": {"steps": "900"}, "drive": {}, "evaluate": {"episodes": "2"}}[mode]
    composed, separate = plan_of(mode, **given, composed="true"), plan_of(mode, **given)
    assert composed.nodes == () and composed.supervisor is None
    assert composed.simulator == separate.simulator
    assert composed.composed is not None
    told = parser().parse_args(composed.composed.arguments)
    assert told.command == mode
    assert told.simulator == ("127.0.0.1", 2000)
    settings = load_settings()
    for node, values in MODE_PARAMETERS[mode].items():
        settings[node] |= values
    for assignment in told.set:
        change_by_text(settings, assignment)
    wanted = settings_of(separate)
    if mode == "train":
        assert told.run_dir == wanted["td3_agent"].pop("run_dir")
    else:
        policy = wanted["td3_agent"].pop("policy")
        assert told.policy == ([policy] if mode == "evaluate" else policy)
    for node, values in wanted.items():
        assert values.items() <= settings[node].items()


def test_the_stack_follows_the_action_repeat_that_a_policy_was_trained_with(
    tmp_path: Path,
) -> None:
    save_policy(tmp_path / "policy.safetensors", Policy.create(TD3Config()), {"action_repeat": 5})
    for policy in (tmp_path, tmp_path / "policy.safetensors"):
        settings = settings_of(plan_of("drive", policy=str(policy)))
        assert settings["perception"]["frame_stride"] == 5
    assert settings_of(plan_of("drive"))["perception"]["frame_stride"] == 2


@pytest.mark.parametrize("mode", MODES)
def test_every_value_is_one_that_its_node_takes(mode: Mode) -> None:
    settings = load_settings()
    for node, values in settings_of(plan_of(mode, role_name="two")).items():
        for name, value in values.items():
            assert type(value) is type(settings[node][name]), f"{node}.{name}"


@pytest.mark.parametrize(
    ("mode", "given", "said"),
    [
        ("train", {"steps": "many"}, "steps:=many must be a whole number"),
        ("train", {"minutes": "x"}, "minutes:=x must be a number"),
        ("train", {"minutes": "nan"}, "td3_agent.minutes must be finite"),
        ("train", {"steps": "1", "minutes": "1"}, "give one of them"),
        ("train", {"seed": "-1"}, "td3_agent.seed must be in"),
        ("train", {"kind": "moon"}, "circuit, town"),
        ("drive", {"port": "70000"}, "port:=70000"),
        ("drive", {"domain": "102"}, "domain:=102 must be a whole number"),
        ("drive", {"minutes": "-1"}, "td3_agent.minutes must be in"),
        ("evaluate", {"episodes": "0"}, "td3_agent.test_episodes must be in"),
    ],
)
def test_an_argument_that_cannot_be_is_refused_before_anything_starts(
    mode: Mode, given: dict[str, str], said: str
) -> None:
    with pytest.raises(ParameterError, match=said):
        plan_of(mode, **given)


def test_a_parameter_file_that_is_none_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="does not exist"):
        plan_of("train", params_file=str(tmp_path / "none.yaml"))
    for text in ("td3_agent: {seed: 3}", "[1, 2]", "a: [", "seed"):
        (tmp_path / "bad.yaml").write_text(text)
        with pytest.raises(ParameterError, match="as ROS parameter files do"):
            plan_of("train", params_file=str(tmp_path / "bad.yaml"))


def test_driving_ends_after_its_minutes() -> None:
    assert plan_of("drive", minutes="0.5").stop_after_s == 30.0


def test_the_environment_keeps_what_the_user_has_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("FASTRTPS_DEFAULT_PROFILES_FILE", raising=False)
    monkeypatch.setenv("ROS_AUTOMATIC_DISCOVERY_RANGE", "SUBNET")
    profile = str(config_file("fastdds.xml"))
    assert plan_of("train").environment == {"FASTRTPS_DEFAULT_PROFILES_FILE": profile}


def test_a_second_world_shares_neither_domain_nor_port_nor_names() -> None:
    one = plan_of("train", domain="5", port="2000", role_name="one")
    two = plan_of("train", domain="6", port="2010", role_name="two")
    assert (one.environment["ROS_DOMAIN_ID"], two.environment["ROS_DOMAIN_ID"]) == ("5", "6")
    assert (one.namespace, two.namespace) == ("/carla/one", "/carla/two")
    assert settings_of(two)["carla_bridge"]["port"] == 2010
    assert "ROS_DOMAIN_ID" not in plan_of("train").environment


def test_two_cars_in_one_world_share_its_port_and_no_name() -> None:
    one = plan_of("train", role_name="one")
    two = plan_of("train", role_name="two", simulator="carla")
    assert two.simulator is None and (one.namespace, two.namespace) == ("/carla/one", "/carla/two")
    bridges = [settings_of(plan)["carla_bridge"] for plan in (one, two)]
    assert [bridge["role_name"] for bridge in bridges] == ["one", "two"]
    assert bridges[0]["port"] == bridges[1]["port"]


def test_a_training_agent_is_told_the_name_of_its_launch() -> None:
    plan = make_plan("train", defaults("train"), "20260101-120000", "this one")
    assert settings_of(plan)["td3_agent"]["launch"] == "this one"
    drive = make_plan("drive", defaults("drive"), "20260101-120000", "this one")
    assert settings_of(drive)["td3_agent"]["launch"] == ""
    composed = {**defaults("train"), "composed": "true"}
    command = make_plan("train", composed, "20260101-120000", "this one").composed
    assert command is not None and "this one" not in " ".join(command.arguments)


# --- rviz2 ---


def _rviz_topics() -> dict[str, dict[str, Any]]:
    displays = yaml.safe_load(config_file("td3_driving.rviz").read_text())
    shown = displays["Visualization Manager"]["Displays"]
    return {d["Topic"]["Value"]: d["Topic"] for d in shown if "Topic" in d}


def test_rviz_shows_our_topics_with_a_quality_of_service_that_matches() -> None:
    shown = _rviz_topics()
    wanted = {f"{topics.DEFAULT_NAMESPACE}/{topic.name}": topic for topic in RVIZ_TOPICS}
    assert set(shown) == set(wanted)
    assert [name for name, t in shown.items() if t["Durability Policy"] == "Transient Local"] == [
        f"{topics.DEFAULT_NAMESPACE}/{topics.ROUTE.name}"
    ]


def test_rviz_shows_another_vehicle_by_renaming() -> None:
    renamed = dict(plan_of("drive", rviz="true", role_name="two").rviz or ())
    assert renamed.keys() == _rviz_topics().keys()
    assert renamed["/carla/ego_vehicle/odometry"] == "/carla/two/odometry"


# --- With launch itself ---


@pytest.fixture
def loaded(mode: Mode) -> Iterator[tuple[Any, Any]]:
    """The description of a launch file as launch reads it, and a context with its defaults."""
    from launch.launch_context import LaunchContext
    from launch.launch_description_sources import PythonLaunchDescriptionSource

    context = LaunchContext()
    source = PythonLaunchDescriptionSource(str(FOLDER / f"{mode}.launch.py"))
    yield source.get_launch_description(context), context


@needs_launch
@pytest.mark.parametrize("mode", MODES)
def test_launch_reads_the_arguments_with_their_descriptions(mode: Mode, loaded: Any) -> None:
    description, _ = loaded
    declared = {a.name: a for a in description.get_launch_arguments()}
    assert list(declared) == [argument.name for argument in ARGUMENTS[mode]]
    for argument in ARGUMENTS[mode]:
        assert declared[argument.name].description.startswith(argument.description)
        assert declared[argument.name].choices == (list(argument.choices) or None)


@needs_launch
@pytest.mark.parametrize("mode", MODES)
def test_launch_starts_the_nodes_that_the_plan_names(mode: Mode, loaded: Any) -> None:
    from launch_ros.actions import Node

    from td3_driving.launching.description import actions, start

    _, context = loaded
    context.launch_configurations.update({**defaults(mode), "simulator": "carla"})
    nodes = [action for action in start(context, mode) if isinstance(action, Node)]
    assert [node.node_executable for node in nodes] == [*NODES, "supervisor"]
    assert {node.node_package for node in nodes} == {"td3_driving"}
    # Where carla-lite is started, the bridge waits until it is ready.
    beside = [a for a in actions(plan_of(mode)) if isinstance(a, Node)]
    assert [node.node_executable for node in beside] == [*NODES[1:], "supervisor"]


@needs_launch
@pytest.mark.parametrize("composed", ["false", "true"])
def test_a_launched_training_ends_by_itself_and_well(
    tmp_path: Path, composed: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ROS_DOMAIN_ID", "22")
    run_dir = tmp_path / "run"
    command = ["ros2", "launch", "td3_driving", "train.launch.py", f"composed:={composed}"]
    given = [f"port:={free_port()}", "steps:=60", f"run_dir:={run_dir}"]
    with (tmp_path / "said").open("w+") as said:
        process = subprocess.Popen(
            [*command, *given], stdout=said, stderr=subprocess.STDOUT, start_new_session=True
        )
        try:
            code = process.wait(timeout=300)
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)  # a launch that is killed leaves its nodes
        assert code == 0, (tmp_path / "said").read_text()
    assert json.loads((run_dir / "summary.json").read_text())["steps"] == 60


def free_port() -> int:
    """A port that was free a moment ago, like the one after it."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return listener.getsockname()[1]
