"""td3-driving drive"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path

from td3_driving.agent.parameters import AgentParameters
from td3_driving.agent.runner import Runner
from td3_driving.agent.shipped import shipped_policies
from td3_driving.agent.task import DEFAULT_TASK
from td3_driving.cli.display import RunDisplay
from td3_driving.cli.graph import Graph, Simulator
from td3_driving.cli.settings import Settings, change, change_by_text, load_settings, record_to
from td3_driving.cli.train import RUNS
from td3_driving.cli.view import watching
from td3_driving.launching.plan import first_map
from td3_driving.ros.topics import namespace_of
from td3_driving.stopping import stop_on_signals
from td3_driving.view.video import codec_of


def run(chosen: argparse.Namespace) -> int:
    """Runs the command; returns its exit code."""
    settings = _settings(chosen)
    if chosen.video:
        codec_of(Path(chosen.video))  # a mistake is told before anything starts
    simulator = Simulator(*chosen.simulator) if chosen.simulator else None
    policy = settings["td3_agent"]["policy"]
    lite_map = first_map(AgentParameters(**settings["td3_agent"]))
    title = f"td3-driving drive {policy}"
    with (
        stop_on_signals() as stop,
        Graph(settings, simulator, lite_map, record=record_to(settings, chosen.record)) as graph,
        _watched(chosen, settings, _title(policy)),
    ):
        runner = graph.agent.runner
        with RunDisplay(runner, title) as display:
            graph.run(stop, _driven_for(runner, chosen.minutes), display.tick)
        status = runner.status
        figures = {"policy": policy, "steps": status.ticks, "episodes": status.episodes}
    if chosen.json:
        print(json.dumps(figures), flush=True)
    return 0


def _driven_for(runner: Runner, minutes: float | None) -> Callable[[], bool]:
    """Whether it has driven for so long, counted from its first tick; None: it drives on."""
    ends_at = float("inf")

    def over() -> bool:
        nonlocal ends_at
        if minutes and runner.status.ticks:
            ends_at = min(ends_at, time.monotonic() + 60.0 * minutes)
        return time.monotonic() >= ends_at

    return over


def _title(policy: str) -> str:
    """Of the page: the run's name, the file's, or the driver's."""
    path = Path(policy)
    return f"{path.parent.name if path.name == 'policy.safetensors' else path.stem} drives"


def _watched(
    chosen: argparse.Namespace, settings: Settings, title: str
) -> AbstractContextManager[object]:
    """The page and the video, as far as they are wanted."""
    if chosen.no_page and not chosen.video:
        return nullcontext()
    bridge = settings["carla_bridge"]
    return watching(
        namespace_of(bridge["role_name"]), title, Path(chosen.video) if chosen.video else None,
        1.0 / bridge["fixed_delta_s"], chosen.host, chosen.port,
    )  # fmt: skip


def _settings(chosen: argparse.Namespace) -> Settings:
    settings = load_settings()
    policy = chosen.policy or _newest_policy()
    wanted = {
        "mode": "drive", "policy": policy, "task": chosen.task, "kind": chosen.kind,
        "map": chosen.map,
    }  # fmt: skip
    for name, value in wanted.items():
        if value is not None:
            change(settings, "td3_agent", name, value)
    change(settings, "carla_bridge", "mode", "fixed_rate")
    change(settings, "control", "recovery_commands", 3)
    for assignment in chosen.set:
        change_by_text(settings, assignment)
    return settings


def _newest_policy() -> str:
    """The policy of the newest run here; else a shipped one; else the classical path follower."""
    policies = sorted(RUNS.glob("*/policy.safetensors"), key=lambda p: Path(p).stat().st_mtime)
    if policies:
        return str(policies[-1])
    shipped = shipped_policies()
    if shipped:
        return DEFAULT_TASK if DEFAULT_TASK in shipped else next(iter(shipped))
    print("no trained policy under runs/ yet: pure_pursuit drives", file=sys.stderr)
    return "pure_pursuit"
