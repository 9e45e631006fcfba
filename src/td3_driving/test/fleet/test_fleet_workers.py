"""Workers: a fleet in other processes shows what one in this process does, and none is left."""

import itertools
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from td3_driving.agent.task import driving_task
from td3_driving.agent.types import Assignment, Purpose
from td3_driving.cli.main import main
from td3_driving.driving.episodes import EpisodePlan
from td3_driving.fleet import pretrain as pretraining
from td3_driving.fleet.config import fleet_parameters
from td3_driving.fleet.fleet import LocalFleet
from td3_driving.fleet.workers import WorkerError, WorkerFleet, default_workers, make_fleet
from td3_driving.learning.policy_file import load_policy

PARAMETERS = fleet_parameters("cpu")


def assignment(seed=7, map_name="LiteCircuit_1", duration_s=0.5):
    plan = EpisodePlan(map_name, seed, 4.0, 0.1, 0.0, duration_s, None)
    return Assignment(Purpose.TEST, plan, "given")


def shown(fleet):
    """What three worlds show in an episode of half a second, and what comes of it."""
    random = np.random.default_rng(0)
    fleet.begin({i: assignment(7 + i) for i in range(3)})
    boards, over = [], {}
    while len(over) < 3:
        boards.append([array.copy() for array in fleet.board])
        going = [i for i in range(3) if i not in over]
        over |= fleet.decide(going, random.uniform(-0.4, 0.6, (len(going), 2)).astype(np.float32))
    return boards, [over[i] for i in range(3)]


def test_workers_show_and_tell_what_worlds_of_this_process_do():
    with LocalFleet(driving_task(PARAMETERS), 3, 1) as fleet:
        boards, outcomes = shown(fleet)
    with WorkerFleet(PARAMETERS, 3, 2) as fleet:
        others, other_outcomes = shown(fleet)
    assert len(boards) == len(others) == 5
    actions = fleet.board._fields.index("actions")
    for board, other in zip(boards, others, strict=True):
        assert all(np.array_equal(board[k], other[k]) for k in range(7) if k != actions)
    for one, other in zip(outcomes, other_outcomes, strict=True):
        assert (one.number, one.assignment, one.ending, one.steps) == (
            other.number, other.assignment, other.ending, other.steps,
        )  # fmt: skip
        assert (one.episode_return, one.completion) == (other.episode_return, other.completion)
        assert one.term_sums == other.term_sums
        for name in ("xy", "speeds_mps", "last_stack"):
            assert np.array_equal(getattr(one, name), getattr(other, name))
        assert np.array_equal(one.route.points, other.route.points)
        assert one.score is not None
        assert one.score == other.score


def test_what_a_worker_cannot_do_is_told_with_its_reason_and_the_others_end():
    with WorkerFleet(PARAMETERS, 2, 2) as fleet:
        with pytest.raises(WorkerError, match="worker 1 failed: UnknownMapError"):
            fleet.begin({0: assignment(), 1: assignment(map_name="Nowhere_1")})
        with pytest.raises(ValueError, match="finite"):
            fleet.decide([0], np.full((1, 2), np.nan, np.float32))
        pids = fleet.pids
    assert not any(alive(pid) for pid in pids)


def test_worlds_stay_in_this_process_unless_workers_are_wanted():
    with make_fleet(PARAMETERS, 2, workers=0, threads=1) as fleet:
        assert isinstance(fleet, LocalFleet)
    with make_fleet(PARAMETERS, 2, workers=3) as fleet:
        assert isinstance(fleet, WorkerFleet)
        assert len(fleet.pids) == 2
    assert default_workers(1) == 1
    with pytest.raises(ValueError, match="3 workers for 2 worlds"):
        WorkerFleet(PARAMETERS, 2, 3)


def test_a_worker_that_dies_ends_the_run_by_name_and_saves_it(tmp_path, monkeypatch, capsys):
    fleets = []

    def watched(*arguments):
        fleets.append(make_fleet(*arguments))
        return fleets[-1]

    def progress(figures):
        if figures["steps"]:
            os.kill(fleets[0].pids[1], signal.SIGKILL)

    monkeypatch.setattr(pretraining, "make_fleet", watched)
    monkeypatch.setattr("td3_driving.cli.pretrain._progress", progress)
    monkeypatch.setattr("signal.signal", lambda number, handler: None)
    status = main(command(tmp_path))
    told = capsys.readouterr().err
    assert status == 1
    assert f"worker 1 (process {fleets[0].pids[1]}) has died with code -9" in told
    assert not any(alive(pid) for pid in fleets[0].pids)
    assert load_policy(tmp_path / "run" / "policy.safetensors")[1].training["steps"] > 0


def test_ctrl_c_saves_the_run_and_leaves_no_worker(tmp_path):
    run = subprocess.Popen(
        [sys.executable, "-m", "td3_driving.cli.main", *command(tmp_path)],
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path), "OMP_NUM_THREADS": "1"},
        stderr=subprocess.PIPE,
        text=True,
    )
    with run:
        before = list(itertools.takewhile(lambda line: "updates" not in line, run.stderr))
        workers = children(run.pid)
        run.send_signal(signal.SIGINT)
        told = run.stderr.read()
    assert len(workers) == 2, before
    assert run.returncode == 0, told
    assert "stopped and saved" in told
    assert (tmp_path / "run" / "policy.safetensors").exists()
    assert not any(alive(pid) for pid in workers)


KILLED = """
import time
from td3_driving.agent.parameters import AgentParameters
from td3_driving.fleet.workers import WorkerFleet
with WorkerFleet(AgentParameters(), 2, 2) as fleet:
    print(*fleet.pids, flush=True)
    time.sleep(100)
"""


def test_workers_end_with_whom_they_work_for_even_if_it_is_killed():
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    run = subprocess.Popen(
        [sys.executable, "-c", KILLED], env=environment, stdout=subprocess.PIPE, text=True
    )
    with run:
        workers = [int(pid) for pid in run.stdout.readline().split()]
        assert [alive(pid) for pid in workers] == [True, True]
        run.kill()
    until = time.monotonic() + 20.0
    while any(alive(pid) for pid in workers) and time.monotonic() < until:
        time.sleep(0.05)
    assert not any(alive(pid) for pid in workers)


def command(folder):
    return [
        "pretrain", "--worlds", "2", "--workers", "2", "--device", "cpu", "--steps", "1000000",
        "--batch-size", "4", "--selections", "0", "--out", str(folder / "run"),
    ]  # fmt: skip


def children(pid):
    """Processes whose parent it is."""
    found = []
    for status in Path("/proc").glob("[0-9]*/stat"):
        try:
            parent = int(status.read_text().rpartition(")")[2].split()[1])
        except OSError:
            continue  # it has ended meanwhile
        if parent == pid:
            found.append(int(status.parent.name))
    return found


def alive(pid):
    """Whether a process goes on; one that nobody has waited for does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


WITHOUT_TORCH = """
import sys
for name in ("torch", "rclpy", "carla"):
    sys.modules[name] = None
import td3_driving.fleet.worker
print("imported")
"""


def test_a_worker_needs_no_torch():
    result = subprocess.run(
        [sys.executable, "-c", WITHOUT_TORCH],
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.stdout == "imported\n", result.stderr
