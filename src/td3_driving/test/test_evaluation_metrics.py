import json
import math

import numpy as np
import pytest

from td3_driving.driving.termination import EpisodeEnd
from td3_driving.evaluation.metrics import EpisodeScore, across, score, summarise
from td3_driving.evaluation.records import EpisodeRecord, Infraction


def record(
    driven_m: float,
    reason: EpisodeEnd,
    lateral: float = 0.1,
    speed: float = 7.0,
    steps: int = 50,
    infractions: tuple[Infraction, ...] = (),
) -> EpisodeRecord:
    return EpisodeRecord(
        s_m=np.linspace(20.0, 20.0 + driven_m, steps),
        lateral_m=lateral * np.where(np.arange(steps) % 2, 1.0, -1.0),
        heading_error_rad=np.zeros(steps),
        speed_mps=np.full(steps, speed),
        yaw_rate_radps=np.zeros(steps),
        steer=np.zeros(steps),
        x_m=np.linspace(0.0, driven_m, steps),
        y_m=np.zeros(steps),
        yaw_rad=np.zeros(steps),
        tick_s=0.05,
        distance_m=300.0,
        target_speed_mps=8.0,
        reason=reason,
        infractions=infractions,
    )


def scores(*episodes: tuple[float, EpisodeEnd]) -> list[EpisodeScore]:
    return [score(record(driven, reason)) for driven, reason in episodes]


def test_a_completed_episode_is_a_success() -> None:
    result = score(record(300.4, EpisodeEnd.ROUTE_DONE))
    assert result.completion_pct == 100.0 and result.success
    assert result.mean_speed_mps == pytest.approx(7.0)
    assert result.lane_deviation_m == pytest.approx(0.1)
    assert result.infractions == {} and result.km == pytest.approx(0.3004)


@pytest.mark.parametrize(
    "reason", [EpisodeEnd.OFF_LANE, EpisodeEnd.WRONG_WAY, EpisodeEnd.COLLISION]
)
def test_an_infraction_is_counted_by_its_kind_and_never_a_success(reason: EpisodeEnd) -> None:
    result = score(record(150.0, reason))
    assert result.completion_pct == pytest.approx(50.0) and not result.success
    assert result.infractions == {reason.value: 1}
    assert not score(record(310.0, reason)).success


def test_several_infractions_cost_by_the_leaderboards_factors_and_the_success() -> None:
    happened = (Infraction("collision_vehicle", 3.0), Infraction("red_light", 9.0))
    result = score(record(300.0, EpisodeEnd.ROUTE_DONE, infractions=happened))
    assert result.completion_pct == 100.0 and not result.success
    assert result.infractions == {"collision_vehicle": 1, "red_light": 1}
    assert result.driving_score == pytest.approx(100.0 * 0.6 * 0.7)


def test_an_ending_that_is_named_among_the_infractions_counts_once() -> None:
    hit = (Infraction("collision_pedestrian", 5.0),)
    result = score(record(150.0, EpisodeEnd.COLLISION, infractions=hit))
    assert result.infractions == {"collision_pedestrian": 1}
    assert result.driving_score == pytest.approx(25.0)


def test_how_it_was_driven_is_as_worked_out_by_hand() -> None:
    good = record(300.0, EpisodeEnd.ROUTE_DONE, steps=100)
    parts = {name: getattr(good, name) for name in EpisodeRecord.__slots__}
    ramp = np.arange(100) / 100.0
    result = score(
        EpisodeRecord(
            **parts
            | {
                "lateral_m": -ramp,
                "heading_error_rad": np.where(np.arange(100) % 2, 0.1, -0.2),
                "speed_mps": np.where(np.arange(100) < 50, 5.0, 12.0),
            }
        )
    )
    assert result.lane_deviation_m == pytest.approx(0.495)
    assert result.lane_deviation_p95_m == pytest.approx(0.9405)
    assert result.heading_error_deg == pytest.approx(math.degrees(0.15))
    # 3 m/s too slow for half of the time, 4 m/s too fast for the other.
    assert result.speed_rmse_mps == pytest.approx(math.sqrt(12.5))
    assert result.comfort_pct["yaw_rate"] == 100.0 > result.comfort_pct["longitudinal_jerk"]


@pytest.mark.parametrize("reason", [EpisodeEnd.STUCK, EpisodeEnd.TIME_LIMIT])
def test_running_out_of_time_is_a_failure_without_an_infraction(reason: EpisodeEnd) -> None:
    result = score(record(30.0, reason))
    assert result.completion_pct == pytest.approx(10.0)
    assert not result.success and result.infractions == {}


def test_a_route_shorter_than_planned_is_completed_at_its_end() -> None:
    result = score(record(298.5, EpisodeEnd.ROUTE_DONE))
    assert result.completion_pct == 100.0 and result.success


def test_rolling_backwards_takes_no_distance_away() -> None:
    backwards = record(-5.0, EpisodeEnd.STUCK)
    assert score(backwards).completion_pct == 0.0 and score(backwards).km == 0.0


