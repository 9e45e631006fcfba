import math
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from td3_driving.driving import reward
from td3_driving.driving.reward_terms import RewardConfig, RewardTerms, TickFacts, average

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


@given(FACTS)
def test_mul_is_the_measured_formula(f: TickFacts) -> None:
    v = f.speed_along_mps
    sp = v / 8 if v <= 8 else 1 - 2 * (v - 8) / 8
    shape = max(0, 1 - abs(f.lateral_m) / 2) * max(0, 1 - abs(f.heading_error_rad) / 0.5)
    expected = 0.1 * (sp * shape - 0.3 * abs(f.steer_change)) - f.terminated
    assert reward.multiplied(f, CONFIG).total == pytest.approx(expected, abs=1e-12)


@given(FACTS)
def test_add_is_the_measured_formula(f: TickFacts) -> None:
    v = f.speed_along_mps
    sp = v / 8 if v <= 8 else 1 - 2 * (v - 8) / 8
    sp -= 0.5 * min(abs(f.lateral_m) / 2, 1) + 0.5 * min(abs(f.heading_error_rad), 1)
    expected = 0.1 * (sp - 0.3 * abs(f.steer_change)) - f.terminated
    assert reward.added(f, CONFIG).total == pytest.approx(expected, abs=1e-12)


@given(FACTS, st.sampled_from(["mul", "add"]))
def test_the_named_terms_add_up_to_the_reward(facts: TickFacts, name: str) -> None:
    terms = reward.reward_function(name)(facts, CONFIG)
    assert set(terms.values) == {"speed", "lateral", "heading", "steer_change", "terminal"}
    assert terms.total == pytest.approx(sum(terms.values.values()), abs=1e-12)
    assert terms.values["terminal"] == (-1.0 if facts.terminated else 0.0)


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
