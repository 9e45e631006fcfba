"""The GPU's arrangement of the update, held to the plain one in float64, on the CPU."""

import copy
import json
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
import torch

from td3_driving.learning import Batch, FrameReplay, TD3Agent, TD3Config
from td3_driving.learning.batch import TensorBatch
from td3_driving.learning.config import Encoder
from td3_driving.learning.errors import ReplayError
from td3_driving.learning.fast.encoder import (
    block_grid,
    features,
    features_of_two,
    stack_blocks,
    to_blocks,
)
from td3_driving.learning.fast.mirror import Draw, ReplayMirror
from td3_driving.learning.fast.pictures import picture_features
from td3_driving.learning.fast.updates import UpdateCycle

CPU = torch.device("cpu")


def in_float64(agent: TD3Agent) -> TD3Agent:
    for _, network in agent.networks():
        network.double()
    for name in ("actor", "critic"):
        parameters = [
            parameter
            for network in agent.trained_by(name)
            for parameter in getattr(agent, network).parameters()
        ]
        rate = getattr(agent.config, f"{name}_lr")
        agent.optimizers[name] = torch.optim.Adam(parameters, lr=rate)
    return agent


def widened(batch: TensorBatch) -> TensorBatch:
    def wide(observation: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
        return {"image": observation["image"], "vector": observation["vector"].double()}

    return TensorBatch(
        wide(batch.observation),
        batch.action.double(),
        batch.reward.double(),
        wide(batch.next_observation),
        batch.bootstrap.double(),
    )


class Given(TD3Agent):
    """An agent whose target smoothing noise is handed in."""

    noise: torch.Tensor

    def bellman_target(self, batch: TensorBatch) -> torch.Tensor:
        config, after = self.config, batch.next_observation
        with torch.no_grad():
            noise = (self.noise * config.target_noise).clamp(
                -config.target_noise_clip, config.target_noise_clip
            )
            state = self.extract_features(after, True, enable_grad=False, target=True)
            action = (self.target_actor(state)[0] + noise).clamp(-1.0, 1.0)
            state = self.extract_features(after, False, enable_grad=False, target=True)
            next_value = torch.minimum(*self.target_critic(state, action))
            return batch.reward + batch.bootstrap * next_value


def train_both(
    config: TD3Config, memory: FrameReplay, cycles: int
) -> tuple[TD3Agent, UpdateCycle, TD3Agent, dict[str, float]]:
    """The same transitions and noise through the plain path and through cycles."""
    plain = in_float64(Given.create(config, seed=0))
    fast = in_float64(copy.deepcopy(plain))
    cycle = UpdateCycle(fast)
    mirror = ReplayMirror(memory, CPU, torch.float64)
    mirror.update()
    with memory.hold():
        oldest, end = memory.range()
    rng = np.random.default_rng(1)
    size, delay = config.batch_size, config.policy_delay
    metrics: dict[str, float] = {}
    for _ in range(cycles):
        first = rng.integers(oldest, end, delay * size)
        noise = torch.from_numpy(rng.standard_normal((delay * size, config.action_dim)))
        draw = mirror.gather(torch.from_numpy(first), torch.tensor(end))
        cycle.run(Draw(*(part.double() for part in draw)), noise)
        for k in range(delay):
            part = slice(k * size, (k + 1) * size)
            batch = widened(TensorBatch.of(memory.gather(first[part], end), config))
            plain.noise = noise[part]
            metrics = plain.update_critic(batch)
        metrics |= plain.update_actor(batch)
        plain.update_targets()
    return plain, cycle, fast, metrics


@pytest.mark.parametrize("encoder", ["separate", "shared_critic", "shared_actor"])
def test_fifty_updates_equal_the_plain_path_to_a_trillionth(
    small_config: TD3Config, make_replay: Callable[..., FrameReplay], encoder: Encoder
) -> None:
    config = replace(small_config, encoder=encoder)
    plain, cycle, fast, metrics = train_both(config, make_replay(config, n_step=3), 25)
    for (name, ours), (_, reference) in zip(fast.networks(), plain.networks(), strict=True):
        for mine, theirs in zip(ours.parameters(), reference.parameters(), strict=True):
            assert (mine - theirs).abs().max() < 1e-12, name
    assert cycle.figures[0].item() == pytest.approx(metrics["loss/critic"], abs=1e-12)
    assert cycle.figures[5].item() == pytest.approx(metrics["loss/actor"], abs=1e-12)


def test_three_critic_updates_per_actor_update_equal_the_plain_path_too(
    small_config: TD3Config, make_replay: Callable[..., FrameReplay]
) -> None:
    config = replace(small_config, policy_delay=3, image_shape=(3, 44, 48))
    plain, _, fast, _ = train_both(config, make_replay(config), 4)
    for (name, ours), (_, reference) in zip(fast.networks(), plain.networks(), strict=True):
        for mine, theirs in zip(ours.parameters(), reference.parameters(), strict=True):
            assert (mine - theirs).abs().max() < 1e-12, name


@pytest.mark.parametrize("encoder", ["separate", "shared_critic", "shared_actor"])
def test_the_arrangement_for_a_cpu_equals_the_plain_path_to_a_trillionth(
    small_config: TD3Config, make_batch: Callable[..., Batch], encoder: Encoder
) -> None:
    config = replace(small_config, encoder=encoder)
    plain = in_float64(TD3Agent.create(config, seed=0))
    fast = copy.deepcopy(plain)
    fast.encode = picture_features
    for seed in range(20):
        batch = widened(TensorBatch.of(make_batch(config, seed=seed), config))
        for agent in (plain, fast):
            agent.update_critic(batch)
            if seed % 2:
                agent.update_actor(batch)
                agent.update_targets()
    for (name, ours), (_, reference) in zip(fast.networks(), plain.networks(), strict=True):
        for mine, theirs in zip(ours.parameters(), reference.parameters(), strict=True):
            assert (mine - theirs).abs().max() < 1e-12, name


@pytest.mark.parametrize("rows, columns", [(84, 84), (36, 36), (45, 38), (47, 63)])
def test_blocks_lose_no_pixel_that_the_cnn_sees(rows: int, columns: int) -> None:
    config = TD3Config(image_shape=(4, rows, columns), features_dim=16)
    agent = in_float64(TD3Agent.create(config, seed=0))
    image = torch.randint(0, 256, (3, 4, rows, columns), dtype=torch.uint8)
    blocks = torch.stack([to_blocks(stack) for stack in image])
    pixels = stack_blocks(blocks, block_grid(rows, columns), torch.float64)
    expected = agent.actor_cnn(image)
    assert torch.allclose(features(agent.actor_cnn, pixels), expected, atol=1e-12, rtol=0)
    assert torch.allclose(picture_features(agent.actor_cnn, image), expected, atol=1e-12, rtol=0)
    first, second = features_of_two(agent.actor_cnn, agent.critic_cnn, pixels)
    assert torch.allclose(first, expected, atol=1e-12, rtol=0)
    assert torch.allclose(second, agent.critic_cnn(image), atol=1e-12, rtol=0)


def test_the_mirror_holds_what_the_replay_holds_also_round_the_seam(
    small_config: TD3Config, make_replay: Callable[..., FrameReplay]
) -> None:
    memory = make_replay(small_config, episodes=1, steps=10, capacity=64, n_step=3)
    mirror = ReplayMirror(memory, CPU, torch.float64)
    rng = np.random.default_rng(2)
    for steps in (1, 30, 7, 200, 64):
        observation = (np.zeros(small_config.image_shape[1:], np.uint8), np.zeros(5, np.float32))
        memory.begin(*observation)
        for step in range(steps):
            frame = rng.integers(0, 256, small_config.image_shape[1:], dtype=np.uint8)
            vector = rng.standard_normal(5).astype(np.float32)
            action = rng.uniform(-1, 1, 2).astype(np.float32)
            memory.append(action, rng.normal(), False, step == steps - 1, frame, vector)
        mirror.update()
        with memory.hold():
            oldest, end = memory.range()
        first = np.arange(oldest, end)
        batch = memory.gather(first, end)
        draw = mirror.gather(torch.from_numpy(first), torch.tensor(end))
        blocks = torch.stack([to_blocks(torch.from_numpy(stack)) for stack in batch.image])
        assert torch.equal(draw.pixels, stack_blocks(blocks, block_grid(36, 36), torch.float64))
        assert np.array_equal(draw.vector.numpy(), batch.vector)
        assert np.array_equal(draw.next_vector.numpy(), batch.next_vector)
        assert np.array_equal(draw.reward.numpy()[:, 0], batch.reward)
        bootstrap = (batch.discount * ~batch.terminated)[:, None]
        assert np.array_equal(draw.bootstrap.numpy(), bootstrap)


def test_a_draw_covers_the_whole_range_and_nothing_else(
    small_config: TD3Config, make_replay: Callable[..., FrameReplay]
) -> None:
    memory = make_replay(small_config, episodes=4, steps=20, capacity=50)
    mirror = ReplayMirror(memory, CPU, torch.float32)
    mirror.update()
    with memory.hold():
        oldest, end = memory.range()
    count = end - oldest
    fraction = (torch.arange(count, dtype=torch.float64) + 0.5) / count
    drawn = mirror.draw(fraction)
    expected = memory.gather(np.arange(oldest, end), end)
    assert np.array_equal(drawn.action.numpy(), expected.action)


def test_each_update_of_a_cycle_draws_only_from_what_was_stored_in_its_turn(
    small_config: TD3Config, make_replay: Callable[..., FrameReplay]
) -> None:
    memory = make_replay(small_config)
    mirror = ReplayMirror(memory, CPU, torch.float32, batches=2)
    with memory.hold():
        oldest, end = memory.range()
    fraction = torch.linspace(0.0, 1.0 - 1e-9, 4 * (end - oldest), dtype=torch.float64).repeat(2)
    for apart in (0, 1, 5):
        mirror.update(apart=apart)
        drawn = mirror.draw(fraction).action.chunk(2)
        for actions, upto in zip(drawn, (end - apart, end), strict=True):
            among = memory.gather(np.arange(oldest, upto), upto).action
            assert np.array_equal(np.unique(actions, axis=0), np.unique(among, axis=0))
    with pytest.raises(ReplayError, match="nothing to draw"):
        mirror.update(apart=end - oldest)


def test_a_refused_step_changes_nothing_and_is_counted(
    small_config: TD3Config, make_replay: Callable[..., FrameReplay]
) -> None:
    agent = TD3Agent.create(small_config, seed=0)
    cycle = UpdateCycle(agent)
    mirror = ReplayMirror(make_replay(small_config), CPU, torch.float32)
    mirror.update()
    draw = mirror.draw(torch.rand(16, dtype=torch.float64))
    noise = torch.randn(16, 2)
    cycle.run(draw, noise)
    critic = cycle.critic.flat.vector.clone()
    cycle.run(draw._replace(reward=draw.reward * float("nan")), noise)
    assert torch.equal(cycle.critic.flat.vector, critic)
    assert cycle.refused.item() == 2
    assert cycle.critic.steps[0].item() == 2
    cycle.run(draw, noise)
    assert not torch.equal(cycle.critic.flat.vector, critic)


def test_saving_and_loading_goes_on_bit_for_bit(
    small_config: TD3Config, make_replay: Callable[..., FrameReplay]
) -> None:
    agent = TD3Agent.create(small_config, seed=0)
    cycle = UpdateCycle(agent)
    mirror = ReplayMirror(make_replay(small_config), CPU, torch.float32)
    mirror.update()
    draw = mirror.draw(torch.rand(16, dtype=torch.float64))
    noise = torch.randn(16, 2)
    cycle.run(draw, noise)
    cycle._scale.fill_(512.0)
    state, beside = agent.state_dict(), cycle.state_dict()
    cycle.run(draw, noise)
    other = TD3Agent.create(small_config, seed=9)
    resumed = UpdateCycle(other)
    other.load_state_dict(*state)
    resumed.adopt()
    resumed.load_state_dict(json.loads(json.dumps(beside)))
    resumed.run(draw, noise)
    assert resumed.state_dict() == cycle.state_dict() == {"scale": 512.0, "streak": 6, "refused": 0}
    assert other.parameters_sha256() == agent.parameters_sha256()


def test_the_plain_path_goes_on_from_a_fast_one(
    small_config: TD3Config, make_replay: Callable[..., FrameReplay]
) -> None:
    memory = make_replay(small_config)
    agent = TD3Agent.create(small_config, seed=0)
    cycle = UpdateCycle(agent)
    mirror = ReplayMirror(memory, CPU, torch.float32)
    mirror.update()
    cycle.run(mirror.draw(torch.rand(16, dtype=torch.float64)), torch.randn(16, 2))
    restored = TD3Agent.create(small_config, seed=1)
    restored.load_state_dict(*agent.state_dict())
    before = restored.parameters_sha256()
    restored.train(memory)
    assert restored.parameters_sha256() != before
    assert restored.optimizers["critic"].state[next(restored.critic_cnn.parameters())]["step"] == 3
