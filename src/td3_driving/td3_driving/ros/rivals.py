"""Others who publish a topic that has one publisher, as DDS tells of them."""

from __future__ import annotations

import time
from collections.abc import Callable

from rclpy.node import Node

LOOK_S = 0.5
"""How long others of this host usually take to be discovered."""
LEASE_S = 22.0
"""How long DDS may still tell of somebody who has died: a bit over its lease of 20 s."""
_EVERY_S = 0.05


def lasting_rivals(
    node: Node,
    topic: str,
    say: Callable[[str], None],
    look_s: float = LOOK_S,
    lease_s: float = LEASE_S,
) -> list[str]:
    """Names of those who publish a topic and are not about to be forgotten.

    Args:
        node: Through which to look; it does not publish the topic.
        topic: Full name.
        say: Told that a wait begins, and for what.
        look_s: How long to look for anybody.
        lease_s: How long to wait, then, for all to be gone.
    """
    if not _within(look_s, lambda: node.count_publishers(topic) > 0):
        return []
    found = _publishers(node, topic)
    say(
        f"DDS tells of a publisher of {topic} ({', '.join(found)}); waiting up to {lease_s:g} s, "
        "in case it has died"
    )
    if _within(lease_s, lambda: node.count_publishers(topic) == 0):
        return []
    return _publishers(node, topic)


def _within(limit_s: float, true: Callable[[], bool]) -> bool:
    """Whether it becomes true in time; asked once at least."""
    end_s = time.monotonic() + limit_s
    while not true():
        if time.monotonic() >= end_s:
            return False
        time.sleep(_EVERY_S)
    return True


def _publishers(node: Node, topic: str) -> list[str]:
    ends = node.get_publishers_info_by_topic(topic)
    return sorted(f"{end.node_namespace.rstrip('/')}/{end.node_name}" for end in ends)
