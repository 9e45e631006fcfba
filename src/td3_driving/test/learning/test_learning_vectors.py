"""A learner without pictures: no CNNs, no frames, the vector as the state."""

from dataclasses import replace
from functools import partial

import gymnasium
import numpy as np
import pytest
import torch
from stable_baselines3 import TD3
from stable_baselines3.common.logger import configure
from stable_baselines3.common.type_aliases import ReplayBufferSamples

from td3_driving.learning import (
    FrameReplay,
    TD3Agent,
    TD3Config,
    load,
    load_policy,
    run_checks,
    save,
    save_policy,
)
from td3_driving.learning.batch import TensorBatch
from td3_driving.learning.errors import ShapeError
from td3_driving.learning.fast.mirror import Draw, ReplayMirror
from td3_driving.learning.fast.updates import UpdateCycle
from td3_driving.learning.linear import Linear
from td3_driving.learning.policy_file import weight_shapes

OBSERVATION, ACTION, GAMMA = 11, 3, 0.9
CONFIG = TD3Config(
    image_shape=None,
    vector_dim=OBSERVATION,
    action_dim=ACTION,
    hidden=(64, 64),
    gamma=GAMMA,
    actor_lr=1e-3,
    critic_lr=1e-3,
    batch_size=32,
    actor_grad_clip=1e9,
    critic_grad_clip=1e9,
    pretanh_l2=0.0,
    actor_last_layer_scale=1.0,
)


def vector(rng):
    return rng.standard_normal(OBSERVATION).astype(np.float32)


def filled(episodes=4, steps=25, ends="truncated", n_step=1, capacity=400):
    memory = FrameReplay(capacity, None, OBSERVATION, ACTION, n_step=n_step, gamma=GAMMA)
    rng = np.random.default_rng(3)
    for _ in range(episodes):
        memory.begin(None, vector(rng))
        for k in range(steps):
            last = k == steps - 1
            over = (last and ends == "terminated", last and ends == "truncated")
            action = rng.uniform(-1, 1, ACTION).astype(np.float32)
            memory.append(action, rng.normal(), *over, None, vector(rng))
    return memory


# --- Against stable-baselines3's MlpPolicy ---


class Spaces(gymnasium.Env):
    observation_space = gymnasium.spaces.Box(-np.inf, np.inf, (OBSERVATION,), np.float32)
    action_space = gymnasium.spaces.Box(-1.0, 1.0, (ACTION,), np.float32)


def peer():
    model = TD3(
        "MlpPolicy",
        Spaces(),
        learning_rate=CONFIG.critic_lr,
        gamma=GAMMA,
        buffer_size=1,
        policy_kwargs={"net_arch": list(CONFIG.hidden)},
        device="cpu",
    )
    model.set_logger(configure(None, []))
    return model


def given(samples, *_args, **_options):
    return samples


def flat(module):
    return torch.cat([p.detach().flatten() for p in module.parameters()])


def test_fifty_updates_are_those_of_stable_baselines3s_mlp_policy(monkeypatch):
    agent, model, memory = TD3Agent.create(CONFIG, seed=3), peer(), filled(ends="terminated")
    pairs = {
        f"{ours}{name}": (
            getattr(agent, f"{ours}{name}"),
            getattr(model, f"{name}{theirs}").mu
            if name == "actor"
            else torch.nn.ModuleList(getattr(model, f"{name}{theirs}").q_networks),
        )
        for ours, theirs in (("", ""), ("target_", "_target"))
        for name in ("actor", "critic")
    }
    for ours, theirs in pairs.values():
        for mine, its in zip(ours.parameters(), theirs.parameters(), strict=True):
            its.data.copy_(mine)
    start = {name: flat(ours) for name, (ours, _) in pairs.items()}
    # SB3 draws its target noise from torch's global generator; the same seed gives the same noise.
    agent.generator.manual_seed(7)
    torch.manual_seed(7)
    ended = 0
    for _ in range(50):
        batch = memory.sample(CONFIG.batch_size)
        ended += batch.terminated.sum()
        samples = ReplayBufferSamples(
            observations=torch.from_numpy(batch.vector),
            actions=torch.from_numpy(batch.action),
            next_observations=torch.from_numpy(batch.next_vector),
            dones=torch.from_numpy(batch.terminated).float()[:, None],
            rewards=torch.from_numpy(batch.reward)[:, None],
        )
        monkeypatch.setattr(model.replay_buffer, "sample", partial(given, samples))
        metrics = agent.train(batch)
        model.train(gradient_steps=1, batch_size=CONFIG.batch_size)
        logged = model.logger.name_to_value
        assert metrics["loss/critic"] == pytest.approx(logged["train/critic_loss"], rel=1e-4)
        if "loss/actor" in metrics:
            assert metrics["loss/actor"] == pytest.approx(
                logged["train/actor_loss"], rel=1e-4, abs=1e-6
            )
    assert ended > 20
    for name, (ours, theirs) in pairs.items():
        difference, moved = flat(ours) - flat(theirs), flat(ours) - start[name]
        assert moved.abs().max() > 1e-3, name
        assert difference.abs().max() < 2e-4, name  # Adam enlarges rounding where gradients are 0
        assert difference.norm() < 1e-3 * moved.norm(), name


