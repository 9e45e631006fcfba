import copy
import dataclasses

import numpy as np
import pytest
import torch

from td3_driving.learning import TD3Agent
from td3_driving.learning.batch import TensorBatch
from td3_driving.learning.errors import NonFiniteError, ShapeError


@pytest.fixture
def agent(small_config):
    return TD3Agent.create(small_config, seed=1)


def observation(config, seed=0):
    rng = np.random.default_rng(seed)
    return {
        "image": rng.integers(0, 256, config.image_shape, dtype=np.uint8),
        "vector": rng.standard_normal(config.vector_dim).astype(np.float32),
    }


def weights(agent, name):
    return [p.detach().clone() for p in getattr(agent, name).parameters()]


def changed(agent, name, before):
    return not all(map(torch.equal, before, getattr(agent, name).parameters()))


# --- Acting ---


def test_one_observation_gives_one_action(agent):
    action = agent.select_action(observation(agent.config))
    assert action.shape == (2,)
    assert action.dtype == np.float32


def test_a_batch_acts_as_its_observations_do(agent):
    singles = [observation(agent.config, seed) for seed in range(3)]
    batch = {key: np.stack([obs[key] for obs in singles]) for key in ("image", "vector")}
    expected = [agent.select_action(obs) for obs in singles]
    np.testing.assert_allclose(agent.select_action(batch), expected, atol=1e-6)


def test_noise_is_added_and_clipped_unless_deterministic(agent):
    obs, noise = observation(agent.config), np.array([0.25, 5.0], np.float32)
    plain = agent.select_action(obs)
    np.testing.assert_allclose(agent.select_action(obs, noise), [plain[0] + 0.25, 1.0], atol=1e-6)
    assert np.array_equal(agent.select_action(obs, noise, deterministic=True), plain)


def test_acting_takes_no_gradient_and_no_random_number(agent):
    before = agent.generator.get_state()
    agent.select_action(observation(agent.config))
    assert torch.equal(before, agent.generator.get_state())
    assert all(p.grad is None for p in agent.actor_cnn.parameters())


def test_unfit_observations_are_refused_by_name(agent):
    good = observation(agent.config)
    with pytest.raises(ShapeError, match="observation image"):
        agent.select_action({**good, "image": good["image"].astype(np.float32)})
    with pytest.raises(ShapeError, match="observation vector"):
        agent.select_action({**good, "vector": good["vector"][:-1]})
    with pytest.raises(NonFiniteError, match="observation vector holds nan"):
        agent.select_action({**good, "vector": good["vector"] * np.float32("nan")})


def test_a_policy_is_a_frozen_copy_until_loaded_again(agent, make_batch):
    obs, policy = observation(agent.config), agent.policy()
    before = policy.select_action(obs)
    for seed in range(2):
        agent.train(make_batch(agent.config, seed=seed))
    assert np.array_equal(policy.select_action(obs), before)
    assert not np.array_equal(agent.select_action(obs), before)
    policy.load_from(agent)
    np.testing.assert_allclose(policy.select_action(obs), agent.select_action(obs), atol=1e-7)


def test_the_averaged_actor_trails_the_actor(agent, make_batch):
    start = weights(agent, "actor")
    for seed in range(4):
        agent.train(make_batch(agent.config, seed=seed))
    first, averaged, now = start[0], weights(agent, "average_actor")[0], weights(agent, "actor")[0]
    assert 0.0 < (averaged - first).norm() < (now - first).norm()
    obs, policy = observation(agent.config), agent.policy(average=True)
    assert not np.array_equal(policy.select_action(obs), agent.select_action(obs))


# --- Learning ---


def test_actor_and_targets_wait_for_the_policy_delay(agent, make_batch):
    late = ("actor_cnn", "actor", "target_actor_cnn", "target_critic_cnn", "target_critic")
    before = {name: weights(agent, name) for name in (*late, "critic_cnn", "critic")}
    first = agent.train(make_batch(agent.config))
    assert changed(agent, "critic_cnn", before["critic_cnn"])
    assert changed(agent, "critic", before["critic"])
    assert not any(changed(agent, name, before[name]) for name in late)
    assert "loss/actor" not in first
    second = agent.train(make_batch(agent.config))
    assert all(changed(agent, name, before[name]) for name in late)
    assert "loss/actor" in second


