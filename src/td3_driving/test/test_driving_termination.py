import math

import pytest

from td3_driving.driving.route import RoutePosition
from td3_driving.driving.termination import (
    Ending,
    EndRules,
    EpisodeEnd,
    EpisodeMonitor,
)
from td3_driving.driving.vehicle import VehicleState

DT_S = 0.05


def state(stamp: float = 0.0, speed: float = 5.0) -> VehicleState:
    return VehicleState(stamp, 0.0, 0.0, 0.0, speed)


def position(
    s: float = 10.0, lateral: float = 0.0, heading: float = 0.0, remaining: float = 400.0
) -> RoutePosition:
    return RoutePosition(s, lateral, heading, remaining)


def monitor(**rules: float) -> EpisodeMonitor:
    return EpisodeMonitor(EndRules(**rules), state(), position())


def first_end(watch: EpisodeMonitor, speed: float, ticks: int = 2000) -> tuple[int, Ending]:
    """Ticks until the end, summing time as a simulator does."""
    stamp = 0.0
    for tick in range(1, ticks):
        stamp += DT_S
        ending = watch.update(state(stamp, speed), position())
        if ending is not None:
            return tick, ending
    raise AssertionError("the episode never ended")


@pytest.mark.parametrize("side", [1.0, -1.0])
def test_two_metres_off_the_lane_end_the_value(side: float) -> None:
    assert monitor().update(state(DT_S), position(lateral=side * 1.99)) is None
    ending = monitor().update(state(DT_S), position(lateral=side * 2.01))
    assert ending is not None and ending.reason is EpisodeEnd.OFF_LANE and ending.terminated


@pytest.mark.parametrize("side", [1.0, -1.0])
def test_facing_backwards_ends_the_value(side: float) -> None:
    assert monitor().update(state(DT_S), position(heading=side * math.radians(89.0))) is None
    ending = monitor().update(state(DT_S), position(heading=side * math.radians(91.0)))
    assert ending is not None and ending.reason is EpisodeEnd.WRONG_WAY and ending.terminated


def test_a_collision_ends_the_value() -> None:
    ending = monitor().update(state(DT_S), position(), hits=("vehicle.audi.tt",))
    assert ending is not None and ending.reason is EpisodeEnd.COLLISION and ending.terminated


@pytest.mark.parametrize("speed", [0.0, 0.29, -3.0])
def test_five_seconds_of_standing_end_the_value(speed: float) -> None:
    ticks, ending = first_end(monitor(), speed)
    assert ticks == 100
    assert ending.reason is EpisodeEnd.STUCK and ending.terminated


def test_moving_on_restarts_the_stuck_clock() -> None:
    watch = monitor()
    assert watch.update(state(4.9, 0.0), position()) is None
    assert watch.update(state(4.95, 0.5), position()) is None
    assert watch.update(state(9.9, 0.0), position()) is None
    ending = watch.update(state(9.95, 0.0), position())
    assert ending is not None and ending.reason is EpisodeEnd.STUCK


def test_the_time_limit_truncates_after_its_exact_number_of_ticks() -> None:
    ticks, ending = first_end(monitor(), speed=5.0)
    assert ticks == 600
    assert ending.reason is EpisodeEnd.TIME_LIMIT and ending.truncated and not ending.terminated


def test_the_planned_distance_or_the_routes_end_is_a_success_that_bootstraps() -> None:
    watch = monitor(distance_m=300.0)
    assert watch.update(state(0.05), position(s=309.9)) is None
    by_distance = watch.update(state(0.1), position(s=310.0))
    by_end = monitor().update(state(0.05), position(s=100.0, remaining=1.9))
    for ending in (by_distance, by_end):
        assert ending is not None and ending.reason is EpisodeEnd.ROUTE_DONE and ending.truncated


def test_an_infraction_at_the_finish_is_still_an_infraction() -> None:
    ending = monitor().update(state(DT_S), position(lateral=2.5, remaining=0.0))
    assert ending is not None and ending.reason is EpisodeEnd.OFF_LANE


def test_a_fault_never_teaches() -> None:
    assert Ending(EpisodeEnd.FAULT, "camera silent for 1.2 s").truncated


def test_the_monitor_remembers_where_to_look_next() -> None:
    watch = monitor()
    watch.update(state(DT_S), position(s=12.5))
    assert watch.s_m == 12.5 and watch.driven_m == pytest.approx(2.5)


def test_a_run_red_light_ends_an_episode_only_where_the_rules_say_so() -> None:
    watch = monitor()
    assert watch.update(state(DT_S), position(), ran_red_light=True) is None
    assert list(watch.broken) == ["red_light"]  # and is known all the same
    rules = EndRules(ends=("red_light",))
    ending = EpisodeMonitor(rules, state(), position()).update(
        state(DT_S), position(), ran_red_light=True
    )
    assert ending is not None and ending.reason is EpisodeEnd.RED_LIGHT and ending.terminated


def test_without_any_end_only_time_and_distance_end_an_episode() -> None:
    watch = EpisodeMonitor(EndRules(ends=()), state(), position())
    assert watch.update(state(DT_S), position(lateral=9.0, heading=3.0), ("static.wall",)) is None
    assert set(watch.broken) == {"collision", "off_lane", "wrong_way"}
    ending = watch.update(state(30.0), position())
    assert ending is not None and ending.reason is EpisodeEnd.TIME_LIMIT


def test_an_ending_says_what_was_hit() -> None:
    hits = ("walker.pedestrian.0001", "walker.pedestrian.0001")
    ending = monitor().update(state(DT_S, 3.0), position(), hits)
    assert ending is not None and ending.detail == "with walker.pedestrian.0001 at 3.0 m/s"


def test_who_has_reason_to_stand_is_not_stuck() -> None:
    watch = monitor()
    for second in range(1, 20):
        assert watch.update(state(float(second), 0.0), position(), waiting=True) is None
    assert watch.update(state(23.9, 0.0), position()) is None
    ending = watch.update(state(24.0, 0.0), position())
    assert ending is not None and ending.reason is EpisodeEnd.STUCK


def test_an_unknown_end_is_refused_with_those_there_are() -> None:
    with pytest.raises(ValueError, match="end 'boredom' is unknown; there are collision, red"):
        EndRules(ends=("boredom",))


def test_reasons_are_plain_words_for_messages() -> None:
    assert [end.value for end in EpisodeEnd] == [
        "off_lane",
        "wrong_way",
        "stuck",
        "collision",
        "red_light",
        "time_limit",
        "route_done",
        "fault",
    ]


def test_time_that_runs_backwards_is_refused() -> None:
    watch = monitor()
    watch.update(state(1.0), position())
    with pytest.raises(ValueError, match="backwards"):
        watch.update(state(0.5), position())


@pytest.mark.parametrize("name", ["lateral_limit_m", "stuck_after_s", "time_limit_s", "distance_m"])
@pytest.mark.parametrize("value", [0.0, -1.0, math.nan, math.inf])
def test_impossible_rules_are_refused_by_name(name: str, value: float) -> None:
    with pytest.raises(ValueError, match=rf"EndRules\.{name}"):
        EndRules(**{name: value})
