"""The learning curve of a run, drawn from its metrics.jsonl."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes

WINDOW = 20


def read_metrics(file: Path) -> list[dict[str, Any]]:
    """The lines of a metrics.jsonl, if there is one; what a kill cut short is left out."""
    lines = file.read_text().splitlines() if file.exists() else []
    return [json.loads(text) for text in lines if text.endswith("}")]


def draw_learning_curve(metrics: Path, picture: Path) -> bool:
    """Draws completion over training time into a picture of its own.

    Returns:
        Whether there was anything to draw.
    """
    lines = read_metrics(metrics)
    if not any(line["purpose"] == "train" for line in lines):
        return False
    figure, axes = plt.subplots(figsize=(8.0, 4.5), dpi=110)
    plot_learning_curve(axes, lines)
    figure.tight_layout()
    figure.savefig(picture)
    plt.close(figure)
    return True


def plot_learning_curve(axes: Axes, lines: list[dict[str, Any]]) -> None:
    """Plots completion over training time: episodes, their mean, selections, closing test."""
    training = [line for line in lines if line["purpose"] == "train"]
    minutes = np.array([line["time_s"] for line in training]) / 60.0
    completion = np.array([line["completion_pct"] for line in training])
    axes.plot(minutes, completion, ".", color="0.75", markersize=4, label="training episodes")
    window = min(WINDOW, len(completion))
    mean = np.convolve(completion, np.ones(window) / window, "valid")
    axes.plot(minutes[window - 1 :], mean, color="tab:blue", lw=2, label=f"mean of {window}")

    for driver, colour in (("learner", "tab:orange"), ("averaged", "tab:green")):
        points: dict[int, list[dict[str, Any]]] = {}
        for line in lines:
            if line["purpose"] == "select" and line["driver"] == driver:
                points.setdefault(line["steps"], []).append(line)
        if points:
            at = [group[0]["time_s"] / 60.0 for group in points.values()]
            means = [np.mean([x["completion_pct"] for x in group]) for group in points.values()]
            axes.plot(at, means, "o-", color=colour, label=f"{driver} policy on selection maps")
    names = {"untrained": "untrained", "test": "after learning"}
    for (purpose, name), colour in zip(names.items(), ("0.4", "tab:red"), strict=True):
        scores = [line["completion_pct"] for line in lines if line["purpose"] == purpose]
        if scores:
            label = f"{name}: {np.mean(scores):.0f} % of {len(scores)} held-out episodes"
            axes.axhline(float(np.mean(scores)), color=colour, ls="--", lw=1.2, label=label)
    axes.set(
        xlabel="training time [min]",
        ylabel="completion [%]",
        ylim=(-3, 103),
        title="Share of the planned distance driven",
    )
    axes.grid(alpha=0.3)
    axes.legend(fontsize=8, loc="best")
