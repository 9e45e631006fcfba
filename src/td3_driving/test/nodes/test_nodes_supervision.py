"""The supervision without ROS: order, failures, limits, and what is nobody's failure."""

from __future__ import annotations

import itertools
import subprocess
import sys
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from td3_driving.nodes.supervision import (
    FALLING_ORDER,
    RISING_ORDER,
    Limits,
    NodeState,
    Phase,
    Request,
    Sign,
    Supervision,
)

BEAT_S = 0.25
GUARD, EYES, BRIDGE, AGENT = RISING_ORDER


class Node:
    """A managed node as the supervision sees it."""

    def __init__(self, name: str) -> None:
        self.name, self.life, self.state = name, 1, NodeState.UNCONFIGURED
        self.alive, self.silence_s, self.refuses, self.refusal = True, 4.0, "", ""

    def sign(self) -> Sign:
        return Sign(self.name, self.life, self.state, self.silence_s, self.refusal)

    def take(self, request: Request) -> bool:
        made = request.transition != self.refuses
        self.refusal = "" if made else "no"
        self.state = request.leads_to if made else self.state
        return made

    def begin_anew(self) -> None:
        self.life, self.state, self.alive = self.life + 1, NodeState.UNCONFIGURED, True


class Suite:
    """Four nodes and their supervision, in steps of a heartbeat's time."""

    def __init__(self, **limits: float) -> None:
        self.now_s = 100.0
        self.nodes: dict[str, Node] = {}
        self.supervision = Supervision(Limits(**limits), self.now_s)  # type: ignore[arg-type]
        self.asked: list[tuple[str, str]] = []

    def start(self, *names: str) -> Suite:
        for name in names:
            self.nodes[name] = Node(name)
        return self

    def step(self, beats: int = 1) -> None:
        for _ in range(beats):
            self.now_s += BEAT_S
            for node in self.nodes.values():
                if node.alive:
                    self.supervision.heard(node.sign(), self.now_s)
            request = self.supervision.next(self.now_s)
            if request is not None:
                self.asked.append((request.node, request.transition))
                node = self.nodes[request.node]
                if node.alive:
                    self.supervision.answered(request, node.take(request))
            self.guarded()

    def guarded(self) -> None:
        """Whoever is brought up to drive is guarded."""
        agent, guard = self.nodes.get(AGENT), self.nodes.get(GUARD)
        rising = self.supervision.phase is Phase.RISING
        if rising and agent and agent.alive and agent.state is NodeState.ACTIVE:
            assert guard is not None and guard.state is NodeState.ACTIVE

    def until(self, done: Callable[[], bool], beats: int = 1000) -> None:
        for _ in range(beats):
            if done():
                return
            self.step()
        raise AssertionError(f"{self.supervision.phase}: {self.supervision.why}")

    def drive(self) -> Suite:
        self.until(lambda: self.supervision.phase is Phase.DRIVING)
        self.asked.clear()
        return self


@pytest.fixture
def driving() -> Suite:
    return Suite().start(*RISING_ORDER).drive()


@pytest.mark.parametrize("order", itertools.permutations(RISING_ORDER))
def test_all_24_start_orders_lead_to_driving_with_the_guard_first(order: tuple[str, ...]) -> None:
    suite = Suite()
    for name in order:
        suite.start(name).step(5)
    suite.until(lambda: suite.supervision.phase is Phase.DRIVING)
    assert suite.asked == [(n, t) for n in RISING_ORDER for t in ("configure", "activate")]
    assert suite.supervision.resting == () and suite.supervision.failures == 0


@pytest.mark.parametrize("lost", RISING_ORDER)
def test_the_death_of_one_takes_the_others_down_and_its_return_brings_all_up(
    driving: Suite, lost: str
) -> None:
    driving.nodes[lost].alive = False
    driving.until(lambda: driving.supervision.failures == 1)
    assert f"{lost} is silent for 4." in driving.supervision.why
    driving.step(8)
    assert driving.supervision.phase is Phase.RISING
    down = [(name, "deactivate") for name in FALLING_ORDER if name != lost]
    assert driving.asked == down
    driving.nodes[lost].begin_anew()
    driving.until(lambda: driving.supervision.phase is Phase.DRIVING)
    up = [(n, t) for n in RISING_ORDER for t in ("configure", "activate")
          if t == "activate" or n == lost]  # fmt: skip
    assert driving.asked[len(down) :] == up


def test_a_node_that_begins_anew_between_two_heartbeats_is_noticed(driving: Suite) -> None:
    driving.nodes[BRIDGE].begin_anew()
    driving.step()
    assert driving.supervision.why == "carla_bridge began anew"
    driving.until(lambda: driving.supervision.phase is Phase.DRIVING)


