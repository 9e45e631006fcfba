"""td3-driving drive"""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path

from td3_driving.cli.display import RunDisplay
from td3_driving.cli.graph import Graph, Simulator
from td3_driving.cli.settings import Settings, change, change_by_text, load_settings
from td3_driving.cli.train import RUNS
from td3_driving.nodes.running import stop_on_signals


def run(chosen: argparse.Namespace) -> int:
    """Runs the command; returns its exit code."""
    settings = _settings(chosen)
    simulator = Simulator(*chosen.simulator) if chosen.simulator else None
    ends_at = time.monotonic() + 60.0 * chosen.minutes if chosen.minutes else float("inf")
    policy = settings["td3_agent"]["policy"]
    first_map = settings["td3_agent"]["map"] or "LiteCircuit_1"
    with stop_on_signals() as stop, Graph(settings, simulator, first_map) as graph:
        runner = graph.agent.runner
        with RunDisplay(runner, f"td3-driving drive {policy}") as display:
            graph.run(stop, lambda: time.monotonic() >= ends_at, display.tick)
        status = runner.status
        figures = {"policy": policy, "steps": status.ticks, "episodes": status.episodes}
    if chosen.json:
        print(json.dumps(figures), flush=True)
    return 0


def _settings(chosen: argparse.Namespace) -> Settings:
    settings = load_settings()
    policy = chosen.policy or _newest_policy()
    wanted = {"mode": "drive", "policy": policy, "kind": chosen.kind, "map": chosen.map}
    for name, value in wanted.items():
        if value is not None:
            change(settings, "td3_agent", name, value)
    change(settings, "carla_bridge", "mode", "fixed_rate")
    change(settings, "control", "recovery_commands", 3)
    for assignment in chosen.set:
        change_by_text(settings, assignment)
    return settings


def _newest_policy() -> str:
    """The policy of the newest run here; without one, the classical path follower."""
    policies = sorted(RUNS.glob("*/policy.safetensors"), key=lambda p: Path(p).stat().st_mtime)
    if policies:
        return str(policies[-1])
    print("no trained policy under runs/ yet: pure_pursuit drives", file=sys.stderr)
    return "pure_pursuit"
