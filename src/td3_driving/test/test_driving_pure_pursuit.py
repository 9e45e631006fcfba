import math

import numpy as np
import pytest

from td3_driving.driving.pure_pursuit import PurePursuitConfig, pure_pursuit
from td3_driving.driving.route import Route
from td3_driving.driving.vehicle import VehicleState

DT_S = 0.05
CONFIG = PurePursuitConfig()


def curvy_route(phase: float) -> Route:
    """A closed circuit of about 400 m with bends of both hands down to about 12 m, twice round."""
    t = np.linspace(0.0, 4.0 * math.pi, 400)
    radius = 60.0 + 10.0 * np.sin(3.0 * t + phase) + 5.0 * np.sin(5.0 * t)
    return Route(np.column_stack([radius * np.cos(t), radius * np.sin(t)]))


def waypoints(heading: float, bend: float = 0.0) -> np.ndarray:
    """25 waypoints from the origin, starting at a heading and turning by bend per metre."""
    angles = heading + bend * np.arange(0.0, 50.0, 2.0)
    return 2.0 * np.cumsum(np.column_stack([np.cos(angles), np.sin(angles)]), axis=0)


def advance(state: VehicleState, wheel: float, steer: float, acceleration: float):
    """A kinematic bicycle: steering lag 0.1 s, accelerates at 4 and brakes at 8 m/s^2."""
    wheel += (-steer * CONFIG.max_wheel_angle_rad - wheel) * (1.0 - math.exp(-DT_S / 0.1))
    gain = 4.0 * (1.0 - state.speed_mps / 25.0) if acceleration > 0.0 else 8.0
    speed = max(0.0, state.speed_mps + (gain * acceleration - 0.1) * DT_S)
    yaw_rate = speed * math.tan(wheel) / CONFIG.wheelbase_m
    yaw = state.yaw_rad + yaw_rate * DT_S
    x = state.x_m + speed * math.cos(yaw) * DT_S
    y = state.y_m + speed * math.sin(yaw) * DT_S
    return VehicleState(state.stamp_s + DT_S, x, y, yaw, speed, 0.0, yaw_rate), wheel


@pytest.mark.parametrize("phase", [0.0, 1.0, 2.0])
def test_keeps_a_curvy_route_within_thirty_centimetres(phase: float) -> None:
    route = curvy_route(phase)
    state, wheel, s = VehicleState(0.0, *route.pose_at(1.0), 0.0), 0.0, 1.0
    lateral, speeds, lateral_accelerations = [], [], []
    while s < 400.0:
        assert state.stamp_s < 90.0, "too slow"
        ahead = route.waypoints_ahead(state, s)
        state, wheel = advance(state, wheel, *pure_pursuit(state, ahead))
        position = route.locate(state.x_m, state.y_m, state.yaw_rad, near_s_m=s)
        s = position.s_m
        lateral.append(abs(position.lateral_m))
        speeds.append(state.speed_mps)
        lateral_accelerations.append(abs(state.yaw_rate_radps * state.speed_mps))
    assert max(lateral) < 0.3
    assert max(lateral_accelerations) < 3.5
    assert 5.0 < np.mean(speeds) < 8.0


def test_returns_to_the_route_from_either_side() -> None:
    route = Route([(0.0, 0.0), (200.0, 0.0)])
    for offset in (1.5, -1.5):
        state, wheel = VehicleState(0.0, *route.pose_at(5.0, offset), 5.0), 0.0
        for _ in range(120):
            position = route.locate(state.x_m, state.y_m, state.yaw_rad)
            ahead = route.waypoints_ahead(state, position.s_m)
            state, wheel = advance(state, wheel, *pure_pursuit(state, ahead))
        assert abs(state.y_m) < 0.05


def test_left_is_negative_steering() -> None:
    state = VehicleState(0.0, 0.0, 0.0, 0.0, 5.0)
    assert pure_pursuit(state, waypoints(0.3))[0] < -0.01
    assert pure_pursuit(state, waypoints(-0.3))[0] > 0.01
    assert pure_pursuit(state, waypoints(0.0))[0] == pytest.approx(0.0)


def test_brakes_before_a_bend_and_accelerates_from_rest() -> None:
    fast, resting = (VehicleState(0.0, 0.0, 0.0, 0.0, v) for v in (7.5, 0.0))
    assert pure_pursuit(fast, waypoints(0.0, bend=0.2))[1] < -0.5
    assert pure_pursuit(resting, waypoints(0.0))[1] == 1.0
    assert pure_pursuit(fast, waypoints(0.0))[1] == pytest.approx(0.0)


def test_brakes_for_a_tight_bend_only_when_it_comes_near() -> None:
    fast = VehicleState(0.0, 0.0, 0.0, 0.0, 7.5)
    straight, bend = waypoints(0.0), waypoints(0.0, bend=0.3)
    for straight_m, braking in ((6, True), (40, False)):
        count = straight_m // 2
        ahead = np.concatenate([straight[:count], straight[count - 1] + bend])[:25]
        assert (pure_pursuit(fast, ahead)[1] < -0.1) == braking


def test_hidden_or_too_few_waypoints_are_refused_by_name() -> None:
    state = VehicleState(0.0, 0.0, 0.0, 0.0, 5.0)
    with pytest.raises(ValueError, match="'none' hides the route"):
        pure_pursuit(state, np.zeros((25, 2), np.float32))
    with pytest.raises(ValueError, match="3 or more waypoints"):
        pure_pursuit(state, waypoints(0.0)[:2])
    with pytest.raises(ValueError, match=r"PurePursuitConfig\.wheelbase_m"):
        PurePursuitConfig(wheelbase_m=0.0)
