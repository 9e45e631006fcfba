"""What an evaluation found: every driver's episodes, their summary, and all of it as JSON."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from td3_driving.driving.termination import EpisodeEnd
from td3_driving.evaluation.metrics import EpisodeScore, Summary, across, summarise
from td3_driving.evaluation.records import EpisodeRecord

SCHEMA = 1
"""Of the JSON; grows when a name changes its meaning or goes."""


@dataclass(frozen=True, slots=True, eq=False)
class DrivenEpisode:
    """One scored episode, and what is shown of it.

    Args:
        map: Name of the map.
        seed: Of its plan.
        record: What was driven.
        score: How it went.
        route: (N, 2) float, the planned path in the map frame, metres.
        detail: Why it ended, for people.
        last_frames: uint8 (K, rows, columns), what the camera showed at the end, oldest first.
    """

    map: str
    seed: int
    record: EpisodeRecord
    score: EpisodeScore
    route: NDArray[np.floating]
    detail: str
    last_frames: NDArray[np.uint8]

    @property
    def badness(self) -> tuple[bool, float, float]:
        """Sorts from the best to the worst: success, completion, distance from the centre."""
        score = self.score
        return not score.success, -score.completion_pct, score.lane_deviation_m


@dataclass(frozen=True, slots=True, eq=False)
class Film:
    """One episode from its first decision to its last.

    Args:
        title: For people.
        episode: The episode.
        frames: uint8 (K, rows, columns), one per decision.
        actions: float32 (K, 2), steer and acceleration decided on each.
        ticks: Ticks that one decision holds.
    """

    title: str
    episode: DrivenEpisode
    frames: NDArray[np.uint8]
    actions: NDArray[np.float32]
    ticks: int


@dataclass(frozen=True, slots=True, eq=False)
class DriverResult:
    """One driver's episodes.

    Args:
        name: For people, and unique.
        group: Drivers of one group differ in their training seed alone.
        kind: "policy", "baseline" or "control".
        episodes: In the order in which they were driven, the same for all drivers.
        card: What a policy file says of itself.
        faults: Episodes driven anew because something other than the driver failed.
    """

    name: str
    group: str
    kind: str
    episodes: Sequence[DrivenEpisode]
    card: Mapping[str, str] = field(default_factory=dict)
    faults: int = 0

    def summary(self) -> Summary:
        """Its figures."""
        return summarise([e.score for e in self.episodes], maps=[e.map for e in self.episodes])

    def ranked(self) -> list[DrivenEpisode]:
        """The episodes from the best to the worst."""
        return sorted(self.episodes, key=lambda episode: episode.badness)


@dataclass(frozen=True, slots=True, eq=False)
class Evaluation:
    """All drivers on the same episodes.

    Args:
        task: Name of the task.
        about: How it was made, for people, by name.
        drivers: Those that were scored, in the order asked for.
        complete: Whether all that was asked for was driven.
        film: The episode shown as a video; None for none.
    """

    task: str
    about: Mapping[str, str]
    drivers: Sequence[DriverResult]
    complete: bool
    film: Film | None = None

    def groups(self) -> dict[str, dict[str, Any]]:
        """Means over the drivers of every group that has several, with Student's intervals."""
        members: dict[str, list[DriverResult]] = {}
        for driver in self.drivers:
            members.setdefault(driver.group, []).append(driver)
        return {
            name: {"drivers": len(group), "figures": across([d.summary() for d in group])}
            for name, group in members.items()
            if len(group) > 1
        }

    def as_dict(self) -> dict[str, Any]:
        """For JSON: plain and finite."""
        return {
            "schema": SCHEMA,
            "task": self.task,
            "complete": self.complete,
            "about": dict(self.about),
            "drivers": [
                {
                    "name": driver.name,
                    "group": driver.group,
                    "kind": driver.kind,
                    "card": dict(driver.card),
                    "summary": driver.summary().as_dict() | {"faults": driver.faults},
                    "episodes": [_episode(episode) for episode in driver.episodes],
                }
                for driver in self.drivers
            ],
            "means": [
                {
                    "group": name,
                    "drivers": group["drivers"],
                    "figures": {
                        figure: {"mean": mean, "interval": interval}
                        for figure, (mean, interval) in group["figures"].items()
                    },
                }
                for name, group in self.groups().items()
            ],
        }


def _episode(episode: DrivenEpisode) -> dict[str, Any]:
    score, record = episode.score, episode.record
    return {
        "map": episode.map,
        "seed": episode.seed,
        "completion_pct": score.completion_pct,
        "success": score.success,
        "driving_score": score.driving_score,
        "mean_speed_mps": score.mean_speed_mps,
        "lane_deviation_m": score.lane_deviation_m,
        "lane_deviation_p95_m": score.lane_deviation_p95_m,
        "heading_error_deg": score.heading_error_deg,
        "speed_rmse_mps": score.speed_rmse_mps,
        "comfort_pct": dict(score.comfort_pct),
        "infractions": [infraction._asdict() for infraction in record.infractions],
        "km": score.km,
        "duration_s": record.duration_s,
        "ended_by": score.reason.value,
        "detail": episode.detail,
        "ended_at": [float(record.x_m[-1]), float(record.y_m[-1])],
    }


def write_json(file: Path, evaluation: Evaluation) -> None:
    """Writes the evaluation's figures."""
    text = json.dumps(evaluation.as_dict(), indent=1, allow_nan=False, ensure_ascii=False)
    file.write_text(text + "\n", encoding="utf-8")


def ending_in_words(reason: EpisodeEnd) -> str:
    """Why an episode ended, for people."""
    return {
        EpisodeEnd.ROUTE_DONE: "arrived",
        EpisodeEnd.OFF_LANE: "left the lane",
        EpisodeEnd.WRONG_WAY: "turned the wrong way",
        EpisodeEnd.STUCK: "stood still",
        EpisodeEnd.TIME_LIMIT: "ran out of time",
        EpisodeEnd.COLLISION: "collided",
        EpisodeEnd.RED_LIGHT: "ran a red light",
        EpisodeEnd.FAULT: "was cut off",
    }[reason]
