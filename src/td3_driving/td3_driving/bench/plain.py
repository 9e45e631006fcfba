"""The plain loop of most single-file learners: eager, each batch sent to the device."""

from __future__ import annotations

import torch

from td3_driving.learning.batch import TensorBatch
from td3_driving.learning.config import TD3Config
from td3_driving.learning.replay import FrameReplay
from td3_driving.learning.td3 import TD3Agent


class PlainLearner:
    """TD3Agent's reference path on any device."""

    def __init__(self, replay: FrameReplay, device: str, batch_size: int) -> None:
        self._replay, self._device = replay, torch.device(device)
        self._agent = TD3Agent.create(TD3Config(batch_size=batch_size), seed=0, device=device)

    def train(self, steps: int) -> None:
        """Gradient steps, waited for."""
        agent = self._agent
        for _ in range(steps):
            batch = TensorBatch.of(self._replay.sample(agent.config.batch_size), agent.config)
            batch = batch.to(self._device)
            agent.update_critic(batch)
            agent.updates += 1
            if agent.updates % agent.config.policy_delay == 0:
                agent.update_actor(batch)
                agent.update_targets()
        if self._device.type == "cuda":
            torch.cuda.synchronize()
