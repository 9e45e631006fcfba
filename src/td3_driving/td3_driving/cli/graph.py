"""The whole graph in one process: simulator beside it, four nodes, one executor."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from types import TracebackType
from typing import Any, TypeVar

import rclpy
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from rclpy.parameter import Parameter

from td3_driving.agent.parameters import AgentParameters
from td3_driving.agent.task import driving_task
from td3_driving.cli.errors import GraphError
from td3_driving.cli.settings import NODES, Settings, change, follow
from td3_driving.nodes.carla_bridge import CarlaBridge
from td3_driving.nodes.control import Control
from td3_driving.nodes.managed import ManagedNode
from td3_driving.nodes.perception import Perception
from td3_driving.nodes.recorder import Recorder
from td3_driving.nodes.running import initialise_ros, spin
from td3_driving.nodes.td3_agent import TD3AgentNode
from td3_driving.ros import topics
from td3_driving.ros.claim import Claim, NameTaken
from td3_driving.ros.rivals import LEASE_S, LOOK_S, lasting_rivals
from td3_driving.stopping import StopRequest

N = TypeVar("N", bound=Node)


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
            process.stdout.close()
            said = line.strip() or "its own message is above"
            raise GraphError(f"carla-lite did not start (exit code {process.wait()}): {said}")
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
        with self.process:  # closes its output and waits
            pass


class Graph:
    """Bridge, perception, agent and control in one process; a context manager.

    What must agree between nodes follows the agent and the bridge (settings.follow).

    Args:
        settings: Parameters of all nodes.
        simulator: A server that runs already; None starts carla_lite.
        lite_map: The map that carla_lite starts with.
        bridge: The bridge's class; a benchmark has one of its own.
        record: Whether a fifth node writes all of it into a bag.

    Raises:
        GraphError, ParameterError, RunFolderError: on entering; nothing is left running.
        OSError: on leaving, when the run could not be saved; nothing is left running either.
    """

    START_WITHIN_S = 30.0
    LOOK_S, LEASE_S = LOOK_S, LEASE_S

    def __init__(
        self,
        settings: Settings,
        simulator: Simulator | None = None,
        lite_map: str = "LiteCircuit_1",
        bridge: type[CarlaBridge] = CarlaBridge,
        record: bool = False,
    ) -> None:
        self.settings = settings
        self._given = simulator
        self._lite_map = lite_map
        self._bridge = bridge
        self._record = record
        self._leaving = ExitStack()

    def __enter__(self) -> Graph:
        # Left in the opposite order: the bridge leaves the simulator as it found it, the simulator
        # ends, and the agent saves in peace. One that fails to keeps none of the others.
        with ExitStack() as leaving:
            initialise_ros()
            leaving.callback(rclpy.try_shutdown)
            leaving.enter_context(self._claim_names())
            self._executor = SingleThreadedExecutor()
            leaving.callback(self._executor.shutdown)
            settings, seed = self.settings, self.settings["td3_agent"]["seed"]
            task = driving_task(AgentParameters(**settings["td3_agent"]))
            follow(settings, task.action_repeat)
            # First what can be wrong with a user's settings, then what takes time to start.
            driving = {node: values for node, values in settings.items() if node != "recorder"}
            self.agent = self._make(TD3AgentNode, "td3_agent", run_config=driving)
            leaving.callback(self.agent.destroy_node)
            self.agent.require(self.agent.trigger_configure())
            # A policy comes with the action repeat that it was trained with.
            follow(settings, self.agent.runner.parameters.action_repeat)
            if self._record:
                recorder = self._make_recorder()
                leaving.callback(recorder.destroy_node)
                self._executor.add_node(recorder)
            simulator = self._given or Simulator.start_lite(self._lite_map, seed)
            leaving.callback(simulator.stop)
            change(settings, "carla_bridge", "host", simulator.host)
            change(settings, "carla_bridge", "port", simulator.port)
            self.control = self._make(Control, "control")
            leaving.callback(self.control.destroy_node)
            self.perception = self._make(Perception, "perception")
            leaving.callback(self.perception.destroy_node)
            self.bridge = self._make(self._bridge, "carla_bridge")
            leaving.callback(self.bridge.destroy_node)
            # The guard first, so that nothing drives without it.
            managed: list[ManagedNode[Any]] = [self.control, self.perception, self.bridge]
            for node in managed:
                node.require(node.trigger_configure())
            for node in (*managed, self.agent):
                self._executor.add_node(node)
                node.require(node.trigger_activate())
            self._leaving = leaving.pop_all()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._leaving.close()

    def run(
        self,
        stop: StopRequest,
        done: Callable[[], bool] | None = None,
        watch: Callable[[], None] = lambda: None,
    ) -> None:
        """Spins until the agent's program is over, `done`, or a signal.

        Args:
            stop: Set by a signal.
            done: When to stop; by default when the agent has finished.
            watch: Called again and again meanwhile.

        Raises:
            GraphError: the first episode could not start within START_WITHIN_S, with the reason.
                After that whatever keeps an episode from starting is waited for, without end.
        """
        begun = time.monotonic()

        def over() -> bool:
            watch()
            late = time.monotonic() - begun > self.START_WITHIN_S
            if late and self.agent.refused_because and not self.agent.runner.status.ticks:
                raise GraphError(self.agent.refused_because)
            return self.agent.finished if done is None else done()

        spin(self._executor, over, stop)

    def _make(self, make: Callable[..., N], name: str, **extra: object) -> N:
        overrides = [Parameter(key, value=value) for key, value in self.settings[name].items()]
        return make(
            parameter_overrides=overrides, namespace=self._namespace, use_global_arguments=False,
            **extra,
        )  # fmt: skip

    def _make_recorder(self) -> Recorder:
        """It is there before whoever publishes, and gone after them."""
        runner, settings = self.agent.runner, self.settings
        change(settings, "recorder", "task", runner.task.name)
        change(settings, "recorder", "action_repeat", runner.task.action_repeat)
        if not settings["recorder"]["policy"]:
            change(settings, "recorder", "policy", settings["td3_agent"]["policy"])
        return self._make(Recorder, "recorder")

    @property
    def _namespace(self) -> str:
        return topics.namespace_of(self.settings["carla_bridge"]["role_name"])

    def _claim_names(self) -> Claim:
        """Two suites that drive the same vehicle in one domain would hear each other's messages.

        Returns:
            The claim of all our names, which no other suite of this host has.

        Raises:
            GraphError: another suite has; or one of another host, as DDS tells.
        """
        nodes = [node for node in NODES if node != "recorder" or self._record]
        try:
            claim = Claim([f"{self._namespace}/{node}" for node in nodes], self._domain)
        except NameTaken as taken:
            raise self._second_suite(taken.who) from taken
        probe = rclpy.create_node("td3_driving_probe", use_global_arguments=False)
        try:
            rivals = lasting_rivals(
                probe, f"{self._namespace}/{topics.FRAME.name}", probe.get_logger().warning,
                self.LOOK_S, self.LEASE_S,
            )  # fmt: skip
        finally:
            probe.destroy_node()
        if rivals:
            claim.close()
            raise self._second_suite(", ".join(rivals))
        return claim

    def _second_suite(self, who: str) -> GraphError:
        return GraphError(
            f"another suite drives {self.settings['carla_bridge']['role_name']!r} in ROS domain "
            f"{self._domain} ({who}); give this one another domain (ROS_DOMAIN_ID=1 to 101) or "
            "another vehicle (--set carla_bridge.role_name=NAME)"
        )

    @property
    def _domain(self) -> int:
        return rclpy.get_default_context().get_domain_id()
