"""An episode of a fleet that is over, as plain data: it may come from another process."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, NamedTuple

import numpy as np

from td3_driving.agent.episode import EpisodeInProgress
from td3_driving.agent.types import Assignment
from td3_driving.driving.termination import Ending, EpisodeEnd
from td3_driving.evaluation.metrics import EpisodeScore, score


class DrivenRoute(NamedTuple):
    """A route, for drawing it.

    Args:
        points: float64 (M, 2) x, y.
    """

    points: np.ndarray


@dataclass(frozen=True, slots=True, eq=False)
class EpisodeOutcome:
    """What there is to log and to score of an episode; named as in EpisodeInProgress.

    Args:
        score: None if it ended before its first tick.
        xy: float64 (T + 1, 2) way driven.
        speeds_mps: float64 (T + 1,).
        last_stack: uint8 (4, 84, 84) of the newest tick.
    """

    number: int
    assignment: Assignment
    ending: Ending
    steps: int
    episode_return: float
    completion: float
    term_sums: dict[str, float]
    score: EpisodeScore | None
    route: DrivenRoute
    xy: np.ndarray
    speeds_mps: np.ndarray
    last_stack: np.ndarray


def outcome_of(episode: EpisodeInProgress) -> EpisodeOutcome:
    """The outcome of an episode that is over."""
    assert episode.ending is not None
    record = episode.record()
    return EpisodeOutcome(
        episode.number,
        episode.assignment,
        episode.ending,
        episode.steps,
        episode.episode_return,
        episode.completion,
        episode.term_sums,
        None if record is None else score(record),
        DrivenRoute(episode.route.points),
        np.array(episode.xy),
        np.array(episode.speeds_mps),
        episode.last_stack,
    )


_SERIES = ("xy", "speeds_mps")
_PLAIN = ("steps", "episode_return", "completion", "term_sums")


def to_message(outcome: EpisodeOutcome) -> dict[str, Any]:
    """An outcome as msgpack packs it; without what the receiver knows, and the last stack."""
    message: dict[str, Any] = {name: getattr(outcome, name) for name in _PLAIN}
    message |= {name: getattr(outcome, name).tobytes() for name in _SERIES}
    message["ending"] = [outcome.ending.reason.value, outcome.ending.detail]
    message["route"] = outcome.route.points.tobytes()
    message["score"] = None
    if outcome.score is not None:
        message["score"] = asdict(outcome.score) | {"reason": outcome.score.reason.value}
    return message


def from_message(
    message: dict[str, Any], number: int, assignment: Assignment, last_stack: np.ndarray
) -> EpisodeOutcome:
    """The inverse of `to_message`."""
    (reason, detail), known = message["ending"], message["score"]
    xy, speeds_mps = (np.frombuffer(message[name]) for name in _SERIES)
    return EpisodeOutcome(
        number=number,
        assignment=assignment,
        ending=Ending(EpisodeEnd(reason), detail),
        score=None if known is None else EpisodeScore(**{**known, "reason": EpisodeEnd(reason)}),
        route=DrivenRoute(np.frombuffer(message["route"]).reshape(-1, 2)),
        xy=xy.reshape(-1, 2),
        speeds_mps=speeds_mps,
        last_stack=last_stack,
        **{name: message[name] for name in _PLAIN},
    )
