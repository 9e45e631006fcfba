"""Watches a node's topics: rates, staleness, rival publishers, and offers that do not match."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from rclpy.node import Node
from rclpy.qos import QoSCompatibility, qos_check_compatible
from rclpy.subscription import Subscription

from td3_driving.ros.diagnostics import ERROR, OK, WARN, Health
from td3_driving.ros.topics import Topic

SILENT_S = 2.0
"""Silence of a topic, once heard, that is worth a warning."""

_NAMELESS = "_NODE_NAME_UNKNOWN_"
"""What rmw calls a node of which it knows no name yet."""


@dataclass
class _Tally:
    """Of one subscription."""

    topic: Topic
    count: int = 0
    told: int = 0
    heard_s: float | None = None


class TopicWatch:
    """Counts what a node hears, and looks at who else is on its topics once a second.

    rclpy's own QoS events would be waited for before every callback; a look at the graph is not.
    """

    def __init__(self, node: Node) -> None:
        self._node = node
        self._tallies: list[_Tally] = []
        self._told_s = time.monotonic()
        self._graph: tuple[tuple[str, int, int], ...] = ()
        self._complaints: list[str] = []

    def subscription(self, topic: Topic, callback: Callable[[Any], None]) -> Subscription:
        """A subscription that is watched."""
        tally = _Tally(topic)
        self._tallies.append(tally)

        def counted(message: Any) -> None:
            tally.count += 1
            tally.heard_s = time.monotonic()
            callback(message)

        return topic.subscription(self._node, counted)

    def clear(self) -> None:
        """Forgets all subscriptions."""
        self._tallies.clear()
        self._graph = ()
        self._complaints = []

    def health(self) -> Health:
        """Rates and ages by topic; an error for rivals and for offers that do not match."""
        now = time.monotonic()
        elapsed_s, self._told_s = max(now - self._told_s, 1e-3), now
        figures: dict[str, object] = {}
        silent = []
        for tally in self._tallies:
            rate_hz = (tally.count - tally.told) / elapsed_s
            tally.told = tally.count
            age_s = None if tally.heard_s is None else now - tally.heard_s
            figures[f"{tally.topic.name} [Hz]"] = round(rate_hz, 1)
            figures[f"{tally.topic.name} age [s]"] = "" if age_s is None else round(age_s, 2)
            if tally.topic.steady and age_s is not None and age_s > SILENT_S:
                silent.append(f"no {tally.topic.name} for {age_s:.0f} s")
        complaints = self._look()
        if complaints:
            return ERROR, "; ".join(complaints), figures
        if silent:
            return WARN, "; ".join(silent), figures
        return OK, "topics are as they should be", figures

    def _look(self) -> list[str]:
        """What is wrong with the graph around us, looked at anew when it has changed."""
        node = self._node
        ends: list[Any] = [*node.publishers, *node.subscriptions]
        names = sorted({end.topic_name for end in ends})
        graph = tuple((n, node.count_publishers(n), node.count_subscribers(n)) for n in names)
        # DDS may tell of an end before it tells whose it is.
        if graph != self._graph or any(_NAMELESS in said for said in self._complaints):
            self._graph = graph
            self._complaints = [*self._rivals(), *self._mismatches(names)]
        return self._complaints

    def _rivals(self) -> list[str]:
        said = []
        for tally in self._tallies:
            if not tally.topic.exclusive:
                continue
            ends = self._node.get_publishers_info_by_topic(
                self._node.resolve_topic_name(tally.topic.name)
            )
            if len(ends) > 1:
                who = ", ".join(sorted(_name(end) for end in ends))
                said.append(f"{len(ends)} publishers of {tally.topic.name} ({who}); keep one")
        return said

    def _mismatches(self, names: list[str]) -> list[str]:
        """What DDS will not connect; both ends as the graph tells them, with all defaults known."""
        said, ours = [], self._node.get_fully_qualified_name()
        for name in names:
            offers = self._node.get_publishers_info_by_topic(name)
            wishes = self._node.get_subscriptions_info_by_topic(name)
            for offer, wish in itertools.product(offers, wishes):
                if ours not in (_name(offer), _name(wish)):
                    continue
                fit, why = qos_check_compatible(offer.qos_profile, wish.qos_profile)
                if fit == QoSCompatibility.ERROR:
                    said.append(
                        f"{_name(wish)} does not get {name} of {_name(offer)}: {why.strip(' ;')}"
                    )
        return said


def _name(end: Any) -> str:
    return f"{end.node_namespace.rstrip('/')}/{end.node_name}"
