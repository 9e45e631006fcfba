import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from td3_driving.driving import reward
from td3_driving.driving.reward_terms import RewardConfig, RewardTerms, TickFacts, average
from td3_driving.driving.tasks import parse_task

CONFIG = RewardConfig()
FACTS = st.builds(
    TickFacts,
    speed_along_mps=st.floats(-10.0, 25.0),
    lateral_m=st.floats(-3.0, 3.0),
    heading_error_rad=st.floats(-math.pi, math.pi),
    steer_change=st.floats(-2.0, 2.0),
    terminated=st.booleans(),
)


def total(name: str, *facts: float, terminated: bool = False) -> float:
    return reward.reward_function(name)(TickFacts(*facts, terminated=terminated), CONFIG).total


@pytest.mark.parametrize("name", ["mul", "add"])
def test_perfect_driving_earns_a_tenth_per_decision(name: str) -> None:
    assert total(name, 8.0, 0.0, 0.0) == pytest.approx(0.1)


@pytest.mark.parametrize("name", ["mul", "add"])
def test_standing_still_earns_nothing(name: str) -> None:
    assert total(name, 0.0, 0.0, 0.0) == 0.0


@pytest.mark.parametrize("name", ["mul", "add"])
def test_speed_reward_falls_twice_as_steeply_above_the_target(name: str) -> None:
    rise = total(name, 8.0, 0.0, 0.0) - total(name, 7.0, 0.0, 0.0)
    fall = total(name, 8.0, 0.0, 0.0) - total(name, 9.0, 0.0, 0.0)
    assert fall == pytest.approx(2.0 * rise)


@settings(deadline=None)
@given(FACTS)
def test_mul_is_the_measured_formula(f: TickFacts) -> None:
    v = f.speed_along_mps
    sp = v / 8 if v <= 8 else 1 - 2 * (v - 8) / 8
    shape = max(0, 1 - abs(f.lateral_m) / 2) * max(0, 1 - abs(f.heading_error_rad) / 0.5)
    expected = 0.1 * (sp * shape - 0.3 * abs(f.steer_change)) - f.terminated
    assert reward.multiplied(f, CONFIG).total == pytest.approx(expected, abs=1e-12)


@settings(deadline=None)
@given(FACTS)
def test_add_is_the_measured_formula(f: TickFacts) -> None:
    v = f.speed_along_mps
    sp = v / 8 if v <= 8 else 1 - 2 * (v - 8) / 8
    sp -= 0.5 * min(abs(f.lateral_m) / 2, 1) + 0.5 * min(abs(f.heading_error_rad), 1)
    expected = 0.1 * (sp - 0.3 * abs(f.steer_change)) - f.terminated
    assert reward.added(f, CONFIG).total == pytest.approx(expected, abs=1e-12)


@settings(deadline=None)
@given(FACTS, st.sampled_from(["mul", "add"]))
def test_the_named_terms_add_up_to_the_reward(facts: TickFacts, name: str) -> None:
    terms = reward.reward_function(name)(facts, CONFIG)
    assert set(terms.values) == {"speed", "lateral", "heading", "steer_change", "terminal"}
    assert terms.total == pytest.approx(sum(terms.values.values()), abs=1e-12)
    assert terms.values["terminal"] == (-1.0 if facts.terminated else 0.0)


@settings(deadline=None)
@given(FACTS, st.sampled_from(["mul", "add"]))
def test_left_and_right_are_worth_the_same(facts: TickFacts, name: str) -> None:
    function = reward.reward_function(name)
    mirrored = TickFacts(
        facts.speed_along_mps,
        -facts.lateral_m,
        -facts.heading_error_rad,
        -facts.steer_change,
        facts.terminated,
    )
    assert function(mirrored, CONFIG) == function(facts, CONFIG)


def test_an_action_repeat_averages_its_ticks_but_not_the_crash() -> None:
    ticks = [
        RewardTerms({"speed": 0.1, "terminal": 0.0}),
        RewardTerms({"speed": 0.05, "terminal": -1.0}),
    ]
    decision = average(ticks)
    assert decision.values == pytest.approx({"speed": 0.075, "terminal": -1.0})
    assert decision.total == pytest.approx(-0.925)
    with pytest.raises(ValueError, match="without ticks"):
        average([])


@pytest.fixture
def own_registry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reward, "_REWARDS", dict(reward._REWARDS))


