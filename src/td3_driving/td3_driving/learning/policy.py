"""Acting: a frozen actor with its CNN, to be used from another thread than the learner's."""

from __future__ import annotations

import copy
import threading
from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from td3_driving.learning.batch import check_array
from td3_driving.learning.config import TD3Config
from td3_driving.learning.networks import Actor, NatureCNN, NoCNN, make_cnn
from td3_driving.learning.state import copies

if TYPE_CHECKING:
    from td3_driving.learning.td3 import TD3Agent

Observation = Mapping[str, np.ndarray]
"""image: uint8 (frames, rows, columns), newest last, unless the learner sees none; vector: float32
(vector_dim,). Or a batch of both."""


class Policy:
    """An actor and its CNN, frozen. Acting and loading may be in different threads.

    Args:
        config: of the learner.
        actor_cnn, actor: to be copied.
        device: where it acts.
    """

    def __init__(
        self,
        config: TD3Config,
        actor_cnn: NatureCNN | NoCNN,
        actor: Actor,
        device: torch.device | str = "cpu",
    ) -> None:
        self.config, self._device = config, torch.device(device)
        self.actor_cnn = copy.deepcopy(actor_cnn).to(device).eval().requires_grad_(False)
        self.actor = copy.deepcopy(actor).to(device).eval().requires_grad_(False)
        self._lock = threading.Lock()

    @classmethod
    def create(cls, config: TD3Config, seed: int = 0) -> Policy:
        """An untrained policy, to load weights into."""
        generator = torch.Generator().manual_seed(seed)
        return cls(config, make_cnn(config, generator), Actor(config, generator))

    def select_action(
        self, obs: Observation, noise: np.ndarray | None = None, deterministic: bool = False
    ) -> np.ndarray:
        """As TD3Agent.select_action."""
        tensors, is_batch = observation_tensors(obs, self.config)
        tensors = {name: tensor.to(self._device) for name, tensor in tensors.items()}
        with self._lock, torch.inference_mode():
            state = tensors["vector"]
            if "image" in tensors:
                state = torch.cat((self.actor_cnn(tensors["image"]), state), dim=1)
            action, _ = self.actor(state)
        return finish_action(action, is_batch, None if deterministic else noise)

    def load_from(self, agent: TD3Agent, average: bool = False) -> None:
        """Copies the agent's present (or averaged) actor. Call it between two updates."""
        cnn, actor = (
            (agent.average_actor_cnn, agent.average_actor)
            if average
            else (agent.actor_cnn, agent.actor)
        )
        with self._lock, torch.no_grad():
            for mine, theirs in ((self.actor_cnn, cnn), (self.actor, actor)):
                # load_state_dict would check on every cycle of updates what is known to fit.
                for weight, new in zip(mine.parameters(), theirs.parameters(), strict=True):
                    weight.copy_(new)

    def state_dict(self, into: dict[str, Tensor] | None = None) -> dict[str, Tensor]:
        """The weights by name, actor_cnn.* and actor.*; `into` is as for state.copies."""
        with self._lock:
            weights = {
                f"{part}.{name}": tensor
                for part in ("actor_cnn", "actor")
                for name, tensor in getattr(self, part).state_dict().items()
            }
            return copies(weights, into)

    def load_state_dict(self, tensors: Mapping[str, Tensor]) -> None:
        """The inverse of state_dict; torch refuses missing, unknown and misshapen weights."""
        with self._lock:
            for part in ("actor_cnn", "actor"):
                prefix = f"{part}."
                getattr(self, part).load_state_dict(
                    {k.removeprefix(prefix): v for k, v in tensors.items() if k.startswith(prefix)}
                )


def observation_tensors(obs: Observation, config: TD3Config) -> tuple[dict[str, Tensor], bool]:
    """Checks an observation, or a batch of them, and gives it a batch axis.

    Returns:
        image (B, frames, rows, columns), unless the learner sees none, and vector (B, vector_dim);
        whether it was a batch.

    Raises:
        ShapeError: wrong dtype or shape.
        NonFiniteError: the vector is not finite.
    """
    vector = obs["vector"]
    is_batch = vector.ndim == 2
    leading = (len(vector),) if is_batch else ()
    check_array("observation vector", vector, np.float32, (*leading, config.vector_dim))
    # torch.tensor copies: a picture that came in a message is often read-only.
    tensors = {"vector": torch.tensor(vector)}
    if config.image_shape is not None:
        image = obs["image"]
        check_array("observation image", image, np.uint8, (*leading, *config.image_shape))
        tensors["image"] = torch.tensor(image)
    return tensors if is_batch else {k: v[None] for k, v in tensors.items()}, is_batch


def finish_action(action: Tensor, is_batch: bool, noise: np.ndarray | None) -> np.ndarray:
    """Adds the noise, clips to [-1, 1] and drops the batch axis again. float32.

    Raises:
        ShapeError: the noise has another shape than the action.
        NonFiniteError: the noise is not finite.
    """
    result = action.cpu().numpy() if is_batch else action.cpu().numpy()[0]
    if noise is not None:
        check_array("action noise", noise, np.float32, result.shape)
        result = np.clip(result + noise, -1.0, 1.0)
    return result
