"""A fleet of worlds, each with one vehicle that drives one episode after the other."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from td3_driving.agent.types import Tick
from td3_driving.driving.camera import CameraConfig
from td3_driving.driving.episodes import EpisodePlan
from td3_driving.driving.route import Route
from td3_driving.driving.tasks import DrivingTask
from td3_driving.fleet.maps import MapStore
from td3_driving.fleet.world import FleetWorld

R = TypeVar("R")


class FleetWorlds:
    """Many worlds, driven in step; not thread-safe itself.

    An episode here begins, looks and goes on as the same plan does through carla_bridge,
    perception and control, but that frames are taken at decisions alone: between two of them the
    stack stays as it was. The same plans and actions give the same ticks, with any number of
    threads.

    Args:
        task: What is driven; says the action repeat and the traffic.
        count: Worlds.
        threads: That simulate and draw at the same time; 0: one for each processor.
        camera: Of the vehicles.
        keep_maps: Maps kept ready.
    """

    def __init__(
        self,
        task: DrivingTask,
        count: int,
        threads: int = 0,
        camera: CameraConfig | None = None,
        keep_maps: int = 32,
    ) -> None:
        if count < 1 or threads < 0:
            raise ValueError(f"{count} worlds and {threads} threads; use at least one world")
        self.task = task
        threads = min(threads or len(os.sched_getaffinity(0)), count)
        scripted = task.traffic.vehicles + task.traffic.pedestrians > 0
        self.maps = MapStore(max(keep_maps, count + 4), max(1, threads // 4), scripted)
        camera = camera or CameraConfig()
        self._worlds = [FleetWorld(task, camera, self.maps) for _ in range(count)]
        self._pool = ThreadPoolExecutor(threads, "worlds") if threads > 1 else None
        self._threads = threads
        self._episodes = 0

    def __len__(self) -> int:
        """How many worlds there are."""
        return len(self._worlds)

    def prepare(self, plans: Iterable[EpisodePlan]) -> None:
        """Says what will soon be driven, so that its maps are ready by then."""
        self.maps.prepare(plan.map for plan in plans)

    def reset(self, index: int, plan: EpisodePlan) -> tuple[Tick, Route]:
        """Starts an episode in one world: its first tick and its route."""
        return self.reset_many([index], [plan])[0]

    def reset_many(
        self, indices: Sequence[int], plans: Sequence[EpisodePlan]
    ) -> list[tuple[Tick, Route]]:
        """Starts episodes in several worlds at once.

        Raises:
            UnknownMapError: no such map.
            SpawnError: a start is not free.
            RouteError: the map has no route.
        """
        self.prepare(plans)
        first = self._episodes + 1
        self._episodes += len(indices)
        jobs = [
            (self._worlds[index], plan, first + i)
            for i, (index, plan) in enumerate(zip(indices, plans, strict=True))
        ]
        return self._each(lambda job: job[0].reset(job[1], job[2]), jobs)

    def step(
        self, actions: NDArray[np.floating], indices: Sequence[int] | None = None
    ) -> list[Tick]:
        """Drives one tick.

        Args:
            actions: (n, 2) steer and acceleration for each of `indices`.
            indices: The worlds that go on; all of them unless given.

        Returns:
            Their ticks, in the order of `indices`.

        Raises:
            ValueError: actions of another shape, or not finite.
        """
        indices = range(len(self)) if indices is None else indices
        if actions.shape != (len(indices), 2) or not np.isfinite(actions).all():
            raise ValueError(
                f"actions of shape {actions.shape} for {len(indices)} worlds; they must be finite "
                f"and ({len(indices)}, 2)"
            )
        jobs = list(zip((self._worlds[i] for i in indices), actions.tolist(), strict=True))
        return self._each(lambda job: job[0].step(*job[1]), jobs)

    def picture(self, index: int) -> NDArray[np.uint8]:
        """What the camera of a world sees now: uint8 (H, W, 4) BGRA, good until it looks again."""
        car = self._worlds[index]._car
        if car is None:
            raise ValueError("a world is looked at before its first reset; call reset first")
        return car.picture()

    def close(self) -> None:
        """Ends the threads. Idempotent."""
        self.maps.close()
        if self._pool is not None:
            self._pool.shutdown()

    def __enter__(self) -> FleetWorlds:
        """Nothing to do."""
        return self

    def __exit__(self, *exception: object) -> None:
        """Close."""
        self.close()

    def _each(self, work: Callable[[tuple], R], jobs: list[tuple]) -> list[R]:
        if self._pool is None or len(jobs) < 2:
            return [work(job) for job in jobs]
        # A job for each world would cost more than it is worth: a share for each thread.
        shares = [jobs[k :: self._threads] for k in range(min(self._threads, len(jobs)))]
        done = list(self._pool.map(lambda share: [work(job) for job in share], shares))
        return [done[i % len(shares)][i // len(shares)] for i in range(len(jobs))]
