"""A run that was cut off and resumed, against one that was not."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from td3_driving.agent.runner import Runner
from td3_driving.evaluation.curve import read_metrics

LONG: dict[str, Any] = {
    "steps": 160,
    "checkpoint_minutes": 0.0,  # before every episode
    "selections": 1,
    "selection_episodes": 1,
    "noise_start": 0.3,
}
OF_THE_CLOCK = ("time_s", "time/update_ms", "time/steps_per_s", "episode")


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


@pytest.mark.parametrize("ticks", [41, 119])
def test_a_killed_and_resumed_run_equals_an_uninterrupted_one_bit_for_bit(
    make_run, tmp_path: Path, ticks: int
) -> None:
    whole = make_run(**LONG, run_dir=str(tmp_path / "whole")).finish()
    first = make_run(**LONG, run_dir=str(tmp_path / "cut")).to(ticks)
    kill(first.runner)
    resumed = make_run(**LONG, run_dir=str(tmp_path / "cut"), resume=True).finish()
    assert (
        resumed.runner.trainer.agent.parameters_sha256()
        == whole.runner.trainer.agent.parameters_sha256()
    )
    assert lines(tmp_path / "cut") == lines(tmp_path / "whole")


def test_a_run_killed_again_and_again_still_equals_an_uninterrupted_one(
    make_run, tmp_path: Path
) -> None:
    whole = make_run(**LONG, run_dir=str(tmp_path / "whole")).finish()
    kill(make_run(**LONG, run_dir=str(tmp_path / "cut")).to(50).runner)
    for ticks in (30, 60):
        run = make_run(**LONG, run_dir=str(tmp_path / "cut"), resume=True)
        kill(run.to(ticks).runner)
    resumed = make_run(**LONG, run_dir=str(tmp_path / "cut"), resume=True).finish()
    assert (
        resumed.runner.trainer.agent.parameters_sha256()
        == whole.runner.trainer.agent.parameters_sha256()
    )
    assert lines(tmp_path / "cut") == lines(tmp_path / "whole")
