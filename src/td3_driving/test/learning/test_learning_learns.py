"""The whole update at work on tasks that are learned in a second."""

from dataclasses import replace

import numpy as np

from td3_driving.learning import TD3Agent


def scenes(config, size, rng):
    """Noise pictures with one bright half, and the side (-1 left, +1 right) that it is on."""
    image = rng.integers(0, 100, (size, *config.image_shape), dtype=np.uint8)
    right = rng.random(size) < 0.5
    middle = config.image_shape[2] // 2
    image[right, :, :, middle:] += 120
    image[~right, :, :, :middle] += 120
    return image, np.where(right, 1.0, -1.0).astype(np.float32)


def test_the_critic_learns_a_fixed_batch(small_config, make_batch):
    agent = TD3Agent.create(replace(small_config, critic_lr=1e-3), seed=1)
    batch = make_batch(small_config, discount=np.zeros(8, np.float32))
    losses = [agent.train(batch)["loss/critic"] for _ in range(150)]
    assert losses[-1] < 0.1 * losses[0]


def test_the_actor_learns_to_steer_to_the_bright_side_from_pixels_alone(small_config, make_batch):
    config = replace(small_config, actor_lr=3e-4, critic_lr=1e-3)
    agent, rng = TD3Agent.create(config, seed=1), np.random.default_rng(1)
    blind = np.zeros((32, config.vector_dim), np.float32)
    for seed in range(200):
        image, side = scenes(config, 32, rng)
        batch = make_batch(config, size=32, seed=seed, terminated=np.ones(32, np.bool_))
        reward = 1.0 - np.abs(batch.action[:, 0] - 0.6 * side)
        agent.train(replace(batch, image=image, vector=blind, reward=reward))
    image, side = scenes(config, 32, np.random.default_rng(99))
    action = agent.select_action({"image": image, "vector": blind})
    assert (np.sign(action[:, 0]) == side).mean() > 0.95
