"""Traffic, lights and gaps as messages: what goes in comes out, and nonsense is refused."""

from __future__ import annotations

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rclpy.serialization import deserialize_message, serialize_message

from td3_driving.driving.lights import Light
from td3_driving.driving.tasks import load_task, task_names
from td3_driving.driving.traffic import LeadCar, Traffic
from td3_driving.ros.messages import (
    LIGHT_NUMBERS,
    InvalidMessage,
    from_frame,
    from_traffic,
    to_traffic,
)
from td3_driving_msgs.msg import Frame
from td3_driving_msgs.msg import LeadCar as LeadCarMessage
from td3_driving_msgs.msg import Traffic as TrafficMessage

COUNTS = st.integers(0, 200)
POSITIVE = st.floats(0.1, 100.0)


LEADS = st.builds(
    lambda gap, wider, speed, faster, change: LeadCar(
        gap, gap + wider, speed, speed + faster, change
    ),
    *(POSITIVE,) * 5,
)


@settings(deadline=None)
@given(st.none() | LEADS, COUNTS, COUNTS)
def test_traffic_survives_its_message(lead: LeadCar | None, vehicles: int, walkers: int) -> None:
    traffic = Traffic(lead, vehicles, walkers)
    sent = serialize_message(to_traffic(traffic))
    assert from_traffic(deserialize_message(sent, TrafficMessage)) == traffic


@pytest.mark.parametrize("name", task_names())
def test_the_bridge_hears_of_a_tasks_traffic_all_but_whether_lights_count(name: str) -> None:
    traffic = load_task(name).traffic
    heard = from_traffic(to_traffic(traffic))
    assert heard == Traffic(traffic.lead, traffic.vehicles, traffic.pedestrians)


@pytest.mark.parametrize(
    ("message", "complaint"),
    [
        (TrafficMessage(vehicles=201), r"Traffic\.vehicles is 201"),
        (TrafficMessage(pedestrians=4_000_000_000), r"Traffic\.pedestrians"),
        (TrafficMessage(lead=[LeadCarMessage()]), r"LeadCar\.min_gap_m is 0\.0"),
        (TrafficMessage(lead=[LeadCarMessage(min_gap_m=math.nan)]), r"LeadCar\.min_gap_m is nan"),
    ],
)
def test_traffic_that_cannot_be_is_refused_by_name(message: TrafficMessage, complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        from_traffic(message)


def test_a_frame_says_which_light_is_in_force_and_who_is_ahead() -> None:
    assert from_frame(Frame()) == (Light.NONE, None)
    for light, number in LIGHT_NUMBERS.items():
        assert from_frame(Frame(light=number, gap_m=12.5)) == (light, 12.5)


@pytest.mark.parametrize("gap_m", [math.nan, math.inf, -0.5, 1e9])
def test_a_gap_that_is_no_distance_is_refused(gap_m: float) -> None:
    with pytest.raises(InvalidMessage, match="gap_m is"):
        from_frame(Frame(gap_m=gap_m))


def test_a_light_that_there_is_not_is_refused() -> None:
    with pytest.raises(InvalidMessage, match="light is 9"):
        from_frame(Frame(light=9))
