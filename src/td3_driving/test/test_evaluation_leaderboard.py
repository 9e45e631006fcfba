import pytest

from td3_driving.evaluation.leaderboard import driving_score, penalty


def test_penalties_multiply_as_on_the_leaderboard() -> None:
    assert penalty({}) == 1.0
    # Two vehicles hit and one red light run: 0.6 * 0.6 * 0.7.
    assert penalty({"collision_vehicle": 2, "red_light": 1}) == pytest.approx(0.252)
    assert penalty({"collision_pedestrian": 1, "stop": 1}) == pytest.approx(0.4)
    assert penalty({"collision_static": 3}) == pytest.approx(0.274625)


def test_the_driving_score_is_completion_times_penalty() -> None:
    assert driving_score(80.0, {"collision_vehicle": 1, "red_light": 2}) == pytest.approx(23.52)
    assert driving_score(100.0, {}) == 100.0


def test_a_collision_with_who_knows_what_counts_as_the_worst() -> None:
    assert penalty({"collision": 1}) == penalty({"collision_pedestrian": 1})


def test_leaving_the_lane_costs_completion_and_no_penalty() -> None:
    assert driving_score(40.0, {"off_lane": 1}) == 40.0