def test_termination_ends_the_value_and_truncation_does_not(agent, make_batch):
    terminated = np.array([True, False] * 4)
    batch = make_batch(agent.config, terminated=terminated)
    target = agent.bellman_target(TensorBatch.of(batch, agent.config)).squeeze(1).numpy()
    assert np.array_equal(target[terminated], batch.reward[terminated])
    assert (target[~terminated] != batch.reward[~terminated]).all()


def test_each_sample_is_discounted_by_its_own_number_of_steps(agent, make_batch):
    batch = make_batch(agent.config)
    state = agent.generator.get_state()

    def value(discount):
        agent.generator.set_state(state)
        changed = dataclasses.replace(batch, discount=np.full(8, discount, np.float32))
        target = agent.bellman_target(TensorBatch.of(changed, agent.config))
        return target.squeeze(1).numpy() - batch.reward

    np.testing.assert_allclose(value(0.5), 0.5 * value(1.0), atol=1e-6)


def test_target_noise_is_clipped_and_the_target_action_clamped(small_config, make_batch):
    config = dataclasses.replace(small_config, target_noise=50.0, target_noise_clip=0.3)
    agent = TD3Agent.create(config, seed=1)
    batch = TensorBatch.of(make_batch(config), config)
    seen = []
    agent.target_critic.register_forward_hook(lambda module, inputs, output: seen.append(inputs[1]))
    state = agent.extract_features(batch.next_observation, True, enable_grad=False, target=True)
    plain = agent.target_actor(state)[0]
    agent.bellman_target(batch)
    assert ((seen[-1] - plain).abs() < 0.3 + 1e-6).all()
    assert ((seen[-1] - plain).abs() > 0.29).float().mean() > 0.8
    agent.target_actor.mlp[-1].bias.data.fill_(10.0)
    agent.bellman_target(batch)
    assert seen[-1].max() == 1.0


def test_the_global_norm_over_cnn_and_mlp_is_clipped_before_the_step(small_config, make_batch):
    config = dataclasses.replace(small_config, critic_grad_clip=0.01)
    agent = TD3Agent.create(config, seed=1)
    metrics = agent.train(make_batch(config))
    unclipped = np.hypot(metrics["gradients/critic_cnn_norm"], metrics["gradients/critic_mlp_norm"])
    applied = [
        p.grad for name in ("critic_cnn", "critic") for p in getattr(agent, name).parameters()
    ]
    assert unclipped > 0.01
    assert metrics["gradients/critic_clip_share"] == 1.0
    assert float(torch.nn.utils.get_total_norm(applied)) == pytest.approx(0.01, rel=1e-3)


def test_pretanh_penalty_pulls_the_actor_from_its_stops(small_config, make_batch):
    def pre_tanh_after(penalty):
        config = dataclasses.replace(small_config, pretanh_l2=penalty, policy_delay=1)
        agent = TD3Agent.create(config, seed=1)
        agent.actor.mlp[-1].bias.data.fill_(4.0)
        for seed in range(10):
            metrics = agent.train(make_batch(config, seed=seed))
        return metrics["actor/pre_tanh_abs_mean"]

    assert pre_tanh_after(1.0) < pre_tanh_after(0.0) - 1e-3


def test_metrics_have_the_promised_names(agent, make_batch):
    agent.train(make_batch(agent.config))
    metrics = agent.train(make_batch(agent.config))
    assert {
        "loss/critic",
        "loss/actor",
        "q/mean",
        "actor/pre_tanh_abs_mean",
        "actor/saturated_share",
        "gradients/actor_cnn_norm",
        "gradients/actor_mlp_norm",
        "gradients/critic_cnn_norm",
        "gradients/critic_mlp_norm",
        "gradients/actor_clip_share",
        "gradients/critic_clip_share",
    } <= metrics.keys()
    assert all(np.isfinite(value) for value in metrics.values())
    assert metrics["gradients/actor_cnn_norm"] > 0.0


