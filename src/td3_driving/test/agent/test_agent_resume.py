"""A run that was cut off and resumed, against one that was not."""

from __future__ import annotations

import os
import random
import select
import shutil
import signal
import time
from pathlib import Path
from typing import Any

import pytest

from td3_driving.agent.runner import Runner
from td3_driving.evaluation.curve import read_metrics
from td3_driving.learning import CheckpointWriter

LONG: dict[str, Any] = {
    "steps": 160,
    "checkpoint_minutes": 0.0,  # before every episode
    "selections": 1,
    "selection_episodes": 1,
    "noise_start": 0.3,
}
KILLS = int(os.environ.get("KILLS", "4"))
"""Of a process at random moments; KILLS=20 pytest -s -k random_moments for more."""
OF_THE_CLOCK = ("time_s", "time/update_ms", "time/steps_per_s", "episode")


@pytest.fixture(scope="module")
def whole(make_run, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, list[dict[str, Any]]]:
    """The weights and the episodes of a run that nothing interrupts."""
    folder = tmp_path_factory.mktemp("whole")
    run = make_run(**LONG, run_dir=str(folder)).finish()
    return run.runner.trainer.agent.parameters_sha256(), lines(folder)


def lines(folder: Path) -> list[dict[str, Any]]:
    """What a run says of its episodes, but for times and the simulator's own count of episodes."""
    return [
        {name: value for name, value in line.items() if name not in OF_THE_CLOCK}
        for line in read_metrics(folder / "metrics.jsonl")
    ]


def kill(runner: Runner) -> None:
    """The run goes as by kill -9: no further save. Its threads and its lock are tidied away."""
    assert runner.trainer is not None
    runner.trainer.wait()
    runner.trainer._thread.shutdown()
    runner.trainer._keeper.close()


@pytest.mark.parametrize(("ticks", "slow"), [(41, False), (119, False), (90, True)])
def test_a_killed_and_resumed_run_equals_an_uninterrupted_one_bit_for_bit(
    make_run, whole, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ticks: int, slow: bool
) -> None:
    if slow:  # a save takes as long as some episodes
        write = CheckpointWriter._write_learner
        monkeypatch.setattr(
            CheckpointWriter, "_write_learner", lambda *given: (time.sleep(0.5), write(*given))
        )
    first = make_run(**LONG, run_dir=str(tmp_path)).to(ticks)
    kill(first.runner)
    resumed = make_run(**LONG, run_dir=str(tmp_path), resume=True).finish()
    assert (resumed.runner.trainer.agent.parameters_sha256(), lines(tmp_path)) == whole


def test_a_run_killed_again_and_again_still_equals_an_uninterrupted_one(
    make_run, whole, tmp_path: Path
) -> None:
    kill(make_run(**LONG, run_dir=str(tmp_path)).to(50).runner)
    for ticks in (30, 60):
        run = make_run(**LONG, run_dir=str(tmp_path), resume=True)
        kill(run.to(ticks).runner)
    resumed = make_run(**LONG, run_dir=str(tmp_path), resume=True).finish()
    assert (resumed.runner.trainer.agent.parameters_sha256(), lines(tmp_path)) == whole


def test_a_process_killed_at_random_moments_and_resumed_ends_as_an_undisturbed_one(
    make_run, whole, tmp_path: Path, in_child: Any
) -> None:
    moments, kills = random.Random(1), 0
    while kills < KILLS:
        folder, status, told = tmp_path / f"after-{kills}", -signal.SIGKILL, ""
        while status == -signal.SIGKILL:
            resume = any((folder / "checkpoints").glob("checkpoint-*"))
            if folder.exists() and not resume:
                shutil.rmtree(folder)  # killed before it had saved anything

            def run(tell: Any, folder: Path = folder, resume: bool = resume) -> None:
                run = make_run(**LONG, run_dir=str(folder), resume=resume).finish()
                tell(run.runner.trainer.agent.parameters_sha256())

            child, pipe = in_child(run)
            if kills < KILLS:
                select.select([pipe], [], [], moments.uniform(0.1, 0.9))
                os.kill(child, signal.SIGKILL)
            with os.fdopen(pipe) as stream:
                told = stream.read()
            status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
            kills += status == -signal.SIGKILL
        assert status == 0
        assert (told, lines(folder)) == whole
    print(f"killed {kills} times")
