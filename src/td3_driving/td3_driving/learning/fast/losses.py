"""The three passes of TD3 as functions of an agent's networks; see `td3.TD3Agent` for the meaning.

The heads compute in the dtype of the features they are given, and end in that of the weights: a
temporal difference error is the small difference of two large values.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from td3_driving.learning.fast.encoder import features, features_of_two
from td3_driving.learning.networks import Actor, TwinCritic

if TYPE_CHECKING:
    from td3_driving.learning.td3 import TD3Agent

_ALIGN = 64
"""Inner sizes are filled up with zeros to a multiple of this, where matrix products are fast."""


class CriticPass(NamedTuple):
    """Loss () and mean of Q1 ()."""

    loss: Tensor
    q_mean: Tensor


class ActorPass(NamedTuple):
    """Loss, Q1 of the actor's action, mean |pre-tanh|, share of saturated components; each ()."""

    loss: Tensor
    value: Tensor
    pre_tanh_abs: Tensor
    saturated: Tensor


def bellman_target(
    agent: TD3Agent,
    next_pixels: Tensor,
    next_vector: Tensor,
    noise: Tensor,
    reward: Tensor,
    bootstrap: Tensor,
) -> Tensor:
    """As TD3Agent.bellman_target, with the smoothing noise given: standard normal (N, action_dim).

    Returns:
        (N, 1).
    """
    config = agent.config
    if config.shares_cnn:
        for_actor = for_critic = features(agent.target_actor_cnn, next_pixels)
    else:
        for_actor, for_critic = features_of_two(
            agent.target_actor_cnn, agent.target_critic_cnn, next_pixels
        )
    limit = config.target_noise_clip
    shift = (noise * config.target_noise).clamp(-limit, limit)
    action = torch.tanh(pre_tanh(agent.target_actor, for_actor, next_vector))
    action = (action + shift).clamp(-1.0, 1.0)
    q1, q2 = values(agent.target_critic, for_critic, next_vector, action)
    return reward + bootstrap * torch.minimum(q1, q2)


def critic_pass(
    agent: TD3Agent, pixels: Tensor, vector: Tensor, action: Tensor, target: Tensor
) -> CriticPass:
    """The critic's loss on transitions with these Bellman targets (N, 1)."""
    with torch.set_grad_enabled(agent.config.trains_cnn("critic")):
        seen = features(agent.critic_cnn, pixels)
    q1, q2 = values(agent.critic, seen, vector, action)
    return CriticPass(F.mse_loss(q1, target) + F.mse_loss(q2, target), q1.detach().mean())


def actor_pass(agent: TD3Agent, pixels: Tensor, vector: Tensor, stop: float) -> ActorPass:
    """The actor's loss; a component beyond `stop` counts as saturated."""
    if agent.config.shares_cnn:
        with torch.set_grad_enabled(agent.config.trains_cnn("actor")):
            own = features(agent.actor_cnn, pixels)
        seen = own.detach()
    else:
        own, seen = features_of_two(agent.actor_cnn, agent.critic_cnn, pixels, only_first=True)
    before = pre_tanh(agent.actor, own, vector)
    action = torch.tanh(before)
    value = first_value(agent.critic, seen, vector, action).mean()
    loss = -value + agent.config.pretanh_l2 * before.square().mean()
    return ActorPass(
        loss,
        value.detach(),
        before.detach().abs().mean(),
        (action.detach().abs() > stop).to(action.dtype).mean(),
    )


def pre_tanh(actor: Actor, features_: Tensor, vector: Tensor) -> Tensor:
    """What `Actor.forward` gives second: (N, action_dim)."""
    first, *middle, last = _linears(actor.mlp)
    hidden = F.relu(_aligned_linear((features_, vector), first.weight, first.bias))
    for layer in middle:
        hidden = F.relu(_linear(hidden, layer.weight, layer.bias))
    # A product so narrow is cheaper as a sum.
    return (hidden[:, None, :] * last.weight).sum(-1) + last.bias


def first_value(critic: TwinCritic, features_: Tensor, vector: Tensor, action: Tensor) -> Tensor:
    """What `TwinCritic.q1` gives: (N, 1)."""
    first, *middle, last = _linears(critic.q1_mlp)
    hidden = F.relu(_aligned_linear((features_, vector, action), first.weight, first.bias))
    for layer in middle:
        hidden = F.relu(_linear(hidden, layer.weight, layer.bias))
    return (hidden * last.weight).sum(-1, keepdim=True) + last.bias


def values(
    critic: TwinCritic, features_: Tensor, vector: Tensor, action: Tensor
) -> tuple[Tensor, Tensor]:
    """What `TwinCritic.forward` gives, both heads in one batched product each layer."""
    first, *middle, last = zip(_linears(critic.q1_mlp), _linears(critic.q2_mlp), strict=True)
    hidden = _aligned_linear(
        (features_, vector, action),
        torch.cat([layer.weight for layer in first]),
        torch.cat([layer.bias for layer in first]),
    )
    hidden = F.relu(hidden).view(len(hidden), 2, -1).transpose(0, 1)
    for pair in middle:
        weight = torch.stack([layer.weight for layer in pair]).transpose(1, 2)
        bias = torch.stack([layer.bias for layer in pair])[:, None]
        dtype = hidden.dtype
        hidden = F.relu(torch.baddbmm(bias.to(dtype), hidden, weight.to(dtype)))
    weight = torch.stack([layer.weight for layer in last])
    bias = torch.stack([layer.bias for layer in last])[:, None]
    both = (hidden * weight).sum(-1, keepdim=True) + bias
    return both[0], both[1]


def _linears(mlp: torch.nn.Sequential) -> list[torch.nn.Linear]:
    return [layer for layer in mlp if isinstance(layer, torch.nn.Linear)]


def _aligned_linear(parts: tuple[Tensor, ...], weight: Tensor, bias: Tensor) -> Tensor:
    """A linear layer over the joined parts, its inner size filled up to `_ALIGN`."""
    first, *others = parts
    fill = -weight.shape[1] % _ALIGN
    others = [other.to(first.dtype) for other in others]
    joined = torch.cat((first, *others, first.new_zeros(len(first), fill)), dim=1)
    return _linear(joined, F.pad(weight, (0, fill)), bias)


def _linear(x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    return F.linear(x, weight.to(x.dtype), bias.to(x.dtype))
