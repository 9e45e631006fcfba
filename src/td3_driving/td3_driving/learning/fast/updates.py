"""Whole cycles of updates on a GPU: sampling, critic, actor and targets as one CUDA graph."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import torch
from torch import Tensor

from td3_driving.learning.errors import NonFiniteError
from td3_driving.learning.fast import losses
from td3_driving.learning.fast.flat import (
    FlatAdam,
    FlatParameters,
    adam_step,
    bias_corrections,
    follow,
)
from td3_driving.learning.fast.fused import fused
from td3_driving.learning.fast.mirror import Draw, ReplayMirror
from td3_driving.learning.replay import FrameReplay

if TYPE_CHECKING:
    from td3_driving.learning.td3 import TD3Agent

Precision = Literal["float32", "float16", "bfloat16"]
"""Of pictures and activations; weights, last layers, losses and optimisers are float32 in each.

float16 has the ten bits of significand that tf32 has, at half the memory traffic; bfloat16 has
seven. How far the gradients of each are from float64's: `td3-driving bench precision`.
"""

_SCALES = {"float32": 1.0, "float16": 4096.0, "bfloat16": 1.0}
_GROW_AFTER, _HIGHEST_SCALE = 2000.0, 65536.0
_WARM_UP_CYCLES = 3
_FIGURES = (
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
        self.figures = torch.zeros(len(_FIGURES), device=device, dtype=dtype)
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


class CudaUpdates:
    """Trains an agent on a GPU from its replay memory, a cycle at a time.

    Args:
        agent: on a CUDA device.
        replay: its memory; mirrored on the device.
        precision: of the encoders.

    Raises:
        ReplayMemoryError: the mirror does not fit on the device.
    """

    def __init__(
        self, agent: TD3Agent, replay: FrameReplay, precision: Precision = "float16"
    ) -> None:
        self._agent = agent
        # tf32: float32's range with ten bits of significand, on the tensor cores.
        torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = True
        torch.backends.cudnn.benchmark = True
        torch.backends.cudnn.benchmark_limit = 0  # try every algorithm, not ten
        self._device = agent.device
        self._mirror = ReplayMirror(replay, self._device, getattr(torch, precision), compile_=True)
        self._cycle = UpdateCycle(agent, precision, compile_=True)
        self._graph: torch.cuda.CUDAGraph | None = None
        self._refused = 0

    def train(self, updates: int, upto: int | None = None) -> dict[str, float]:
        """Runs that many critic updates, a whole number of cycles.

        Args:
            updates: a multiple of policy_delay.
            upto: draw only from transitions stored before this count.

        Returns:
            Figures of the last cycle, named as TD3Agent.train's.

        Raises:
            ValueError: not a whole number of cycles.
            ReplayError: nothing to draw from.
            NonFiniteError: updates were refused; no weight was changed by those.
        """
        delay = self._agent.config.policy_delay
        if updates < 1 or updates % delay:
            raise ValueError(f"updates is {updates}; it must be a positive multiple of {delay}")
        self._mirror.update(upto)
        if self._graph is None:
            self._graph = self._capture()
        for _ in range(updates // delay):
            self._graph.replay()
        self._agent.updates += updates
        return self._report()

    def _run_cycle(self) -> None:
        config, generator = self._agent.config, self._agent.generator
        size = config.policy_delay * config.batch_size
        device = self._device
        fraction = torch.rand(size, dtype=torch.float64, device=device, generator=generator)
        noise = torch.randn(size, config.action_dim, device=device, generator=generator)
        self._cycle.run(self._mirror.draw(fraction), noise)

    def _capture(self) -> torch.cuda.CUDAGraph:
        """Records a cycle. What the warming-up did to the agent is undone."""
        tensors, values = self._agent.state_dict()
        stream = torch.cuda.Stream()
        stream.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(stream):
            for _ in range(_WARM_UP_CYCLES):
                self._run_cycle()
        torch.cuda.current_stream().wait_stream(stream)
        graph = torch.cuda.CUDAGraph()
        graph.register_generator_state(self._agent.generator)
        with torch.cuda.graph(graph):
            self._run_cycle()
        self._agent.load_state_dict(tensors, values)
        self._cycle.adopt()
        self._cycle.refused.zero_()
        return graph

    def adopt(self) -> None:
        """Call it after agent.load_state_dict."""
        self._cycle.adopt()

    def _report(self) -> dict[str, float]:
        figures = dict(zip(_FIGURES, self._cycle.figures.tolist(), strict=True))
        config = self._agent.config
        for name in ("critic", "actor"):
            norm = (
                figures[f"gradients/{name}_cnn_norm"] ** 2
                + figures[f"gradients/{name}_mlp_norm"] ** 2
            ) ** 0.5
            limit = getattr(config, f"{name}_grad_clip")
            figures[f"gradients/{name}_clip_share"] = float(norm > limit)
        refused = int(self._cycle.refused.item())
        if refused > self._refused:
            new, self._refused = refused - self._refused, refused
            self._agent.non_finite += new
            raise NonFiniteError(
                f"{new} updates were refused by update {self._agent.updates}: loss or gradients "
                "were not finite; no weight was changed by those. Rewards far from 1 or a "
                "diverging critic are the usual causes."
            )
        return figures
