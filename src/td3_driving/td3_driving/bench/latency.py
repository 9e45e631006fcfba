"""How soon the agent's node acts while a learner beside it updates without pause.

A td3_agent node has a process of its own, and takes observations over DDS at a fixed rate; what is
timed is the way from before a tick's publication to its action's arrival, each in this process. The
learner is that of a run, on a thread like a run's, in the agent's process; but its next update
begins when the last is done, whatever is driven meanwhile.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import platform
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from multiprocessing.connection import Connection
from typing import Any

import numpy as np
import rclpy
import torch
from rclpy.executors import SingleThreadedExecutor
from rclpy.parameter import Parameter

from td3_driving.agent.learner import td3_config
from td3_driving.agent.parameters import AgentParameters
from td3_driving.bench.learner import filled_replay
from td3_driving.bench.straight_road import StraightRoad
from td3_driving.learning.fast import make_updates
from td3_driving.learning.td3 import TD3Agent
from td3_driving.nodes.running import initialise_ros, spin
from td3_driving.nodes.td3_agent import TD3AgentNode
from td3_driving.ros import topics
from td3_driving.stopping import StopRequest, stop_on_signals

WARM_UP_TICKS = 40
START_WITHIN_S = 60.0
ACTING: dict[str, Any] = {
    "learning": "free_running", "training": False, "learning_starts": 1, "action_repeat": 1,
    "minutes": 1000.0, "episode_s": 3600.0, "selections": 0, "closing_test": "never",
}  # fmt: skip
"""Of the agent: each tick is a decision of the learned policy, and the learner is the bench's."""


@dataclass(frozen=True)
class Latency:
    """One row of figures.

    Attributes:
        batch: transitions per update of the learner; 0: none beside the agent.
        ticks: that were answered.
        unanswered: ticks that were not.
        p50_ms, p99_ms, most_ms: from a tick to its action.
        updates_per_s: of the learner meanwhile.
    """

    batch: int
    ticks: int
    unanswered: int
    p50_ms: float
    p99_ms: float
    most_ms: float
    updates_per_s: float

    @classmethod
    def of(cls, batch: int, latencies_s: list[float], ticks: int, updates_per_s: float) -> Latency:
        """The figures of these latencies, of so many ticks."""
        p50, p99, most = 1e3 * np.percentile(latencies_s, (50, 99, 100))
        return cls(
            batch, len(latencies_s), ticks - len(latencies_s), round(float(p50), 2),
            round(float(p99), 2), round(float(most), 2), round(updates_per_s, 1),
        )  # fmt: skip


class FlatOut:
    """A learner of random transitions, on a thread, one update after the other, until closed.

    Args:
        batch: transitions per update; 0: no learner.
    """

    def __init__(self, batch: int) -> None:
        self._over = threading.Event()
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="learner")
        self._updates, self._since = 0, time.perf_counter()
        if batch:
            torch.set_num_threads(1)  # as a run does
            config = td3_config(AgentParameters(batch_size=batch))
            self._learner = make_updates(TD3Agent.create(config, seed=0), filled_replay())
            self._thread.submit(self._go_on)

    def _go_on(self) -> None:
        while not self._over.is_set():
            self._learner.train(self._learner.at_once)
            self._updates += self._learner.at_once

    def rate(self) -> float:
        """Updates per second since this was last asked."""
        done, self._updates = self._updates, 0
        since, self._since = self._since, time.perf_counter()
        return done / (self._since - since)

    def close(self) -> None:
        """Waits for the update under way."""
        self._over.set()
        self._thread.shutdown()


def serve(batch: int, pipe: Connection) -> None:
    """The agent's process: acts until told to end; sends the learner's rate whenever asked."""
    initialise_ros()
    learner = FlatOut(batch)
    overrides = [Parameter(name, value=value) for name, value in ACTING.items()]
    node = TD3AgentNode(
        parameter_overrides=overrides, namespace=topics.DEFAULT_NAMESPACE,
        use_global_arguments=False,
    )  # fmt: skip
    executor = SingleThreadedExecutor()
    executor.add_node(node)
    node.require(node.trigger_configure())
    node.require(node.trigger_activate())

    def told_to_end() -> bool:
        if not pipe.poll():
            return False
        try:
            going = pipe.recv() == "rate"
        except EOFError:  # whoever asked has gone
            return True
        pipe.send(learner.rate())
        return not going

    with stop_on_signals() as stop:
        spin(executor, told_to_end, stop)
    learner.close()
    node.destroy_node()
    executor.shutdown()
    rclpy.try_shutdown()


def measure(batch: int, ticks: int, hz: float, stop: StopRequest) -> Latency | None:
    """One row; None if it was stopped.

    Args:
        batch: of the learner; 0: none.
        ticks: to be timed, after some that are not.
        hz: ticks per second.
        stop: set by a signal.

    Raises:
        RuntimeError: the agent's process ended, or asked for no episode.
    """
    # Spawned, not forked: rclpy's and torch's threads do not survive a fork.
    context = multiprocessing.get_context("spawn")
    pipe, end = context.Pipe()
    process = context.Process(target=serve, args=(batch, end), daemon=True)
    process.start()
    end.close()
    road = StraightRoad(WARM_UP_TICKS + ticks, 1.0 / hz)
    executor = SingleThreadedExecutor()
    executor.add_node(road)
    last_s = time.monotonic() + START_WITHIN_S + 2.0 * road.ticks / hz

    def reached(enough: Callable[[], bool]) -> Callable[[], bool]:
        def over() -> bool:
            if not process.is_alive() or time.monotonic() > last_s:
                raise RuntimeError(
                    f"the agent's process {'answers no more' if process.is_alive() else 'ended'} "
                    f"after {road.published} of {road.ticks} ticks; see its messages above"
                )
            return enough()

        return over

    try:
        spin(executor, reached(lambda: road.published >= WARM_UP_TICKS), stop)
        pipe.send("rate")  # from here on
        pipe.recv()
        spin(executor, reached(lambda: road.over), stop)
        pipe.send("end")
        rate = pipe.recv()
        process.join()
    finally:
        process.kill()
        executor.shutdown()
        road.destroy_node()
    if stop.signal is not None:
        return None
    timed = [value for step, value in road.latencies_s.items() if step >= WARM_UP_TICKS]
    return Latency.of(batch, timed, ticks, rate)


def run(chosen: argparse.Namespace) -> int:
    """Runs the benchmark; returns the exit code: 0, or 130 if it was stopped."""
    rows: list[Latency] = []
    initialise_ros()
    try:
        with stop_on_signals() as stop:
            for batch in chosen.batch:
                row = measure(batch, chosen.ticks, chosen.hz, stop)
                if row is None:
                    return 130
                rows.append(row)
                print(_line(row), file=sys.stderr)
    finally:
        rclpy.try_shutdown()
    if chosen.json:
        figures = {
            "hz": chosen.hz, "cores": os.cpu_count(), "torch": torch.__version__,
            "python": platform.python_version(), "rows": [vars(row) for row in rows],
        }  # fmt: skip
        print(json.dumps(figures, indent=1))
    return 0


def _line(row: Latency) -> str:
    beside = f"updates of {row.batch}, {row.updates_per_s}/s" if row.batch else "no learner"
    return (
        f"{beside}: {row.p50_ms} ms (p50), {row.p99_ms} ms (p99), {row.most_ms} ms at most, "
        f"{row.ticks} ticks, {row.unanswered} unanswered"
    )
