"""A learner's critic: what an action is worth at one moment, to who learns or has learned."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from td3_driving.agent.types import Sight
from td3_driving.learning import checkpoint
from td3_driving.learning.checkpoint import load_networks
from td3_driving.learning.config import TD3Config
from td3_driving.learning.policy import observation_tensors
from td3_driving.learning.td3 import TD3Agent


class Critic:
    """The critic of a learner; whoever asks it does so between two updates.

    Args:
        agent: The learner.
        name: Of its checkpoint; empty for one that is learning.
    """

    def __init__(self, agent: TD3Agent, name: str = "") -> None:
        self._agent = agent
        self.name = name
        self.gamma = agent.config.gamma

    @classmethod
    def of_run(cls, folder: Path) -> Critic | None:
        """The critic of a run's newest whole checkpoint; None where there is none.

        Raises:
            LearningError: the checkpoint's configuration is not one of ours.
        """
        saved = next(checkpoint.whole(folder / "checkpoints", with_replay=False), None)
        if saved is None:
            return None
        agent = TD3Agent.create(TD3Config.from_dict(saved.state["config"]), 0)
        load_networks(saved, agent)
        return cls(agent, saved.path.name)

    def values(self, sight: Sight, *actions: np.ndarray) -> list[float]:
        """min(Q1, Q2) of each action at one moment.

        Args:
            sight: The moment.
            actions: float32 (2,) each.
        """
        with torch.inference_mode():
            device = self._agent.device
            tensors, _ = observation_tensors(sight.observation, self._agent.config)
            tensors = {name: tensor.to(device) for name, tensor in tensors.items()}
            state = self._agent.extract_features(tensors, use_actor_cnn=False, enable_grad=False)
            tried = torch.from_numpy(np.stack(actions)).to(device)
            q = torch.minimum(*self._agent.critic(state.expand(len(actions), -1), tried))
        return [float(value) for value in q[:, 0]]
