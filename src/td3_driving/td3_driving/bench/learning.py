"""How driving is learned: our TD3 beside stable-baselines3's, on the same steps of one environment.

What is finished is not run again (bench/runs.py).
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
from collections import defaultdict
from pathlib import Path
from typing import Any

from td3_driving.bench.driving_run import LEARNERS, Run
from td3_driving.bench.mujoco import mean_and_deviation
from td3_driving.bench.runs import finish, read
from td3_driving.driving.tasks import load_task

MODULE = "td3_driving.bench.driving_run"
LABELS = {"ours": "td3_driving", "sb3": "SB3, its defaults", "sb3-tuned": "SB3, our settings"}


def curves(folder: Path, task: str, steps: int) -> dict[str, dict[int, list[tuple[int, float]]]]:
    """By learner and seed: steps and mean completions in percent."""
    found: dict[str, dict[int, list[tuple[int, float]]]] = defaultdict(dict)
    for file in sorted(folder.glob("*.jsonl")):
        what, scores = read(file)
        if scores and (what["task"], what["steps"]) == (task, steps):
            points = [(score["step"], score["mean"]) for score in scores]
            found[what["learner"]][what["seed"]] = points
    return found


def summary(folder: Path, task: str, steps: int) -> list[dict[str, Any]]:
    """A row per learner: completion at the end and at best, and the steps to 90 %, over seeds."""
    rows = []
    for learner, by_seed in curves(folder, task, steps).items():
        last = [points[-1][1] for points in by_seed.values()]
        best = [max(value for _, value in points) for points in by_seed.values()]
        to_90 = [
            next((step for step, value in points if value >= 90.0), None)
            for points in by_seed.values()
        ]
        rows.append(
            {
                "learner": learner,
                "seeds": sorted(by_seed),
                "last": round(statistics.fmean(last), 2),
                "best": round(statistics.fmean(best), 2),
                "steps_to_90_pct": to_90,
            }
        )
    return rows


def draw(folder: Path, task: str, steps: int) -> Path:
    """The mean of the seeds, a standard deviation to each side, all learners in one plot; a PNG."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7.0, 4.2), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    for learner, by_seed in sorted(curves(folder, task, steps).items()):
        at, mean, deviation = zip(*mean_and_deviation(by_seed.values()), strict=True)
        low = [max(0.0, m - d) for m, d in zip(mean, deviation, strict=True)]
        high = [min(100.0, m + d) for m, d in zip(mean, deviation, strict=True)]
        axes.plot(at, mean, label=f"{LABELS[learner]}, {len(by_seed)} seeds")
        axes.fill_between(at, low, high, alpha=0.2)
    axes.set(
        title=f"{task}: completion on maps that nobody trained on", xlabel="environment steps",
        ylabel="completion [%], noise-free", ylim=(0, 102),
    )  # fmt: skip
    axes.legend()
    file = folder / f"{task}-{steps}.png"
    figure.savefig(file, dpi=120)
    return file


def run(chosen: argparse.Namespace) -> int:
    """Runs the benchmark; returns the exit code: 1 if a run failed, 130 if it was interrupted."""
    learners = ["ours"]
    if chosen.against == "sb3":
        learners = list(LEARNERS)
    task = load_task(chosen.task).name
    batch = chosen.batch or (256 if chosen.device == "cuda" else 32)
    runs = [
        Run(
            task, learner, seed, chosen.steps, chosen.device, batch,
            min(chosen.every, chosen.steps), chosen.episodes,
        )
        for seed in chosen.seeds
        for learner in learners
    ]  # fmt: skip
    code = finish(MODULE, runs, chosen.out, chosen.jobs)
    rows = summary(chosen.out, task, chosen.steps)
    if rows:
        print(f"curves: {draw(chosen.out, task, chosen.steps)}", file=sys.stderr)
    if chosen.json:
        print(json.dumps({"task": task, "steps": chosen.steps, "rows": rows}, indent=1))
        return code
    print(f"{'learner':<20}{'seeds':>6}{'last %':>9}{'best %':>9}  steps to 90 %")
    for row in rows:
        to_90 = ", ".join(str(step or "never") for step in row["steps_to_90_pct"])
        print(
            f"{LABELS[row['learner']]:<20}{len(row['seeds']):>6}{row['last']:>9.1f}"
            f"{row['best']:>9.1f}  {to_90}"
        )
    return code
