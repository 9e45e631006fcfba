import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from td3_driving.driving.route import Route, wrap_angle
from td3_driving.driving.vehicle import VehicleState

RADIUS_M = 40.0


def circle(laps: float = 1.0, spacing_m: float = 2.0) -> Route:
    """Counter-clockwise from (40, 0)."""
    angle = np.linspace(0.0, laps * 2.0 * math.pi, int(laps * 2 * math.pi * RADIUS_M / spacing_m))
    return Route(RADIUS_M * np.column_stack([np.cos(angle), np.sin(angle)]))


def at(x: float, y: float, yaw: float) -> VehicleState:
    return VehicleState(stamp_s=0.0, x_m=x, y_m=y, yaw_rad=yaw, speed_mps=5.0)


def test_left_of_the_route_is_positive() -> None:
    route = Route([(0.0, 0.0), (100.0, 0.0)])
    position = route.locate(30.0, 1.5, 0.2)
    assert position.s_m == pytest.approx(30.0)
    assert position.lateral_m == pytest.approx(1.5)
    assert position.heading_error_rad == pytest.approx(0.2)
    assert position.remaining_m == pytest.approx(70.0)
    assert route.locate(30.0, -1.5, 0.0).lateral_m == pytest.approx(-1.5)


@settings(max_examples=200, deadline=None)
@given(
    s=st.floats(2.0, 240.0),
    lateral=st.floats(-3.0, 3.0),
    turn=st.floats(-3.0, 3.0),
    hinted=st.booleans(),
)
def test_locate_undoes_pose_at(s: float, lateral: float, turn: float, hinted: bool) -> None:
    route = circle()
    x, y, yaw = route.pose_at(s, lateral)
    position = route.locate(x, y, yaw + turn, near_s_m=s - 0.4 if hinted else None)
    assert position.s_m == pytest.approx(s, abs=0.1)
    assert position.lateral_m == pytest.approx(lateral, abs=0.02)
    assert position.heading_error_rad == pytest.approx(wrap_angle(turn), abs=0.01)


def test_each_lap_of_a_circuit_is_told_from_the_others() -> None:
    route = circle(laps=3.0)
    s = 0.0
    for true_s in np.arange(0.0, route.length_m, 0.4):
        x, y, yaw = route.pose_at(true_s, 0.3)
        s = route.locate(x, y, yaw, near_s_m=s).s_m
        assert s == pytest.approx(true_s, abs=0.1)


def test_a_route_that_crosses_itself_is_followed_straight_on() -> None:
    t = np.linspace(0.0, 2.0 * math.pi, 400)
    route = Route(np.column_stack([80.0 * np.sin(t), 40.0 * np.sin(2.0 * t)]))
    crossing_s = route.length_m / 2.0
    s = crossing_s - 10.0
    for true_s in np.arange(s, crossing_s + 10.0, 0.4):
        x, y, yaw = route.pose_at(true_s)
        position = route.locate(x, y, yaw, near_s_m=s)
        s = position.s_m
        assert s == pytest.approx(true_s, abs=0.1)
        assert abs(position.heading_error_rad) < 0.02


def test_a_coarsely_sampled_bend_turns_as_smoothly_as_the_road() -> None:
    angle = np.linspace(0.0, math.pi, 16)  # radius 10 m, a point every 2 m
    route = Route(10.0 * np.column_stack([np.cos(angle), np.sin(angle)]))
    s = np.arange(1.0, route.length_m - 1.0, 0.1)
    headings = np.unwrap([route.pose_at(at_s)[2] for at_s in s])
    np.testing.assert_allclose(headings, math.pi / 2 + math.pi * s / route.length_m, atol=0.01)