# --- Every part works without pictures ---


def test_there_is_no_cnn_and_the_heads_take_the_vector_alone():
    agent = TD3Agent.create(CONFIG, seed=1)
    tensors, _ = agent.state_dict()
    assert not any("cnn" in name for name in tensors)
    assert CONFIG.state_dim == OBSERVATION
    assert agent.actor.mlp[0].in_features == OBSERVATION
    assert agent.critic.q1_mlp[0].in_features == OBSERVATION + ACTION


def test_the_memory_keeps_no_frames_and_takes_none():
    memory = filled()
    assert memory.bytes_per_row == 4 * (OBSERVATION + ACTION) + 4 + 8 + 4 + 1
    batch = memory.sample(8)
    assert batch.image is None and batch.next_image is None
    with pytest.raises(ShapeError, match="frame must be None"):
        memory.begin(np.zeros((84, 84), np.uint8), np.zeros(OBSERVATION, np.float32))


@pytest.mark.parametrize("ends", ["terminated", "truncated"])
@pytest.mark.parametrize("n_step", [1, 3])
def test_vectors_end_terminate_and_span_steps_as_pictures_do(ends, n_step):
    """The same seeds through both memories: all but the pictures is equal."""
    pictures = TD3Config(image_shape=(4, 36, 36), vector_dim=OBSERVATION, action_dim=ACTION)
    seen, blind = (
        FrameReplay(60, shape, OBSERVATION, ACTION, n_step=n_step, gamma=GAMMA)
        for shape in (pictures.image_shape, None)
    )
    for memory in (seen, blind):
        rng, frame = np.random.default_rng(2), np.zeros((36, 36), np.uint8)
        shown = frame if memory is seen else None
        for steps in (7, 1, 30, 22):
            memory.begin(shown, vector(rng))
            for k in range(steps):
                over = k == steps - 1
                ending = (over and ends == "terminated", over and ends == "truncated")
                action = rng.uniform(-1, 1, ACTION).astype(np.float32)
                memory.append(action, rng.normal(), *ending, shown, vector(rng))
    # Stacks reach back: the newest fifty transitions are in both.
    first = np.arange(seen.stored - 45, seen.stored)
    with seen.hold(), blind.hold():
        a, b = seen.gather(first, seen.stored), blind.gather(first, blind.stored)
    for name in ("vector", "action", "reward", "next_vector", "terminated", "discount"):
        np.testing.assert_array_equal(getattr(a, name), getattr(b, name))
    assert b.terminated.any() == (ends == "terminated")


def test_an_observation_is_a_vector_and_a_batch_of_them_acts_alike():
    agent, rng = TD3Agent.create(CONFIG, seed=1), np.random.default_rng(0)
    vectors = np.stack([vector(rng) for _ in range(3)])
    expected = [agent.select_action({"vector": one}) for one in vectors]
    np.testing.assert_allclose(agent.select_action({"vector": vectors}), expected, atol=1e-6)
    np.testing.assert_allclose(
        agent.policy().select_action({"vector": vectors}), expected, atol=1e-6
    )


def test_a_batch_with_pictures_is_refused(make_batch):
    agent = TD3Agent.create(CONFIG, seed=1)
    pictures = TD3Config(image_shape=(4, 36, 36), vector_dim=OBSERVATION, action_dim=ACTION)
    with pytest.raises(ShapeError, match=r"batch\.image must be None"):
        agent.train(make_batch(pictures))


