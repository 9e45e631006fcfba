"""One episode: rewards of whole decisions, truncation at their ends, a record of the drive."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from td3_driving.agent.episode import EpisodeInProgress
from td3_driving.agent.types import Assignment, Purpose, Tick
from td3_driving.driving.episodes import EpisodePlan
from td3_driving.driving.lights import Light
from td3_driving.driving.route import Route
from td3_driving.driving.tasks import DrivingTask, load_task
from td3_driving.driving.termination import EndRules, EpisodeEnd
from td3_driving.driving.traffic import Traffic
from td3_driving.driving.vehicle import VehicleState
from td3_driving.driving.waypoint_noise import WaypointNoiseConfig

PLAN = EpisodePlan("LiteCircuit_1", 1, 0.0, 0.0, 0.0, duration_s=1.0, distance_m=None)
ROUTE = Route([(0.0, 0.0), (200.0, 0.0)])
STACK = np.zeros((4, 84, 84), np.uint8)


def tick(
    step: int,
    hits: tuple[str, ...] = (),
    light: Light = Light.NONE,
    gap_m: float | None = None,
    **state: float,
) -> Tick:
    """A tick at 8 m/s along x, as far as `state` does not say otherwise."""
    motion = VehicleState(0.05 * step, 0.4 * step, 0.0, 0.0, 8.0)
    return Tick(1, step, STACK, replace(motion, **state), hits, light, gap_m)


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


# --- Others on the road ---

URBAN = replace(load_task("urban"), action_repeat=1)


def drive(task: DrivingTask, *ticks: Tick, duration_s: float = 60.0) -> EpisodeInProgress:
    assignment = Assignment(Purpose.TRAIN, replace(PLAN, duration_s=duration_s), "learner")
    episode = EpisodeInProgress(task, assignment, ROUTE, ticks[0])
    for each in ticks[1:]:
        episode.advance(each, 0.0)
    return episode


def test_running_a_red_light_is_an_end_and_an_infraction_where_lights_count() -> None:
    ticks = [tick(0, light=Light.RED), tick(1, light=Light.RED), tick(2)]
    episode = drive(URBAN, *ticks)
    assert episode.ending is not None and episode.ending.reason is EpisodeEnd.RED_LIGHT
    assert [(each.kind, each.at_s) for each in episode.infractions] == [("red_light", 0.1)]


def test_where_lights_do_not_count_nothing_comes_of_them() -> None:
    free = replace(URBAN, traffic=Traffic())
    for ticks in ([tick(0, light=Light.RED), tick(1)],
                  [tick(0), tick(1, light=Light.RED), tick(2)]):  # fmt: skip
        episode = drive(free, *ticks)
        assert episode.ending is None and episode.infractions == []


@pytest.mark.parametrize(
    ("hit", "kind"),
    [
        ("vehicle.audi.tt", "collision_vehicle"),
        ("walker.pedestrian.0001", "collision_pedestrian"),
        ("static.building", "collision_static"),
    ],
)
def test_a_collision_is_an_infraction_by_what_was_hit(hit: str, kind: str) -> None:
    episode = drive(DrivingTask(), tick(0), tick(1, hits=(hit, hit)))
    episode_record = episode.record()
    assert episode_record is not None and episode_record.reason is EpisodeEnd.COLLISION
    assert [each.kind for each in episode_record.infractions] == [kind]


def test_an_infraction_that_ends_nothing_is_noted_once_and_reported_when_it_begins() -> None:
    lenient = replace(DrivingTask(), ends=EndRules(ends=()))
    assignment = Assignment(Purpose.TRAIN, replace(PLAN, duration_s=60.0), "learner")
    episode = EpisodeInProgress(lenient, assignment, ROUTE, tick(0))
    reports = [episode.advance(tick(step, y_m=2.5), 0.0) for step in range(1, 30)]
    assert [each.kind for each in episode.infractions] == ["off_lane"]
    assert [report.infractions for report in reports[:3]] == [("off_lane",), (), ()]


@pytest.mark.parametrize("reason", [{"light": Light.RED}, {"gap_m": 4.0}])
def test_waiting_at_a_light_or_in_a_queue_is_not_being_stuck(reason: dict[str, Any]) -> None:
    standing = [tick(step, x_m=1.0, speed_mps=0.0, **reason) for step in range(500)]
    assert drive(URBAN, *standing).ending is None
    without = [tick(step, x_m=1.0, speed_mps=0.0) for step in range(201)]
    ending = drive(URBAN, *without).ending
    assert ending is not None and ending.reason is EpisodeEnd.STUCK


def test_who_is_too_close_earns_less() -> None:
    task = replace(load_task("car_following"), action_repeat=1)

    def earned(gap_m: float | None) -> float:
        assignment = Assignment(Purpose.TRAIN, PLAN, "learner")
        episode = EpisodeInProgress(task, assignment, ROUTE, tick(0))
        return episode.advance(tick(1, gap_m=gap_m), 0.0).terms.total

    assert earned(5.0) == pytest.approx(earned(None) - 0.05 * 0.5)  # half of 2 m + 1 s at 8 m/s
    assert earned(12.0) == earned(None)