# --- Same seed, same run ---


def test_same_seed_same_parameters(small_config, make_replay):
    def digest(seed):
        agent, replay = TD3Agent.create(small_config, seed), make_replay(small_config)
        for _ in range(4):
            agent.train(replay)
            torch.rand(3)  # somebody else's random numbers
        return agent.parameters_sha256()

    assert digest(1) == digest(1)
    assert digest(1) != digest(2)


def test_a_loaded_state_continues_bit_for_bit(agent, make_batch):
    for seed in range(3):
        agent.train(make_batch(agent.config, seed=seed))
    tensors, values = agent.state_dict()
    other = TD3Agent.create(agent.config, seed=9)
    other.load_state_dict(tensors, values)
    for seed in range(3, 6):
        agent.train(make_batch(agent.config, seed=seed))
        other.train(make_batch(agent.config, seed=seed))
    assert other.updates == agent.updates == 6
    assert other.parameters_sha256() == agent.parameters_sha256()


# --- Refusals ---


@pytest.mark.parametrize("name", ["vector", "action", "reward", "next_vector", "discount"])
def test_a_batch_that_is_not_finite_is_refused_by_name(agent, make_batch, name):
    batch = make_batch(agent.config)
    getattr(batch, name).flat[3] = np.nan
    before = agent.parameters_sha256()
    with pytest.raises(NonFiniteError, match=rf"batch\.{name} holds nan"):
        agent.train(batch)
    assert agent.parameters_sha256() == before
    assert (agent.non_finite, agent.updates) == (1, 0)


def test_an_overflowing_loss_is_refused_before_a_weight_changes(agent, make_batch):
    before = agent.parameters_sha256()
    with pytest.raises(NonFiniteError, match="critic's loss is inf"):
        agent.train(make_batch(agent.config, reward=np.full(8, 1e30, np.float32)))
    assert agent.parameters_sha256() == before
    agent.train(make_batch(agent.config))
    assert (agent.non_finite, agent.updates) == (1, 1)


def test_a_gradient_that_is_not_finite_is_refused_before_a_weight_changes(agent, make_batch):
    before = agent.parameters_sha256()
    hook = agent.critic_cnn.cnn[0].weight.register_hook(lambda gradient: gradient * float("inf"))
    with pytest.raises(NonFiniteError, match=r"critic's gradient norm is (nan|inf)"):
        agent.train(make_batch(agent.config))
    assert agent.parameters_sha256() == before
    hook.remove()
    agent.train(make_batch(agent.config))
    assert (agent.non_finite, agent.updates) == (1, 1)


def test_a_refused_actor_update_leaves_actor_and_targets(agent, make_batch):
    agent.train(make_batch(agent.config))
    agent.actor.mlp[0].weight.data[0, 0] = float("nan")
    names = ("actor_cnn", "target_actor_cnn", "target_critic", "average_actor")
    before = {name: weights(agent, name) for name in names}
    with pytest.raises(NonFiniteError, match="actor's loss is nan"):
        agent.train(make_batch(agent.config))
    assert not any(changed(agent, name, before[name]) for name in names)


def test_a_misshapen_batch_is_refused_by_name(agent, make_batch):
    batch = make_batch(agent.config)
    for name, bad in (
        ("image", batch.image[:, :3]),
        ("action", batch.action[:, :1]),
        ("reward", batch.reward[:, None]),
        ("vector", batch.vector.astype(np.float64)),
        ("terminated", batch.terminated.astype(np.float32)),
    ):
        with pytest.raises(ShapeError, match=rf"batch\.{name} must be"):
            agent.train(dataclasses.replace(batch, **{name: bad}))


def test_a_copied_agent_is_independent(agent, make_batch):
    twin = copy.deepcopy(agent)
    before, state = agent.parameters_sha256(), agent.generator.get_state()
    for _ in range(2):
        twin.train(make_batch(agent.config))
    assert agent.parameters_sha256() == before
    assert torch.equal(agent.generator.get_state(), state)
