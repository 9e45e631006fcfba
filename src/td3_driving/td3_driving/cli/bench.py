"""td3-driving bench: how fast the graph goes."""

from __future__ import annotations

import argparse
import json
import time

import numpy as np
from rich.console import Console

from td3_driving.cli.graph import Graph, Simulator
from td3_driving.cli.settings import change, change_by_text, load_settings
from td3_driving.nodes.carla_bridge import CarlaBridge
from td3_driving.simulator import Tick
from td3_driving.stopping import stop_on_signals
from td3_driving_msgs.msg import VehicleControl

WARM_UP_TICKS = 200


class TimedBridge(CarlaBridge):
    """A bridge that notes when each tick's data is there and when its command has come back."""

    published_s = 0.0

    def _publish(self, tick: Tick) -> None:
        self.published_s = time.perf_counter()
        super()._publish(tick)

    def _on_command(self, message: VehicleControl) -> None:
        self.latencies_s.append(time.perf_counter() - self.published_s)
        super()._on_command(message)

    @property
    def latencies_s(self) -> list[float]:
        """From a tick's data, before it is published, to its command; one entry per command."""
        return self.__dict__.setdefault("_latencies_s", [])


def run(chosen: argparse.Namespace) -> int:
    """Runs the command; returns its exit code: 0, or 1 if it was stopped before the end."""
    settings = load_settings()
    change(settings, "td3_agent", "mode", "evaluate")
    change(settings, "td3_agent", "policy", chosen.policy)
    change(settings, "td3_agent", "test_episodes", 10_000)
    # One map: loading others is not what is measured.
    change(settings, "td3_agent", "test_last_seed", settings["td3_agent"]["test_first_seed"])
    for assignment in chosen.set:
        change_by_text(settings, assignment)
    simulator = Simulator(*chosen.simulator) if chosen.simulator else None
    with (
        stop_on_signals() as stop,
        Graph(settings, simulator, bridge=TimedBridge) as graph,
    ):
        bridge = graph.bridge
        assert isinstance(bridge, TimedBridge)
        graph.run(stop, lambda: bridge.ticks >= WARM_UP_TICKS)
        first, started = bridge.ticks, time.perf_counter()
        bridge.latencies_s.clear()
        graph.run(stop, lambda: bridge.ticks >= first + chosen.steps)
        seconds, ticks = time.perf_counter() - started, bridge.ticks - first
        latencies_ms = 1e3 * np.array(bridge.latencies_s)
    if ticks < chosen.steps:
        return 1
    p50, p99 = np.percentile(latencies_ms, (50, 99))
    camera = settings["carla_bridge"]
    figures = {
        "steps_per_s": round(ticks / seconds, 1),
        "frame_to_command_p50_ms": round(float(p50), 2),
        "frame_to_command_p99_ms": round(float(p99), 2),
        "steps": ticks,
        "camera": f"{camera['camera_width']}x{camera['camera_height']}",
        "policy": chosen.policy,
    }
    Console(stderr=True).print(
        f"{figures['steps_per_s']} lock-step ticks/s through the whole graph, resets included; "
        f"frame to command {p50:.2f} ms (p50), {p99:.2f} ms (p99)"
    )
    if chosen.json:
        print(json.dumps(figures), flush=True)
    return 0