def test_a_policy_file_and_a_checkpoint_go_round(tmp_path):
    agent, memory = TD3Agent.create(CONFIG, seed=1), filled(n_step=3)
    for _ in range(4):
        agent.train(memory)
    policy, info = load_policy(save_policy(tmp_path / "policy.safetensors", agent.policy()))
    obs = {"vector": vector(np.random.default_rng(0))}
    np.testing.assert_allclose(policy.select_action(obs), agent.select_action(obs), atol=1e-7)
    assert info.config == CONFIG
    shapes = {name: tuple(w.shape) for name, w in policy.state_dict().items()}
    assert shapes == weight_shapes(CONFIG)
    path = save(tmp_path / "checkpoints", agent, memory)
    resumed, other = TD3Agent.create(CONFIG, seed=9), filled(episodes=1, n_step=3)
    load(path, resumed, other)
    for _ in range(4):
        agent.train(memory)
        resumed.train(other)
    assert resumed.parameters_sha256() == agent.parameters_sha256()


def test_the_checklist_passes_without_its_rows_about_cnns():
    agent, memory = TD3Agent.create(CONFIG, seed=1), filled()
    actions = np.random.default_rng(0).uniform(-1, 1, (50, ACTION)).astype(np.float32)
    checks = run_checks(agent, memory.sample(32), actions)
    assert [check.detail for check in checks if not check.passed] == []
    assert "gradients in every layer" in {check.name for check in checks}
    assert not any("CNN" in check.name or "cnn" in check.name for check in checks)


def test_the_fast_arrangement_equals_the_plain_update_in_float64():
    config, memory = replace(CONFIG, target_noise=0.0), filled(n_step=3)
    plain, fast = (TD3Agent.create(config, seed=0) for _ in range(2))
    for agent in (plain, fast):
        for _, network in agent.networks():
            network.double()
        for name, network in (("actor", agent.actor), ("critic", agent.critic)):
            agent.optimizers[name] = torch.optim.Adam(network.parameters(), lr=1e-3)
    cycle, mirror = UpdateCycle(fast), ReplayMirror(memory, torch.device("cpu"), torch.float64)
    mirror.update()
    with memory.hold():
        oldest, end = memory.range()
    rng, size = np.random.default_rng(1), 2 * CONFIG.batch_size
    for _ in range(25):
        first = rng.integers(oldest, end, size)
        draw = mirror.gather(torch.from_numpy(first), torch.tensor(end))
        assert draw.pixels.shape == (size, 0)
        cycle.run(Draw(*(part.double() for part in draw)), torch.zeros(size, ACTION))
        for part in (slice(0, size // 2), slice(size // 2, size)):
            batch = TensorBatch.of(memory.gather(first[part], end), CONFIG)
            wide = TensorBatch(
                {"vector": batch.observation["vector"].double()},
                batch.action.double(),
                batch.reward.double(),
                {"vector": batch.next_observation["vector"].double()},
                batch.bootstrap.double(),
            )
            plain.update_critic(wide)
        plain.update_actor(wide)
        plain.update_targets()
    for (name, ours), (_, theirs) in zip(fast.networks(), plain.networks(), strict=True):
        for mine, its in zip(ours.parameters(), theirs.parameters(), strict=True):
            assert (mine - its).abs().max() < 1e-12, name


# --- Its layers ---


@pytest.mark.parametrize("rows, inputs, outputs", [(256, 256, 256), (64, 300, 40), (256, 14, 256)])
def test_a_linear_layer_and_its_gradients_are_those_of_torch(rows, inputs, outputs):
    torch.manual_seed(0)
    ours, plain = Linear(inputs, outputs), torch.nn.Linear(inputs, outputs)
    plain.load_state_dict(ours.state_dict())
    x = torch.randn(rows, inputs)
    found = []
    for layer in (ours, plain):
        leaf = x.clone().requires_grad_()
        y = layer(leaf)
        y.square().mean().backward()
        found.append([y.detach(), leaf.grad, layer.weight.grad, layer.bias.grad])
    for mine, its in zip(*found, strict=True):
        torch.testing.assert_close(mine, its, rtol=1e-4, atol=1e-6)
