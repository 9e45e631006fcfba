"""Fleets of worlds: repeatable, whatever the threads, and apart from ROS and the CARLA client."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import td3_driving
from td3_driving.agent.types import Assignment, Purpose
from td3_driving.driving.episodes import EpisodePlan
from td3_driving.driving.tasks import DrivingTask, load_task
from td3_driving.driving.termination import EpisodeEnd
from td3_driving.fleet.driving import drive
from td3_driving.fleet.fleet import LocalFleet
from td3_driving.fleet.worlds import FleetWorlds

MAPS = ("LiteCircuit_1", "LiteCircuit_2")


def plan(index=0, speed_mps=4.0, distance_m=None):
    return EpisodePlan(MAPS[index % 2], 7 + index, speed_mps, 0.1 * index, 0.0, 4.0, distance_m)


def tracks(threads):
    """What three worlds show in two short episodes each."""
    random = np.random.default_rng(0)
    actions = random.uniform(-0.4, 0.6, (8, 3, 2)).astype(np.float32)
    seen = []
    with FleetWorlds(DrivingTask(), 3, threads) as worlds:
        for episode in range(2):
            ticks = [
                t for t, _ in worlds.reset_many(range(3), [plan(k + episode) for k in range(3)])
            ]
            for action in actions:
                seen += [(tick.stack, tick.state) for tick in ticks]
                ticks = worlds.step(action)
    return seen


def test_threads_change_nothing():
    for (stack, state), (other_stack, other_state) in zip(tracks(1), tracks(3), strict=True):
        assert state == other_state
        assert np.array_equal(stack, other_stack)


def test_between_two_decisions_the_stack_stays_and_at_them_it_moves_on():
    with FleetWorlds(DrivingTask(action_repeat=2), 1, threads=1) as worlds:
        first, _ = worlds.reset(0, plan())
        action = np.array([[0.0, 0.5]], np.float32)
        between, decision = worlds.step(action)[0], worlds.step(action)[0]
    assert between.state.x_m != first.state.x_m
    assert np.array_equal(between.stack, first.stack)
    assert np.array_equal(decision.stack[:-1], first.stack[1:])
    assert not np.array_equal(decision.stack[-1], first.stack[-1])


def test_worlds_that_are_not_asked_stand_still():
    with FleetWorlds(DrivingTask(), 2, threads=1) as worlds:
        worlds.reset_many([0, 1], [plan(0), plan(1)])
        action = np.array([[0.0, 0.5]], np.float32)
        alone = [worlds.step(action, [1])[0].step for _ in range(3)]
        both = [tick.step for tick in worlds.step(np.repeat(action, 2, axis=0))]
    assert alone == [1, 2, 3]
    assert both == [1, 4]


def test_actions_of_another_shape_or_not_finite_and_early_steps_are_refused():
    with FleetWorlds(DrivingTask(), 2, threads=1) as worlds:
        with pytest.raises(ValueError, match="finite"):
            worlds.step(np.zeros((1, 2)))
        with pytest.raises(ValueError, match="finite"):
            worlds.step(np.full((2, 2), np.nan))
        with pytest.raises(ValueError, match="reset"):
            worlds.step(np.zeros((2, 2)))


def test_episodes_are_driven_to_their_ends_in_the_order_asked_for():
    """More episodes than worlds; some drive straight off the road, others stand until they end."""
    plans = [plan(i, speed_mps=8.0 if i % 2 else 0.0) for i in range(5)]
    assignments = [Assignment(Purpose.TEST, p, "given") for p in plans]

    def driver(observation, assignments):
        assert observation["image"].shape == (len(assignments), 4, 84, 84)
        moves = [a.plan.start_speed_mps > 0.0 for a in assignments]
        return np.array([[1.0, 1.0] if m else [0.0, -1.0] for m in moves], np.float32)

    with LocalFleet(DrivingTask(), 2, threads=1) as fleet:
        episodes = drive(fleet, assignments, driver)
    assert [e.assignment for e in episodes] == assignments
    reasons = [e.ending.reason for e in episodes]
    assert [reasons[i] for i in (0, 2, 4)] == [EpisodeEnd.TIME_LIMIT] * 3
    assert {reasons[1], reasons[3]} <= {
        EpisodeEnd.OFF_LANE, EpisodeEnd.WRONG_WAY, EpisodeEnd.COLLISION
    }  # fmt: skip


def test_the_car_ahead_is_there_drives_on_and_is_seen():
    with FleetWorlds(load_task("car_following"), 1, threads=1) as worlds:
        first, _ = worlds.reset(0, plan(speed_mps=0.0))
        brake = np.array([[0.0, -1.0]], np.float32)
        gaps = [worlds.step(brake)[0].gap_m for _ in range(40)]
    assert 12.0 - 0.5 <= first.gap_m <= 25.0 + 0.5
    assert gaps[-1] > first.gap_m + 1.0
    with FleetWorlds(load_task("lane_keeping"), 1, threads=1) as worlds:
        empty, _ = worlds.reset(0, plan(speed_mps=0.0))
    assert empty.gap_m is None
    assert not np.array_equal(first.stack, empty.stack)


BLOCKED = """
import sys
for name in ("rclpy", "carla", "cv_bridge", "td3_driving_msgs"):
    sys.modules[name] = None
import td3_driving.fleet.pretrain, td3_driving.cli.pretrain
print("imported")
"""


def test_the_car_ahead_finds_its_start_even_where_the_vehicle_stands():
    """A vehicle waits on the first spawn point before its first reset, and routes lead there."""
    places = {"LiteCircuit_0": 1911169159, "LiteCircuit_2": 1000633052, "LiteCircuit_28": 52635380}
    plans = [EpisodePlan(name, seed, 0.0, 0.0, 0.0, 4.0, None) for name, seed in places.items()]
    with FleetWorlds(load_task("car_following"), len(plans), threads=1) as worlds:
        gaps = [tick.gap_m for tick, _ in worlds.reset_many(range(len(plans)), plans)]
    assert all(gap is not None and 11.5 < gap < 25.5 for gap in gaps), gaps


def test_fleets_know_neither_ros_nor_the_carla_client():
    path = os.pathsep.join([str(Path(td3_driving.__file__).parents[1]), *sys.path])
    result = subprocess.run(
        [sys.executable, "-c", BLOCKED],
        env=os.environ | {"PYTHONPATH": path},
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.stdout == "imported\n", result.stderr
