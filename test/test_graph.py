"""The whole graph against carla_lite, by the command that people use."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import rclpy
from rclpy.context import Context
from rclpy.node import Node

from td3_driving.agent.run_folder import read_config
from td3_driving.cli.graph import Graph, Simulator
from td3_driving.cli.main import main
from td3_driving.evaluation.curve import read_metrics
from td3_driving.learning import checkpoint
from td3_driving.nodes.td3_agent import TD3AgentNode
from td3_driving.ros import topics
from td3_driving.ros.claim import Claim

DOMAIN = str(40 + os.getpid() % 20)
SMALL = (
    "--set", "td3_agent.batch_size=4", "--set", "td3_agent.replay_capacity=2000",
    "--set", "td3_agent.checkpoint_minutes=0.02",
)  # fmt: skip
"""Updates that take little time; and checkpoints every 1.2 s, which must change nothing."""


def environment() -> dict[str, str]:
    threads = {"OMP_NUM_THREADS": "1", "NUMBA_NUM_THREADS": "1"}
    return {**os.environ, **threads, "ROS_DOMAIN_ID": DOMAIN}


def start(*arguments: str) -> subprocess.Popen[str]:
    command = shutil.which("td3-driving")
    assert command is not None, "td3-driving is not on the PATH: source scripts/env.sh"
    return subprocess.Popen(
        [command, *arguments], stdout=subprocess.PIPE, text=True, env=environment()
    )


def last_line(process: subprocess.Popen[str]) -> dict[str, Any]:
    """The object on a command's last line, after it has ended well."""
    said, _ = process.communicate(timeout=250)
    assert process.returncode == 0
    return json.loads(said.splitlines()[-1])


def simulators(parent: int) -> list[int]:
    """The carla-lite processes that a process has started."""
    found = []
    for folder in Path("/proc").iterdir():
        try:
            status = (folder / "stat").read_text().rpartition(")")[2].split()
            command = (folder / "cmdline").read_text()
        except (OSError, ValueError):
            continue
        if folder.name.isdigit() and int(status[1]) == parent and "carla_lite" in command:
            found.append(int(folder.name))
    return found


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What a run of 500 steps said, by the command as it is installed."""
    folder = tmp_path_factory.mktemp("trained") / "run"
    return last_line(
        start("train", "--steps", "500", "--seed", "1", "--json", "--run-dir", str(folder), *SMALL)
    )


@pytest.fixture
def command(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Callable:
    """Runs a command in this process: its exit code, its standard output and its errors."""
    monkeypatch.setenv("ROS_DOMAIN_ID", DOMAIN)

    def run(*arguments: str) -> tuple[int, str, str]:
        before = simulators(os.getpid())
        code = main(arguments)
        assert simulators(os.getpid()) == before and not rclpy.ok()
        return code, *capfd.readouterr()

    return run


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """A first episode that can't start is given up as soon as the bridge has said why."""
    refused_because = TD3AgentNode.refused_because.fget

    def said(node: TD3AgentNode) -> str:
        why = refused_because(node)
        # Nobody there yet, or there and not connected yet.
        return "" if why.endswith(" yet") or "not connected yet" in why else why

    monkeypatch.setattr(TD3AgentNode, "refused_because", property(said))
    monkeypatch.setattr(Graph, "START_WITHIN_S", 0.0)


@pytest.fixture
def lite() -> Iterator[Callable[..., Simulator]]:
    """Starts carla-lite with options of the test's own."""
    started: list[Simulator] = []

    def make(*options: str) -> Simulator:
        process = subprocess.Popen(
            [sys.executable, "-m", "carla_lite.cli", "--port", "0", *options],
            stdout=subprocess.PIPE, text=True, env=environment(), start_new_session=True,
        )  # fmt: skip
        assert process.stdout is not None
        words = dict(w.split("=") for w in process.stdout.readline().split() if "=" in w)
        started.append(Simulator("127.0.0.1", int(words["port"]), process))
        return started[-1]

    yield make
    for simulator in started:
        simulator.stop()


# --- train ---


def test_the_last_line_and_the_folder_tell_what_a_run_came_to(trained) -> None:
    assert set(trained) == {
        "steps", "episodes", "updates", "return_mean", "completion_pct", "parameters_sha256",
        "run_dir",
    }  # fmt: skip
    assert trained["steps"] == 500 and trained["updates"] > 20 and trained["episodes"] > 1
    folder = Path(trained["run_dir"])
    assert json.loads((folder / "summary.json").read_text()).items() >= trained.items()
    assert sum(line["length"] for line in read_metrics(folder / "metrics.jsonl")) == 500
    assert (folder / "learning_curve.png").is_file() and (folder / "policy.safetensors").is_file()
    assert read_config(folder)["td3_agent"]["seed"] == 1
    newest = checkpoint.newest(folder / "checkpoints")
    assert newest is not None and newest.path.name != "checkpoint-000001"


