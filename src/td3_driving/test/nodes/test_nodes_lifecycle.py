"""The managed life of the four nodes: every order, many cycles, and what each transition leaves."""

from __future__ import annotations

import gc
import itertools
import resource
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import rclpy
from lifecycle_msgs.msg import State
from lifecycle_msgs.srv import ChangeState, GetState
from rclpy.context import Context
from rclpy.executors import SingleThreadedExecutor
from rclpy.parameter import Parameter

from td3_driving.nodes import managed
from td3_driving.nodes.carla_bridge import CarlaBridge
from td3_driving.nodes.control import Control
from td3_driving.nodes.managed import ManagedNode
from td3_driving.nodes.perception import Perception
from td3_driving.nodes.supervision import RISING_ORDER, Phase
from td3_driving.nodes.supervisor import Supervisor
from td3_driving.nodes.td3_agent import TD3AgentNode
from td3_driving.ros import topics
from td3_driving_msgs.msg import Action, VehicleControl

DOMAIN = 68
MAP = "LiteCircuit_1"
MAKERS: dict[str, type[ManagedNode[Any]]] = {
    "control": Control, "perception": Perception, "carla_bridge": CarlaBridge,
    "td3_agent": TD3AgentNode,
}  # fmt: skip
AGENT = {
    "mode": "train", "map": MAP, "steps": 100_000, "batch_size": 4, "replay_capacity": 2000,
    "learning_starts": 100, "action_repeat": 2,
}  # fmt: skip


class Suite:
    """Nodes that are started one by one, spun by one executor."""

    def __init__(self, port: int) -> None:
        self.context = Context()
        rclpy.init(context=self.context, domain_id=DOMAIN)
        self.executor = SingleThreadedExecutor(context=self.context)
        self.nodes: dict[str, Any] = {}
        self._parameters = {"carla_bridge": {"port": port, "map": MAP}, "td3_agent": AGENT}

    def start(self, name: str, **changes: Any) -> Any:
        values = {**self._parameters.get(name, {}), **changes}
        overrides = [Parameter(key, value=value) for key, value in values.items()]
        make = MAKERS.get(name, Supervisor)
        node = make(context=self.context, parameter_overrides=overrides)
        self.nodes[name] = node
        self.executor.add_node(node)
        return node

    def end(self, name: str) -> None:
        node = self.nodes.pop(name)
        self.executor.remove_node(node)
        node.destroy_node()

    def until(self, done: Callable[[], Any], turns: int = 20_000) -> None:
        for _ in range(turns):
            if done():
                return
            self.executor.spin_once(timeout_sec=0.05)
        raise AssertionError("still waiting")

    def drives(self, steps: int = 2) -> bool:
        """Whether the newest episode has come so far."""
        bridge = self.nodes["carla_bridge"]
        return bool(bridge.active and bridge._episode and bridge._step >= steps)

    def call(self, kind: type, name: str, request: Any) -> Any:
        client = self.nodes["supervisor"].create_client(kind, name)
        self.until(client.service_is_ready)
        future = client.call_async(request)
        self.until(future.done)
        self.nodes["supervisor"].destroy_client(client)
        return future.result()

    def close(self) -> None:
        for name in list(self.nodes):
            self.end(name)
        self.executor.shutdown()
        rclpy.shutdown(context=self.context)


@pytest.fixture
def suite(carla_server) -> Iterator[Suite]:
    made = Suite(carla_server.port)
    yield made
    made.close()