def test_an_announced_silence_is_no_failure_until_it_is_over(driving: Suite) -> None:
    driving.nodes[BRIDGE].silence_s = 60.0
    driving.step()
    driving.nodes[BRIDGE].alive = False
    driving.step(int(59.0 / BEAT_S))
    assert driving.supervision.phase is Phase.DRIVING
    driving.step(10)
    assert driving.supervision.failures == 1


@pytest.mark.parametrize("silence_s", [float("nan"), float("inf"), -1.0, 1e9])
def test_a_heartbeat_that_would_switch_the_watch_off_is_not_believed(
    driving: Suite, silence_s: float
) -> None:
    driving.nodes[GUARD].silence_s = silence_s
    driving.step(int(5.0 / BEAT_S))
    assert driving.supervision.failures == 1
    assert f"{GUARD} is silent for 4." in driving.supervision.why


def test_the_supervisors_own_sleep_is_not_the_nodes_silence(driving: Suite) -> None:
    driving.now_s += 30.0
    assert driving.supervision.next(driving.now_s) is None
    driving.step(40)
    assert driving.supervision.phase is Phase.DRIVING and driving.supervision.failures == 0


def test_a_node_put_to_rest_by_hand_is_left_there(driving: Suite) -> None:
    driving.nodes[AGENT].state = NodeState.INACTIVE
    driving.step(100)
    assert driving.asked == [] and driving.supervision.resting == (AGENT,)
    driving.nodes[AGENT].state = NodeState.ACTIVE
    driving.step()
    assert driving.supervision.resting == ()


def test_a_node_may_die_while_the_others_are_brought_up() -> None:
    suite = Suite().start(*RISING_ORDER)
    suite.until(lambda: len(suite.asked) == 6)
    suite.nodes[GUARD].alive = False
    suite.until(lambda: suite.supervision.failures == 1)
    suite.step(20)
    assert {n.state for n in suite.nodes.values() if n.alive} <= {
        NodeState.UNCONFIGURED, NodeState.INACTIVE
    }  # fmt: skip
    suite.nodes[GUARD].begin_anew()
    suite.until(lambda: suite.supervision.phase is Phase.DRIVING)


@pytest.mark.parametrize("transition", ["configure", "activate"])
def test_a_refusal_ends_it_with_its_reason_and_nobody_active(transition: str) -> None:
    suite = Suite().start(*RISING_ORDER)
    suite.nodes[AGENT].refuses = transition
    suite.until(lambda: suite.supervision.phase is Phase.OVER)
    assert suite.supervision.why == f"td3_agent refuses to {transition}: no"
    assert NodeState.ACTIVE not in {node.state for node in suite.nodes.values()}


def test_five_restarts_within_a_minute_are_made_and_the_sixth_is_not(driving: Suite) -> None:
    for failures in range(1, 6):
        driving.nodes[EYES].begin_anew()
        driving.step()
        assert driving.supervision.failures == failures
        driving.until(lambda: driving.supervision.phase is Phase.DRIVING)
    driving.nodes[EYES].begin_anew()
    driving.until(lambda: driving.supervision.phase is Phase.OVER)
    assert "after 5 restarts within 60 s" in driving.supervision.why


def test_failures_far_apart_are_always_recovered_from(driving: Suite) -> None:
    for _ in range(12):
        driving.nodes[EYES].begin_anew()
        driving.step(4 * 20)
        assert driving.supervision.phase is Phase.DRIVING


def test_a_node_that_never_comes_is_not_waited_for_without_end() -> None:
    suite = Suite(absent_s=10.0).start(GUARD, EYES)
    suite.until(lambda: suite.supervision.phase is Phase.OVER)
    assert suite.supervision.why == "no sign of life from carla_bridge; was it started?"


@given(st.lists(st.tuples(st.sampled_from(RISING_ORDER), st.integers(0, 30)), max_size=8))
def test_whatever_dies_whenever_all_drive_again_once_all_live(
    deaths: list[tuple[str, int]],
) -> None:
    suite = Suite(restarts=1000).start(*RISING_ORDER)
    for name, beats in deaths:
        suite.step(beats)
        suite.nodes[name].alive = False
    suite.step(20)
    for node in suite.nodes.values():
        if not node.alive:
            node.begin_anew()
    suite.until(lambda: suite.supervision.phase is Phase.DRIVING)
    suite.step(4)
    assert suite.supervision.resting == ()


def test_the_supervision_knows_no_ros() -> None:
    program = "import sys\nsys.modules['rclpy'] = None\nimport td3_driving.nodes.supervision"
    subprocess.run([sys.executable, "-c", program], check=True)
