import math
from itertools import pairwise

import numpy as np
import pytest

from td3_driving.driving.episodes import (
    MAP_SPLIT,
    EpisodePlan,
    MapSplit,
    StartConfig,
    evaluation_plan,
    map_name,
    training_plan,
)

POOL = range(0, 1000)


def test_maps_for_training_selection_and_test_are_disjoint() -> None:
    parts = (MAP_SPLIT.training, MAP_SPLIT.selection, MAP_SPLIT.test)
    assert (parts[0].start, parts[0].stop) == (0, 100_000)
    assert (parts[1].start, parts[1].stop) == (500_000, 600_000)
    assert parts[2].start == 700_000
    assert all(a.stop <= b.start for a, b in pairwise(parts))


@pytest.mark.parametrize(
    ("ranges", "message"),
    [
        ({"selection": range(99_999, 100_005)}, "training map seeds .* overlap the selection"),
        ({"test": range(400_000, 500_001)}, "selection map seeds .* overlap the test"),
        ({"training": range(0, 2**31)}, "overlap"),
        ({"training": range(5, 5)}, "training map seeds .* non-empty"),
    ],
)
def test_a_split_that_overlaps_or_is_empty_is_refused_by_name(
    ranges: dict[str, range], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        MapSplit(**ranges)


@pytest.mark.parametrize(
    "seeds", [range(99_999, 100_001), range(700_000, 700_010), range(3, 3), [0, 500_000]]
)
def test_training_never_sees_a_held_out_map(seeds: range) -> None:
    with pytest.raises(ValueError, match="map seed"):
        training_plan(0, 0, "circuit", seeds)


@pytest.mark.parametrize(
    "seeds", [range(0, 10), range(599_999, 700_001), range(700_000, 700_000), [700_000, 5]]
)
def test_no_score_is_reported_on_a_training_map(seeds: range) -> None:
    with pytest.raises(ValueError, match="map seed"):
        evaluation_plan(seeds, 0, "circuit")


def test_a_plan_is_a_pure_function_of_seed_and_index() -> None:
    forwards = [training_plan(7, i, "town", POOL) for i in range(50)]
    backwards = [training_plan(7, i, "town", POOL) for i in reversed(range(50))][::-1]
    assert forwards == backwards
    assert forwards != [training_plan(8, i, "town", POOL) for i in range(50)]


def test_plans_are_the_same_on_every_machine() -> None:
    plan = training_plan(1, 23, "circuit", range(100))
    assert (plan.map, plan.seed) == ("LiteCircuit_52", 805073909)


def test_training_starts_have_the_measured_distribution() -> None:
    plans = [training_plan(0, i, "circuit", POOL) for i in range(3000)]
    speed, lateral, heading = (
        np.array([getattr(plan, name) for plan in plans])
        for name in ("start_speed_mps", "start_lateral_m", "start_heading_rad")
    )
    assert np.mean(speed == 0.0) == pytest.approx(0.3, abs=0.03)
    assert speed[speed > 0.0].mean() == pytest.approx(4.0, abs=0.2) and speed.max() <= 8.0
    for values, limit in ((lateral, 0.8), (heading, 0.15)):
        assert np.abs(values).max() <= limit
        assert values.std() == pytest.approx(limit / math.sqrt(3.0), rel=0.05)
        assert abs(values.mean()) < 0.05 * limit
    assert {plan.duration_s for plan in plans} == {30.0}
    assert len({plan.seed for plan in plans}) > 2990


def test_the_map_changes_only_every_few_episodes() -> None:
    maps = [training_plan(0, i, "circuit", POOL, episodes_per_map=5).map for i in range(50)]
    blocks = [set(maps[i : i + 5]) for i in range(0, 50, 5)]
    assert all(len(block) == 1 for block in blocks)
    assert len(set().union(*blocks)) > 5


def test_a_fixed_map_is_kept() -> None:
    assert {training_plan(0, i, "circuit", "Town01").map for i in range(30)} == {"Town01"}


def test_evaluation_starts_at_rest_on_the_centre_of_each_map_in_turn() -> None:
    seeds = range(700_000, 700_003)
    plans = [evaluation_plan(seeds, i, "town") for i in range(6)]
    assert [plan.map for plan in plans] == [f"LiteTown_{s}" for s in (*seeds, *seeds)]
    assert len({plan.seed for plan in plans}) == 6
    for plan in plans:
        assert (plan.start_speed_mps, plan.start_lateral_m, plan.start_heading_rad) == (0, 0, 0)
        assert (plan.distance_m, plan.duration_s) == (300.0, 60.0)


def test_an_evaluation_episode_does_not_depend_on_which_maps_stand_beside_it() -> None:
    alone = evaluation_plan(range(700_005, 700_006), 0, "circuit")
    assert alone == evaluation_plan(range(700_000, 700_020), 5, "circuit")


def test_nonsense_is_refused_by_name() -> None:
    with pytest.raises(ValueError, match="'motorway' is unknown"):
        map_name("motorway", 1)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="negative"):
        training_plan(-1, 0, "circuit", POOL)
    with pytest.raises(ValueError, match="negative"):
        evaluation_plan(range(700_000, 700_001), -1, "circuit")
    with pytest.raises(ValueError, match="episodes_per_map"):
        training_plan(0, 0, "circuit", POOL, episodes_per_map=0)
    with pytest.raises(ValueError, match="rest_share"):
        StartConfig(rest_share=1.5)
    with pytest.raises(ValueError, match=r"EpisodePlan\.distance_m"):
        EpisodePlan("m", 0, 0.0, 0.0, 0.0, 30.0, 0.0)
    with pytest.raises(ValueError, match=r"EpisodePlan\.start_speed_mps"):
        EpisodePlan("m", 0, math.nan, 0.0, 0.0, 30.0, None)
