"""td3-driving pretrain"""

from __future__ import annotations

import argparse
import json
import shlex
import signal
import sys
import time
from pathlib import Path
from types import FrameType
from typing import Any

from td3_driving.evaluation.metrics import summarise
from td3_driving.fleet.config import PretrainConfig, fleet_parameters
from td3_driving.fleet.driving import scores_on_test_maps
from td3_driving.fleet.pretrain import pretrain
from td3_driving.fleet.workers import default_workers

_OF_THE_AGENT = (
    "task", "seed", "steps", "minutes", "batch_size", "decisions_per_update", "precision",
    "selections", "selection_episodes",
)  # fmt: skip
"""Options that are parameters of the agent."""
_SAYS_WHAT = (
    "task", "worlds", "steps", "minutes", "seed", "device", "workers", "threads",
    "target_completion", "batch_size", "decisions_per_update", "precision", "selections",
    "selection_episodes", "closing_episodes", "compile",
)  # fmt: skip
"""Options that say what is trained and how."""


class Stop:
    """True after Ctrl-C or a SIGTERM; a second Ctrl-C ends the process at once."""

    def __init__(self) -> None:
        self._asked = False

    def __call__(self) -> bool:
        """Whether to stop."""
        return self._asked

    def ask(self, number: int, frame: FrameType | None) -> None:
        """A signal's handler."""
        self._asked = True
        signal.signal(number, signal.SIG_DFL)


def run(chosen: argparse.Namespace) -> int:
    """Runs the command; returns its exit code."""
    wanted = {
        name: getattr(chosen, name) for name in _OF_THE_AGENT if getattr(chosen, name) is not None
    }
    agent = fleet_parameters(chosen.device, **wanted)
    workers = chosen.workers
    if workers is None:
        workers = 0 if chosen.threads else default_workers(chosen.worlds)
    config = PretrainConfig(
        agent, chosen.worlds, chosen.threads, chosen.target_completion, workers,
        chosen.closing_episodes, chosen.compile, command_of(chosen),
    )  # fmt: skip
    out = chosen.out or Path("runs") / f"{time.strftime('%Y%m%d-%H%M%S')}-{agent.task}"
    stop = Stop()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, stop.ask)
    _say(f"run folder: {out}; Ctrl-C saves and ends")
    result = pretrain(config, Path(out), stop, tell=_progress)
    figures: dict[str, Any] = {**result.figures, "run_dir": str(out)}
    if sys.stderr.isatty():
        _say("")
    if chosen.test_episodes and not stop():
        scores = scores_on_test_maps(
            agent, result.policy, chosen.test_episodes, chosen.threads, workers
        )
        summary = summarise(scores)
        low, high = summary.intervals["completion_pct"]
        figures["test"] = summary.as_dict()
        _say(
            f"on {chosen.test_episodes} episodes of test maps: completion "
            f"{summary.completion_pct:.1f} % (95 % interval {low:.0f} to {high:.0f})"
        )
    figures["selections"] = result.selections
    _say(
        f"{'stopped and saved' if result.figures['interrupted'] else 'done'}: "
        f"{out}/policy.safetensors\nscore it: td3-driving evaluate --policy {out}\n"
        f"watch it: td3-driving drive --policy {out}"
    )
    if chosen.json:
        print(json.dumps(figures, allow_nan=False), flush=True)
    return 0


def command_of(chosen: argparse.Namespace) -> str:
    """The command that trains the same again; without where it is written to."""
    words = ["td3-driving", "pretrain"]
    for name in _SAYS_WHAT:
        value = getattr(chosen, name)
        option = name.replace("_", "-")
        if isinstance(value, bool):
            words.append(f"--{option}" if value else f"--no-{option}")
        elif value is not None:
            words += [f"--{option}", str(value)]
    return shlex.join(words)


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def _progress(figures: dict[str, Any]) -> None:
    """One line that is written over on a terminal; one line a second elsewhere."""
    best, recent = figures["best_completion_pct"], figures["training_completion_pct"]
    line = (
        f"{figures['progress']:4.0%} {figures['trained_s']:6.0f} s  {figures['steps']:>8} steps "
        f"({figures['steps_per_s']:.0f}/s)  {figures['updates']:>6} updates "
        f"({figures['updates_per_s']:.0f}/s)  completion "
        f"{'-' if recent is None else f'{recent:.0f}'} % in training, "
        f"{'-' if best is None else f'{best:.0f}'} % on selection maps"
        f"{'  ' + figures['alarm'] if figures['alarm'] else ''}"
    )
    terminal = sys.stderr.isatty()
    print(f"\r\033[K{line}" if terminal else line, end="" if terminal else "\n", file=sys.stderr)
    sys.stderr.flush()
