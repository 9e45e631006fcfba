"""recorder: writes all that the graph says into a bag, and holds nobody up."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable
from typing import Any

from rclpy.event_handler import SubscriptionEventCallbacks
from rclpy.node import Node
from rclpy.qos import QoSProfile

from td3_driving.bags.cache import BoundedCache, Received
from td3_driving.bags.parameters import RecorderParameters
from td3_driving.bags.writer import BagWriter
from td3_driving.nodes.running import run_node
from td3_driving.ros import topics
from td3_driving.ros.diagnostics import ERROR, OK, WARN, Diagnostics, Health
from td3_driving.ros.parameters import declare

DEPTH = 100
"""Messages of a topic that may wait in the middleware, whoever publishes them."""

MIB = 1 << 20


class Recorder(Node):
    """Takes all topics but the derived ones as serialized bytes; a thread of its own writes them.

    Destroying the node closes the bag whole. A disk that fails ends the recording and not the
    drive: /diagnostics tells.
    """

    def __init__(self, **options: Any) -> None:
        super().__init__("recorder", **{"namespace": topics.DEFAULT_NAMESPACE, **options})
        parameters = declare(self, RecorderParameters)
        self.path = parameters.path
        self._writer = BagWriter(self.path, self.get_namespace(), parameters.about, topics.RECORDED)
        self._cache = BoundedCache(int(parameters.cache_mib * MIB))
        self._lost: Counter[str] = Counter()
        self._takers: dict[str, Callable[[bytes], None]] = {}
        self._fault = ""
        self._closed = False
        self._thread = threading.Thread(target=self._write, name="recorder")
        self._thread.start()
        for topic in topics.RECORDED:
            self._subscribe(topic)
        self._diagnostics = Diagnostics(self, "bag", self._health)
        self.get_logger().info(f"recording to {self.path}")

    @property
    def dropped(self) -> dict[str, int]:
        """Messages that came, or should have, and are not in the bag, by topic."""
        return dict(self._cache.dropped + self._lost)

    @property
    def written(self) -> int:
        """Messages in the bag."""
        return sum(self._writer.counts.values())

    def _subscribe(self, topic: topics.Topic) -> None:
        name = topic.name
        # A node of ours says as much as the middleware holds; a recorder may be later than they.
        qos = QoSProfile(
            history=topic.qos.history, depth=max(DEPTH, topic.qos.depth),
            reliability=topic.qos.reliability, durability=topic.qos.durability,
        )  # fmt: skip

        def on_lost(event: Any) -> None:
            self._lost[name] += event.total_count_change

        take = self._taker(name)
        self._takers[self.resolve_topic_name(name)] = take
        self.create_subscription(
            topic.type, name, take, qos, raw=True,
            event_callbacks=SubscriptionEventCallbacks(
                message_lost=on_lost, use_default_callbacks=False
            ),
        )  # fmt: skip

    def _taker(self, name: str) -> Callable[[bytes], None]:
        def take(data: bytes) -> None:
            self._cache.put(Received(name, time.time_ns(), data))

        return take

    def _write(self) -> None:
        while (message := self._cache.take()) is not None:
            if self._fault:
                self._lost[message.topic] += 1
                continue
            try:
                self._writer.write(message.topic, message.at_ns, message.data)
            except OSError as error:
                self._fault = f"not recorded any more: {error}"
                self._lost[message.topic] += 1

    def _health(self) -> Health:
        figures: dict[str, object] = {"bag": self.path, "written": self.written}
        figures |= {f"dropped {topic}": count for topic, count in sorted(self.dropped.items())}
        if self._fault:
            return ERROR, self._fault, figures
        if self.dropped:
            return WARN, "messages were dropped", figures
        return OK, "recording", figures

    def destroy_node(self) -> None:
        """Writes what waits, closes the bag, and says what it came to."""
        if not self._closed:
            self._closed = True
            self._drain()
            self._cache.close()
            self._thread.join()
            self._close_bag()
        super().destroy_node()

    def _drain(self) -> None:
        """Takes what has arrived and nobody has called us for yet."""
        for subscription in self.subscriptions:
            take = self._takers.get(subscription.topic_name)
            with subscription.handle:
                while take is not None and (taken := subscription.handle.take_message(bytes, True)):
                    take(taken[0])

    def _close_bag(self) -> None:
        logger = self.get_logger()
        try:
            self._writer.close()
        except OSError as error:
            self._fault = self._fault or f"not closed: {error}"
            self._writer.abort()
        text = f"{self.path}: {self.written} messages"
        if self.dropped:
            counts = ", ".join(f"{topic} {count}" for topic, count in sorted(self.dropped.items()))
            text += f"; dropped: {counts}"
        if self._fault:
            logger.error(f"{text}; {self._fault}")
        else:
            logger.info(text)


def main() -> int:
    """Runs the node."""
    return run_node(Recorder)
