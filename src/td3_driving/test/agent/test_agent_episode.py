"""One episode: rewards of whole decisions, truncation at their ends, a record of the drive."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from td3_driving.agent.episode import EpisodeInProgress
from td3_driving.agent.types import Assignment, Purpose, Tick
from td3_driving.driving.episodes import EpisodePlan
from td3_driving.driving.route import Route
from td3_driving.driving.tasks import DrivingTask
from td3_driving.driving.termination import EpisodeEnd
from td3_driving.driving.vehicle import VehicleState
from td3_driving.driving.waypoint_noise import WaypointNoiseConfig

PLAN = EpisodePlan("LiteCircuit_1", 1, 0.0, 0.0, 0.0, duration_s=1.0, distance_m=None)
ROUTE = Route([(0.0, 0.0), (200.0, 0.0)])
STACK = np.zeros((4, 84, 84), np.uint8)


def tick(step: int, hits: tuple[str, ...] = (), **state: float) -> Tick:
    """A tick at 8 m/s along x, as far as `state` does not say otherwise."""
    motion = VehicleState(0.05 * step, 0.4 * step, 0.0, 0.0, 8.0)
    return Tick(1, step, STACK, replace(motion, **state), hits)


def begin(action_repeat: int = 4, **plan: Any) -> EpisodeInProgress:
    task = DrivingTask(action_repeat=action_repeat)
    assignment = Assignment(Purpose.TRAIN, replace(PLAN, **plan), "learner")
    return EpisodeInProgress(task, assignment, ROUTE, tick(0))


def test_a_truncation_waits_for_the_end_of_a_decision() -> None:
    episode = begin(action_repeat=3)
    reports = [episode.advance(tick(step), 0.0) for step in range(1, 22)]
    # The time limit of 1 s is reached with step 20; step 21 is the next decision's.
    assert [report.step for report in reports if report.truncated] == [21]
    assert reports[-1].reason == "time_limit" and episode.at_decision


def test_a_termination_waits_for_nothing() -> None:
    episode = begin()
    report = episode.advance(tick(1, hits=("static.wall",)), 0.0)
    assert (report.terminated, report.truncated, report.reason) == (True, False, "collision")
    assert episode.ending is not None and not episode.at_decision


def test_the_last_tick_of_the_run_ends_the_episode_wherever_it_is() -> None:
    episode = begin()
    report = episode.advance(tick(1), 0.0, last=True)
    assert report.truncated and report.reason == "time_limit"
    assert episode.ending is not None and "end of the run" in episode.ending.detail


def test_a_decision_earns_the_mean_of_its_ticks_and_the_whole_of_its_end() -> None:
    episode = begin()
    speeds = (8.0, 4.0, 2.0, 6.0)
    totals = [
        episode.advance(tick(step, speed_mps=speed), 0.0).terms.total
        for step, speed in enumerate(speeds, start=1)
    ]
    assert episode.take_reward() == pytest.approx(np.mean(totals))
    driving = episode.advance(tick(5), 0.0).terms
    crash = episode.advance(tick(6, hits=("static.wall",)), 0.0).terms
    assert crash.values["terminal"] == -1.0
    expected = np.mean([driving.total, crash.total + 1.0]) - 1.0
    assert episode.take_reward() == pytest.approx(expected)


def test_returns_and_terms_add_up_over_ticks() -> None:
    episode = begin()
    reports = [episode.advance(tick(step, y_m=0.1 * step), 0.05 * step) for step in range(1, 9)]
    total = sum(report.terms.total for report in reports)
    assert reports[-1].episode_return == episode.episode_return == pytest.approx(total)
    assert sum(episode.term_sums.values()) == pytest.approx(total)


def test_the_record_holds_what_was_driven() -> None:
    episode = begin()
    for step in range(1, 6):
        episode.advance(tick(step, y_m=0.2, speed_mps=7.0), 0.1)
    episode.fail("camera silent")
    record = episode.record()
    assert record is not None
    assert record.reason is EpisodeEnd.FAULT
    assert record.s_m == pytest.approx([0.4, 0.8, 1.2, 1.6, 2.0])
    assert record.lateral_m == pytest.approx([0.2] * 5)
    assert record.speed_mps == pytest.approx([7.0] * 5)
    assert record.steer == pytest.approx([0.1] * 5)


def test_an_episode_that_never_moved_on_has_no_record() -> None:
    episode = begin()
    episode.fail("no tick")
    assert episode.record() is None


def test_completion_is_of_the_planned_distance_or_of_what_the_target_speed_allows() -> None:
    by_time, by_distance = begin(duration_s=10.0), begin(duration_s=10.0, distance_m=4.0)
    for episode in (by_time, by_distance):
        episode.advance(tick(5), 0.0)
    assert by_time.completion == pytest.approx(2.0 / 80.0)
    assert by_distance.completion == pytest.approx(0.5)


def test_a_driver_sees_the_last_steering_and_the_way_ahead_in_the_body_frame() -> None:
    task = DrivingTask(waypoints=WaypointNoiseConfig("full"), waypoint_count=3)
    assignment = Assignment(Purpose.TRAIN, PLAN, "learner")
    episode = EpisodeInProgress(task, assignment, ROUTE, tick(0))
    episode.advance(tick(1, y_m=0.5), 0.25)
    sight = episode.see()
    assert sight.vector.shape == (3 + 6,) and sight.vector[2] == np.float32(0.25)
    assert sight.waypoints == pytest.approx(np.array([[2, -0.5], [4, -0.5], [6, -0.5]]), abs=1e-5)


def test_time_that_runs_backwards_is_refused() -> None:
    episode = begin()
    episode.advance(tick(3), 0.0)
    with pytest.raises(ValueError, match="time ran backwards"):
        episode.advance(tick(4, stamp_s=0.05), 0.0)
