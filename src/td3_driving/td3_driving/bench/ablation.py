"""Learning curves of variants of the learner, over several seeds: separate CNNs beside one shared.

Each run is a pre-training in a fleet of worlds (fleet.pretrain), which scores the learner's policy
and its running average on selection maps now and then. Runs of one seed drive the same plans; what
differs is the variant. Finished runs are kept in the folder and not run again.
"""

from __future__ import annotations

import argparse
import json
import signal
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, get_args

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np

from td3_driving.agent.build import learning_starts
from td3_driving.agent.program import CANDIDATES
from td3_driving.fleet.config import PretrainConfig, fleet_parameters
from td3_driving.fleet.pretrain import pretrain
from td3_driving.learning.config import Encoder

ENCODERS: tuple[Encoder, ...] = get_args(Encoder)
VARIANTS: dict[str, dict[str, str]] = {
    **{encoder: {"encoder": encoder} for encoder in ENCODERS},
    "float16": {"precision": "float16"},
}
"""What each changes of the agent's parameters; float16: as separate, on a GPU."""
_COLOURS = dict(zip(VARIANTS, ("tab:blue", "tab:orange", "tab:green", "tab:red"), strict=True))


@dataclass(frozen=True)
class Settings:
    """What all runs share.

    Args:
        task: Name of the task or its file.
        steps: Ticks of training, of all worlds of a run together.
        worlds: Of a run, at a time.
        device: cpu, cuda or auto.
        changes: Of the agent's parameters, besides.
    """

    task: str
    steps: int
    worlds: int
    device: str
    changes: dict[str, int]

    def config(self, variant: str, seed: int, threads: int = 0) -> PretrainConfig:
        """Of one run."""
        agent = fleet_parameters(
            self.device, task=self.task, steps=self.steps, seed=seed, **VARIANTS[variant],
            **self.changes,
        )  # fmt: skip
        agent = replace(agent, learning_starts=learning_starts(agent))
        return PretrainConfig(agent, self.worlds, threads)


def one_run(
    settings: Settings, variant: str, seed: int, folder: Path, threads: int = 0
) -> dict[str, Any] | None:
    """Runs it, or reads it if it is there.

    Returns:
        variant, seed, settings, figures and the selections of Pretraining; None if it was stopped,
        and its part is there to be drawn.

    Raises:
        ValueError: the folder holds that run with other settings.
    """
    file, wanted = folder / f"{variant}-seed{seed}.json", asdict(settings)
    if file.exists():
        record = json.loads(file.read_text())
        if record["settings"] != wanted:
            raise ValueError(
                f"{file} is of a run with {record['settings']}, wanted {wanted}; give another "
                "folder with --out, or take this one away"
            )
        return record
    stop = _Stop()
    result = pretrain(settings.config(variant, seed, threads), stop=stop, tell=_tell(file.stem))
    stop.close()
    record = {
        "variant": variant, "seed": seed, "settings": wanted,
        "figures": result.figures, "selections": result.selections,
    }  # fmt: skip
    part = file.with_suffix(".part.json")
    temporary = file.with_suffix(".writing")
    temporary.write_text(json.dumps(record, indent=1, allow_nan=False) + "\n")
    if result.figures["interrupted"]:
        temporary.replace(part)
        return None
    temporary.replace(file)
    part.unlink(missing_ok=True)
    return record


def kept(
    settings: Settings, variants: Sequence[str], seeds: Sequence[int], folder: Path
) -> list[dict[str, Any]]:
    """The runs of these settings that are there, stopped ones as far as they were scored."""
    wanted, records = asdict(settings), []
    for name in (f"{variant}-seed{seed}" for seed in seeds for variant in variants):
        files = (folder / f"{name}.json", folder / f"{name}.part.json")
        file = next((file for file in files if file.exists()), None)
        record = json.loads(file.read_text()) if file is not None else {}
        if record.get("settings") == wanted and record["selections"]:
            records.append(record)
    return records


