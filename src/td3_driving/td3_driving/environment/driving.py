"""The environment: one step is one decision, held for the task's action repeat."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import cv2
import gymnasium
import numpy as np
from gymnasium import spaces
from gymnasium.error import ResetNeeded

from td3_driving.agent.episode import EpisodeInProgress
from td3_driving.agent.types import Assignment, Purpose
from td3_driving.driving.action import to_command
from td3_driving.driving.episodes import MAP_SPLIT, EpisodePlan, evaluation_plan, training_plan
from td3_driving.driving.observation import vector_dim
from td3_driving.driving.reward_terms import RewardTerms, average
from td3_driving.driving.tasks import DrivingTask, load_task
from td3_driving.environment.backends import TICK_S, Backend, make_backend
from td3_driving.view.moment import Watch
from td3_driving.view.picture import paint

TRAINING_MAPS = range(1000)
VECTOR_BOUND = 5.0
"""The vector is clipped to it, see driving/observation.py."""


class DrivingEnv(gymnasium.Env[dict[str, Any], np.ndarray]):
    """Drives a task in one world.

    Observation: image uint8 (4, 84, 84), grey, newest frame last; vector float32 (53,). Action:
    float32 (2,), steer (+ right) and acceleration (+ throttle, - brake), each in [-1, 1]. Reward:
    the task's, averaged over the ticks of the action. terminated is for infractions and standing;
    truncated for time, distance and a route's end, after which values go on.

    info: completion in [0, 1], reason of the end or "", terms of the reward by name, and the
    episode's map.

    The n-th episode after reset(seed=s) is a function of s and n alone; reset(options={"episode":
    n}) goes to the n-th.

    Args:
        task: Name of a task, or its .yaml file.
        backend: lite: a world in this process; carla: a server that runs.
        map_seeds: Of procedural maps: all for training, all for selection, or all for tests. On
            those held out, episodes start at rest and are as long as the task's scored ones.
        host: Of backend carla's server.
        port: Of backend carla's server. Each environment needs one of its own.
        render_mode: rgb_array or None.

    Raises:
        ValueError: an unknown task or backend, or map seeds that mix purposes.
    """

    metadata: dict[str, Any] = {"render_modes": ["rgb_array"], "render_fps": 10}  # noqa: RUF012

    def __init__(
        self,
        task: str = "lane_keeping",
        backend: str = "lite",
        map_seeds: Sequence[int] = TRAINING_MAPS,
        host: str = "127.0.0.1",
        port: int = 2000,
        render_mode: str | None = None,
    ) -> None:
        if render_mode not in (None, *self.metadata["render_modes"]):
            raise ValueError(f"render mode {render_mode!r} is unknown; use rgb_array")
        self.task: DrivingTask = load_task(task)
        fps = round(1.0 / (TICK_S * self.task.action_repeat))
        self.metadata = {**self.metadata, "render_fps": fps}
        self.render_mode = render_mode
        self._map_seeds = map_seeds
        self.observation_space = spaces.Dict(
            image=spaces.Box(0, 255, (4, 84, 84), np.uint8),
            vector=spaces.Box(
                -VECTOR_BOUND, VECTOR_BOUND, (vector_dim(self.task.waypoint_count),), np.float32
            ),
        )
        self.action_space = spaces.Box(-1.0, 1.0, (2,), np.float32)
        self._seed: int | None = None
        self._index = -1
        self._episode: EpisodeInProgress | None = None
        self._watch = Watch() if render_mode else None
        plan_episode(self.task, map_seeds, 0, 0)  # what cannot be is refused at once
        self._backend: Backend | None = make_backend(backend, self.task, host, port)

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
        """Starts the next episode; with a seed, the first one of that seed.

        Args:
            seed: Of the episodes from now on.
            options: episode: which of the seed's episodes to start.

        Raises:
            ValueError: an unknown option.
        """
        super().reset(seed=seed)
        if seed is not None or self._seed is None:
            self._seed = int(self.np_random.integers(2**31)) if seed is None else seed
            self._index = -1
        unknown = set(options or {}) - {"episode"}
        if unknown:
            raise ValueError(f"option {sorted(unknown)[0]!r} is unknown; there is episode")
        self._index = int((options or {}).get("episode", self._index + 1))
        plan = plan_episode(self.task, self._map_seeds, self._seed, self._index)
        assignment = Assignment(Purpose.DRIVE, plan, "given")
        tick, route = self._world.reset(assignment)
        self._episode = EpisodeInProgress(self.task, assignment, route, tick)
        if self._watch is not None:
            self._watch.begin(route.points)
        return self._see(), self._info({})

    def step(
        self, action: np.ndarray
    ) -> tuple[dict[str, np.ndarray], float, bool, bool, dict[str, Any]]:
        """Holds an action for the action repeat, or until the episode ends.

        Raises:
            ResetNeeded: the episode is over, or none was started.
            ValueError: the action is not two finite numbers.
        """
        episode = self._episode
        if episode is None or episode.ending is not None:
            raise ResetNeeded("call reset: no episode is being driven")
        action = np.asarray(action, np.float64)
        if action.shape != (2,) or not np.isfinite(action).all():
            raise ValueError(f"an action is two finite numbers in [-1, 1], got {action}")
        steer, acceleration = np.clip(action, -1.0, 1.0).tolist()
        ticks: list[RewardTerms] = []
        while not ticks or (episode.ending is None and not episode.at_decision):
            report = episode.advance(self._world.step(steer, acceleration), steer)
            ticks.append(report.terms)
        reward = episode.take_reward()
        if self._watch is not None:
            command = to_command(steer, acceleration)
            self._watch.take(
                steer=command.steer, throttle=command.throttle, brake=command.brake,
                episode=self._index, step=report.step, reward=reward,
                terms=dict(average(ticks).values), episode_return=report.episode_return,
                completion=report.completion, lateral_m=report.lateral_m,
                heading_error_rad=report.heading_error_rad, reason=report.reason,
            )  # fmt: skip
        info = self._info(dict(average(ticks).values))
        return self._see(), reward, report.terminated, report.truncated, info

    def render(self) -> np.ndarray | None:
        """With rgb_array: uint8 (720, 1280, 3), all there is to watch; else None."""
        if self._watch is None:
            return None
        return cv2.cvtColor(
            paint(self._watch.moment, self._watch.course, self.task.name), cv2.COLOR_BGR2RGB
        )

    def close(self) -> None:
        """Leaves the world. Idempotent."""
        if self._backend is not None:
            self._backend.close()
            self._backend = self._episode = None

    @property
    def _world(self) -> Backend:
        if self._backend is None:
            raise ResetNeeded("the environment is closed; make another one")
        return self._backend

    def _see(self) -> dict[str, np.ndarray]:
        assert self._episode is not None
        sight = self._episode.see()
        if self._watch is not None:
            state = sight.state
            self._watch.take(camera=self._world.camera(), stack=sight.image)
            self._watch.drive_to(state.x_m, state.y_m, state.yaw_rad, state.speed_mps)
        return dict(sight.observation)

    def _info(self, terms: dict[str, float]) -> dict[str, Any]:
        assert self._episode is not None
        ending = self._episode.ending
        return {
            "completion": self._episode.completion,
            "reason": "" if ending is None else ending.reason.value,
            "terms": terms,
            "map": self._episode.assignment.plan.map,
        }


def plan_episode(task: DrivingTask, map_seeds: Sequence[int], seed: int, index: int) -> EpisodePlan:
    """The index-th episode of a seed, on maps for training or on maps held out.

    Raises:
        ValueError: no map seeds, or some of another purpose than the first.
    """
    if len(map_seeds) and map_seeds[0] in MAP_SPLIT.training:
        pool: Sequence[int] | str = task.map or map_seeds
        return training_plan(
            seed, index, task.kind, pool, duration_s=task.episode_s, starts=task.starts
        )  # fmt: skip
    score = task.evaluation
    return evaluation_plan(map_seeds, index, task.kind, score.duration_s, score.distance_m)