@pytest.mark.usefixtures("own_registry")
def test_a_reward_of_ones_own_is_known_by_its_name() -> None:
    @reward.register("own")
    def distance_until_takeover(facts: TickFacts, config: RewardConfig) -> RewardTerms:
        return RewardTerms({"distance": facts.speed_along_mps})

    chosen: Callable[[TickFacts, RewardConfig], RewardTerms] = reward.reward_function("own")
    assert chosen(TickFacts(3.0, 0.0, 0.0), CONFIG).total == 3.0
    with pytest.raises(ValueError, match="exists already"):
        reward.register("mul")(distance_until_takeover)


def test_an_unknown_reward_is_refused_with_those_there_are() -> None:
    with pytest.raises(ValueError, match=r"'mull' is unknown; there are add, default, ken"):
        reward.reward_function("mull")


@pytest.mark.parametrize(
    "values", [{"target_speed_mps": 0.0}, {"lateral_limit_m": -1.0}, {"terminal": math.nan}]
)
def test_impossible_reward_parameters_are_refused_by_name(values: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=next(iter(values))):
        RewardConfig(**values)


def test_a_reward_never_sees_a_value_that_is_not_finite() -> None:
    with pytest.raises(ValueError, match=r"TickFacts\.lateral_m"):
        TickFacts(1.0, math.nan, 0.0)


# --- The other rewards, and the terms for others on the road ---

EVERY_FACT = st.builds(
    TickFacts,
    speed_along_mps=st.floats(-10.0, 25.0),
    lateral_m=st.floats(-3.0, 3.0),
    heading_error_rad=st.floats(-math.pi, math.pi),
    steer_change=st.floats(-2.0, 2.0),
    terminated=st.booleans(),
    gap_m=st.none() | st.floats(0.0, 60.0),
    red_light=st.booleans(),
    at_fault=st.booleans(),
)
NAMES = st.sampled_from(reward.reward_names())


@settings(deadline=None)
@given(EVERY_FACT, NAMES, st.sampled_from([0.0, 0.5]))
def test_every_reward_is_finite_and_names_the_same_terms_whatever_happens(
    facts: TickFacts, name: str, weight: float
) -> None:
    config = RewardConfig(gap_weight=weight, light_weight=weight)
    terms = reward.reward_function(name)(facts, config)
    quiet = reward.reward_function(name)(TickFacts(0.0, 0.0, 0.0), config)
    assert math.isfinite(terms.total) and list(terms.values) == list(quiet.values)


@pytest.mark.parametrize("name", ["default", "progress", "roach", "kendall"])
def test_driving_on_at_the_target_speed_earns_a_tenth(name: str) -> None:
    assert total(name, 8.0, 0.0, 0.0) == pytest.approx(0.1)


@pytest.mark.parametrize("name", ["default", "progress", "roach", "kendall", "mul", "add"])
def test_perfect_driving_beats_every_flaw(name: str) -> None:
    assert total(name, 8.0, 0.0, 0.0) > total(name, 4.0, 0.0, 0.0)


@settings(deadline=None)
@given(FACTS)
def test_default_is_progress_times_factors(f: TickFacts) -> None:
    v = f.speed_along_mps
    expected = min(max(v / 8, -0.5), 1.0)
    expected *= max(0, 1 - abs(f.lateral_m) / 2)
    expected *= max(0, 1 - abs(f.heading_error_rad) / (math.pi / 2))
    expected *= max(0, 1 - max(v - 8, 0) / 2.23)
    expected = 0.1 * (expected - 0.3 * abs(f.steer_change)) - f.terminated
    assert total("default", v, f.lateral_m, f.heading_error_rad, f.steer_change,
                 terminated=f.terminated) == pytest.approx(expected, abs=1e-12)  # fmt: skip


def roach(**facts: Any) -> float:
    given_facts = {"speed_along_mps": 6.0, "lateral_m": 0.0, "heading_error_rad": 0.0, **facts}
    config = RewardConfig(target_speed_mps=6.0, scale=1.0)
    return reward.coached(TickFacts(**given_facts), config).total


def test_roach_wants_what_the_paper_wants() -> None:
    assert roach() == pytest.approx(1.0)
    assert roach(speed_along_mps=3.0) == pytest.approx(0.5)
    assert roach(lateral_m=1.0) == pytest.approx(0.5)
    assert roach(heading_error_rad=-0.25) == pytest.approx(0.75)
    assert roach(steer_change=0.02) == pytest.approx(0.9)
    assert roach(speed_along_mps=0.0, red_light=True) == pytest.approx(1.0)
    assert roach(red_light=True) == pytest.approx(0.0)
    assert roach(speed_along_mps=0.0, gap_m=2.0) == pytest.approx(1.0)  # behind someone: stand
    assert roach(speed_along_mps=3.0, gap_m=5.5) == pytest.approx(1.0)
    # A collision costs the speed besides the terminal -1.
    assert roach(terminated=True, at_fault=True) == pytest.approx(1.0 - 1.0 - 6.0)


