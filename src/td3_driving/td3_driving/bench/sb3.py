"""stable-baselines3's TD3 on the same transitions, sizes and rates."""

from __future__ import annotations

from collections.abc import Callable

import gymnasium
import numpy as np
import torch
from stable_baselines3 import TD3
from stable_baselines3.common.buffers import DictReplayBuffer
from stable_baselines3.common.logger import configure

from td3_driving.learning.config import TD3Config
from td3_driving.learning.replay import FrameReplay


class _Spaces(gymnasium.Env):
    """The spaces alone; nobody steps it."""

    def __init__(self) -> None:
        box = gymnasium.spaces.Box
        self.observation_space = gymnasium.spaces.Dict(
            image=box(0, 255, (4, 84, 84), np.uint8),
            vector=box(-np.inf, np.inf, (53,), np.float32),
        )
        self.action_space = box(-1.0, 1.0, (2,), np.float32)


def make_sb3(replay: FrameReplay, device: str, batch_size: int) -> Callable[[int], None]:
    """A function that does that many gradient steps; SB3 keeps whole stacks, on the host."""
    config, stored = TD3Config(), len(replay)
    model = TD3(
        "MultiInputPolicy",
        _Spaces(),
        learning_rate=config.critic_lr,
        buffer_size=stored,
        batch_size=batch_size,
        policy_kwargs={
            "net_arch": list(config.hidden),
            "features_extractor_kwargs": {"cnn_output_dim": config.features_dim},
        },
        device=device,
        seed=0,
    )
    model.set_logger(configure(format_strings=[]))
    memory = model.replay_buffer
    assert isinstance(memory, DictReplayBuffer)
    while memory.size() < stored:
        batch = replay.sample(256)
        for k in range(min(256, stored - memory.size())):
            memory.add(
                {"image": batch.image[k][None], "vector": batch.vector[k][None]},
                {"image": batch.next_image[k][None], "vector": batch.next_vector[k][None]},
                batch.action[k][None],
                batch.reward[k : k + 1],
                batch.terminated[k : k + 1],
                [{}],
            )

    def train(steps: int) -> None:
        model.train(gradient_steps=steps, batch_size=batch_size)
        if device == "cuda":
            torch.cuda.synchronize()

    return train
