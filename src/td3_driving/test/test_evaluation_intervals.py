import math

import numpy as np
import pytest

from td3_driving.evaluation.intervals import Clusters, student, wilson

# scipy.stats.binomtest(k, n).proportion_ci(0.95, "wilson")
WILSON = [
    (18, 20, 0.6989663547715128, 0.9721335187862319),
    (20, 20, 0.8388748419471808, 1.0),
    (0, 7, 0.0, 0.35433043506668743),
    (3, 10, 0.10779126740630102, 0.6032218525388546),
]


@pytest.mark.parametrize(("successes", "count", "low", "high"), WILSON)
def test_proportions_have_wilsons_interval(successes, count, low, high) -> None:
    assert wilson(successes / count, count) == pytest.approx((low, high))
    each_by_itself = Clusters([str(i) for i in range(count)])
    values = np.arange(count) < successes
    assert each_by_itself.proportion(values) == pytest.approx((low, high))


def test_the_mean_of_training_seeds_has_students_interval() -> None:
    # scipy.stats.t.interval(0.95, 2, loc=93, scale=sem([90, 96, 93]))
    assert student([90.0, 96.0, 93.0]) == pytest.approx((85.547587, 100.452413))
    assert student([90.0]) is None
    low, high = student(list(np.arange(40.0))) or (0.0, 0.0)
    assert high - 19.5 == pytest.approx(
        2.022691 * np.std(np.arange(40), ddof=1) / 40**0.5, rel=4e-3
    )
    assert low + high == pytest.approx(39.0)


def test_a_bootstrap_interval_is_about_two_standard_errors_to_either_side() -> None:
    values = np.random.default_rng(1).normal(50.0, 10.0, 400)
    low, high = Clusters([str(i) for i in range(400)]).mean(values)
    assert (high - low) / 2 == pytest.approx(1.96 * 10.0 / 20.0, rel=0.15)
    assert (low + high) / 2 == pytest.approx(values.mean(), abs=0.2)


def test_episodes_that_only_repeat_their_map_make_nothing_surer() -> None:
    by_map = np.random.default_rng(2).normal(50.0, 10.0, 20)
    maps = [f"map {i}" for i in range(20)]
    once = Clusters(maps).mean(by_map)
    assert Clusters(maps * 5).mean(np.tile(by_map, 5)) == pytest.approx(once)
    # As independent episodes they would look surer by the root of five.
    low, high = Clusters([str(i) for i in range(100)]).mean(np.tile(by_map, 5))
    assert (high - low) / (once[1] - once[0]) == pytest.approx(1 / math.sqrt(5), rel=0.2)


def test_successes_that_only_repeat_their_map_are_worth_one_per_map() -> None:
    by_map = np.arange(10) < 7
    maps = [f"map {i}" for i in range(10)]
    repeated = Clusters(maps * 4).proportion(np.tile(by_map, 4))
    # The estimate of the variance between 10 maps has 9 degrees of freedom.
    assert repeated == pytest.approx(wilson(0.7, 10), abs=0.02)
    assert Clusters(maps * 4).proportion(np.ones(40, bool)) == pytest.approx(wilson(1.0, 10))


def test_successes_spread_over_maps_by_chance_count_in_full() -> None:
    maps = [f"map {i}" for i in range(10)] * 4
    each_map_half = np.repeat([True, True, False, False], 10)
    assert Clusters(maps).proportion(each_map_half) == pytest.approx(wilson(0.5, 40))


def test_on_a_single_map_episodes_are_resampled() -> None:
    values = np.array([100.0, 0.0] * 20)
    low, high = Clusters(["Town02"] * 40).mean(values)
    assert 25.0 < low < 45.0 and 55.0 < high < 75.0


def test_a_rate_without_any_event_has_the_exact_poisson_bound() -> None:
    km = np.full(20, 0.3)
    clusters = Clusters([str(i) for i in range(20)])
    # scipy.stats.chi2.ppf(0.975, 2) / 2 = 3.688879
    assert clusters.rate(np.zeros(20), km) == pytest.approx((0.0, 3.688879 / 6.0))
    low, high = clusters.rate(np.array([1.0] * 5 + [0.0] * 15), km) or (0.0, 0.0)
    assert low < 5 / 6.0 < high
    assert clusters.rate(np.zeros(20), np.zeros(20)) is None


def test_resamples_without_distance_say_nothing_of_a_rate() -> None:
    clusters = Clusters(["a", "b"])
    assert clusters.ratio(np.array([1.0, 0.0]), np.array([2.0, 0.0])) == pytest.approx((0.5, 0.5))
    assert clusters.ratio(np.ones(2), np.zeros(2)) is None


def test_the_same_seed_resamples_alike() -> None:
    values = np.random.default_rng(3).normal(size=30)
    names = [str(i) for i in range(30)]
    assert Clusters(names, 1).mean(values) == Clusters(names, 1).mean(values)
    assert Clusters(names, 1).mean(values) != Clusters(names, 2).mean(values)


def test_no_episodes_are_refused() -> None:
    with pytest.raises(ValueError, match="no episodes"):
        Clusters([])