def curves(runs: Sequence[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """Completion on selection maps over training, by variant and candidate.

    Returns:
        For each variant: `steps` (points,), and for "learner" and "averaged" `completion_pct`
        (runs, points); for what is best of both at the end `final_pct` (runs,).
    """
    found: dict[str, dict[str, Any]] = {}
    for variant in VARIANTS:
        mine = [run for run in runs if run["variant"] == variant]
        if not mine:
            continue
        steps = mine[0]["settings"]["steps"]
        curve: dict[str, Any] = {}
        for candidate in CANDIDATES:
            rows = [[s for s in run["selections"] if s["candidate"] == candidate] for run in mine]
            points = min(len(row) for row in rows)
            curve["steps"] = [round(steps * s["progress"]) for s in rows[0][:points]]
            curve[candidate] = [[s["completion_pct"] for s in row[:points]] for row in rows]
        ends = [[curve[c][k][-1] for c in CANDIDATES] for k in range(len(mine))]
        curve["final_pct"] = [max(end) for end in ends]
        curve["updates_per_s"] = [run["figures"]["updates_per_s"] for run in mine]
        found[variant] = curve
    return found


def draw(found: dict[str, dict[str, Any]], picture: Path, title: str) -> None:
    """Draws mean curves with the least and the most over seeds."""
    figure, axes = plt.subplots(figsize=(8.0, 4.5), dpi=110)
    for variant, curve in found.items():
        for candidate, style in zip(CANDIDATES, ("-", "--"), strict=True):
            values, colour = np.array(curve[candidate]), _COLOURS[variant]
            label = f"{variant}, {candidate}, {len(values)} seeds"
            axes.plot(curve["steps"], values.mean(0), style, color=colour, label=label)
            if candidate == CANDIDATES[0]:
                low, high = values.min(0), values.max(0)
                axes.fill_between(curve["steps"], low, high, color=colour, alpha=0.15)
    axes.set(
        xlabel="training [ticks]", ylabel="completion on selection maps [%]", ylim=(-3, 103),
        title=title,
    )  # fmt: skip
    axes.grid(alpha=0.3)
    axes.legend(fontsize=8, loc="best")
    figure.tight_layout()
    figure.savefig(picture)
    plt.close(figure)


def run(chosen: argparse.Namespace) -> int:
    """Runs the benchmark; returns the exit code: 0, or 130 if it was stopped."""
    names = ("batch_size", "decisions_per_update", "selections", "selection_episodes")
    changes = {n: getattr(chosen, n) for n in names if getattr(chosen, n) is not None}
    settings = Settings(chosen.task, chosen.steps, chosen.worlds, chosen.device, changes)
    folder: Path = chosen.out
    folder.mkdir(parents=True, exist_ok=True)
    # Seed by seed, so that what is there after a stop compares like with like.
    for seed in () if chosen.draw else chosen.seeds:
        for variant in chosen.variants:
            if one_run(settings, variant, seed, folder, chosen.threads) is None:
                print("stopped; the same command goes on with the next run", file=sys.stderr)
                return 130
    runs = kept(settings, chosen.variants, chosen.seeds, folder)
    if not runs:
        print(f"no run of these settings was scored in {folder}", file=sys.stderr)
        return 1
    found = curves(runs)
    seeds = list(chosen.seeds)
    result = {"settings": asdict(settings), "seeds": seeds, "curves": found}
    (folder / "ablation.json").write_text(json.dumps(result, indent=1, allow_nan=False) + "\n")
    draw(found, folder / "ablation.png", f"{chosen.task}: {len(seeds)} seeds")
    if chosen.json:
        print(json.dumps(result, allow_nan=False), flush=True)
        return 0
    print(f"{'variant':<16}{'at the end, by seed':<28}{'mean':>6}{'updates/s':>11}")
    for name, curve in found.items():
        final = curve["final_pct"]
        by_seed = ", ".join(f"{value:.0f} %" for value in final)
        speed = float(np.mean(curve["updates_per_s"]))
        print(f"{name:<16}{by_seed:<28}{np.mean(final):>5.0f}%{speed:>11.1f}")
    print(f"drawn: {folder / 'ablation.png'}")
    return 0


class _Stop:
    """True after Ctrl-C or a SIGTERM; a second one ends the process at once."""

    def __init__(self) -> None:
        self._asked = False
        self._before = {n: signal.signal(n, self._ask) for n in (signal.SIGINT, signal.SIGTERM)}

    def __call__(self) -> bool:
        return self._asked

    def _ask(self, number: int, frame: object) -> None:
        self._asked = True
        signal.signal(number, signal.SIG_DFL)

    def close(self) -> None:
        """Puts the handlers back that were there before."""
        for number, handler in self._before.items():
            signal.signal(number, handler)


def _tell(name: str) -> Any:
    """Prints a line about the run every ten seconds."""
    last = [-np.inf]

    def tell(figures: dict[str, Any]) -> None:
        if time.monotonic() - last[0] < 10.0:
            return
        last[0] = time.monotonic()
        best = figures["best_completion_pct"]
        print(
            f"{name}: {figures['progress']:.0%}, {figures['steps_per_s']:.0f} ticks/s, "
            f"{figures['updates']} updates, best so far {'-' if best is None else f'{best:.0f}'} %",
            file=sys.stderr, flush=True,
        )  # fmt: skip

    return tell
