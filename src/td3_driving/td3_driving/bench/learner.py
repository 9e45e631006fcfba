"""Seconds per gradient step from pixels: our learner beside its peers, on the same work.

A gradient step is a critic update every step and an actor and target update every second one, with
the sampling; NatureCNN of 4 x 84 x 84 to 512 for actor and critic each, a vector of 53, heads of
256-256. The contenders take turns in one process, so that a slow minute hits all of them.
"""

from __future__ import annotations

import argparse
import json
import platform
import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass

import numpy as np
import torch

from td3_driving.learning.config import TD3Config
from td3_driving.learning.fast import Precision, make_updates
from td3_driving.learning.replay import FrameReplay
from td3_driving.learning.td3 import TD3Agent

CONTENDERS = ("ours", "ours-float16", "ours-bfloat16", "plain", "sb3", "leanrl")
"""ours: the learner as a run uses it on the device, in float32; plain: its reference path."""

_TRANSITIONS = 4096
_EPISODE = 128

Steps = Callable[[int], None]
"""Does that many gradient steps (even) and waits for the device."""


@dataclass(frozen=True)
class Timing:
    """One contender's figures in milliseconds per gradient step."""

    name: str
    median_ms: float
    low_ms: float
    high_ms: float
    rounds: int


def compare(
    names: list[str], device: str, batch_size: int, steps: int, rounds: int
) -> list[Timing]:
    """Times contenders in turn.

    Args:
        names: of `CONTENDERS`.
        device: "cpu" or "cuda".
        batch_size: transitions per gradient step.
        steps: gradient steps per turn; even.
        rounds: turns of each.
    """
    makers = {
        "ours": lambda: _ours(device, batch_size, "float32"),
        "ours-float16": lambda: _ours(device, batch_size, "float16"),
        "ours-bfloat16": lambda: _ours(device, batch_size, "bfloat16"),
        "plain": lambda: _plain(device, batch_size),
        "sb3": lambda: _sb3(device, batch_size),
        "leanrl": lambda: _leanrl(device, batch_size),
    }
    contenders = {name: makers[name]() for name in names}
    for run in contenders.values():
        run(4)
    taken: dict[str, list[float]] = {name: [] for name in names}
    for _ in range(rounds):
        for name, run in contenders.items():
            started = time.perf_counter()
            run(steps)
            taken[name].append(1e3 * (time.perf_counter() - started) / steps)
    return [
        Timing(name, statistics.median(times), min(times), max(times), rounds)
        for name, times in taken.items()
    ]


def filled_replay(seed: int = 0) -> FrameReplay:
    """A memory of random transitions in episodes of 128 steps."""
    rng = np.random.default_rng(seed)
    replay = FrameReplay(2 * _TRANSITIONS, seed=seed)

    def observation() -> tuple[np.ndarray, np.ndarray]:
        frame = rng.integers(0, 256, (84, 84), dtype=np.uint8)
        return frame, rng.normal(size=53).astype(np.float32)

    for k in range(_TRANSITIONS):
        if k % _EPISODE == 0:
            replay.begin(*observation())
        action = rng.uniform(-1, 1, 2).astype(np.float32)
        last = k % _EPISODE == _EPISODE - 1
        replay.append(action, float(rng.random()), last, last, *observation())
    return replay


def _ours(device: str, batch_size: int, precision: Precision) -> Steps:
    replay = filled_replay()
    agent = TD3Agent.create(TD3Config(batch_size=batch_size), seed=0, device=device)
    updates = make_updates(agent, replay, precision)

    def train(steps: int) -> None:
        updates.train(steps)  # reads its figures back, so it has waited

    return train


def _plain(device: str, batch_size: int) -> Steps:
    from td3_driving.bench.plain import PlainLearner

    learner = PlainLearner(filled_replay(), device, batch_size)
    return learner.train


def _sb3(device: str, batch_size: int) -> Steps:
    from td3_driving.bench.sb3 import make_sb3

    return make_sb3(filled_replay(), device, batch_size)


def _leanrl(device: str, batch_size: int) -> Steps:
    from td3_driving.bench.leanrl import LeanLearner

    return LeanLearner(filled_replay(), device, batch_size).train


def run(chosen: argparse.Namespace) -> int:
    """Runs the benchmark; returns the exit code."""
    names = ["ours", *(name for name in chosen.against.split(",") if name)]
    unknown = [name for name in names if name not in CONTENDERS]
    if unknown:
        print(f"unknown contender {unknown[0]!r}: use {', '.join(CONTENDERS)}", file=sys.stderr)
        return 2
    torch.set_num_threads(chosen.threads)
    steps = chosen.steps or (100 if chosen.device == "cuda" else 4)
    timings = compare(names, chosen.device, chosen.batch, steps, chosen.rounds)
    slowest = {timing.name: timing.median_ms for timing in timings}
    if chosen.json:
        figures = {
            "device": torch.cuda.get_device_name() if chosen.device == "cuda" else "cpu",
            "threads": chosen.threads,
            "torch": torch.__version__,
            "python": platform.python_version(),
            "batch": chosen.batch,
            "steps_per_turn": steps,
            "milliseconds_per_step": [asdict(timing) for timing in timings],
            "ours_times_faster_than": {n: m / slowest["ours"] for n, m in slowest.items()},
        }
        print(json.dumps(figures, indent=1))
        return 0
    print(f"{'contender':<16}{'ms/step':>10}{'least':>10}{'most':>10}{'x ours':>9}")
    for t in timings:
        ratio = t.median_ms / slowest["ours"]
        print(f"{t.name:<16}{t.median_ms:>10.3f}{t.low_ms:>10.3f}{t.high_ms:>10.3f}{ratio:>9.2f}")
    return 0
