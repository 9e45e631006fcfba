"""A world without a simulator, and small runs in it, for the tests of td3_driving.agent."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from td3_driving.agent.build import make_runner
from td3_driving.agent.parameters import AgentParameters
from td3_driving.agent.runner import Runner
from td3_driving.agent.types import Assignment, Drive, Finished, Reply, Reset, StepReport, Tick
from td3_driving.driving.picture import FrameStack
from td3_driving.driving.route import Route
from td3_driving.driving.vehicle import VehicleState

TICK_S = 0.05

SMALL = AgentParameters(
    steps=80,
    episode_s=2.0,
    learning_starts=4,
    replay_capacity=1000,
    batch_size=2,
    n_step=1,
    selections=0,
    closing_test="never",
)
"""A run of 80 ticks with about ten updates."""


@pytest.fixture(autouse=True, scope="session")
def one_thread() -> None:
    torch.set_num_threads(1)


class World:
    """A straight road of 2 km along x, and pictures that are noise: each its own, but the same for
    the same step of the same episode.

    Args:
        stride: ticks between the frames of a stack.
    """

    def __init__(self, stride: int = 2) -> None:
        self.ROUTE = Route([(0.0, 0.0), (2000.0, 0.0)])
        self.assignments: list[Assignment] = []
        self.frames: list[np.ndarray] = []
        self._stack = FrameStack(4, stride)
        self._episode = self._step = 0
        self._time_s = 0.0

    def reset(self, assignment: Assignment) -> tuple[Tick, Route]:
        """The first tick of an episode."""
        self.assignments.append(assignment)
        self._episode, self._step = self._episode + 1, 0
        self._x_m, self._y_m = 0.0, assignment.plan.start_lateral_m
        self._yaw_rad, self._speed_mps = (
            assignment.plan.start_heading_rad,
            assignment.plan.start_speed_mps,
        )
        return self._tick(), self.ROUTE

    def step(self, drive: Drive, **changes: Any) -> Tick:
        """One tick; `changes` are of the state that is seen."""
        self._step += 1
        self._speed_mps = max(0.0, self._speed_mps + 4.0 * drive.acceleration * TICK_S)
        self._yaw_rad -= 0.3 * drive.steer * self._speed_mps * TICK_S
        self._x_m += self._speed_mps * TICK_S * math.cos(self._yaw_rad)
        self._y_m += self._speed_mps * TICK_S * math.sin(self._yaw_rad)
        return self._tick(**changes)

    def _tick(self, **changes: Any) -> Tick:
        self._time_s += TICK_S
        noise = np.random.default_rng([self.assignments[-1].plan.seed, self._step])
        frame = noise.integers(0, 256, (84, 84), dtype=np.uint8)
        self.frames.append(frame)
        state = VehicleState(self._time_s, self._x_m, self._y_m, self._yaw_rad, self._speed_mps)
        return Tick(
            self._episode, self._step, self._stack.push(frame, self._step == 0),
            replace(state, **changes),
        )  # fmt: skip


class Run:
    """A runner in a world of its own, driven until it has finished or as long as is asked."""

    def __init__(self, runner: Runner) -> None:
        self.runner = runner
        self.world = World(runner.parameters.action_repeat)
        self.reports: list[StepReport] = []
        self.reply: Reply = runner.start()

    def tick(self) -> None:
        """One tick, or a reset."""
        if isinstance(self.reply, Reset):
            self.reply = self.runner.begin(*self.world.reset(self.reply.assignment))
        elif isinstance(self.reply, Drive):
            self.reply, report = self.runner.advance(self.world.step(self.reply))
            self.reports.append(report)

    def fault(self) -> None:
        """The world falls silent."""
        self.reply = self.runner.fault("no tick")

    def to(self, ticks: int) -> Run:
        """Goes on until so many ticks have been driven."""
        while self.runner.status.ticks < ticks:
            assert not isinstance(self.reply, Finished)
            self.tick()
        return self

    def finish(self) -> Run:
        """Goes on until there is nothing left to do, and closes."""
        while not isinstance(self.reply, Finished):
            self.tick()
        self.runner.close()
        return self


@pytest.fixture(scope="session")
def make_run() -> Callable[..., Run]:
    """Makes a small run; the arguments are parameters of the agent."""

    def make(config: dict[str, dict[str, Any]] | None = None, **changes: Any) -> Run:
        return Run(make_runner(replace(SMALL, **changes), config))

    return make


@pytest.fixture
def make_world() -> type[World]:
    """Makes a world of its own."""
    return World


@pytest.fixture
def drive_to_the_end() -> Callable[[Runner], Run]:
    """Drives a runner until it has finished."""
    return lambda runner: Run(runner).finish()
