"""td3-driving evaluate"""

from __future__ import annotations

import argparse
import json

from rich.console import Console
from rich.table import Table

from td3_driving.agent.types import Purpose
from td3_driving.cli.display import RunDisplay
from td3_driving.cli.graph import Graph, Simulator
from td3_driving.cli.settings import Settings, change, change_by_text, load_settings
from td3_driving.driving.episodes import map_name
from td3_driving.evaluation.metrics import Summary, summarise
from td3_driving.nodes.running import stop_on_signals

FIGURES = (
    "completion_pct", "success_pct", "mean_speed_mps", "lane_deviation_m", "infractions_per_km",
)  # fmt: skip


def run(chosen: argparse.Namespace) -> int:
    """Runs the command; returns its exit code: 0, or 1 if it was stopped before the first score."""
    settings = _settings(chosen)
    simulator = Simulator(*chosen.simulator) if chosen.simulator else None
    agent = settings["td3_agent"]
    first_map = agent["test_map"] or map_name(agent["kind"], agent["test_first_seed"])
    with stop_on_signals() as stop, Graph(settings, simulator, first_map) as graph:
        runner = graph.agent.runner
        with RunDisplay(runner, f"td3-driving evaluate {chosen.policy}") as display:
            graph.run(stop, watch=display.tick)
    scores = runner.program.tests[Purpose.TEST]
    if not scores:
        return 1
    summary = summarise(scores)
    _say(summary, chosen)
    if chosen.json:
        figures = {name: getattr(summary, name) for name in (*FIGURES, "episodes")}
        print(json.dumps(figures), flush=True)
    return 0


def _settings(chosen: argparse.Namespace) -> Settings:
    settings = load_settings()
    wanted = {
        "mode": "evaluate", "policy": chosen.policy, "kind": chosen.kind, "seed": chosen.seed,
        "test_first_seed": chosen.map_seeds.start, "test_last_seed": chosen.map_seeds.stop - 1,
        "test_episodes": chosen.episodes, "test_map": chosen.map,
    }  # fmt: skip
    for name, value in wanted.items():
        if value is not None:
            change(settings, "td3_agent", name, value)
    for assignment in chosen.set:
        change_by_text(settings, assignment)
    return settings


def _say(summary: Summary, chosen: argparse.Namespace) -> None:
    table = Table(title=f"{chosen.policy}, {summary.episodes} episodes, {summary.km:.2f} km")
    for column in ("figure", "value", "95 % interval"):
        table.add_column(column, justify="right" if column == "value" else "left")
    for name in FIGURES:
        value, interval = getattr(summary, name), summary.intervals.get(name)
        table.add_row(
            name,
            "-" if value is None else f"{value:.2f}",
            "" if interval is None else f"{interval[0]:.2f} to {interval[1]:.2f}",
        )
    table.add_row("endings", ", ".join(f"{k} {v}" for k, v in summary.endings.items()), "")
    Console(stderr=True).print(table)
