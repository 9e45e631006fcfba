"""The car ahead, the gap to it, lights, and what counts as an infraction."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from td3_driving.driving.infractions import InfractionCounter, collision_kind
from td3_driving.driving.lights import Light, RedLightWatch
from td3_driving.driving.route import Route
from td3_driving.driving.traffic import LENGTH_M, LeadCar, LeadDriver, Traffic, gap_ahead
from td3_driving.driving.vehicle import VehicleState

STRAIGHT = Route([(0.0, 0.0), (500.0, 0.0)])
ARC = np.linspace(0.0, math.pi, 200)
BEND = Route(np.column_stack([60.0 * np.sin(ARC), 60.0 - 60.0 * np.cos(ARC)]))
DT_S = 0.05


def follow(driver: LeadDriver, seconds: float) -> tuple[list[VehicleState], list[float]]:
    """The car ahead as a bicycle without slip, and its offsets from the route."""
    x, y, yaw = driver.start
    speed, states, offsets = 0.0, [], []
    for step in range(round(seconds / DT_S)):
        time_s = step * DT_S
        state = VehicleState(time_s, x, y, yaw, speed)
        steer, acceleration = driver.act(state, time_s)
        states.append(state)
        offsets.append(driver._route.locate(x, y, yaw, near_s_m=driver.s_m).lateral_m)
        speed = max(0.0, speed + (4.0 if acceleration > 0 else 8.0) * acceleration * DT_S)
        yaw -= speed * math.tan(steer * math.radians(70.0)) / 2.87 * DT_S
        x, y = x + speed * math.cos(yaw) * DT_S, y + speed * math.sin(yaw) * DT_S
    return states, offsets


@settings(deadline=None)
@given(st.integers(0, 2**31 - 1))
def test_every_seed_starts_within_the_gap_and_keeps_to_its_speeds(seed: int) -> None:
    driver = LeadDriver(LeadCar(), STRAIGHT, seed, s_m=10.0)
    assert 12.0 <= driver.s_m - 10.0 - LENGTH_M <= 25.0
    speeds = [driver.speed_mps(t) for t in np.arange(0.0, 900.0, 7.3)]
    assert min(speeds) >= 2.5 and max(speeds) <= 5.0


def test_the_same_seed_is_the_same_car_and_another_is_another() -> None:
    def signs(seed: int) -> tuple[float, ...]:
        driver = LeadDriver(LeadCar(), STRAIGHT, seed)
        return driver.s_m, *(driver.speed_mps(t) for t in (0.0, 4.0, 9.0))

    assert signs(3) == signs(3) != signs(4)


def test_the_car_ahead_varies_its_speed_and_keeps_the_lane_in_a_bend() -> None:
    states, offsets = follow(LeadDriver(LeadCar(), BEND, 1), 30.0)
    speeds = np.array([state.speed_mps for state in states[60:]])
    assert speeds.min() > 2.2 and speeds.max() < 5.3 and speeds.max() - speeds.min() > 0.5
    assert max(map(abs, offsets)) < 0.3


def other(x: float, y: float, yaw: float = 0.0) -> list[float]:
    return [x, y, yaw, 2.4, 1.0]


@pytest.mark.parametrize(
    ("others", "gap_m"),
    [
        ([], None),
        ([other(20.0, 0.0)], 20.0 - 4.8),
        ([other(20.0, 0.0), other(30.0, 0.0)], 20.0 - 4.8),
        ([other(20.0, 3.5)], None),  # the oncoming lane
        ([other(20.0, 3.5, math.pi / 2)], 20.0 - 2.4 - 1.0),  # it comes out across the road
        ([other(-8.0, 0.0)], None),  # behind
        ([other(80.0, 0.0)], None),  # far away
        ([other(2.0, 0.0)], 0.0),  # it touches
    ],
)
def test_a_gap_is_the_free_way_to_the_nearest_on_the_route(
    others: list[list[float]], gap_m: float | None
) -> None:
    measured = gap_ahead(STRAIGHT, 0.0, np.array(others).reshape(-1, 5))
    assert measured == (None if gap_m is None else pytest.approx(gap_m, abs=0.3))


def test_a_gap_is_measured_along_a_bend() -> None:
    s_m = 20.0
    x, y, yaw = BEND.pose_at(s_m + 25.0)
    gap_m = gap_ahead(BEND, s_m, np.array([other(x, y, yaw)]))
    assert gap_m == pytest.approx(25.0 - 4.8, abs=0.3)


def test_others_that_are_nowhere_are_refused() -> None:
    with pytest.raises(ValueError, match="not finite"):
        gap_ahead(STRAIGHT, 0.0, np.array([other(math.nan, 0.0)]))
    with pytest.raises(ValueError, match=r"expected \(n, 5\)"):
        gap_ahead(STRAIGHT, 0.0, np.zeros((2, 3)))
    with pytest.raises(ValueError, match=r"Traffic\.pedestrians is -1"):
        Traffic(pedestrians=-1)


def test_a_red_light_is_run_by_driving_over_its_line_alone() -> None:
    def ran(*steps: tuple[Light, float]) -> list[bool]:
        watch = RedLightWatch()
        return [watch.update(light, speed) for light, speed in steps]

    red, none, green = Light.RED, Light.NONE, Light.GREEN
    assert ran((none, 5.0), (red, 5.0), (none, 5.0), (none, 5.0)) == [False, False, True, False]
    assert not any(ran((red, 0.0), (green, 2.0), (none, 5.0)))  # it waited
    assert not any(ran((Light.YELLOW, 5.0), (none, 5.0)))
    assert not any(ran((red, 0.0), (none, 0.0)))  # it was put elsewhere


def test_collisions_are_told_apart_by_what_was_hit() -> None:
    kinds = {
        "vehicle.audi.tt": "collision_vehicle",
        "walker.pedestrian.0001": "collision_pedestrian",
        "static.fence": "collision_static",
        "": "collision_static",
    }
    assert {what: collision_kind(what) for what in kinds} == kinds


def test_what_goes_on_is_one_infraction_and_what_comes_back_is_another() -> None:
    counter = InfractionCounter()
    begun = [counter.update(["off_lane"] if t < 3.0 else [], t) for t in np.arange(0.0, 6.0, 0.5)]
    assert begun[0] == ["off_lane"] and not any(begun[1:])
    assert counter.update(["off_lane", "red_light", "red_light"], 6.0) == ["off_lane", "red_light"]
