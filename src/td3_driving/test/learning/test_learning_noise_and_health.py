import json

import numpy as np
import pytest

from td3_driving.learning import DeadActorDetector, GaussianNoise, LinearSchedule, OUNoise


def test_schedule_falls_in_a_line_and_stays():
    schedule = LinearSchedule(0.2, 0.05, 100)
    assert [schedule(step) for step in (0, 50, 100, 10**6)] == pytest.approx(
        [0.2, 0.125, 0.05, 0.05]
    )


@pytest.mark.parametrize("bad", [{"steps": 0}, {"start": -0.1}, {"end": float("nan")}])
def test_schedule_refuses_what_makes_no_sense(bad):
    with pytest.raises(ValueError, match="LinearSchedule"):
        LinearSchedule(**bad)


@pytest.mark.parametrize("kind", [GaussianNoise, OUNoise])
def test_noise_has_the_deviation_of_its_schedule(kind):
    noise = kind(LinearSchedule(0.3, 0.3, 1), action_dim=2, seed=0)
    samples = np.array([noise.sample() for _ in range(20_000)])
    assert samples.dtype == np.float32
    np.testing.assert_allclose(samples.std(axis=0), 0.3, rtol=0.08)
    np.testing.assert_allclose(samples.mean(axis=0), 0.0, atol=0.03)


def test_ou_noise_is_correlated_and_reset_forgets():
    noise = OUNoise(LinearSchedule(0.3, 0.3, 1), action_dim=1, seed=0, decay=0.15)
    samples = np.array([noise.sample()[0] for _ in range(20_000)])
    assert np.corrcoef(samples[:-1], samples[1:])[0, 1] == pytest.approx(0.85, abs=0.03)
    noise.reset()
    assert noise.state_dict()["unit"] == [0.0]


@pytest.mark.parametrize("kind", [GaussianNoise, OUNoise])
def test_noise_goes_on_from_a_saved_state(kind):
    first, second = kind(LinearSchedule(), seed=1), kind(LinearSchedule(), seed=2)
    for _ in range(5):
        first.sample()
    second.load_state_dict(json.loads(json.dumps(first.state_dict())))
    for _ in range(5):
        np.testing.assert_array_equal(first.sample(), second.sample())


def actor_metrics(saturated, pre_tanh):
    return {"actor/saturated_share": saturated, "actor/pre_tanh_abs_mean": pre_tanh}


@pytest.mark.parametrize("sick", [actor_metrics(0.99, 5.0), actor_metrics(0.6, 40.0)])
def test_a_dead_actor_is_reported_after_warm_up(sick):
    detector = DeadActorDetector(warmup_updates=20, window=10)
    reports = [detector.update(sick) for _ in range(30)]
    assert reports[:20] == [None] * 20
    assert "the actor is dead" in reports[-1]
    assert "pretanh_l2" in reports[-1]


def test_a_living_actor_and_a_short_spell_are_not_reported():
    detector = DeadActorDetector(warmup_updates=0, window=10)
    # Full throttle all the time is healthy: half of the components.
    assert not any(detector.update(actor_metrics(0.5, 2.0)) for _ in range(50))
    assert not any(detector.update(actor_metrics(1.0, 4.0)) for _ in range(8))


def test_updates_of_the_critic_alone_do_not_count():
    detector = DeadActorDetector(warmup_updates=0, window=1)
    assert detector.update({"loss/critic": 1.0}) is None
