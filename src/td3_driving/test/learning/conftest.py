"""Small learners and made-up transitions for the tests of td3_driving.learning."""

from collections.abc import Callable

import numpy as np
import pytest
import torch

from td3_driving.learning import Batch, FrameReplay, TD3Config


@pytest.fixture(autouse=True, scope="session")
def one_thread() -> None:
    torch.set_num_threads(1)


@pytest.fixture
def small_config() -> TD3Config:
    """The whole architecture at a size that updates in a few milliseconds."""
    return TD3Config(
        image_shape=(4, 36, 36), vector_dim=5, features_dim=32, hidden=(32, 32), batch_size=8
    )


@pytest.fixture(scope="session")
def make_batch() -> Callable[..., Batch]:
    """Random transitions, none of them terminated."""

    def make(config: TD3Config, size: int = 8, seed: int = 0, **changes: np.ndarray) -> Batch:
        rng = np.random.default_rng(seed)

        def image() -> np.ndarray:
            return rng.integers(0, 256, (size, *config.image_shape), dtype=np.uint8)

        def vector() -> np.ndarray:
            return rng.standard_normal((size, config.vector_dim)).astype(np.float32)

        arrays = {
            "image": image(),
            "vector": vector(),
            "action": rng.uniform(-1, 1, (size, config.action_dim)).astype(np.float32),
            "reward": rng.standard_normal(size).astype(np.float32),
            "next_image": image(),
            "next_vector": vector(),
            "terminated": np.zeros(size, np.bool_),
            "discount": np.full(size, config.gamma, np.float32),
        }
        return Batch(**{**arrays, **changes})

    return make


@pytest.fixture
def make_replay() -> Callable[..., FrameReplay]:
    """A memory with a few random episodes in it."""

    def make(config: TD3Config, episodes: int = 3, steps: int = 20, **options: int) -> FrameReplay:
        rng = np.random.default_rng(5)
        replay = FrameReplay(
            options.pop("capacity", 200),
            config.image_shape,
            config.vector_dim,
            config.action_dim,
            **options,
        )

        def observation() -> tuple[np.ndarray, np.ndarray]:
            return (
                rng.integers(0, 256, config.image_shape[1:], dtype=np.uint8),
                rng.standard_normal(config.vector_dim).astype(np.float32),
            )

        for _ in range(episodes):
            replay.begin(*observation())
            for step in range(steps):
                action = rng.uniform(-1, 1, config.action_dim).astype(np.float32)
                replay.append(action, rng.normal(), False, step == steps - 1, *observation())
        return replay

    return make
