"""Keeps of an episode what a report shows of it."""

from __future__ import annotations

import numpy as np

from td3_driving.agent.episode import EpisodeInProgress
from td3_driving.agent.types import Driver, Sight
from td3_driving.driving.termination import EpisodeEnd
from td3_driving.evaluation.metrics import score
from td3_driving.evaluation.results import DrivenEpisode, Film

STRIP_PICTURES = 6
STRIP_EVERY = 5
"""Decisions between two pictures of the strip: half a second at ten decisions a second."""


class Recorder:
    """A driver that remembers what its camera showed and what it did, one episode at a time."""

    def __init__(self, driver: Driver) -> None:
        self._driver = driver
        self._frames: list[np.ndarray] = []
        self._actions: list[np.ndarray] = []

    def act(self, sight: Sight) -> np.ndarray:
        """As Driver.act."""
        action = self._driver.act(sight)
        self._frames.append(sight.image[-1].copy())
        self._actions.append(np.array(action, np.float32))
        return action

    def take(self, episode: EpisodeInProgress, keeper: FilmKeeper) -> DrivenEpisode | None:
        """The episode that is over; None if it was cut off by a fault.

        Args:
            episode: Whose driver this was.
            keeper: May keep all pictures of it.
        """
        frames, self._frames = self._frames, []
        actions, self._actions = self._actions, []
        record = episode.record()
        if record is None or episode.ending is None or record.reason is EpisodeEnd.FAULT:
            return None
        plan = episode.assignment.plan
        strip = frames[::-1][::STRIP_EVERY][:STRIP_PICTURES][::-1]
        driven = DrivenEpisode(
            plan.map, plan.seed, record, score(record), episode.route.points,
            episode.ending.detail, np.stack(strip),
        )  # fmt: skip
        keeper.consider(driven, frames, actions)
        return driven


class FilmKeeper:
    """Keeps the worst, or the best, episode's pictures, and none but its.

    Args:
        choice: "worst", "best", or "none".
        ticks: Ticks that a decision holds.
        driver: Its name, for the title.
    """

    def __init__(self, choice: str, ticks: int, driver: str) -> None:
        self._choice, self._ticks = choice, ticks
        self._title = f"{driver}: the {choice} episode"
        self.film: Film | None = None

    def consider(
        self, episode: DrivenEpisode, frames: list[np.ndarray], actions: list[np.ndarray]
    ) -> None:
        """Keeps this episode if it is the one to be shown so far."""
        if self._choice == "none":
            return
        if self.film is not None:
            before = self.film.episode.badness
            worse = episode.badness > before
            if worse != (self._choice == "worst") or episode.badness == before:
                return
        self.film = Film(self._title, episode, np.stack(frames), np.stack(actions), self._ticks)
