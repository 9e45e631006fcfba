"""TD3 over vectors on Gymnasium's MuJoCo tasks: ours beside stable-baselines3's.

What is finished is not run again (bench/runs.py).
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from td3_driving.bench.mujoco_run import RANDOM_STEPS, Run
from td3_driving.bench.runs import finish, read

MODULE = "td3_driving.bench.mujoco_run"

ENVS = ("InvertedPendulum-v5", "Hopper-v5", "HalfCheetah-v5", "Walker2d-v5")
PAPER = {
    "InvertedPendulum-v5": 1000.00,
    "Hopper-v5": 3564.07,
    "HalfCheetah-v5": 9636.95,
    "Walker2d-v5": 4682.82,
}
"""TD3's max average return within 1 M steps over ten seeds, on version 1 of the tasks: table 1 of
Fujimoto et al. 2018 (https://arxiv.org/abs/1802.09477)."""


def plan(
    envs: Iterable[str], learners: Iterable[str], seeds: Iterable[int], steps: int, device: str
) -> list[Run]:
    """All runs that are asked for, one seed after the other."""
    return [
        Run(env, learner, seed, steps, device, RANDOM_STEPS.get(env, 1000))
        for seed in seeds
        for env in envs
        for learner in learners
    ]


Curves = dict[str, dict[str, dict[int, list[tuple[int, float]]]]]
"""By task, learner and seed: steps and mean returns."""


def curves(folder: Path, steps: int | None = None) -> Curves:
    """All curves in a folder; of these many steps only, if given."""
    found: Curves = defaultdict(lambda: defaultdict(dict))
    for file in sorted(folder.glob("*.jsonl")):
        what, scores = read(file)
        if scores and steps in (None, what["steps"]):
            points = [(score["step"], score["mean"]) for score in scores]
            found[what["env"]][what["learner"]][what["seed"]] = points
    return found


def summary(folder: Path, steps: int) -> list[dict[str, Any]]:
    """A row per task and learner: the last and the best mean return, over the seeds.

    `best` is the highest mean over the seeds of one evaluation, as the paper's table has it. `even`
    is the mean at `even_step`, the last that all learners and seeds of the task have come to: where
    some were stopped, that is what may be compared.
    """
    rows = []
    for env, by_learner in curves(folder, steps).items():
        every = [points for by_seed in by_learner.values() for points in by_seed.values()]
        even_step = min(points[-1][0] for points in every)
        for learner, by_seed in by_learner.items():
            means = {at: mean for at, mean, _ in mean_and_deviation(by_seed.values())}
            last = [points[-1][1] for points in by_seed.values()]
            rows.append(
                {
                    "env": env,
                    "learner": learner,
                    "seeds": sorted(by_seed),
                    "steps": min(points[-1][0] for points in by_seed.values()),
                    "last": round(statistics.fmean(last), 1),
                    "last_deviation": round(_deviation(last), 1),
                    "best": round(max(means.values()), 1),
                    "even_step": even_step,
                    "even": round(means[even_step], 1),
                    "cpu_ms_per_step": round(_cpu_ms_per_step(folder, env, learner, steps), 2),
                    "paper": PAPER.get(env),
                }
            )
    return rows


def _cpu_ms_per_step(folder: Path, env: str, learner: str, steps: int) -> float:
    """Evaluations included; the median of the seeds."""
    files = folder.glob(f"{env}-{learner}-seed*-{steps}.jsonl")
    ends = [scores[-1] for _, scores in map(read, files) if scores]
    return statistics.median(1e3 * end["cpu_s"] / end["step"] for end in ends)


def mean_and_deviation(
    curves_: Iterable[list[tuple[int, float]]],
) -> list[tuple[int, float, float]]:
    """(step, mean, standard deviation) at each step that every curve has come to."""
    by_step: dict[int, list[float]] = defaultdict(list)
    every = list(curves_)
    for points in every:
        for step, value in points:
            by_step[step].append(value)
    return [
        (step, statistics.fmean(values), _deviation(values))
        for step, values in sorted(by_step.items())
        if len(values) == len(every)
    ]


def _deviation(values: list[float]) -> float:
    return statistics.stdev(values) if len(values) > 1 else 0.0


def draw(folder: Path, steps: int) -> Path:
    """One panel per task: the mean of the seeds, a standard deviation to each side; a PNG."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    found = curves(folder, steps)
    figure = Figure(figsize=(5.0 * max(1, len(found)), 3.6), layout="constrained")
    FigureCanvasAgg(figure)
    for k, (env, by_learner) in enumerate(sorted(found.items())):
        axes = figure.add_subplot(1, len(found), k + 1)
        for learner, by_seed in sorted(by_learner.items()):
            at, mean, deviation = zip(*mean_and_deviation(by_seed.values()), strict=True)
            low = [m - d for m, d in zip(mean, deviation, strict=True)]
            high = [m + d for m, d in zip(mean, deviation, strict=True)]
            axes.plot(at, mean, label=f"{learner}, {len(by_seed)} seeds")
            axes.fill_between(at, low, high, alpha=0.2)
        if env in PAPER:
            axes.axhline(PAPER[env], color="grey", linestyle=":", label="paper, at best in 1 M")
        axes.set(title=env, xlabel="steps", ylabel="return, noise-free")
        axes.legend(fontsize="small")
    file = folder / f"curves-{steps}.png"
    figure.savefig(file, dpi=120)
    return file


def run(chosen: argparse.Namespace) -> int:
    """Runs the benchmark; returns the exit code: 1 if a run failed, 130 if it was interrupted."""
    envs = chosen.env.split(",") if chosen.env else list(ENVS)
    learners = ["ours", "sb3"] if chosen.learner == "both" else [chosen.learner]
    runs = plan(envs, learners, chosen.seeds, chosen.steps, chosen.device)
    code = finish(MODULE, runs, chosen.out, chosen.jobs)
    rows = summary(chosen.out, chosen.steps)
    if rows:
        print(f"curves: {draw(chosen.out, chosen.steps)}", file=sys.stderr)
    if chosen.json:
        print(json.dumps({"steps": chosen.steps, "rows": rows}, indent=1))
        return code
    print(
        f"{'task':<22}{'learner':<9}{'seeds':>6}{'last':>10}{'+-':>9}{'best':>10}{'paper':>10}"
        f"{'even':>10}{'at step':>9}{'CPU ms/step':>13}"
    )
    for row in rows:
        print(
            f"{row['env']:<22}{row['learner']:<9}{len(row['seeds']):>6}{row['last']:>10.1f}"
            f"{row['last_deviation']:>9.1f}{row['best']:>10.1f}{row['paper'] or '-':>10}"
            f"{row['even']:>10.1f}{row['even_step']:>9}{row['cpu_ms_per_step']:>13.2f}"
        )
    return code
