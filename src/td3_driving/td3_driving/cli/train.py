"""td3-driving train"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console

from td3_driving.agent.run_folder import RunFolderError, read_config, write_whole
from td3_driving.agent.runner import Runner
from td3_driving.agent.types import Purpose
from td3_driving.cli.display import RunDisplay
from td3_driving.cli.graph import Graph, Simulator
from td3_driving.cli.settings import Settings, change, change_by_text, load_settings
from td3_driving.driving.episodes import training_plan
from td3_driving.evaluation.curve import draw_learning_curve
from td3_driving.evaluation.metrics import Summary, summarise
from td3_driving.evaluation.story import draw_story, read_tracks
from td3_driving.nodes.running import stop_on_signals

RUNS = Path("runs")


def run(chosen: argparse.Namespace) -> int:
    """Runs the command; returns its exit code."""
    console = Console(stderr=True)
    settings = _settings(chosen)
    agent = settings["td3_agent"]
    run_dir = agent["run_dir"]
    simulator = Simulator(*chosen.simulator) if chosen.simulator else None
    with stop_on_signals() as stop:
        with Graph(settings, simulator, _first_map(settings)) as graph:
            console.print(f"run folder: {run_dir}\nwatch: tensorboard --logdir {run_dir}")
            runner = graph.agent.runner
            with RunDisplay(runner, f"td3-driving train, seed {agent['seed']}") as display:
                graph.run(stop, watch=display.tick)
        # From here on everything is saved; a signal has nothing left to interrupt.
        summary = conclude(runner, Path(run_dir))
        _say(console, runner, summary, run_dir, interrupted=stop.signal is not None)
    if chosen.json:
        print(json.dumps(summary), flush=True)
    return 0


def conclude(runner: Runner, run_dir: Path) -> dict[str, Any]:
    """Writes the summary and the curve of a run that is over; returns the figures."""
    trainer, status = runner.trainer, runner.status
    assert trainer is not None
    tested = _scores(runner).get(Purpose.TEST)
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
    tests = {purpose.value: s.as_dict() for purpose, s in _scores(runner).items()}
    summary = json.dumps({**figures, "tests": tests}, indent=1, allow_nan=False)
    write_whole(run_dir / "summary.json", summary + "\n")
    draw_learning_curve(run_dir / "metrics.jsonl", run_dir / "learning_curve.png")
    if tests:
        tracks = read_tracks(run_dir / "closing_test.npz")
        draw_story(run_dir / "metrics.jsonl", tracks, run_dir / "story.png")
    return figures


def _scores(runner: Runner) -> dict[Purpose, Summary]:
    return {
        purpose: summarise(scores) for purpose, scores in runner.program.tests.items() if scores
    }


def _settings(chosen: argparse.Namespace) -> Settings:
    run_dir = chosen.run_dir
    if chosen.resume:
        folder = Path(run_dir) if run_dir else _newest_run()
        settings = load_settings()
        for node, values in read_config(folder).items():
            for name, value in values.items():
                change(settings, node, name, value)
        run_dir = str(folder)
        change(settings, "td3_agent", "resume", True)
    else:
        settings = load_settings()
    wanted = {"steps": chosen.steps, "seed": chosen.seed, "map": chosen.map, "kind": chosen.kind}
    if chosen.minutes is not None:
        wanted |= {"minutes": chosen.minutes, "steps": 0}
    for name, value in wanted.items():
        if value is not None:
            change(settings, "td3_agent", name, value)
    if chosen.map and not chosen.map.startswith("Lite"):
        # A map of CARLA's own: there are no others like it to be scored on.
        change(settings, "td3_agent", "test_map", chosen.map)
    change(settings, "td3_agent", "mode", "train")
    for assignment in chosen.set:
        change_by_text(settings, assignment)
    seed = settings["td3_agent"]["seed"]
    run_dir = run_dir or RUNS / f"{time.strftime('%Y%m%d-%H%M%S')}-seed{seed}"
    change(settings, "td3_agent", "run_dir", str(Path(run_dir).expanduser().absolute()))
    return settings


def _newest_run() -> Path:
    runs = sorted(RUNS.glob("*/config.yaml"), key=os.path.getmtime)
    if not runs:
        raise RunFolderError(f"there is no run under {RUNS.absolute()} to resume")
    return runs[-1].parent


def _first_map(settings: Settings) -> str:
    """The map that the simulator may as well start with."""
    agent = settings["td3_agent"]
    pool: range | str = agent["map"] or range(agent["training_maps"])
    return training_plan(agent["seed"], 0, agent["kind"], pool).map


def _say(
    console: Console, runner: Runner, summary: dict[str, Any], run_dir: str, interrupted: bool
) -> None:
    for purpose, score in _scores(runner).items():
        name = "untrained" if purpose is Purpose.UNTRAINED else "now"
        low, high = score.intervals["completion_pct"]
        console.print(
            f"{name:>9}: completion {score.completion_pct:5.1f} % "
            f"(95 % interval {low:.0f} to {high:.0f}), success {score.success_pct:.0f} %, "
            f"{score.mean_speed_mps:.1f} m/s, {score.lane_deviation_m:.2f} m off the centre, "
            f"{score.episodes} episodes on held-out maps",
            highlight=False, soft_wrap=True,
        )  # fmt: skip
    if interrupted:
        console.print(
            f"stopped and saved; go on with: td3-driving train --resume --run-dir {run_dir}",
            soft_wrap=True,
        )
    console.print(
        f"curve:    {run_dir}/learning_curve.png\n"
        f"policy:   {run_dir}/policy.safetensors\n"
        f"score it: td3-driving evaluate --policy {run_dir}\n"
        f"watch it: td3-driving drive --policy {run_dir}",
        highlight=False, soft_wrap=True,
    )  # fmt: skip
    if not sys.stderr.isatty() and runner.trainer is not None and runner.trainer.alarm:
        console.print(runner.trainer.alarm, style="bold red")