def test_same_seed_same_parameters(trained, tmp_path: Path) -> None:
    options = [option.replace("0.02", "100") for option in SMALL]
    again = last_line(
        start(
            "train", "--steps", "500", "--seed", "1", "--json", "--run-dir", str(tmp_path), *options
        )
    )
    told = ("parameters_sha256", "updates", "episodes", "return_mean", "completion_pct")
    assert {name: again[name] for name in told} == {name: trained[name] for name in told}


def test_ctrl_c_saves_and_leaves_nothing_behind_and_resume_goes_on_to_the_total(
    tmp_path: Path,
) -> None:
    early = ("--set", "td3_agent.learning_starts=20")
    run = start("train", "--steps", "100000", "--json", "--run-dir", str(tmp_path), *SMALL, *early)
    try:
        while not read_metrics(tmp_path / "metrics.jsonl"):
            assert run.poll() is None
            time.sleep(0.05)
        (simulator,) = simulators(run.pid)
        run.send_signal(signal.SIGINT)
        stopped = last_line(run)
    finally:
        run.kill()
    assert not Path(f"/proc/{simulator}").exists()
    newest = checkpoint.newest(tmp_path / "checkpoints")
    assert newest is not None
    assert not list((tmp_path / "checkpoints").glob(".writing-*"))
    total = stopped["steps"] + 150
    resumed = last_line(
        start("train", "--resume", "--steps", str(total), "--json", "--run-dir", str(tmp_path))
    )
    assert resumed["steps"] == total
    assert resumed["episodes"] > stopped["episodes"] and resumed["updates"] > stopped["updates"]


# --- The other commands ---


def test_pure_pursuit_drives_held_out_circuits_to_their_end(command) -> None:
    code, said, _ = command(
        "evaluate", "--policy", "pure_pursuit", "--episodes", "2", "--json",
        "--map-seeds", "700100:700102",
    )  # fmt: skip
    figures = json.loads(said.splitlines()[-1])
    assert code == 0 and set(figures) == {
        "completion_pct", "success_pct", "driving_score", "mean_speed_mps", "lane_deviation_m",
        "infractions_per_km", "episodes", "complete", "drivers", "means",
    }  # fmt: skip
    assert figures["completion_pct"] >= 95.0 and figures["episodes"] == 2


def test_a_trained_policy_is_scored_by_its_folder(command, trained) -> None:
    code, said, _ = command("evaluate", "--policy", trained["run_dir"], "--episodes", "1", "--json")
    assert code == 0 and json.loads(said.splitlines()[-1])["episodes"] == 1


def test_doctor_passes_on_a_live_agent(command) -> None:
    code, said, _ = command("doctor", "--steps", "200", "--json", *SMALL)
    report = json.loads(said.splitlines()[-1])
    assert code == 0 and report["passed"]
    assert len(report["checks"]) > 10 and all(check["passed"] for check in report["checks"])


def test_drive_goes_at_a_fixed_rate_until_its_time_is_over(command) -> None:
    code, said, _ = command("drive", "--policy", "pure_pursuit", "--minutes", "0.06", "--json")
    figures = json.loads(said.splitlines()[-1])
    assert code == 0 and 0 < figures["steps"] <= 80  # 3.6 s at 20 Hz


# --- What can't be done as asked ---


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (("train", "--set", "td3_agent.batchsize=8"), "did you mean batch_size?"),
        (("train", "--set", "td3_agent.gamma=2.0"), "td3_agent.gamma must be in [0.0, 1.0]"),
        (("train", "--set", "td3_agent.reward=fast"), "reward 'fast' is unknown"),
        (("train", "--steps", "-1"), "td3_agent.steps must be in"),
        (("train", "--set", "carla_bridge.fixed_delta_s=1"), "must be in [0.001, 0.1] s, got 1.0"),
        (("train", "--run-dir", "/dev/null/run"), "the run folder /dev/null/run is not writable"),
        (("train", "--run-dir", "{tmp}", "--resume"), "holds no run to resume"),
        (("evaluate", "--policy", "{tmp}"), "policy.safetensors; give a policy file"),
        (("evaluate", "--policy", "random", "--map-seeds", "0:9"), "must not mix"),
        (("drive", "--policy", "{tmp}/none"), "no policy at"),
    ],
)
def test_what_cannot_be_is_refused_in_one_line_before_anything_starts(
    command, tmp_path: Path, arguments: tuple[str, ...], complaint: str
) -> None:
    free = () if "--run-dir" in arguments or arguments[0] != "train" else ("--run-dir", "{tmp}/run")
    given = [argument.replace("{tmp}", str(tmp_path)) for argument in (*arguments, *free)]
    code, said, errors = command(*given)
    assert code == 2 and said == ""
    assert complaint in errors.splitlines()[-1]
    assert errors.splitlines()[-1].startswith(f"td3-driving {arguments[0]}: ")
    assert "Traceback" not in errors and not list(tmp_path.iterdir())


