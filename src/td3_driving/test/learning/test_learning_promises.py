"""What docs/td3.md promises of the update, each by a test of its own."""

import re
from pathlib import Path

import numpy as np
import pytest

from td3_driving.learning import (
    FrameReplay,
    GaussianNoise,
    LinearSchedule,
    OUNoise,
    TD3Agent,
    TD3Config,
)
from td3_driving.learning.batch import TensorBatch
from td3_driving.learning.td3 import ONLINE

GAMMA = 0.9
TESTS = Path(__file__).resolve().parents[1]
PAGE = TESTS.parents[2] / "docs" / "td3.md"
VECTORS = TD3Config(image_shape=None, vector_dim=1, action_dim=1, hidden=(8, 8), gamma=GAMMA)


def an_episode(rewards, ends, n_step=1):
    """Its transitions in order, each from vector (k) to vector (k + n) at most."""
    memory = FrameReplay(100, None, 1, 1, n_step=n_step, gamma=GAMMA)
    memory.begin(None, np.zeros(1, np.float32))
    for k, reward in enumerate(rewards):
        last = k == len(rewards) - 1
        memory.append(
            np.full(1, k / 10, np.float32),
            reward,
            last and ends == "terminated",
            last and ends == "truncated",
            None,
            np.full(1, k + 1, np.float32),
        )
    with memory.hold():
        return memory.gather(np.arange(len(rewards)), memory.stored)


def bootstraps(batch):
    """What each transition's target adds to its reward."""
    agent = TD3Agent.create(VECTORS, seed=1)
    for mlp in (agent.target_critic.q1_mlp, agent.target_critic.q2_mlp):
        mlp[-1].weight.data.zero_()
        mlp[-1].bias.data.fill_(10.0)  # every next value is 10
    target = agent.bellman_target(TensorBatch.of(batch, VECTORS))
    return target[:, 0].numpy() - batch.reward


def test_a_truncated_step_bootstraps_from_the_observation_it_led_to():
    batch = an_episode([1.0, 2.0, 3.0], "truncated")
    assert batch.next_vector[:, 0].tolist() == [1.0, 2.0, 3.0]
    np.testing.assert_allclose(bootstraps(batch), GAMMA * 10.0, rtol=1e-6)


def test_a_terminated_step_does_not_bootstrap():
    batch = an_episode([1.0, 2.0, 3.0], "terminated")
    np.testing.assert_allclose(bootstraps(batch), [GAMMA * 10.0] * 2 + [0.0], rtol=1e-6)


@pytest.mark.parametrize("ends", ["terminated", "truncated"])
def test_n_steps_are_summed_with_their_discounts_and_fewer_at_an_episodes_end(ends):
    batch = an_episode([1.0, 2.0, 3.0, 4.0], ends, n_step=3)
    g = GAMMA
    expected = [1 + g * 2 + g**2 * 3, 2 + g * 3 + g**2 * 4, 3 + g * 4, 4]
    np.testing.assert_allclose(batch.reward, expected, rtol=1e-6)
    np.testing.assert_allclose(batch.discount, [g**3, g**3, g**2, g], rtol=1e-6)
    assert batch.next_vector[:, 0].tolist() == [3.0, 4.0, 4.0, 4.0]
    # Every transition whose steps reach the end shares its fate.
    reaches = np.array([False, True, True, True])
    value = np.where(reaches & (ends == "terminated"), 0.0, 10.0 * batch.discount)
    np.testing.assert_allclose(bootstraps(batch), value, rtol=1e-5)


def test_every_element_of_every_bias_and_every_weight_gets_gradient(small_config, make_batch):
    agent = TD3Agent.create(small_config, seed=1)
    for seed in range(2):
        agent.train(make_batch(small_config, size=64, seed=seed))
    for network in ONLINE:
        for name, parameter in getattr(agent, network).named_parameters():
            assert parameter.grad is not None, f"{network}.{name}"
            share = float((parameter.grad != 0).float().mean())
            # A unit whose ReLU is shut for a whole batch has none; few are.
            assert share > 0.5, f"{network}.{name}: {share:.0%} of its elements"


@pytest.mark.parametrize("kind", [GaussianNoise, OUNoise])
def test_every_action_dimension_is_explored_and_by_its_own_noise(kind):
    noise = kind(LinearSchedule(0.2, 0.2, 1), action_dim=3, seed=0)
    samples = np.array([noise.sample() for _ in range(5000)])
    np.testing.assert_allclose(samples.std(axis=0), 0.2, rtol=0.15)
    correlation = np.corrcoef(samples.T) - np.eye(3)
    assert np.abs(correlation).max() < 0.15


def test_every_test_that_the_page_names_is_there():
    named = set(re.findall(r"`(test_\w+)`", PAGE.read_text()))
    there = {
        name
        for file in TESTS.rglob("test_*.py")
        for name in re.findall(r"^def (test_\w+)", file.read_text(), re.MULTILINE)
    }
    assert len(named) >= 15
    assert named <= there