def test_a_summary_averages_episodes_and_divides_all_infractions_by_all_kilometres() -> None:
    summary = summarise(
        scores(
            (300.0, EpisodeEnd.ROUTE_DONE),
            (150.0, EpisodeEnd.OFF_LANE),
            (75.0, EpisodeEnd.COLLISION),
            (75.0, EpisodeEnd.TIME_LIMIT),
        )
    )
    assert summary.completion_pct == pytest.approx(50.0)
    assert summary.success_pct == pytest.approx(25.0)
    assert summary.km == pytest.approx(0.6)
    assert summary.infractions_per_km == pytest.approx(2 / 0.6)
    assert summary.infractions == {"off_lane": 1, "collision": 1}
    assert summary.endings == {"route_done": 1, "off_lane": 1, "collision": 1, "time_limit": 1}
    assert (summary.episodes, summary.faults) == (4, 0)


def test_faults_are_counted_but_not_held_against_the_policy() -> None:
    summary = summarise(scores((300.0, EpisodeEnd.ROUTE_DONE), (10.0, EpisodeEnd.FAULT)))
    assert (summary.completion_pct, summary.episodes, summary.faults) == (100.0, 1, 1)


def test_an_interval_holds_its_mean_and_narrows_with_more_episodes() -> None:
    mixed = scores((300.0, EpisodeEnd.ROUTE_DONE), (60.0, EpisodeEnd.OFF_LANE))
    few, many = summarise(mixed * 5), summarise(mixed * 80)
    widths = []
    for summary in (few, many):
        for name, (low, high) in summary.intervals.items():
            value = summary.figure(name)
            assert value is not None and low <= value <= high, name
        low, high = summary.intervals["completion_pct"]
        widths.append(high - low)
    # Standard error 40 / sqrt(n), two sides of 1.96 of them.
    assert widths[0] == pytest.approx(2 * 1.96 * 40 / math.sqrt(10), rel=0.25)
    assert widths[1] == pytest.approx(2 * 1.96 * 40 / math.sqrt(160), rel=0.25)


def test_training_seeds_are_averaged_with_an_interval_of_their_own() -> None:
    runs = [
        summarise(scores((driven, EpisodeEnd.TIME_LIMIT), (driven, EpisodeEnd.TIME_LIMIT)))
        for driven in (240.0, 270.0, 255.0)
    ]
    mean, interval = across(runs)["completion_pct"]
    # 80, 90 and 85 %: a standard deviation of 5, and 4.3027 standard errors.
    assert mean == pytest.approx(85.0)
    assert interval == pytest.approx((85.0 - 12.4209, 85.0 + 12.4209), abs=1e-3)
    # None succeeds: two episodes each are no proof that none ever would.
    assert across(runs)["success_pct"] == (0.0, pytest.approx((0.0, 65.76), abs=0.01))
    assert across(runs[:1])["completion_pct"] == (pytest.approx(80.0), None)
    assert across([*runs[:1], summarise(scores((300.0, EpisodeEnd.ROUTE_DONE)))])["completion_pct"][
        1
    ] == (0.0, 100.0)
    with pytest.raises(ValueError, match="no policies"):
        across([])


def test_maps_that_repeat_make_no_interval_narrower() -> None:
    mixed = scores((300.0, EpisodeEnd.ROUTE_DONE), (60.0, EpisodeEnd.OFF_LANE)) * 10
    maps = [f"map {i}" for i in range(20)]
    once, often = summarise(mixed, maps=maps), summarise(mixed * 4, maps=maps * 4)
    assert (once.maps, often.maps, often.episodes) == (20, 20, 80)
    for name in ("completion_pct", "infractions_per_km"):
        assert often.intervals[name] == pytest.approx(once.intervals[name])


def test_same_seed_same_intervals() -> None:
    mixed = scores((300.0, EpisodeEnd.ROUTE_DONE), (61.0, EpisodeEnd.OFF_LANE)) * 7
    assert summarise(mixed, seed=1) == summarise(mixed, seed=1)
    assert summarise(mixed, seed=1).intervals != summarise(mixed, seed=2).intervals


def test_a_summary_is_strict_json_even_when_nothing_moved() -> None:
    for episodes in (
        scores((0.0, EpisodeEnd.STUCK)),
        scores((300.0, EpisodeEnd.ROUTE_DONE), (0.0, EpisodeEnd.COLLISION)),
    ):
        text = json.dumps(summarise(episodes).as_dict(), allow_nan=False)
        assert json.loads(text)["episodes"] == len(episodes)
    assert summarise(scores((0.0, EpisodeEnd.STUCK))).infractions_per_km is None


def test_nothing_to_summarise_is_refused_with_the_reason() -> None:
    with pytest.raises(ValueError, match="none was driven"):
        summarise([])
    with pytest.raises(ValueError, match="all of them ended by a fault"):
        summarise(scores((10.0, EpisodeEnd.FAULT)))


def test_broken_records_are_refused_by_name() -> None:
    good = record(10.0, EpisodeEnd.STUCK)
    parts = {name: getattr(good, name) for name in EpisodeRecord.__slots__}
    broken = good.speed_mps.copy()
    broken[3] = np.nan
    with pytest.raises(ValueError, match="speed_mps is nan at step 3"):
        EpisodeRecord(**parts | {"speed_mps": broken})
    with pytest.raises(ValueError, match="lateral_m has shape"):
        EpisodeRecord(**parts | {"lateral_m": np.zeros(3)})
    with pytest.raises(ValueError, match="at least one step"):
        EpisodeRecord(**parts | {"s_m": np.zeros(0)})
    with pytest.raises(ValueError, match="distance_m"):
        EpisodeRecord(**parts | {"distance_m": 0.0})
