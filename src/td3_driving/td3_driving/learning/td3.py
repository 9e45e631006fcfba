"""Twin delayed deep deterministic policy gradient from pixels.

After Fujimoto et al. 2018 (https://arxiv.org/abs/1802.09477) and the author's code; the use of
two encoders is stable-baselines3's: the actor's loss is -Q1 of the critic's own features, taken
without gradient from the critic as just updated. One encoder for both, trained by the critic's
loss, is as in Yarats et al. 2021 (https://arxiv.org/abs/1910.01741).
"""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils import clip_grads_with_norm_, get_total_norm

from td3_driving.learning.batch import Batch, TensorBatch
from td3_driving.learning.config import TD3Config
from td3_driving.learning.errors import ForeignCheckpointError, NonFiniteError
from td3_driving.learning.networks import Actor, NatureCNN, NoCNN, TwinCritic, make_cnn
from td3_driving.learning.policy import Observation, Policy, finish_action, observation_tensors
from td3_driving.learning.replay import FrameReplay
from td3_driving.learning.state import copies, pack_optimizer, tensors_sha256, unpack_optimizer

ONLINE = ("actor_cnn", "actor", "critic_cnn", "critic")
NETWORKS = (
    *ONLINE,
    *(f"target_{name}" for name in ONLINE),
    "average_actor_cnn",
    "average_actor",
)
SATURATED = 0.95
"""An action component beyond this is at its stop, where tanh has next to no slope."""


