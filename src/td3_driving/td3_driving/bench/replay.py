"""Bytes per transition and samples per second: our replay memory beside stable-baselines3's."""

from __future__ import annotations

import argparse
import json
import statistics
import time
from collections.abc import Callable

from stable_baselines3.common.buffers import DictReplayBuffer

from td3_driving.bench.learner import filled_replay
from td3_driving.bench.sb3 import Spaces, fill


def compare(batch_size: int, samples: int, rounds: int) -> dict[str, dict[str, float]]:
    """Figures by memory; the two take turns.

    Args:
        batch_size: transitions per sample.
        samples: samples per turn.
        rounds: turns of each.
    """
    ours = filled_replay()
    theirs = DictReplayBuffer(
        len(ours), Spaces.observation_space, Spaces.action_space, device="cpu"
    )
    fill(theirs, ours)
    arrays = [*theirs.observations.values(), *theirs.next_observations.values()]
    arrays += [theirs.actions, theirs.rewards, theirs.dones, theirs.timeouts]
    bytes_per_row = {
        "ours": float(ours.bytes_per_row),
        "sb3": sum(array.nbytes for array in arrays) / theirs.buffer_size,
    }
    draw: dict[str, Callable[[], object]] = {
        "ours": lambda: ours.sample(batch_size),
        "sb3": lambda: theirs.sample(batch_size),
    }
    taken: dict[str, list[float]] = {name: [] for name in draw}
    for _ in range(rounds):
        for name, once in draw.items():
            started = time.perf_counter()
            for _ in range(samples):
                once()
            taken[name].append((time.perf_counter() - started) / samples)
    return {
        name: {
            "bytes_per_transition": bytes_per_row[name],
            "transitions_per_second": batch_size / statistics.median(times),
            "sample_ms_median": 1e3 * statistics.median(times),
            "sample_ms_least": 1e3 * min(times),
            "sample_ms_most": 1e3 * max(times),
        }
        for name, times in taken.items()
    }


def run(chosen: argparse.Namespace) -> int:
    """Runs the benchmark; returns the exit code."""
    figures = compare(chosen.batch, chosen.samples, chosen.rounds)
    if chosen.json:
        print(json.dumps({"batch": chosen.batch, **figures}, indent=1))
        return 0
    print(f"{'memory':<8}{'bytes/transition':>18}{'transitions/s':>16}{'ms/sample':>12}")
    for name, row in figures.items():
        print(
            f"{name:<8}{row['bytes_per_transition']:>18.0f}"
            f"{row['transitions_per_second']:>16.0f}{row['sample_ms_median']:>12.2f}"
        )
    return 0
