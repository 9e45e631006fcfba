"""Markers say where waypoints, action, reward and Q are, in the body frame."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from std_msgs.msg import Float32MultiArray
from visualization_msgs.msg import Marker

from td3_driving.agent.types import Drive, StepReport
from td3_driving.driving.reward_terms import RewardTerms
from td3_driving.ros import markers
from td3_driving.ros.messages import InvalidMessage, header
from td3_driving_msgs.msg import GuardState

HEAD = header(1_000_000_000, "ego_vehicle/base_link")
CURVE = np.stack([np.linspace(-1, 1, 5), [0.0, 1.0, 4.0, 2.0, 1.0]]).astype(np.float32)


def report(**terms: float) -> StepReport:
    waypoints = np.array([[2.0, 0.5], [4.0, -1.0]], np.float32)
    return StepReport(
        1, 2, RewardTerms(terms), 0.0, 0.0, 0.0, 0.0, False, False, "", waypoints
    )  # fmt: skip


def shown(values: np.ndarray | None = None, action: Drive | None = None) -> dict[str, Marker]:
    drive = action or Drive(steer=0.5, acceleration=-0.25)
    array = markers.agent_markers(HEAD, report(speed=0.08, lateral=-0.02), drive, values)
    return {marker.ns: marker for marker in array.markers}


def test_waypoints_lie_where_they_are() -> None:
    points = shown()[markers.WAYPOINTS].points
    assert [(p.x, p.y, p.z) for p in points] == [(2.0, 0.5, 0.0), (4.0, -1.0, 0.0)]


def test_the_arrow_points_back_and_right_when_braking_to_the_right() -> None:
    arrow = shown()[markers.ACTION]
    start, tip = arrow.points
    assert (tip.x - start.x, tip.y - start.y) == (-0.25 * markers.ARROW_M, -1.5)
    assert arrow.color.r > arrow.color.g  # red: brake
    ahead = shown(action=Drive(0.0, 1.0))[markers.ACTION]
    assert ahead.points[1].x == markers.ARROW_M and ahead.color.g > ahead.color.r


def test_each_term_of_the_reward_has_a_bar_as_high_as_its_share() -> None:
    found = shown()
    bars = found[markers.REWARD]
    heights = [bars.points[2 * k + 1].z - bars.points[2 * k].z for k in range(2)]
    assert heights == pytest.approx([2.0, -0.5])
    assert [bars.colors[2 * k].g > 0.5 for k in range(2)] == [True, False]
    assert found[markers.REWARD_TERMS].text == "speed +0.080\nlateral -0.020"


def test_without_a_critic_there_is_no_curve() -> None:
    assert markers.Q not in shown() and markers.Q_CHOSEN not in shown()


def test_the_curve_reaches_furthest_where_q_is_largest_and_right_is_right() -> None:
    found = shown(CURVE)
    points = found[markers.Q].points
    assert [p.y for p in points] == pytest.approx([6.0, 3.0, 0.0, -3.0, -6.0])
    reach = [p.x - points[0].x for p in points]
    assert reach == pytest.approx([0.0, 1.0, 4.0, 2.0, 1.0])
    chosen = found[markers.Q_CHOSEN].pose.position
    assert (chosen.x, chosen.y) == pytest.approx((points[3].x, -3.0))


def test_a_critic_that_tells_no_difference_draws_a_straight_line() -> None:
    flat = CURVE * np.float32([[1.0], [0.0]])
    assert len({p.x for p in shown(flat)[markers.Q].points}) == 1


@pytest.mark.parametrize(
    ("state", "word", "colour"),
    [
        ({}, "guard: passes", (0.2, 0.8)),
        ({"clipped": True, "rate_limited": True}, "guard: clipped, rate limited", (1.0, 0.7)),
        ({"stale": True}, "guard: stale", (0.9, 0.25)),
    ],
)
def test_the_guard_says_what_it_does(
    state: dict[str, bool], word: str, colour: tuple[float, float]
) -> None:
    (marker,) = markers.guard_markers(GuardState(header=HEAD, **state)).markers
    assert marker.text == word and (marker.color.r, marker.color.g) == pytest.approx(colour)


@given(st.lists(st.floats(-1e6, 1e6, width=32), min_size=2, max_size=40))
def test_values_of_steering_come_back_as_they_were(worths: list[float]) -> None:
    values = np.array([np.linspace(-1, 1, len(worths)), worths], np.float32)
    message = markers.to_steering_values(values)
    assert [dim.size for dim in message.layout.dim] == [2, len(worths)]
    assert [dim.stride for dim in message.layout.dim] == [2 * len(worths), len(worths)]
    np.testing.assert_array_equal(markers.from_steering_values(message), values)


@pytest.mark.parametrize("data", [[], [0.0, 1.0], [0.0, 1.0, 2.0], [0.0, 1.0, float("nan"), 2.0]])
def test_values_of_another_shape_or_not_finite_are_refused(data: list[float]) -> None:
    with pytest.raises(InvalidMessage, match="a row of steerings and a row"):
        markers.from_steering_values(Float32MultiArray(data=data))