def test_waypoints_are_in_the_body_frame_x_forward_y_left() -> None:
    route = Route([(0.0, 0.0), (0.0, 200.0)])
    waypoints = route.waypoints_ahead(at(1.0, 10.0, math.pi / 2), 10.0)
    assert waypoints.shape == (25, 2) and waypoints.dtype == np.float32
    np.testing.assert_allclose(waypoints[:, 0], np.arange(2.0, 51.0, 2.0), atol=1e-5)
    np.testing.assert_allclose(waypoints[:, 1], 1.0, atol=1e-5)


def test_waypoints_past_the_end_go_straight_on() -> None:
    route = Route([(0.0, 0.0), (20.0, 0.0), (20.0, 20.0)])
    waypoints = route.waypoints_ahead(at(20.0, 15.0, math.pi / 2), 35.0, count=5, spacing_m=4.0)
    np.testing.assert_allclose(waypoints[:, 0], [4.0, 8.0, 12.0, 16.0, 20.0], atol=0.05)
    np.testing.assert_allclose(waypoints[:, 1], 0.0, atol=0.05)


def test_beyond_either_end_lateral_is_measured_from_the_extension() -> None:
    route = Route([(0.0, 0.0), (50.0, 0.0)])
    before, past = route.locate(-8.0, 1.0, 0.0), route.locate(58.0, -1.0, 0.0)
    assert (before.s_m, before.lateral_m) == pytest.approx((0.0, 1.0))
    assert (past.s_m, past.lateral_m, past.remaining_m) == pytest.approx((50.0, -1.0, 0.0))


def test_speed_along_the_route_counts_sliding_too() -> None:
    position = Route([(0.0, 0.0), (100.0, 0.0)]).locate(10.0, 0.0, math.radians(30.0))
    state = VehicleState(0.0, 10.0, 0.0, math.radians(30.0), 8.0, lateral_speed_mps=-1.0)
    east = 8.0 * math.cos(math.radians(30.0)) + 1.0 * math.sin(math.radians(30.0))
    assert position.speed_along_mps(state) == pytest.approx(east)


def test_repeated_points_are_harmless() -> None:
    doubled = Route([(0.0, 0.0), (0.0, 0.0), (10.0, 0.0), (10.0, 0.0), (20.0, 0.0), (20.0, 0.0)])
    assert doubled.length_m == pytest.approx(20.0)
    assert doubled.locate(20.0, 0.0, 0.0).heading_error_rad == pytest.approx(0.0)


@pytest.mark.parametrize(
    ("points", "message"),
    [
        ([(0.0, 0.0)], "no length"),
        (np.zeros((0, 2)), "no length"),
        ([(1.0, 1.0), (1.0, 1.0)], "no length"),
        ([(0.0, 0.0, 0.0), (1.0, 0.0, 0.0)], "shape"),
        ([], "shape"),
        ([(0.0, 0.0), (math.nan, 1.0)], "route point 1"),
        ([(math.inf, 0.0), (2.0, 1.0)], "route point 0"),
    ],
)
def test_impossible_routes_are_refused_by_name(points: object, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Route(points)  # type: ignore[arg-type]


@pytest.mark.parametrize("name", ["stamp_s", "x_m", "y_m", "yaw_rad", "speed_mps"])
@pytest.mark.parametrize("value", [math.nan, math.inf, np.float32("nan")])
def test_a_state_that_is_not_finite_is_refused_by_name(name: str, value: float) -> None:
    values = dict.fromkeys(("stamp_s", "x_m", "y_m", "yaw_rad", "speed_mps"), 0.0) | {name: value}
    with pytest.raises(ValueError, match=rf"VehicleState\.{name}"):
        VehicleState(**values)


@given(st.floats(-100.0, 100.0))
def test_wrapped_angles_point_the_same_way(angle: float) -> None:
    wrapped = wrap_angle(angle)
    assert -math.pi < wrapped <= math.pi
    assert math.cos(wrapped) == pytest.approx(math.cos(angle), abs=1e-9)
    assert math.sin(wrapped) == pytest.approx(math.sin(angle), abs=1e-9)
