"""Drives episodes in carla_lite worlds of this process: no ROS, no server, the same observation."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence

import numpy as np

from td3_driving.agent.episode import EpisodeInProgress
from td3_driving.agent.task import driving_task
from td3_driving.agent.types import Assignment, Purpose, Tick
from td3_driving.driving.episodes import EpisodePlan
from td3_driving.driving.route import Route
from td3_driving.evaluation.results import DrivenEpisode
from td3_driving.fleet.worlds import FleetWorlds
from td3_driving.scoring.lineup import Entrant
from td3_driving.scoring.recording import FilmKeeper, Recorder

LANES = 4
"""Worlds at a time. Each has a driver of its own, so the number is part of what makes a score."""
MOST_MAPS = 64


class InProcess:
    """Worlds that all who drive the same task share; a context manager."""

    def __init__(self) -> None:
        self._worlds: FleetWorlds | None = None

    def __enter__(self) -> InProcess:
        return self

    def __exit__(self, *exception: object) -> None:
        if self._worlds is not None:
            self._worlds.close()

    def drive(
        self,
        entrant: Entrant,
        plans: Sequence[EpisodePlan],
        keeper: FilmKeeper,
        stopped: Callable[[], bool],
        over: Callable[[DrivenEpisode], None] = lambda episode: None,
    ) -> list[DrivenEpisode]:
        """Drives all plans; those done until `stopped` says so.

        Args:
            entrant: Who drives.
            plans: What.
            keeper: May keep one episode's pictures.
            stopped: Asked before every tick.
            over: Told of every episode.

        Returns:
            The episodes in the order of the plans.
        """
        worlds = self._worlds_for(entrant, plans)
        lanes = [_Lane(entrant, plans, lane) for lane in range(min(LANES, len(plans)))]
        while not stopped():
            free = [i for i, lane in enumerate(lanes) if lane.episode is None and lane.queue]
            started = worlds.reset_many(free, [lanes[i].next_plan() for i in free])
            for i, (tick, route) in zip(free, started, strict=True):
                lanes[i].begin(tick, route)
            active = [i for i, lane in enumerate(lanes) if lane.episode is not None]
            if not active:
                break
            actions = np.stack([lanes[i].action for i in active])
            for i, tick in zip(active, worlds.step(actions, active), strict=True):
                driven = lanes[i].advance(tick, keeper)
                if driven is not None:
                    over(driven)
        done = {index: episode for lane in lanes for index, episode in lane.done}
        return [done[index] for index in sorted(done)]

    def _worlds_for(self, entrant: Entrant, plans: Sequence[EpisodePlan]) -> FleetWorlds:
        task = driving_task(entrant.parameters)
        if self._worlds is None or self._worlds.task != task:
            if self._worlds is not None:
                self._worlds.close()
            maps = len({plan.map for plan in plans})
            self._worlds = FleetWorlds(task, LANES, keep_maps=min(maps, MOST_MAPS))
        self._worlds.prepare(plans[:MOST_MAPS])
        return self._worlds


class _Lane:
    """One world's share of the plans, and its driver."""

    def __init__(self, entrant: Entrant, plans: Sequence[EpisodePlan], lane: int) -> None:
        self.queue = deque(list(enumerate(plans))[lane::LANES])
        self.episode: EpisodeInProgress | None = None
        self.done: list[tuple[int, DrivenEpisode]] = []
        self.action = np.zeros(2, np.float32)
        self._task = driving_task(entrant.parameters)
        self._driver = Recorder(entrant.make(entrant.parameters.seed * LANES + lane))

    def next_plan(self) -> EpisodePlan:
        """What is driven next."""
        return self.queue[0][1]

    def begin(self, tick: Tick, route: Route) -> None:
        """The first tick of the next plan."""
        assignment = Assignment(Purpose.TEST, self.next_plan(), "given")
        self.episode = EpisodeInProgress(self._task, assignment, route, tick)
        self.action = self._driver.act(self.episode.see())

    def advance(self, tick: Tick, keeper: FilmKeeper) -> DrivenEpisode | None:
        """One tick further; the episode, if it is over."""
        episode = self.episode
        assert episode is not None
        episode.advance(tick, float(self.action[0]))
        if episode.ending is None:
            if episode.at_decision:
                self.action = self._driver.act(episode.see())
            return None
        self.episode = None
        index, _ = self.queue.popleft()
        driven = self._driver.take(episode, keeper)
        assert driven is not None
        self.done.append((index, driven))
        return driven
