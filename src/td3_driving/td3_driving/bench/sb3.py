"""stable-baselines3's TD3 on the same transitions, sizes and rates."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import gymnasium
import numpy as np
import torch
from stable_baselines3 import TD3
from stable_baselines3.common.buffers import DictReplayBuffer
from stable_baselines3.common.logger import configure
from stable_baselines3.common.noise import ActionNoise

from td3_driving.learning.config import TD3Config
from td3_driving.learning.replay import FrameReplay

if TYPE_CHECKING:
    from td3_driving.bench.driving_run import Run


class Spaces(gymnasium.Env):
    """The spaces alone; nobody steps it."""

    observation_space = gymnasium.spaces.Dict(
        image=gymnasium.spaces.Box(0, 255, (4, 84, 84), np.uint8),
        vector=gymnasium.spaces.Box(-np.inf, np.inf, (53,), np.float32),
    )
    action_space = gymnasium.spaces.Box(-1.0, 1.0, (2,), np.float32)


def fill(memory: DictReplayBuffer, replay: FrameReplay) -> None:
    """Fills a buffer to its end with transitions drawn from our memory."""
    while not memory.full:
        batch = replay.sample(256)
        assert batch.image is not None and batch.next_image is not None
        for k in range(min(256, memory.buffer_size - memory.size())):
            memory.add(
                {"image": batch.image[k][None], "vector": batch.vector[k][None]},
                {"image": batch.next_image[k][None], "vector": batch.next_vector[k][None]},
                batch.action[k][None],
                batch.reward[k : k + 1],
                batch.terminated[k : k + 1],
                [{}],
            )


def make_sb3(replay: FrameReplay, device: str, batch_size: int) -> Callable[[int], None]:
    """A function that does that many gradient steps; SB3 keeps whole stacks, on the host."""
    config = TD3Config()
    model = TD3(
        "MultiInputPolicy",
        Spaces(),
        learning_rate=config.critic_lr,
        buffer_size=len(replay),
        batch_size=batch_size,
        policy_kwargs={
            "net_arch": list(config.hidden),
            "features_extractor_kwargs": {"cnn_output_dim": config.features_dim},
        },
        device=device,
        seed=0,
    )
    model.set_logger(configure(format_strings=[]))
    assert isinstance(model.replay_buffer, DictReplayBuffer)
    fill(model.replay_buffer, replay)

    def train(steps: int) -> None:
        model.train(gradient_steps=steps, batch_size=batch_size)
        if device == "cuda":
            torch.cuda.synchronize()

    return train


class RunNoise(ActionNoise):
    """Our exploration noise and its schedule; SB3 asks for it once per step."""

    def __init__(self, run: Run) -> None:
        super().__init__()
        self._run = run
        self._random = np.random.default_rng(run.seed + 1)
        self._step = 0

    def __call__(self) -> np.ndarray:
        """The next noise, (2,)."""
        self._step += 1
        return self._run.noise(self._step) * self._random.standard_normal(2)


class TwoRates(TD3):
    """TD3 with a learning rate each for actor and critic."""

    rates = (1e-4, 3e-4)

    def _update_learning_rate(self, optimizers: Any) -> None:
        for optimizer, rate in zip(optimizers, self.rates, strict=True):
            for group in optimizer.param_groups:
                group["lr"] = rate


def driving_model(run: Run, env: gymnasium.Env) -> TD3:
    """SB3's TD3 on the driving environment: at its defaults, or with our hyper-parameters.

    The memory is as large as the run: SB3's million whole stacks would not fit.
    """
    size = min(run.steps, 1_000_000)
    common: dict[str, Any] = {"buffer_size": size, "seed": run.seed, "device": run.device}
    if run.learner == "sb3":
        return TD3("MultiInputPolicy", env, **common)
    recipe, config = run.recipe, TD3Config()
    model = TwoRates(
        "MultiInputPolicy",
        env,
        learning_starts=run.learning_starts,
        batch_size=run.batch,
        tau=recipe.tau,
        gamma=recipe.gamma,
        train_freq=recipe.decisions_per_update,
        policy_delay=recipe.policy_delay,
        action_noise=RunNoise(run),
        policy_kwargs={
            "net_arch": list(config.hidden),
            "features_extractor_kwargs": {"cnn_output_dim": config.features_dim},
        },
        **common,
    )
    model.rates = (recipe.actor_lr, recipe.critic_lr)
    return model
