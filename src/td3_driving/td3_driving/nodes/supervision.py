"""Which managed node is asked for which transition, and when. Pure: time and signs come in."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from enum import Enum, IntEnum

RISING_ORDER = ("control", "perception", "carla_bridge", "td3_agent")
"""The guard first and the driver last, so that nothing drives unguarded."""
FALLING_ORDER = ("carla_bridge", "td3_agent", "control", "perception")
"""The simulator's brake first."""

LONGEST_SILENCE_S = 600.0
"""No node may announce more; above, or not a number at all, the heartbeat is not believed."""
SLEPT_S = 1.0
"""A look that comes so late tells of a busy machine: what was heard since is still to be read."""


class NodeState(IntEnum):
    """The primary states of a lifecycle, as lifecycle_msgs/State numbers them."""

    UNCONFIGURED = 1
    INACTIVE = 2
    ACTIVE = 3
    FINALIZED = 4


class Phase(Enum):
    """What the supervision is about."""

    RISING = "bringing the nodes up"
    DRIVING = "all nodes are active"
    FALLING = "taking the nodes down"
    OVER = "given up"


@dataclass(frozen=True)
class Sign:
    """A heartbeat: whose, of which life, in which state, and the silence it announces."""

    node: str
    incarnation: int
    state: int
    silence_s: float
    refusal: str = ""


@dataclass(frozen=True)
class Request:
    """A transition to ask a node for, and the state that it leads to."""

    node: str
    transition: str
    leads_to: NodeState


@dataclass(frozen=True)
class Limits:
    """When to give up.

    Args:
        restarts: Failures within the window from which the nodes are brought back.
        window_s: Length of that window.
        absent_s: How long to wait for the first sign of a node.
    """

    restarts: int = 5
    window_s: float = 60.0
    absent_s: float = 120.0


@dataclass
class _Known:
    """A node that lives."""

    incarnation: int
    heard_s: float
    silence_s: float
    state: NodeState | None = None


class Supervision:
    """Brings the nodes up in order; takes them down when one fails, and up again, within limits.

    A node fails when it is silent for longer than it announced, or begins anew. One that somebody
    puts into another state by hand has not failed, and is left there. A node that refuses a
    transition ends it all: it would refuse again.
    """

    def __init__(self, limits: Limits, now_s: float) -> None:
        self._limits = limits
        self._nodes: dict[str, _Known] = {}
        self._asked: Request | None = None
        self._refused = False
        self._ending = False
        self._failures: deque[float] = deque()
        self._waiting_s = self._looked_s = now_s
        self.phase = Phase.RISING
        self.why = ""
        self.failures = 0

    @property
    def resting(self) -> tuple[str, ...]:
        """Nodes that are not active."""
        return tuple(n for n in RISING_ORDER if self._state(n) is not NodeState.ACTIVE)

    def heard(self, sign: Sign, now_s: float) -> None:
        """Takes in a heartbeat; one that would switch the watch off is none."""
        if sign.node not in RISING_ORDER or not 0.0 <= sign.silence_s <= LONGEST_SILENCE_S:
            return
        known = self._nodes.get(sign.node)
        if known is not None and known.incarnation != sign.incarnation:
            self._fail(sign.node, f"{sign.node} began anew", now_s)
            known = None
        if known is None:
            known = self._nodes[sign.node] = _Known(sign.incarnation, now_s, sign.silence_s)
            self._waiting_s = now_s
        known.heard_s, known.silence_s = now_s, sign.silence_s
        if sign.state not in list(NodeState):
            return  # on its way to another
        known.state = NodeState(sign.state)
        asked = self._asked
        if asked is not None and asked.node == sign.node:
            if known.state is asked.leads_to:
                self._asked = None
            elif self._refused:
                self._asked = None
                if sign.refusal:
                    self._end(f"{sign.node} refuses to {asked.transition}: {sign.refusal}")
            self._refused = self._refused and self._asked is not None

    def answered(self, request: Request, made: bool) -> None:
        """Takes in whether a transition was made; its heartbeat tells the rest."""
        if request is self._asked:
            self._refused = not made

    def next(self, now_s: float) -> Request | None:
        """What to ask for now; None for nothing."""
        slept_s, self._looked_s = now_s - self._looked_s, now_s
        for name, known in list(self._nodes.items()):
            if slept_s > SLEPT_S:
                known.heard_s += slept_s  # our own silence is not theirs
            if now_s - known.heard_s > known.silence_s:
                self._fail(name, f"{name} is silent for {now_s - known.heard_s:.1f} s", now_s)
        if self._asked is not None:
            return None
        if self.phase is Phase.FALLING:
            self._asked = self._fall()
            if self._asked is None:
                self.phase = Phase.OVER if self._ending else Phase.RISING
                self._waiting_s = now_s
        if self.phase is Phase.RISING:
            self._asked = self._rise(now_s)
        return self._asked

    def _fall(self) -> Request | None:
        for node in FALLING_ORDER:
            if self._state(node) is NodeState.ACTIVE:
                return Request(node, "deactivate", NodeState.INACTIVE)
        return None

    def _rise(self, now_s: float) -> Request | None:
        for node in RISING_ORDER:
            if self._state(node) is None:  # nobody begins before all are there
                if now_s - self._waiting_s > self._limits.absent_s:
                    self._end(f"no sign of life from {node}; was it started?")
                return None
        for node in RISING_ORDER:
            state = self._state(node)
            if state is NodeState.UNCONFIGURED:
                return Request(node, "configure", NodeState.INACTIVE)
            if state is NodeState.INACTIVE:
                return Request(node, "activate", NodeState.ACTIVE)
            if state is NodeState.FINALIZED:
                self._end(f"{node} was shut down")
                return None
        self.phase = Phase.DRIVING
        return None

    def _state(self, node: str) -> NodeState | None:
        known = self._nodes.get(node)
        return None if known is None else known.state

    def _fail(self, node: str, why: str, now_s: float) -> None:
        """The node is lost; whoever else is active is taken down."""
        del self._nodes[node]
        if self._asked is not None and self._asked.node == node:
            self._asked, self._refused = None, False
        if self.phase is Phase.OVER:
            return
        self.failures += 1
        self._failures.append(now_s)
        while now_s - self._failures[0] > self._limits.window_s:
            self._failures.popleft()
        if len(self._failures) > self._limits.restarts:
            limits = self._limits
            why += f", after {limits.restarts} restarts within {limits.window_s:g} s"
            self._ending = True
        self.phase, self.why = Phase.FALLING, why

    def _end(self, why: str) -> None:
        self.phase, self.why, self._ending = Phase.FALLING, why, True