class TD3Agent:
    """A TD3 learner over {image, vector} observations, or over vectors. It belongs to one thread.

    Args:
        config: sizes and rates.
        actor_cnn: the actor's encoder.
        critic_cnn: the critic's own encoder: another instance from the same factory; the same one
            where the configuration says that it is shared.
        actor: the policy's head.
        critic: the two value heads.
        generator: the only source of random numbers; it becomes the agent's own.
    """

    def __init__(
        self,
        config: TD3Config,
        actor_cnn: NatureCNN | NoCNN,
        critic_cnn: NatureCNN | NoCNN,
        actor: Actor,
        critic: TwinCritic,
        generator: torch.Generator,
    ) -> None:
        self.config = config
        self.actor_cnn, self.actor = actor_cnn, actor
        self.critic_cnn, self.critic = critic_cnn, critic
        self.target_actor_cnn, self.target_actor = _frozen(actor_cnn), _frozen(actor)
        self.target_critic_cnn, self.target_critic = _frozen(critic_cnn), _frozen(critic)
        if config.shares_cnn:
            self.target_critic_cnn = self.target_actor_cnn
        self.average_actor_cnn, self.average_actor = _frozen(actor_cnn), _frozen(actor)
        # One optimiser per loss, over the CNN and the MLP that it trains together.
        self.optimizers = {
            name: _adam(
                getattr(config, f"{name}_lr"),
                *(getattr(self, net) for net in self.trained_by(name)),
            )
            for name in ("actor", "critic")
        }
        self.encode: Callable[[Any, Tensor], Tensor] = _forward
        """(CNN, pictures) to features; learning.fast puts an equal but faster one here."""
        self.generator = generator
        self.updates = 0
        """Critic updates done."""
        self.non_finite = 0
        """Updates refused because something was not finite."""

    @classmethod
    def create(cls, config: TD3Config, seed: int, device: torch.device | str = "cpu") -> TD3Agent:
        """A new learner; the seed fixes its weights, alike on every device, and its noise."""
        initial = torch.Generator().manual_seed(seed)
        device = torch.device(device)
        actor_cnn = make_cnn(config, initial).to(device)
        critic_cnn = actor_cnn if config.shares_cnn else make_cnn(config, initial).to(device)
        return cls(
            config,
            actor_cnn=actor_cnn,
            critic_cnn=critic_cnn,
            actor=Actor(config, initial).to(device),
            critic=TwinCritic(config, initial).to(device),
            generator=initial
            if device.type == "cpu"
            else torch.Generator(device).manual_seed(seed),
        )

    @property
    def device(self) -> torch.device:
        """Where the networks live."""
        return next(self.actor.parameters()).device

    def trained_by(self, name: str) -> tuple[str, ...]:
        """Names of the networks that the loss of the "actor" or the "critic" trains, CNN first."""
        return (f"{name}_cnn", name) if self.config.trains_cnn(name) else (name,)

    def online(self) -> tuple[str, ...]:
        """Names of the networks that have targets, each once: of a shared CNN, the actor's."""
        return tuple(n for n in ONLINE if not (self.config.shares_cnn and n == "critic_cnn"))

    # --- Acting ---

    def extract_features(
        self,
        obs: Mapping[str, Tensor],
        use_actor_cnn: bool,
        enable_grad: bool,
        target: bool = False,
    ) -> Tensor:
        """The state: features of the picture by the chosen CNN, joined to the vector.

        Without pictures the vector is the state.

        Args:
            obs: image uint8 (B, frames, rows, columns), vector (B, vector_dim).
            use_actor_cnn: the actor's CNN, else the critic's.
            enable_grad: whether gradients flow back into that CNN.
            target: the target copy of that CNN.

        Returns:
            (B, state_dim).
        """
        if self.config.image_shape is None:
            return obs["vector"]
        name = f"{'target_' if target else ''}{'actor' if use_actor_cnn else 'critic'}_cnn"
        cnn: NatureCNN = getattr(self, name)
        with torch.set_grad_enabled(enable_grad):
            return torch.cat((self.encode(cnn, obs["image"]), obs["vector"]), dim=1)

    def select_action(
        self, obs: Observation, noise: np.ndarray | None = None, deterministic: bool = False
    ) -> np.ndarray:
        """What the present actor would do.

        Args:
            obs: image uint8 (frames, rows, columns) and vector float32 (vector_dim,); or a batch
                of both.
            noise: added before clipping to [-1, 1]; float32, shaped like the action.
            deterministic: leave the noise out.

        Returns:
            float32 (action_dim,), or (B, action_dim) for a batch.

        Raises:
            ShapeError: wrong dtype or shape.
            NonFiniteError: vector or noise is not finite.
        """
        tensors, is_batch = observation_tensors(obs, self.config)
        tensors = {name: tensor.to(self.device) for name, tensor in tensors.items()}
        with torch.no_grad():
            state = self.extract_features(tensors, use_actor_cnn=True, enable_grad=False)
            action, _ = self.actor(state)
        return finish_action(action.cpu(), is_batch, None if deterministic else noise)

    def policy(self, average: bool = False) -> Policy:
        """A frozen copy of the present (or averaged) actor, for acting in another thread."""
        if average:
            return Policy(self.config, self.average_actor_cnn, self.average_actor)
        return Policy(self.config, self.actor_cnn, self.actor)

    # --- Learning ---

    def train(
        self,
        source: Batch | FrameReplay,
        batch_size: int | None = None,
        upto: int | None = None,
    ) -> dict[str, float]:
        """One update: the critic's, and every `policy_delay` calls the actor's and the targets'.

        Args:
            source: a batch, or the replay to draw it from.
            batch_size: transitions to draw; the configuration's unless given.
            upto: draw only from transitions stored before this count (FrameReplay.sample).

        Returns:
            Figures of this update; those of the actor only when it was updated.

        Raises:
            ShapeError: an array does not fit the configuration.
            NonFiniteError: something in the batch, the loss or the gradients is not finite. The
                weights of the network concerned are as they were, and `non_finite` counts it.
        """
        if isinstance(source, FrameReplay):
            source = source.sample(batch_size or self.config.batch_size, upto)
        try:
            batch = TensorBatch.of(source, self.config).to(self.device)
            metrics = self.update_critic(batch)
            self.updates += 1
            if self.updates % self.config.policy_delay == 0:
                metrics |= self.update_actor(batch)
                self.update_targets()
        except NonFiniteError:
            self.non_finite += 1
            raise
        return metrics

    def bellman_target(self, batch: TensorBatch) -> Tensor:
        """r + discount (1 - terminated) min(Q1', Q2') at the smoothed target action; (B, 1)."""
        config, after = self.config, batch.next_observation
        with torch.no_grad():
            noise = torch.empty_like(batch.action)
            noise.normal_(0.0, config.target_noise, generator=self.generator)
            noise.clamp_(-config.target_noise_clip, config.target_noise_clip)
            state = self.extract_features(after, True, enable_grad=False, target=True)
            action = (self.target_actor(state)[0] + noise).clamp(-1.0, 1.0)
            if not config.shares_cnn:
                state = self.extract_features(after, False, enable_grad=False, target=True)
            next_value = torch.minimum(*self.target_critic(state, action))
            return batch.reward + batch.bootstrap * next_value

    def update_critic(self, batch: TensorBatch) -> dict[str, float]:
        """One step of critic_cnn and critic towards the Bellman target."""
        target = self.bellman_target(batch)
        trained = self.config.trains_cnn("critic")
        state = self.extract_features(batch.observation, use_actor_cnn=False, enable_grad=trained)
        q1, q2 = self.critic(state, batch.action)
        loss = F.mse_loss(q1, target) + F.mse_loss(q2, target)
        gradients = self._step("critic", loss)
        return {
            "loss/critic": loss.item(),
            "q/mean": q1.mean().item(),
            "q/target_mean": target.mean().item(),
            **gradients,
        }

    def update_actor(self, batch: TensorBatch) -> dict[str, float]:
        """One step of actor_cnn and actor up Q1; the averaged actor follows."""
        obs, trained = batch.observation, self.config.trains_cnn("actor")
        state = self.extract_features(obs, use_actor_cnn=True, enable_grad=trained)
        action, pre_tanh = self.actor(state)
        # Q1 sees the features it was trained on, the critic's own, and sends no gradient into them.
        seen = (
            state.detach()
            if self.config.shares_cnn
            else self.extract_features(obs, use_actor_cnn=False, enable_grad=False)
        )
        value = self.critic.q1(seen, action).mean()
        loss = -value + self.config.pretanh_l2 * pre_tanh.square().mean()
        gradients = self._step("actor", loss)
        weight = 1.0 - self.config.actor_average_decay
        _lerp(self.average_actor_cnn, self.actor_cnn, weight)
        _lerp(self.average_actor, self.actor, weight)
        return {
            "loss/actor": loss.item(),
            "q/of_actor_mean": value.item(),
            "actor/pre_tanh_abs_mean": pre_tanh.abs().mean().item(),
            "actor/saturated_share": (action.abs() > SATURATED).float().mean().item(),
            **gradients,
        }

    def update_targets(self) -> None:
        """Every target moves by tau towards its network."""
        for name in self.online():
            _lerp(getattr(self, f"target_{name}"), getattr(self, name), self.config.tau)

    def _step(self, name: str, loss: Tensor) -> dict[str, float]:
        """One clipped Adam step of a network, refused before it changes a weight if not finite."""
        mlp = getattr(self, name)
        cnn = getattr(self, f"{name}_cnn") if self.config.trains_cnn(name) else NoCNN()
        limit = getattr(self.config, f"{name}_grad_clip")
        parameters = [p for p in (*cnn.parameters(), *mlp.parameters()) if p.requires_grad]
        if not math.isfinite(loss.item()):
            raise NonFiniteError(
                f"the {name}'s loss is {loss.item()} at update {self.updates}; no weight of it was "
                "changed. Rewards far from 1 or a diverging critic are the usual causes."
            )
        for parameter in parameters:
            parameter.grad = None
        # `inputs`: the actor's loss runs through the critic, whose gradients nobody needs.
        loss.backward(inputs=parameters)
        cnn_norm, mlp_norm = _gradient_norm(cnn), _gradient_norm(mlp)
        norm = torch.hypot(cnn_norm, mlp_norm)
        if not math.isfinite(norm.item()):
            raise NonFiniteError(
                f"the {name}'s gradient norm is {norm.item()} at update {self.updates} (CNN "
                f"{cnn_norm.item()}, MLP {mlp_norm.item()}); no weight of it was changed"
            )
        clip_grads_with_norm_(parameters, limit, norm)
        self.optimizers[name].step()
        return {
            f"gradients/{name}_cnn_norm": cnn_norm.item(),
            f"gradients/{name}_mlp_norm": mlp_norm.item(),
            f"gradients/{name}_clip_share": float(norm.item() > limit),
        }

    # --- State ---

    def networks(self) -> Iterator[tuple[str, nn.Module]]:
        """Every network once, by name: the online ones, their targets, the averaged actor."""
        online = self.online()
        for name in NETWORKS:
            if name.removeprefix("target_") in online or name.startswith("average_"):
                yield name, getattr(self, name)

    def state_dict(
        self, into: dict[str, Tensor] | None = None
    ) -> tuple[dict[str, Tensor], dict[str, Any]]:
        """All that a continued run needs: copied tensors by flat name, and JSON-able values.

        Args:
            into: memory for the copies, see state.copies.
        """
        tensors = self._weights()
        for name, optimizer in self.optimizers.items():
            tensors |= pack_optimizer(f"optimizer.{name}", optimizer)
        tensors["generator"] = self.generator.get_state()
        values = {"updates": self.updates, "non_finite": self.non_finite}
        return copies(tensors, into), values

    def load_state_dict(self, tensors: Mapping[str, Tensor], values: Mapping[str, Any]) -> None:
        """The inverse of state_dict; the agent then continues bit for bit.

        Raises:
            RuntimeError: a weight is missing, unknown or of another shape (torch's message).
            ForeignCheckpointError: the state is of a learner on another kind of device.
        """
        if tensors["generator"].shape != self.generator.get_state().shape:
            raise ForeignCheckpointError(
                "the state is of a learner on another kind of device, whose random numbers cannot "
                f"be continued on {self.device.type}; go on with the device that it was written on"
            )
        self.load_networks(tensors)
        self.generator.set_state(tensors["generator"])
        self.updates, self.non_finite = int(values["updates"]), int(values["non_finite"])

    def load_networks(self, tensors: Mapping[str, Tensor]) -> None:
        """Takes networks and optimisers from what state_dict gave; counters and noise stay.

        Raises:
            RuntimeError: a weight is missing, unknown or of another shape (torch's message).
        """
        for network, module in self.networks():
            prefix = f"{network}."
            module.load_state_dict(
                {k.removeprefix(prefix): v for k, v in tensors.items() if k.startswith(prefix)}
            )
        for name, optimizer in self.optimizers.items():
            unpack_optimizer(f"optimizer.{name}", optimizer, tensors)

    def parameters_sha256(self) -> str:
        """A digest of every weight of every network, targets and average included."""
        return tensors_sha256(self._weights())

    def _weights(self) -> dict[str, Tensor]:
        return {
            f"{network}.{name}": tensor
            for network, module in self.networks()
            for name, tensor in module.state_dict().items()
        }


def _forward(cnn: NatureCNN, image: Tensor) -> Tensor:
    return cnn(image)


def _adam(lr: float, *networks: nn.Module) -> torch.optim.Adam:
    # Fused: a third of the time of the default on a CPU, bias correction in float64.
    return torch.optim.Adam([p for net in networks for p in net.parameters()], lr=lr, fused=True)


def _frozen(module: nn.Module) -> Any:
    return copy.deepcopy(module).requires_grad_(False)


def _lerp(follower: nn.Module, leader: nn.Module, weight: float) -> None:
    with torch.no_grad():
        for mine, theirs in zip(follower.parameters(), leader.parameters(), strict=True):
            mine.lerp_(theirs, weight)


def _gradient_norm(module: nn.Module) -> Tensor:
    return get_total_norm([p.grad for p in module.parameters() if p.grad is not None])
