"""The picture that tells a run's story: how it learned, and how it drove before and after."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection

from td3_driving.evaluation.curve import plot_learning_curve, read_metrics

MAPS_SHOWN = 4
ROAD_WIDTH_PT = 7.0
TOP_SPEED_MPS = 12.0


@dataclass(frozen=True, eq=False)
class Track:
    """One driven episode, seen from above.

    Args:
        purpose: "untrained" or "test".
        map: Name of the map.
        ended_by: Why the episode ended.
        route: (N, 2) float, the planned path in the map frame, metres.
        xy: (T, 2) float, where the vehicle was at each tick.
        speed_mps: (T,) float, its speed there.
    """

    purpose: str
    map: str
    ended_by: str
    route: np.ndarray
    xy: np.ndarray
    speed_mps: np.ndarray


def write_tracks(file: Path, tracks: list[Track]) -> None:
    """Writes tracks as arrays and a JSON string; no objects."""
    arrays = {
        f"{name}_{i}": getattr(track, name).astype(np.float32)
        for i, track in enumerate(tracks)
        for name in ("route", "xy", "speed_mps")
    }
    about = [[track.purpose, track.map, track.ended_by] for track in tracks]
    np.savez_compressed(file, about=np.array(json.dumps(about)), **arrays)


def read_tracks(file: Path) -> list[Track]:
    """What write_tracks wrote."""
    with np.load(file, allow_pickle=False) as arrays:
        about = json.loads(str(arrays["about"]))
        return [
            Track(
                purpose,
                name,
                ended_by,
                arrays[f"route_{i}"],
                arrays[f"xy_{i}"],
                arrays[f"speed_mps_{i}"],
            )
            for i, (purpose, name, ended_by) in enumerate(about)
        ]


def draw_story(metrics: Path, tracks: list[Track], picture: Path) -> None:
    """Draws the learning curve beside held-out maps, each driven untrained and after learning."""
    figure = plt.figure(figsize=(12.0, 4.6), dpi=110)
    grid = figure.add_gridspec(2, 5, width_ratios=(3.2, 0.05, 1.3, 1.3, 0.06))
    plot_learning_curve(figure.add_subplot(grid[:, 0]), read_metrics(metrics))
    names = list(dict.fromkeys(track.map for track in tracks))[:MAPS_SHOWN]
    lines = None
    for i, name in enumerate(names):
        axes = figure.add_subplot(grid[i // 2, 2 + i % 2])
        lines = _draw_map(axes, name, [track for track in tracks if track.map == name])
    if lines is not None:
        bar = figure.colorbar(lines, cax=figure.add_subplot(grid[:, 4]))
        bar.set_label("speed after learning [m/s]")
    figure.tight_layout()
    figure.savefig(picture)
    plt.close(figure)


def _draw_map(axes: Axes, name: str, tracks: list[Track]) -> LineCollection | None:
    lines = None
    axes.plot(*tracks[0].route.T, color="0.86", lw=ROAD_WIDTH_PT, solid_capstyle="round", zorder=1)
    axes.plot(*tracks[0].xy[0], "o", color="0.25", markersize=5, zorder=5)
    for track in tracks:
        if track.purpose == "untrained":
            axes.plot(*track.xy.T, color="tab:red", lw=2.0, zorder=4)
            axes.plot(*track.xy[-1], "x", color="tab:red", markersize=7, mew=2, zorder=6)
            continue
        points = track.xy[:, None]
        lines = LineCollection(
            list(np.concatenate([points[:-1], points[1:]], axis=1)),
            array=track.speed_mps[1:], cmap="viridis", lw=2.2, zorder=3,
        )  # fmt: skip
        lines.set_clim(0.0, TOP_SPEED_MPS)
        axes.add_collection(lines)
    axes.set_aspect("equal")
    axes.margins(0.06)
    axes.set_title(name, fontsize=8)
    axes.axis("off")
    return lines
