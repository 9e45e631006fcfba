"""The whole graph in one process: simulator beside it, four nodes, one executor."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from types import TracebackType
from typing import TypeVar

import rclpy
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from rclpy.parameter import Parameter

from td3_driving.cli.settings import Settings, change
from td3_driving.nodes.carla_bridge import CarlaBridge
from td3_driving.nodes.control import Control
from td3_driving.nodes.perception import Perception
from td3_driving.nodes.running import StopRequest, initialise_ros, spin
from td3_driving.nodes.td3_agent import TD3AgentNode
from td3_driving.ros import topics

N = TypeVar("N", bound=Node)


class GraphError(RuntimeError):
    """The graph can't be started; says why and what to do."""


@dataclass(frozen=True)
class Simulator:
    """A carla_lite that we started, or a server that somebody else runs."""

    host: str
    port: int
    process: subprocess.Popen[str] | None = None

    @classmethod
    def start_lite(cls, map_name: str, seed: int) -> Simulator:
        """Starts carla_lite on a free port.

        Raises:
            GraphError: it ended, or said nothing, instead of being ready; with what it wrote.
        """
        command = [sys.executable, "-m", "carla_lite.cli", "--port", "0", "--seed", str(seed)]
        command += ["--map", map_name, "--exit-with-parent"]
        # A session of its own: Ctrl-C is for us, and the simulator goes last.
        process = subprocess.Popen(
            command, stdout=subprocess.PIPE, text=True, start_new_session=True,
            env={**os.environ, "NUMBA_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"},
        )  # fmt: skip
        assert process.stdout is not None
        line = process.stdout.readline()
        words = dict(word.split("=", 1) for word in line.split() if "=" in word)
        if not line.startswith("carla-lite ready"):
            process.kill()
            raise GraphError(
                f"carla-lite did not start (exit code {process.wait()}): {line.strip()}"
            )
        return cls("127.0.0.1", int(words["port"]), process)

    def stop(self) -> None:
        """Ends the carla_lite that we started."""
        if self.process is None:
            return
        self.process.terminate()
        try:
            self.process.wait(5.0)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


class Graph:
    """Bridge, perception, agent and control in one process; a context manager.

    Args:
        settings: Parameters of all nodes.
        simulator: A server that runs already; None starts carla_lite.
        lite_map: The map that carla_lite starts with.
        bridge: The bridge's class; a benchmark has one of its own.

    Raises:
        GraphError, ParameterError, RunFolderError: on entering; nothing is left running.
    """

    def __init__(
        self,
        settings: Settings,
        simulator: Simulator | None = None,
        lite_map: str = "LiteCircuit_1",
        bridge: type[CarlaBridge] = CarlaBridge,
    ) -> None:
        self.settings = settings
        self._given = simulator
        self._lite_map = lite_map
        self._bridge = bridge
        self._simulator: Simulator | None = None
        self._nodes: list[Node] = []

    def __enter__(self) -> Graph:
        initialise_ros()
        try:
            self._refuse_a_second_suite()
            # First what can be wrong with a user's settings, then what takes time to start.
            self.agent = self._add(TD3AgentNode, "td3_agent", run_config=self.settings)
            self.control = self._add(Control, "control")
            self.perception = self._add(Perception, "perception")
            self._simulator = self._given or Simulator.start_lite(
                self._lite_map, self.settings["td3_agent"]["seed"]
            )
            change(self.settings, "carla_bridge", "host", self._simulator.host)
            change(self.settings, "carla_bridge", "port", self._simulator.port)
            self.bridge = self._add(self._bridge, "carla_bridge")
        except BaseException:
            self.__exit__(None, None, None)
            raise
        self._executor = SingleThreadedExecutor()
        for node in self._nodes:
            self._executor.add_node(node)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        # The bridge first: it leaves the simulator as it found it. The agent then saves in peace.
        for node in reversed(self._nodes):
            node.destroy_node()
        self._nodes.clear()
        if self._simulator is not None:
            self._simulator.stop()
        rclpy.try_shutdown()

    def run(self, stop: StopRequest, done: Callable[[], bool] | None = None) -> None:
        """Spins until the agent's program is over, `done`, or a signal."""
        spin(self._executor, done or (lambda: self.agent.finished), stop)

    def _add(self, make: Callable[..., N], name: str, **extra: object) -> N:
        overrides = [Parameter(key, value=value) for key, value in self.settings[name].items()]
        node = make(
            parameter_overrides=overrides, namespace=self._namespace, use_global_arguments=False,
            **extra,
        )  # fmt: skip
        self._nodes.append(node)
        return node

    @property
    def _namespace(self) -> str:
        return topics.namespace_of(self.settings["carla_bridge"]["role_name"])

    def _refuse_a_second_suite(self, look_s: float = 0.5) -> None:
        """Two suites that drive the same vehicle in one domain would hear each other's messages."""
        probe = rclpy.create_node("td3_driving_probe", use_global_arguments=False)
        try:
            deadline = time.monotonic() + look_s
            name = f"{self._namespace}/{topics.FRAME.name}"
            while time.monotonic() < deadline:
                if probe.count_publishers(name):
                    role = self.settings["carla_bridge"]["role_name"]
                    raise GraphError(
                        f"another suite drives {role!r} in ROS domain "
                        f"{os.environ.get('ROS_DOMAIN_ID', '0')}; give this one another domain "
                        "(ROS_DOMAIN_ID=1 to 101) or another vehicle (--set "
                        "carla_bridge.role_name=NAME)"
                    )
                time.sleep(0.05)
        finally:
            probe.destroy_node()
