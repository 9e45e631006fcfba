"""Which episode comes next, and why: training, selections, closing test; and after a resume."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from td3_driving.agent.parameters import AgentParameters
from td3_driving.agent.program import (
    CANDIDATES,
    LAST_SELECTION,
    DrivingProgram,
    EvaluationProgram,
    TrainingProgram,
)
from td3_driving.agent.types import Assignment, Purpose
from td3_driving.driving.episodes import MAP_SPLIT
from td3_driving.driving.termination import EpisodeEnd
from td3_driving.evaluation.metrics import EpisodeScore

LONG = AgentParameters(
    steps=20_000, selections=2, selection_episodes=2, test_episodes=2, test_last_seed=700_001
)


def score(completion_pct: float = 50.0, speed_mps: float = 5.0) -> EpisodeScore:
    return EpisodeScore(
        completion_pct, False, speed_mps, 0.1, {}, 0.3, EpisodeEnd.TIME_LIMIT,
        driving_score=completion_pct, lane_deviation_p95_m=0.2, heading_error_deg=1.0,
        speed_rmse_mps=1.0, comfort_pct={"all": 100.0},
    )  # fmt: skip


def drive(program: TrainingProgram, progress: float, **scored: float) -> Assignment:
    """Drives the next episode and gives it a score."""
    assignment = program.next(progress)
    assert assignment is not None
    program.over(assignment, score(**scored))
    return assignment


def map_seed(assignment: Assignment) -> int:
    return int(assignment.plan.map.rsplit("_", 1)[1])


def purposes(assignments: list[Assignment]) -> list[tuple[str, str]]:
    return [(assignment.purpose.value, assignment.driver) for assignment in assignments]


SELECTION = [("select", driver) for driver in CANDIDATES for _ in range(2)]


def test_training_is_interrupted_by_selections_and_closed_by_the_test() -> None:
    program = TrainingProgram(LONG, closing_test=True)
    early = [drive(program, 0.0), drive(program, 0.49)]
    middle = [drive(program, 0.7) for _ in range(5)]
    end = []
    while (assignment := program.next(1.0)) is not None:
        program.over(assignment, score())
        end.append(assignment)
    train = ("train", "learner")
    assert purposes(early) == [train, train]
    assert purposes(middle) == [*SELECTION, train]
    test = [("untrained", "untrained")] * 2 + [("test", "best")] * 2
    assert purposes(end) == [*SELECTION, *test]
    assert {purpose: len(scores) for purpose, scores in program.tests.items()} == {
        Purpose.UNTRAINED: 2,
        Purpose.TEST: 2,
    }


@pytest.mark.parametrize("count", range(1, 12))
def test_the_last_selection_is_due_just_before_the_end_of_the_run(count: int) -> None:
    parameters = AgentParameters(steps=1_000_000, selections=count, selection_episodes=1)
    program = TrainingProgram(parameters, closing_test=False)
    program.points_passed = count - 1
    assignment = program.next(LAST_SELECTION)
    assert LAST_SELECTION < 1.0
    assert assignment is not None and assignment.purpose is Purpose.SELECT


def test_a_run_too_short_for_a_selection_makes_none() -> None:
    program = TrainingProgram(AgentParameters(steps=1999, selections=4), closing_test=False)
    assert drive(program, 0.99).purpose is Purpose.TRAIN
    assert program.next(1.0) is None


def test_a_faulty_scored_episode_is_driven_again_and_a_faulty_training_one_is_not() -> None:
    program = TrainingProgram(LONG, closing_test=True)
    first = program.next(0.0)
    assert first is not None
    program.over(first, None)
    assert program.next(0.0) != first
    scored = program.next(0.7)
    assert scored is not None and scored.purpose is Purpose.SELECT
    program.over(scored, None)
    assert program.next(0.7) == scored
    evaluation = EvaluationProgram(LONG)
    tested = evaluation.next(0.0)
    assert tested is not None
    evaluation.over(tested, None)
    assert evaluation.next(0.0) == tested and evaluation.tests == {Purpose.TEST: []}


def test_the_best_policy_is_the_later_of_the_fastest_of_the_furthest() -> None:
    program = TrainingProgram(LONG, closing_test=False)
    chosen = []
    figures = {"learner": (60.0, 5.0), "averaged": (60.0, 6.0)}
    for progress in (0.7, 1.0):
        for _ in range(4):
            assignment = program.next(progress)
            assert assignment is not None
            program.over(assignment, score(*figures[assignment.driver]))
            chosen.append(program.take_chosen())
        program.next(progress)
    assert chosen == [None, "learner", None, "averaged", None, None, None, "averaged"]
    assert program.best is not None and program.best.progress == 1.0


@pytest.mark.parametrize("episodes", [0, 3, 9])
def test_a_restored_program_goes_on_where_the_saved_one_would(episodes: int) -> None:
    saved = TrainingProgram(LONG, closing_test=True)
    for _ in range(min(episodes, 4)):
        drive(saved, 0.1)
    for _ in range(max(0, episodes - 4)):
        drive(saved, 0.7)
    restored = TrainingProgram(LONG, closing_test=True)
    restored.restore(saved.state())
    assert restored.state() == saved.state()
    goes_on = [0.4] * 2 + [1.0] * 8
    assert [drive(restored, p) for p in goes_on] == [drive(saved, p) for p in goes_on]
    assert restored.state() == saved.state() and restored.next(1.0) is None


def test_a_selection_cut_short_is_made_again_by_the_resumed_run() -> None:
    program = TrainingProgram(LONG, closing_test=False)
    for _ in range(3):
        drive(program, 0.7)
    resumed = TrainingProgram(LONG, closing_test=False)
    resumed.restore(program.state())
    assert purposes([drive(resumed, 0.7) for _ in range(4)]) == SELECTION


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**31), st.integers(0, 300), st.sampled_from(["circuit", "town"]))
def test_training_selection_and_test_maps_never_meet(seed: int, index: int, kind: str) -> None:
    parameters = AgentParameters(
        seed=seed, kind=kind, steps=20_000, selections=1, selection_episodes=2, test_episodes=2
    )
    program = TrainingProgram(parameters, closing_test=True)
    program.index = index
    trained = drive(program, 0.0)
    assert trained.purpose is Purpose.TRAIN
    assert map_seed(trained) in MAP_SPLIT.training
    allowed = {Purpose.SELECT: MAP_SPLIT.selection}
    while (assignment := program.next(1.0)) is not None:
        program.over(assignment, score())
        assert map_seed(assignment) in allowed.get(assignment.purpose, MAP_SPLIT.test)


def test_maps_that_are_not_for_tests_are_refused_before_the_run() -> None:
    parameters = AgentParameters(test_first_seed=5, test_last_seed=9)
    with pytest.raises(ValueError, match="map seed 5 isn't one for test"):
        TrainingProgram(parameters, closing_test=True)
    with pytest.raises(ValueError, match="must not mix"):
        EvaluationProgram(parameters)


def test_the_same_seed_plans_the_same_training() -> None:
    def plans(seed: int) -> list[Assignment]:
        program = TrainingProgram(AgentParameters(seed=seed), closing_test=False)
        return [drive(program, 0.0) for _ in range(20)]

    assert plans(3) == plans(3) != plans(4)
    assert Counter(assignment.plan.map for assignment in plans(3)).most_common(1)[0][1] == 8


def test_fixed_maps_are_driven_and_scored_on_as_asked() -> None:
    parameters = AgentParameters(map="Town02", test_map="Town03", test_episodes=1)
    program = TrainingProgram(parameters, closing_test=True)
    assert drive(program, 0.0).plan.map == "Town02"
    assert drive(program, 1.0).plan.map == "Town03"
    shown = DrivingProgram(AgentParameters(map="Town02"))
    for _ in range(3):
        assignment = shown.next(0.0)
        assert assignment is not None and (assignment.purpose, assignment.plan.map) == (
            Purpose.DRIVE,
            "Town02",
        )
        shown.over(assignment, None)


def test_of_policies_that_arrive_the_one_nearest_to_the_target_speed_is_chosen() -> None:
    program = TrainingProgram(LONG, closing_test=False)
    speeds_mps = {"learner": 8.2, "averaged": 11.0}
    chosen = []
    for _ in range(4):
        assignment = program.next(0.5)
        assert assignment is not None
        program.over(assignment, score(100.0, speeds_mps[assignment.driver]))
        chosen.append(program.take_chosen())
    assert chosen == [None, "learner", None, None]
