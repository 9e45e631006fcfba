"""A whole run without a simulator: budgets, faults, going on after a stop."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from td3_driving.agent.build import load_driver, make_runner
from td3_driving.agent.parameters import AgentParameters
from td3_driving.agent.program import TrainingProgram
from td3_driving.agent.runner import Runner
from td3_driving.agent.trainer import OnlineTrainer
from td3_driving.agent.types import Drive, Finished, Purpose, Reset
from td3_driving.learning.checkpoint import newest
from td3_driving.learning.policy_file import load_policy


def transitions(runner: Runner) -> dict[str, np.ndarray]:
    """All that is stored, as arrays."""
    assert runner.trainer is not None
    replay = runner.trainer.replay
    rows = replay.view("rows", 0, replay.counters()["rows"])
    stored = replay.view("transitions", 0, replay.stored)
    return {name: array.copy() for name, array in (rows | stored).items()}


@pytest.mark.parametrize(("steps", "action_repeat"), [(80, 2), (75, 2), (50, 4), (41, 3)])
def test_a_run_is_exactly_as_long_as_asked(make_run, steps: int, action_repeat: int) -> None:
    run = make_run(steps=steps, action_repeat=action_repeat).finish()
    assert run.runner.status.training_ticks == run.runner.status.ticks == steps
    assert run.reports[-1].truncated or run.reports[-1].terminated


def test_the_same_seed_drives_the_same_run_and_another_does_not(make_run) -> None:
    runs = [make_run(seed=seed).finish() for seed in (1, 1, 2)]
    digests = [run.runner.trainer.agent.parameters_sha256() for run in runs]
    assert digests[0] == digests[1] != digests[2]
    assert runs[0].runner.trainer.updates > 5
    first, same = transitions(runs[0].runner), transitions(runs[1].runner)
    assert all(np.array_equal(first[name], same[name]) for name in first)


def test_a_fault_cuts_off_without_teaching_the_open_step(make_run) -> None:
    run = make_run().to(11)  # five decisions of two ticks, and half of the sixth
    assert not run.reports[-1].terminated
    run.fault()
    assert isinstance(run.reply, Reset)
    replay = run.runner.trainer.replay
    assert (replay.stored, replay.dropped) == (5, 1)
    stored = transitions(run.runner)
    assert not stored["terminated"].any()
    # The last stored step bootstraps from the picture that it led to.
    assert np.array_equal(stored["frame"], run.world.frames[0:11:2])
    assert run.runner.status.faults == 1 and not run.runner.status.returns


def test_what_is_driven_after_a_fault_never_mixes_with_what_was_before(make_run) -> None:
    run = make_run().to(11)
    run.fault()
    before = len(run.world.frames)
    run.to(16)
    assert run.reports[-1].episode == 2
    stored = transitions(run.runner)
    assert np.array_equal(stored["frame"][6:], run.world.frames[before : before + 6 : 2])
    # Ages count from the episode's start: no stack reaches back across it.
    assert stored["age"].tolist() == [0, 1, 2, 3, 4, 5, 0, 1, 2]


def test_faults_before_the_first_tick_ask_for_the_same_episode_again(make_run) -> None:
    run = make_run()
    wanted = run.reply
    run.fault()
    assert run.reply == wanted and run.runner.status.faults == 1


def test_a_fault_in_a_scored_episode_drives_it_again_and_scores_it_once(make_run) -> None:
    run = make_run(steps=20, closing_test="always", test_episodes=1).to(25)
    assert run.runner.status.purpose == "untrained"
    run.fault()
    run.finish()
    tested = [
        assignment
        for assignment in run.world.assignments
        if assignment.purpose is Purpose.UNTRAINED
    ]
    assert len(tested) == 2 and tested[0] == tested[1]
    assert len(run.runner.program.tests[Purpose.UNTRAINED]) == 1


def test_the_closing_test_scores_the_untrained_policy_and_the_newest(make_run) -> None:
    run = make_run(steps=40, closing_test="always", test_episodes=1).finish()
    drivers = {assignment.purpose: assignment.driver for assignment in run.world.assignments}
    assert drivers[Purpose.UNTRAINED] == "untrained" and drivers[Purpose.TEST] == "best"
    assert {p: len(s) for p, s in run.runner.program.tests.items()} == {
        Purpose.UNTRAINED: 1,
        Purpose.TEST: 1,
    }
    assert run.runner.status.training_ticks == 40


def test_a_selection_writes_the_policy_that_it_chose(make_run, tmp_path: Path) -> None:
    run = make_run(
        steps=2000, learning_starts=900, selections=1, selection_episodes=1, run_dir=str(tmp_path)
    )
    run.runner.status.training_ticks = 1999  # a run of 2000 ticks that nobody has to wait for
    run.finish()
    selected = [
        assignment.driver
        for assignment in run.world.assignments
        if assignment.purpose is Purpose.SELECT
    ]
    assert selected == ["learner", "averaged"]
    best = run.runner.program.best
    assert best is not None and best.candidate in selected
    policy, info = load_policy(tmp_path / "policy.safetensors")
    expected = run.runner.trainer.candidate(best.candidate).policy.state_dict()
    assert all(policy.state_dict()[name].equal(expected[name]) for name in expected)
    assert info.task["action_repeat"] == 2 and info.training["seed"] == 0


def test_without_a_selection_the_policy_written_is_the_newest(make_run, tmp_path: Path) -> None:
    run = make_run(run_dir=str(tmp_path)).to(40)
    run.runner.save()
    early, _ = load_policy(tmp_path / "policy.safetensors")
    run.finish()
    late, info = load_policy(tmp_path / "policy.safetensors")
    assert info.training["training_ticks"] == 80
    learned = run.runner.trainer.agent.policy().state_dict()
    assert all(late.state_dict()[name].equal(learned[name]) for name in learned)
    assert not all(early.state_dict()[name].equal(learned[name]) for name in learned)


def test_a_stopped_run_goes_on_where_it_was_and_to_its_total(make_run, tmp_path: Path) -> None:
    first = make_run(steps=80, run_dir=str(tmp_path)).to(50)
    first.runner.close()
    was = first.runner
    resumed = make_run(steps=100, run_dir=str(tmp_path), resume=True)
    now = resumed.runner
    assert now.status.training_ticks == 50 and now.status.episodes == was.status.episodes
    assert now.trained_s >= was.trained_s > 0.0
    assert now.trainer.decisions == was.trainer.decisions
    assert now.trainer.updates == was.trainer.updates > 0
    assert now.trainer.agent.parameters_sha256() == was.trainer.agent.parameters_sha256()
    before, after = transitions(was), transitions(now)
    assert all(np.array_equal(before[name], after[name]) for name in before)
    assert now.program.index == was.program.index + 1  # its first episode is the next one
    assert resumed.reply.assignment.plan not in [
        assignment.plan for assignment in first.world.assignments
    ]
    resumed.finish()
    assert now.status.training_ticks == 100 and resumed.runner.status.ticks == 50
    assert now.trainer.updates > was.trainer.updates


def test_a_run_that_has_reached_its_total_is_finished_when_resumed(
    make_run, tmp_path: Path
) -> None:
    make_run(run_dir=str(tmp_path)).finish()
    resumed = make_run(run_dir=str(tmp_path), resume=True)
    assert isinstance(resumed.reply, Finished)
    resumed.runner.close()
    assert resumed.runner.status.training_ticks == 80


class Clock:
    """Wall time that goes when it is told to."""

    def __init__(self) -> None:
        self.now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


@pytest.fixture
def clocked() -> tuple[Runner, Clock]:
    """A run of one minute by a clock of ours."""
    clock = Clock()
    parameters = AgentParameters(minutes=1.0, selections=0, replay_capacity=1000)
    program = TrainingProgram(parameters, closing_test=False)
    trainer = OnlineTrainer(parameters, learning_starts=1000)
    return Runner(parameters, program, trainer=trainer, clock=clock), clock


def test_waiting_for_a_simulator_is_no_training_time(clocked, make_world: Any) -> None:
    runner, clock = clocked
    world = make_world()
    reply = runner.start()
    clock.now_s = 10.0
    runner.hold("no simulator")
    clock.now_s = 1000.0
    reply = runner.begin(*world.reset(reply.assignment))
    assert (runner.trained_s, runner.status.waiting_for) == (10.0, "")
    clock.now_s = 1049.0
    reply, _ = runner.advance(world.step(reply))
    assert isinstance(reply, Drive) and runner.trained_s == 59.0
    clock.now_s = 1050.0
    reply, report = runner.advance(world.step(reply))
    assert isinstance(reply, Finished) and report.truncated
    runner.close()


def test_checkpoints_are_written_on_time_between_episodes(make_run, tmp_path: Path) -> None:
    run = make_run(run_dir=str(tmp_path), checkpoint_minutes=0.01, checkpoints_kept=2)
    run.runner._clock = clock = Clock()
    clock.now_s = run.runner._saved_at
    run.to(10)
    clock.now_s += 0.7
    assert not (tmp_path / "checkpoints").exists()
    run.to(50)
    run.runner.trainer._keeper.wait()
    assert len(list((tmp_path / "checkpoints").glob("checkpoint-*"))) == 1
    run.finish()
    assert len(list((tmp_path / "checkpoints").glob("checkpoint-*"))) == 2


def test_a_disk_that_is_full_at_the_end_is_told_and_all_else_is_closed(
    make_run, tmp_path: Path, full_disk: Any
) -> None:
    run = make_run(run_dir=str(tmp_path)).to(20)
    with full_disk(1_000_000), pytest.raises(OSError, match="File too large"):
        run.runner.close()
    with pytest.raises(RuntimeError, match="after shutdown"):
        run.runner.trainer._thread.submit(print)
    run.runner.close()


def test_a_disk_that_is_full_on_the_way_is_told_and_the_run_goes_on(
    make_run, tmp_path: Path, full_disk: Any
) -> None:
    run = make_run(run_dir=str(tmp_path), checkpoint_minutes=0.0, checkpoints_kept=9).to(20)
    trainer, folder = run.runner.trainer, tmp_path / "checkpoints"
    trainer._keeper.wait()
    before = list(folder.glob("*checkpoint-*"))
    with full_disk(1_000_000):
        run.to(50)  # a save falls due
        trainer._keeper.wait()
        assert "not saved: " in trainer.alarm and "File too large" in trainer.alarm
        assert "the next save tries again" in trainer.alarm
        assert list(folder.glob("*checkpoint-*")) == before
        updates = trainer.updates
        run.to(60)
        trainer.wait()
        assert trainer.updates > updates
    run.finish()
    assert trainer.alarm is None
    assert newest(folder).extra["program"]["training_ticks"] == 80


def test_a_disk_without_room_for_a_byte_stops_no_run_and_what_it_chose_is_written_later(
    make_run, tmp_path: Path, full_disk: Any
) -> None:
    run = make_run(
        steps=2000, learning_starts=900, selections=1, selection_episodes=1, run_dir=str(tmp_path)
    ).to(20)
    run.runner.status.training_ticks = 1990  # a run of 2000 ticks that nobody has to wait for
    with full_disk(0):
        while run.runner.program.best is None or run.runner.program.selecting:
            run.tick()
        assert "not written: " in run.runner.trainer.alarm
        assert not (tmp_path / "policy.safetensors").exists()
    best = run.runner._drivers["best"].policy.state_dict()
    while not isinstance(run.reply, Finished):
        run.tick()
    run.runner.close()
    assert run.runner.trainer.alarm is None
    policy, _ = load_policy(tmp_path / "policy.safetensors")
    assert all(policy.state_dict()[name].equal(weight) for name, weight in best.items())


def evaluation(**changes: Any) -> AgentParameters:
    return AgentParameters(
        **{"mode": "evaluate", "policy": "pure_pursuit", "test_episodes": 1, **changes}
    )


def test_an_evaluation_scores_the_driver_that_was_named(drive_to_the_end: Callable) -> None:
    run = drive_to_the_end(make_runner(evaluation()))
    (score,) = run.runner.program.tests[Purpose.TEST]
    assert score.success and score.completion_pct == 100.0
    assert run.runner.status.training_ticks == 0 and run.runner.trainer is None


def test_a_policy_drives_with_the_observation_it_was_trained_with(make_run, tmp_path: Path) -> None:
    make_run(
        steps=20, action_repeat=4, waypoint_count=5, waypoint_mode="full", run_dir=str(tmp_path)
    ).finish()
    parameters, _ = load_driver(evaluation(policy=str(tmp_path)))
    assert (parameters.action_repeat, parameters.waypoint_count) == (4, 5)
    assert parameters.waypoint_mode == "full" and parameters.mode == "evaluate"


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"reward": "fast"}, "reward 'fast' is unknown; there are add, default, kendall, mul"),
        ({"policy": "random"}, "mode train learns a new policy"),
        ({"resume": True}, "resume needs the run's folder"),
        ({"mode": "drive"}, "mode drive needs a policy"),
        ({"mode": "evaluate", "policy": "/nowhere"}, "no policy at /nowhere"),
        ({"closing_test": "always", "test_first_seed": 1}, "must not mix"),
    ],
)
def test_what_cannot_be_run_is_refused_before_it_begins(
    changes: dict[str, Any], complaint: str
) -> None:
    with pytest.raises((ValueError, FileNotFoundError), match=complaint):
        make_runner(AgentParameters(**changes))


@pytest.mark.parametrize(("minutes", "tests"), [(4.9, 0), (5.1, 2)])
def test_a_run_that_took_over_five_minutes_closes_with_its_test(
    make_world: Any, minutes: float, tests: int
) -> None:
    clock = Clock()
    parameters = AgentParameters(
        steps=10, selections=0, test_episodes=1, replay_capacity=1000, silence_s=5.0
    )
    trainer = OnlineTrainer(parameters, learning_starts=1000)
    program = TrainingProgram(parameters, closing_test=False)
    runner = Runner(parameters, program, trainer=trainer, clock=clock)
    world = make_world()
    reply, tested = runner.start(), 0
    while isinstance(reply, Reset):
        tested += reply.assignment.purpose is not Purpose.TRAIN
        reply = runner.begin(*world.reset(reply.assignment))
        while isinstance(reply, Drive):
            clock.now_s += minutes * 60.0 / 10
            reply, _ = runner.advance(world.step(reply))
    runner.close()
    assert tested == tests
