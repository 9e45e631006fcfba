"""What a run came to: its figures, in its folder and as text."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from td3_driving.agent.run_folder import write_whole
from td3_driving.agent.runner import Runner
from td3_driving.agent.types import Purpose
from td3_driving.evaluation.curve import draw_learning_curve
from td3_driving.evaluation.metrics import Summary, summarise
from td3_driving.evaluation.story import draw_story, read_tracks


def conclude(runner: Runner, run_dir: Path) -> dict[str, Any]:
    """Writes the summary and the curve of a run that is over; returns the figures."""
    trainer, status = runner.trainer, runner.status
    assert trainer is not None
    tested = scores(runner).get(Purpose.TEST)
    completions = list(status.completions)
    figures = {
        "steps": status.training_ticks,
        "episodes": status.episodes,
        "updates": trainer.updates,
        "return_mean": float(np.mean(status.returns)) if status.returns else None,
        "completion_pct": (
            tested.completion_pct
            if tested is not None
            else float(np.mean(completions)) if completions else None
        ),
        "parameters_sha256": trainer.agent.parameters_sha256(),
        "run_dir": str(run_dir),
    }  # fmt: skip
    tests = {purpose.value: s.as_dict() for purpose, s in scores(runner).items()}
    summary = json.dumps({**figures, "tests": tests}, indent=1, allow_nan=False)
    write_whole(run_dir / "summary.json", summary + "\n")
    draw_learning_curve(run_dir / "metrics.jsonl", run_dir / "learning_curve.png")
    if tests:
        tracks = read_tracks(run_dir / "closing_test.npz")
        draw_story(run_dir / "metrics.jsonl", tracks, run_dir / "story.png")
    return figures


def scores(runner: Runner) -> dict[Purpose, Summary]:
    """The scores on test maps, by why they were driven."""
    return {
        purpose: summarise(episodes)
        for purpose, episodes in runner.program.tests.items()
        if episodes
    }


def score_line(purpose: Purpose, score: Summary) -> str:
    """One line for people."""
    name = "untrained" if purpose is Purpose.UNTRAINED else "now"
    low, high = score.intervals["completion_pct"]
    return (
        f"{name:>9}: completion {score.completion_pct:5.1f} % "
        f"(95 % interval {low:.0f} to {high:.0f}), success {score.success_pct:.0f} %, "
        f"{score.mean_speed_mps:.1f} m/s, {score.lane_deviation_m:.2f} m off the centre, "
        f"{score.episodes} episodes on held-out maps"
    )
