"""Who may take part in an evaluation, and on which maps."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from td3_driving.agent.parameters import AgentParameters
from td3_driving.agent.program import TrainingProgram
from td3_driving.agent.types import Purpose
from td3_driving.driving.episodes import MAP_SPLIT, map_seed
from td3_driving.driving.tasks import load_task, task_names
from td3_driving.driving.termination import EpisodeEnd
from td3_driving.evaluation.metrics import EpisodeScore
from td3_driving.scoring.lineup import POLICIES, Entrant, line_up, plans

PARAMETERS = AgentParameters(mode="evaluate", test_episodes=4, test_last_seed=700_001)


def names(entrants: list[Entrant]) -> list[str]:
    return [entrant.name for entrant in entrants]


def test_all_who_were_asked_for_take_part_in_order(make_policy: Callable[..., str]) -> None:
    entrants = line_up(
        PARAMETERS, ["random", make_policy()], ["pure_pursuit", "untrained"], ["blank", "mirrored"]
    )
    assert names(entrants) == [
        "mine", "blank camera", "mirrored camera", "random", "pure pursuit on the exact route",
        "untrained",
    ]  # fmt: skip
    kinds = ["policy", "control", "control", "baseline", "baseline", "baseline"]
    assert [entrant.kind for entrant in entrants] == kinds
    # All see what the policy was trained to see.
    assert {entrant.parameters.task for entrant in entrants} == {"route_following"}
    assert {entrant.parameters.waypoint_mode for entrant in entrants} == {"noisy"}
    assert entrants[0].card["training: updates"] == "7" and not entrants[1].card


def test_several_policies_and_their_controls_are_groups(make_policy: Callable[..., str]) -> None:
    files = [make_policy("a", seed=1), make_policy("b", seed=2)]
    entrants = line_up(PARAMETERS, files, [], ["blank"])
    assert names(entrants) == ["a", "b", "blank camera (a)", "blank camera (b)"]
    assert [entrant.group for entrant in entrants] == [POLICIES, POLICIES] + ["blank camera"] * 2


def test_policies_of_one_name_are_told_apart(make_policy, tmp_path) -> None:
    files = []
    for run in ("first", "second"):
        (tmp_path / run).mkdir()
        files.append(make_policy(f"{run}/policy"))
    assert names(line_up(PARAMETERS, files)) == ["first", "second"]
    assert names(line_up(PARAMETERS, [str(tmp_path / "first")])) == ["first"]


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        ((["random"], ["pursuit"], []), "baseline 'pursuit' is unknown; there are pure_pursuit"),
        ((["random"], [], ["blank"]), "control 'blank' needs a trained policy"),
        ((["random"], [], ["fog"]), "control 'fog' is unknown; there are vector_only"),
        ((["random"], ["pure_pursuit_seen"], []), "lane_keeping shows no waypoints"),
        (([], [], []), "nobody drives"),
    ],
)
def test_what_cannot_be_is_refused_by_name(arguments: tuple, complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        line_up(PARAMETERS, *arguments)


def test_a_policy_of_another_task_is_refused_by_name(make_policy: Callable[..., str]) -> None:
    with pytest.raises(ValueError, match="trained for the task route_following, not for urban"):
        line_up(replace(PARAMETERS, task="urban"), [make_policy()])
    mixed = [make_policy("a"), make_policy("b", task="car_following")]
    with pytest.raises(ValueError, match="trained for the task car_following"):
        line_up(PARAMETERS, mixed)


def test_a_policy_of_another_architecture_is_refused_by_name(make_policy) -> None:
    file = make_policy(waypoint_count=10, said={})
    with pytest.raises(ValueError, match=r"mine\.safetensors takes .* a vector of 23, but .* 53"):
        line_up(PARAMETERS, [file])


def test_an_unknown_task_or_policy_is_refused_by_name() -> None:
    with pytest.raises(ValueError, match="task 'flying' is unknown; there are car_following"):
        line_up(replace(PARAMETERS, task="flying"), ["random"])
    with pytest.raises(FileNotFoundError, match="no policy at nowhere"):
        line_up(PARAMETERS, ["nowhere"])


@pytest.mark.parametrize(
    ("first", "last", "complaint"),
    [
        (0, 9, "must not mix"),
        (99_999, 700_001, "must not mix"),
        (500_000, 500_009, "training and the choice of policies use maps with seeds below 700000"),
        (700_005, 700_004, "the range is empty"),
    ],
)
def test_map_seeds_that_training_or_selection_use_are_refused(
    first: int, last: int, complaint: str
) -> None:
    parameters = replace(PARAMETERS, test_first_seed=first, test_last_seed=last)
    with pytest.raises(ValueError, match=complaint):
        plans(parameters, line_up(parameters, ["random"]))


def test_a_fixed_map_is_driven_unless_a_policy_was_trained_on_it(make_policy) -> None:
    fixed = replace(PARAMETERS, test_map="Town02")
    assert {plan.map for plan in plans(fixed, line_up(fixed, ["random"]))} == {"Town02"}
    trained_there = make_policy("there", map="Town02")
    with pytest.raises(ValueError, match="there was trained on Town02; give another map"):
        plans(fixed, line_up(fixed, [trained_there]))
    unseen = plans(PARAMETERS, line_up(PARAMETERS, [trained_there]))
    assert {map_seed(plan.map) for plan in unseen} == {700_000, 700_001}
    elsewhere = replace(PARAMETERS, test_map="Town03")
    assert len(plans(elsewhere, line_up(elsewhere, [trained_there]))) == 4


@pytest.mark.parametrize("name", ["LiteTown_9", "LiteCircuit_500001"])
def test_a_procedural_map_by_name_must_be_one_for_tests(name: str) -> None:
    parameters = replace(PARAMETERS, test_map=name)
    with pytest.raises(ValueError, match=f"{name} is no map for a test"):
        plans(parameters, line_up(parameters, ["random"]))


def test_everyone_drives_the_same_plans_round_over_round_on_other_routes() -> None:
    found = plans(PARAMETERS, line_up(PARAMETERS, ["random"], ["pure_pursuit"]))
    assert [map_seed(plan.map) for plan in found] == [700_000, 700_001, 700_000, 700_001]
    assert len({plan.seed for plan in found}) == 4


def score() -> EpisodeScore:
    return EpisodeScore(
        50.0, False, 5.0, 0.1, {}, 0.3, EpisodeEnd.TIME_LIMIT, driving_score=50.0,
        lane_deviation_p95_m=0.2, heading_error_deg=1.0, speed_rmse_mps=1.0, comfort_pct={},
    )  # fmt: skip


@pytest.mark.parametrize("task", task_names())
def test_training_selection_and_test_maps_of_every_task_are_disjoint(task: str) -> None:
    assert load_task(task).map == "", "a task with one fixed map would be tested where it trained"
    parameters = AgentParameters(
        task=task, steps=100_000, selections=2, selection_episodes=30, test_episodes=40
    )
    program = TrainingProgram(parameters, closing_test=True)
    driven: dict[Purpose, set[str]] = {}
    for progress in [0.0] * 400 + [1.0] * 400:
        assignment = program.next(progress)
        if assignment is None:
            break
        driven.setdefault(assignment.purpose, set()).add(assignment.plan.map)
        program.over(assignment, score())
    scored = {
        plan.map for plan in plans(PARAMETERS, line_up(replace(PARAMETERS, task=task), ["random"]))
    }
    parts = {
        "training": driven[Purpose.TRAIN],
        "selection": driven[Purpose.SELECT],
        "test": driven[Purpose.TEST] | driven[Purpose.UNTRAINED] | scored,
    }
    for part, maps in parts.items():
        seeds = [map_seed(name) for name in maps]
        assert len(maps) > 1 and all(seed in getattr(MAP_SPLIT, part) for seed in seeds), part
    assert sum(map(len, parts.values())) == len(set().union(*parts.values()))