def test_all_24_start_orders_of_real_nodes_reach_driving(
    suite: Suite, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(managed, "BEAT_S", 0.02)
    for order in itertools.permutations(RISING_ORDER):
        supervision = suite.start("supervisor").supervision
        for name in order:
            suite.start(name)
        suite.until(lambda now=supervision: now.phase is Phase.DRIVING and suite.drives())
        assert all(suite.nodes[name].active for name in RISING_ORDER)
        for name in ("supervisor", *reversed(order)):
            suite.end(name)


def test_fifty_cycles_leave_no_memory_threads_entities_or_actors(
    suite: Suite, carla_server, observe
) -> None:
    nodes = [suite.start(name) for name in RISING_ORDER]
    observer = observe(carla_server)

    def cycle() -> None:
        for node in nodes:
            node.bring_up()
        suite.until(lambda: suite.drives(1))
        for node in reversed(nodes):
            node.require(node.trigger_deactivate())
            node.require(node.trigger_cleanup())

    def held() -> tuple[int, int]:
        gc.collect()
        return threading.active_count(), sum(len(node._entities()) for node in nodes)

    for _ in range(10):
        cycle()
    before, memory_kib = held(), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for _ in range(40):
        cycle()
    assert held() == before
    # What a leaked learner (100 MB) or 40 leaked pictures would show, and an allocator would not.
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - memory_kib < 60_000
    observer.assert_as_found()


def test_the_suite_is_stepped_by_hand_through_the_services_that_ros2_lifecycle_calls(
    suite: Suite, carla_server, observe
) -> None:
    suite.start("supervisor")
    for name in RISING_ORDER:
        suite.start(name)
    suite.until(lambda: suite.drives(5))

    def step(node: str, transition: str) -> int:
        request = ChangeState.Request()
        request.transition.label = transition
        assert suite.call(ChangeState, f"{node}/change_state", request).success
        return suite.call(GetState, f"{node}/get_state", GetState.Request()).current_state.id

    runner = suite.nodes["td3_agent"].runner
    assert step("td3_agent", "deactivate") == State.PRIMARY_STATE_INACTIVE
    assert runner.status.faults == 1 and runner.status.waiting_for == "deactivated"
    assert step("carla_bridge", "deactivate") == State.PRIMARY_STATE_INACTIVE
    (vehicle,) = observe(carla_server).actors("vehicle.*", at_frame=0)
    assert vehicle.get_velocity().length() < 0.06 and vehicle.get_control().brake == 1.0
    assert step("carla_bridge", "cleanup") == State.PRIMARY_STATE_UNCONFIGURED
    observe(carla_server).assert_as_found()
    step("carla_bridge", "configure")
    step("carla_bridge", "activate")
    step("td3_agent", "activate")
    suite.until(lambda: suite.drives(5))
    assert runner.status.faults == 1
    assert suite.nodes["supervisor"].supervision.failures == 0


def test_a_guard_that_is_deactivated_brakes(make_bench) -> None:
    bench = make_bench(Control, topics.VEHICLE_CONTROL)
    bench.hold_clock()
    bench.say(topics.ACTION, Action(episode=1, step=3, acceleration=1.0))
    assert bench.next(topics.VEHICLE_CONTROL).throttle == 1.0
    bench.node.require(bench.node.trigger_deactivate())
    last: VehicleControl = bench.next(topics.VEHICLE_CONTROL)
    assert (last.throttle, last.brake) == (0.0, 1.0)
    bench.say(topics.ACTION, Action(episode=1, step=4, acceleration=1.0))
    bench.until(lambda: bench.node._watch._tallies[0].count == 2)
    bench.node.require(bench.node.trigger_activate())
    bench.say(topics.ACTION, Action(episode=1, step=5, acceleration=0.5))
    assert bench.next(topics.VEHICLE_CONTROL).throttle == 0.5


def test_a_refused_transition_leaves_the_node_as_it_was_and_the_next_may_be_made(
    suite: Suite, monkeypatch: pytest.MonkeyPatch
) -> None:
    node = suite.start("control")
    entities = node._entities()

    def fail(*_: Any) -> None:
        raise OSError("the disk is full")

    for method, trigger, state in (
        ("configure", "trigger_configure", State.PRIMARY_STATE_UNCONFIGURED),
        ("activate", "trigger_activate", State.PRIMARY_STATE_INACTIVE),
    ):
        with monkeypatch.context() as patch:
            patch.setattr(node, method, fail)
            with pytest.raises(OSError, match="the disk is full"):
                node.require(getattr(node, trigger)())
        assert node._state_machine.current_state[0] == state and not node.active
        if method == "configure":
            assert node._entities() == entities
        node.require(getattr(node, trigger)())
    assert node.active and node.refusal is None
