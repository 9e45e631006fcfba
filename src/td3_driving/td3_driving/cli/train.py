"""td3-driving train"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from pathlib import Path
from typing import Any

from rich.console import Console

from td3_driving.agent.conclusion import conclude, score_line, scores
from td3_driving.agent.parameters import AgentParameters
from td3_driving.agent.run_folder import RunFolderError, read_config
from td3_driving.agent.runner import Runner
from td3_driving.cli.bags import Bags
from td3_driving.cli.display import RunDisplay
from td3_driving.cli.graph import Graph, Simulator
from td3_driving.cli.settings import Settings, change, change_by_text, load_settings, record_to
from td3_driving.launching.plan import first_map
from td3_driving.stopping import stop_on_signals

RUNS = Path("runs")


def run(chosen: argparse.Namespace) -> int:
    """Runs the command; returns its exit code."""
    console = Console(stderr=True)
    settings = _settings(chosen)
    agent = settings["td3_agent"]
    run_dir = agent["run_dir"]
    simulator = Simulator(*chosen.simulator) if chosen.simulator else None
    if chosen.resume and (chosen.from_bag or chosen.pretrain_updates):
        raise ValueError("--from-bag begins a run; one that is resumed has its memory already")
    if chosen.pretrain_updates and not chosen.from_bag:
        raise ValueError("--pretrain-updates learns from bags; name them with --from-bag")
    with stop_on_signals() as stop, Bags(chosen.from_bag, settings) as bags:
        lite_map, record = first_map(AgentParameters(**agent)), record_to(settings, chosen.record)
        with Graph(settings, simulator, lite_map, record=record) as graph:
            console.print(f"run folder: {run_dir}\nwatch: tensorboard --logdir {run_dir}")
            runner = graph.agent.runner
            bags.teach(runner, chosen.pretrain_updates, stop)
            with RunDisplay(runner, f"td3-driving train, seed {agent['seed']}") as display:
                graph.run(stop, watch=display.tick)
        # From here on everything is saved; a signal has nothing left to interrupt.
        summary = conclude(runner, Path(run_dir))
        _say(console, runner, summary, run_dir, interrupted=stop.signal is not None)
    if chosen.json:
        print(json.dumps(summary), flush=True)
    return 0


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
    wanted = {
        "steps": chosen.steps, "seed": chosen.seed, "task": chosen.task, "map": chosen.map,
        "kind": chosen.kind,
    }  # fmt: skip
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


def _say(
    console: Console, runner: Runner, summary: dict[str, Any], run_dir: str, interrupted: bool
) -> None:
    for purpose, score in scores(runner).items():
        console.print(score_line(purpose, score), highlight=False, soft_wrap=True)
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
