"""A whole cycle of updates on flat parameters: critic, actor and targets."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Literal

import torch
from torch import Tensor

from td3_driving.learning.fast import losses
from td3_driving.learning.fast.flat import (
    FlatAdam,
    FlatParameters,
    adam_step,
    bias_corrections,
    follow,
)
from td3_driving.learning.fast.fused import fused
from td3_driving.learning.fast.mirror import Draw

if TYPE_CHECKING:
    from td3_driving.learning.td3 import TD3Agent

Precision = Literal["float32", "float16", "bfloat16"]
"""Of pictures and activations; weights, last layers, losses and optimisers are float32 in each.

float16 has the ten bits of significand that tf32 has, at half the memory traffic; bfloat16 has
seven. How far the gradients of each are from float64's: `td3-driving bench precision`.
"""

_SCALES = {"float32": 1.0, "float16": 4096.0, "bfloat16": 1.0}
_GROW_AFTER, _HIGHEST_SCALE = 2000.0, 65536.0
FIGURES = (
    "loss/critic",
    "q/mean",
    "q/target_mean",
    "gradients/critic_cnn_norm",
    "gradients/critic_mlp_norm",
    "loss/actor",
    "q/of_actor_mean",
    "actor/pre_tanh_abs_mean",
    "actor/saturated_share",
    "gradients/actor_cnn_norm",
    "gradients/actor_mlp_norm",
)


class UpdateCycle:
    """`policy_delay` critic updates, then one of actor and targets, over flat parameters.

    It takes the agent's parameters and optimisers over: they become views of its vectors and stay
    the agent's own, for saving, acting and the checklist.

    Args:
        agent: whose networks are trained; on any device.
        precision: of the encoders.
        compile_: fuse the element-wise work with torch.compile.
    """

    def __init__(
        self, agent: TD3Agent, precision: Precision = "float32", compile_: bool = False
    ) -> None:
        self.agent = agent
        a, config = agent, agent.config
        self.critic, targets_of_critic = self._flatten("critic", config.critic_grad_clip)
        self.actor, targets_of_actor = self._flatten("actor", config.actor_grad_clip)
        critic, actor = self.critic.flat, self.actor.flat
        self._leaders = (critic.vector, actor.vector)
        self._targets = (targets_of_critic.vector, targets_of_actor.vector)
        if config.trains_cnn("actor"):
            self._averages = [FlatParameters(a.average_actor_cnn, a.average_actor).vector]
            self._averaged = [actor.vector]
        else:
            averages = FlatParameters(a.average_actor_cnn), FlatParameters(a.average_actor)
            self._averages = [flat.vector for flat in averages]
            self._averaged = [critic.vector[: self.critic.split], actor.vector]
        device, dtype = critic.vector.device, critic.vector.dtype
        self._scale = torch.full((), _SCALES[precision], device=device, dtype=dtype)
        self._scales = precision == "float16"
        self._streak = torch.zeros((), device=device)
        self.refused = torch.zeros((), device=device)
        """Updates that were not taken because loss or gradients were not finite."""
        self.figures = torch.zeros(len(FIGURES), device=device, dtype=dtype)
        self._target_pass = fused(losses.bellman_target, compile_)
        self._critic_pass = fused(losses.critic_pass, compile_)
        self._actor_pass = fused(losses.actor_pass, compile_)
        self._adam_step = fused(adam_step, compile_)
        self._follow = fused(follow, compile_)
        self._corrections = fused(bias_corrections, compile_)
        self._count = fused(count_step, compile_)

    def _flatten(self, name: str, limit: float) -> tuple[FlatAdam, FlatParameters]:
        """What a loss trains, with its optimiser, and the targets of that."""
        agent, networks = self.agent, self.agent.trained_by(name)
        flat = FlatParameters(*(getattr(agent, network) for network in networks))
        targets = FlatParameters(*(getattr(agent, f"target_{network}") for network in networks))
        of_cnn = len(flat.parameters) - len(list(getattr(agent, name).parameters()))
        return FlatAdam(flat, agent.optimizers[name], of_cnn, limit), targets

    def run(self, draw: Draw, noise: Tensor) -> None:
        """One cycle.

        Args:
            draw: policy_delay x B transitions; the targets of all are computed at once, since the
                target networks stand still within a cycle.
            noise: standard normal (policy_delay x B, action_dim), for target smoothing.
        """
        from td3_driving.learning.td3 import SATURATED

        agent, delay = self.agent, self.agent.config.policy_delay
        with torch.no_grad():
            target = self._target_pass(
                agent, draw.next_pixels, draw.next_vector, noise, draw.reward, draw.bootstrap
            )
        size = len(target) // delay
        for k in range(delay):
            part = slice(k * size, (k + 1) * size)
            seen = draw.pixels[part], draw.vector[part]
            critic = self._critic_pass(agent, *seen, draw.action[part], target[part])
            critic_norms = self._step(self.critic, critic.loss)
        actor = self._actor_pass(agent, *seen, SATURATED)
        actor_norms = self._step(self.actor, actor.loss)
        with torch.no_grad():
            config = agent.config
            self._follow(self._targets, self._leaders, config.tau)
            self._follow(self._averages, self._averaged, 1.0 - config.actor_average_decay)
            figures = [critic.loss, critic.q_mean, target[part].mean(), *critic_norms]
            figures += [*actor, *actor_norms]
            self.figures.copy_(torch.stack([figure.detach() for figure in figures]))

    def _step(self, adam: FlatAdam, loss: Tensor) -> tuple[Tensor, Tensor]:
        gradients = torch.autograd.grad(loss * self._scale, adam.flat.parameters)
        with torch.no_grad():
            cnn_norm, mlp_norm, good = self._adam_step(
                adam.flat.vector,
                adam.mean,
                adam.square,
                gradients,
                *self._corrections(adam),
                adam,
                loss.detach(),
                self._scale,
            )
            self._count(
                adam.steps, self._scale, self._streak, self.refused, good, loss, self._scales
            )
        return cnn_norm, mlp_norm

    def adopt(self) -> None:
        """Takes over what a checkpoint has put into the agent's optimisers."""
        self.critic.adopt()
        self.actor.adopt()

    def state_dict(self) -> dict[str, float]:
        """JSON-able: the loss scale, the good steps since it changed, and the refused ones."""
        return {
            "scale": self._scale.item(),
            "streak": self._streak.item(),
            "refused": self.refused.item(),
        }

    def load_state_dict(self, state: Mapping[str, float]) -> None:
        """The inverse of state_dict, in place."""
        self._scale.fill_(state["scale"])
        self._streak.fill_(state["streak"])
        self.refused.fill_(state["refused"])


def count_step(
    steps: Tensor,
    scale: Tensor,
    streak: Tensor,
    refused: Tensor,
    good: Tensor,
    loss: Tensor,
    scales: bool,
) -> None:
    """Counts a step that was taken, or one that was not, in place.

    Where half precision overflowed, the loss itself being finite, the scale is halved and nothing
    is refused; after a long good stretch it doubles (Micikevicius et al. 2018,
    https://arxiv.org/abs/1710.03740).

    Args:
        steps: of Adam, one for each parameter.
        scale: of the loss.
        streak: good steps in a row.
        refused: steps not taken for want of a finite number.
        good: bool, whether this step was taken.
        loss: of this step.
        scales: whether the scale may change.
    """
    overflow = ~good & torch.isfinite(loss) & (scale > 1.0) & scales
    steps.add_(good.to(steps.dtype))
    refused.add_((~good & ~overflow).to(refused.dtype))
    longer = torch.where(good, streak + 1.0, 0.0)
    grows = (longer >= _GROW_AFTER) & scales
    streak.copy_(torch.where(grows, 0.0, longer))
    factor = torch.where(overflow, 0.5, torch.where(grows, 2.0, 1.0))
    scale.copy_((scale * factor).clamp(1.0, _HIGHEST_SCALE))
