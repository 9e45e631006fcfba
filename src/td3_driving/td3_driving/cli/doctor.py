"""td3-driving doctor"""

from __future__ import annotations

import argparse
import json
import tempfile
from dataclasses import asdict
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table

from td3_driving.cli.display import RunDisplay
from td3_driving.cli.graph import Graph, Simulator
from td3_driving.cli.settings import change, change_by_text, load_settings
from td3_driving.learning.checks import Check, run_checks
from td3_driving.stopping import stop_on_signals


def run(chosen: argparse.Namespace) -> int:
    """Runs the command; returns its exit code: 0, 1 if a check fails."""
    settings = load_settings()
    change(settings, "td3_agent", "steps", chosen.steps)
    change(settings, "td3_agent", "closing_test", "never")
    for assignment in chosen.set:
        change_by_text(settings, assignment)
    simulator = Simulator(*chosen.simulator) if chosen.simulator else None
    with tempfile.TemporaryDirectory(prefix="td3-doctor-") as folder, stop_on_signals() as stop:
        change(settings, "td3_agent", "run_dir", str(Path(folder) / "run"))
        with Graph(settings, simulator) as graph:
            runner = graph.agent.runner
            with RunDisplay(runner, "td3-driving doctor") as display:
                graph.run(stop, watch=display.tick)
            checks = check_trainer(runner.trainer)
    _say(checks)
    passed = all(check.passed for check in checks)
    if chosen.json:
        print(json.dumps({"passed": passed, "checks": [asdict(c) for c in checks]}), flush=True)
    return 0 if passed else 1


def check_trainer(trainer: object) -> list[Check]:
    """The checklist on a trainer that has driven and learned."""
    from td3_driving.agent.trainer import OnlineTrainer

    assert isinstance(trainer, OnlineTrainer)
    trainer.wait()
    if trainer.updates == 0:
        detail = f"{trainer.decisions} decisions and no update; train longer: --steps"
        return [Check("the learner learns", False, "0 updates", detail)]
    batch = trainer.replay.sample(trainer.config.batch_size)
    return [
        Check("the learner learns", True, f"{trainer.updates} updates", ""),
        *run_checks(trainer.agent, batch, np.array(trainer.recent_actions)),
    ]


def _say(checks: list[Check]) -> None:
    table = Table(title="td3-driving doctor")
    for column in ("", "check", "figure", "detail"):
        table.add_column(column, overflow="fold")
    for check in checks:
        mark = "[green]pass[/]" if check.passed else "[bold red]FAIL[/]"
        table.add_row(mark, check.name, check.figure, check.detail)
    Console(stderr=True).print(table)