def test_a_run_of_another_seed_is_not_resumed(command, trained) -> None:
    code, _, errors = command("train", "--resume", "--seed", "2", "--run-dir", trained["run_dir"])
    assert code == 2 and "has another configuration (td3_agent.seed: 1 -> 2)" in errors
    assert read_config(Path(trained["run_dir"]))["td3_agent"]["seed"] == 1


def test_a_run_is_not_driven_over_another(command, trained) -> None:
    code, _, errors = command("train", "--run-dir", trained["run_dir"])
    assert code == 2 and "holds a run already; go on with it by --resume" in errors


def test_an_unknown_map_is_refused_with_the_maps_there_are(
    command, lite, impatient, tmp_path: Path
) -> None:
    where = ("--run-dir", str(tmp_path / "run"), "--map", "Nowhere_1")
    code, _, errors = command("train", *where)
    assert code == 2 and "Nowhere_1" in errors and "carla-lite did not start" in errors
    server = lite()
    code, _, errors = command("train", *where, "--simulator", f"127.0.0.1:{server.port}")
    assert code == 2
    assert "cannot load map 'Nowhere_1'" in errors.splitlines()[-1]
    assert "it offers: " in errors.splitlines()[-1]
    assert not (tmp_path / "run" / "checkpoints").exists()


def test_no_server_is_told_with_what_to_start(command, impatient, tmp_path: Path) -> None:
    code, _, errors = command(
        "train", "--run-dir", str(tmp_path), "--simulator", "127.0.0.1:1",
        "--set", "carla_bridge.timeout_s=0.2",
    )  # fmt: skip
    assert code == 2
    assert "no CARLA server answers at 127.0.0.1:1" in errors.splitlines()[-1]
    assert "start `carla-lite` or a CARLA 0.9.16 server there" in errors.splitlines()[-1]
    assert not (tmp_path / "checkpoints").exists()


def test_a_server_of_another_version_is_refused_with_the_instruction(
    command, lite, impatient, tmp_path: Path
) -> None:
    server = lite("--version-string", "0.9.15")
    code, _, errors = command(
        "train", "--run-dir", str(tmp_path), "--simulator", f"127.0.0.1:{server.port}"
    )
    assert code == 2 and "is CARLA 0.9.15, but the client is 0.9.16" in errors.splitlines()[-1]
    assert "pip install carla==0.9.15" in errors.splitlines()[-1]


def test_a_second_suite_of_this_host_is_refused_at_once(command) -> None:
    with Claim([f"{topics.DEFAULT_NAMESPACE}/control"], int(DOMAIN)):
        code, said, errors = command("evaluate", "--policy", "random")
    assert code == 2 and said == ""
    assert f"another suite drives 'ego_vehicle' in ROS domain {DOMAIN}" in errors
    assert f"(process {os.getpid()})" in errors and "ROS_DOMAIN_ID=1 to 101" in errors


def test_a_suite_that_only_dds_tells_of_is_refused_unless_it_leaves(
    command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Graph, "LOOK_S", 20.0)  # until it is discovered
    monkeypatch.setattr(Graph, "LEASE_S", 0.2)
    context = Context()
    rclpy.init(context=context, domain_id=int(DOMAIN))
    other = Node("other", context=context, namespace=topics.DEFAULT_NAMESPACE)
    topics.FRAME.publisher(other)
    try:
        code, _, errors = command("evaluate", "--policy", "random")
    finally:
        other.destroy_node()
        rclpy.shutdown(context=context)
    assert code == 2 and "waiting up to 0.2 s, in case it has died" in errors
    assert f"another suite drives 'ego_vehicle' in ROS domain {DOMAIN}" in errors
    with Claim([f"{topics.DEFAULT_NAMESPACE}/control"], int(DOMAIN)):
        pass  # one that was refused holds nothing
