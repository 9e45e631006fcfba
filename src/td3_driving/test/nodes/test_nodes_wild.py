"""Whatever a message's type allows to be said to a node, it lives and answers the next good one.

`td3-driving faults` does the same with more messages, with pictures of 50 MB, and by the clock.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

import pytest

from td3_driving.nodes.control import Control
from td3_driving.nodes.managed import ManagedNode
from td3_driving.nodes.perception import Perception
from td3_driving.nodes.td3_agent import TD3AgentNode
from td3_driving.reliability.wild import alone, say_wild_things
from td3_driving.ros import topics

DOMAIN = 70 + os.getpid() % 30
DRIVES = {"mode": "drive", "policy": "pure_pursuit"}


@pytest.mark.parametrize(
    ("make", "answers", "parameters"),
    [
        (Control, topics.VEHICLE_CONTROL, {}),
        (Perception, topics.OBSERVATION, {}),
        (TD3AgentNode, topics.ACTION, DRIVES),
    ],
)
def test_a_node_answers_the_next_good_message_whatever_it_was_told(
    make: Callable[..., ManagedNode[Any]], answers: topics.Topic, parameters: dict[str, str]
) -> None:
    with alone(make, answers, DOMAIN, **parameters) as lone:
        say_wild_things(lone, examples=6, within_s=20.0)
        assert lone.said >= 6 * len(lone.takes) > 0