def test_kendall_pays_the_way_driven_and_nothing_for_the_end() -> None:
    driven = [total("kendall", speed, 1.5, 0.3) for speed in (2.0, 4.0)]
    assert driven[1] == pytest.approx(2.0 * driven[0])
    assert total("kendall", 4.0, 1.5, 0.3, terminated=True) == driven[1]


@pytest.mark.parametrize("name", ["mul", "add", "default", "progress"])
def test_too_small_a_gap_costs_up_to_its_weight_and_a_wanted_one_nothing(name: str) -> None:
    config = RewardConfig(gap_weight=0.5)

    def gap_term(gap_m: float | None) -> float:
        return reward.reward_function(name)(TickFacts(4.0, 0.0, 0.0, gap_m=gap_m), config).values[
            "gap"
        ]

    assert gap_term(None) == gap_term(6.0) == gap_term(40.0) == 0.0
    assert gap_term(0.0) == pytest.approx(-0.05)
    assert gap_term(3.0) == pytest.approx(-0.025)  # half of the 2 m + 1 s at 4 m/s


def test_moving_towards_a_red_light_costs_its_weight_and_standing_nothing() -> None:
    config = RewardConfig(light_weight=1.0)

    def light_term(speed: float, red: bool) -> float:
        facts = TickFacts(speed, 0.0, 0.0, red_light=red)
        return reward.multiplied(facts, config).values["red_light"]

    assert light_term(8.0, True) == pytest.approx(-0.1)
    assert light_term(0.0, True) == light_term(8.0, False) == 0.0


def test_what_an_end_costs_is_not_averaged_over_a_decision() -> None:
    tick = RewardTerms({"speed": 0.1, "terminal": -1.0, "fault": -0.6})
    quiet = RewardTerms({"speed": 0.1, "terminal": 0.0, "fault": 0.0})
    assert average([quiet, tick]).values == pytest.approx(tick.values)


# --- One's own ---


@pytest.fixture
def own_module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], str]:
    """Writes a module of a user's on the path; gives its name."""
    monkeypatch.syspath_prepend(str(tmp_path))

    def write(body: str) -> str:
        name = f"own_rewards_{len(list(tmp_path.iterdir()))}_{tmp_path.name}"
        head = "from td3_driving.driving.reward_terms import RewardTerms\n\n\n"
        (tmp_path / f"{name}.py").write_text(f"{head}def gentle(facts, config):\n    {body}\n")
        return name

    return write


def test_a_reward_of_ones_own_is_named_by_module_and_function(own_module: Any) -> None:
    name = own_module('return RewardTerms({"speed": 0.1 * facts.speed_along_mps})')
    function = reward.reward_function(f"{name}:gentle")
    assert function(TickFacts(5.0, 0.0, 0.0), CONFIG).values == {"speed": 0.5}
    task = parse_task({"name": "mine", "reward": f"{name}:gentle"})
    assert task.reward == f"{name}:gentle"


@pytest.mark.parametrize(
    ("body", "why"),
    [
        ("return facts.speed_along_mps", "it must give RewardTerms"),
        ("return RewardTerms({})", "it must give RewardTerms"),
        ("return RewardTerms({'speed': float('nan')})", "not finite"),
        ("return facts.velocity", "has no attribute 'velocity'"),
    ],
)
def test_a_reward_of_ones_own_that_is_none_is_refused_when_chosen(
    own_module: Any, body: str, why: str
) -> None:
    with pytest.raises(ValueError, match=why):
        reward.reward_function(f"{own_module(body)}:gentle")


def test_what_turns_out_not_finite_on_the_way_is_refused(own_module: Any) -> None:
    body = "return RewardTerms({'speed': float('inf') if facts.lateral_m else 0.0})"
    function = reward.reward_function(f"{own_module(body)}:gentle")
    with pytest.raises(ValueError, match="not finite"):
        function(TickFacts(5.0, 1.0, 0.0), CONFIG)


@pytest.mark.parametrize("name", ["no_such_module:gentle", "math:gentle", ":", "math:", ".a:b"])
def test_a_reward_that_cannot_be_found_is_told_with_where_to_put_it(name: str) -> None:
    with pytest.raises(ValueError, match="PYTHONPATH"):
        reward.reward_function(name)
