"""TD3 as LeanRL does it (https://github.com/meta-pytorch/LeanRL, its compiled TD3).

Replay on the device, one compiled function for the critic and one for the actor, each replayed as a
CUDA graph; whole stacks stored, NCHW. tf32 as ours. Its networks are ours, so that the work is the
same.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

from td3_driving.learning.config import TD3Config
from td3_driving.learning.replay import FrameReplay
from td3_driving.learning.td3 import ONLINE, TD3Agent

_WARM_UP = 3


class LeanLearner:
    """A learner of the compile-and-capture kind."""

    def __init__(self, replay: FrameReplay, device: str, batch_size: int) -> None:
        if device != "cuda":
            raise ValueError(f"leanrl lives by CUDA graphs; device is {device!r}")
        torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = True
        torch.backends.cudnn.benchmark = True
        self._config = TD3Config(batch_size=batch_size)
        self._size = batch_size
        self.agent = a = TD3Agent.create(self._config, seed=0, device=device)
        stored = replay.sample(len(replay))
        self._stored = {
            name: torch.from_numpy(getattr(stored, name)).to(device)
            for name in ("image", "vector", "action", "reward", "next_image", "next_vector")
        }
        self._stored["bootstrap"] = torch.from_numpy(stored.discount * ~stored.terminated).to(
            device
        )
        self._batch = {k: v[:batch_size].clone() for k, v in self._stored.items()}
        config = self._config
        critic = [*a.critic_cnn.parameters(), *a.critic.parameters()]
        actor = [*a.actor_cnn.parameters(), *a.actor.parameters()]
        self._critic_optimizer = torch.optim.Adam(critic, lr=config.critic_lr, capturable=True)
        self._actor_optimizer = torch.optim.Adam(actor, lr=config.actor_lr, capturable=True)
        self._updates = 0
        self._critic_graph = _captured(torch.compile(self._update_critic))
        self._actor_graph = _captured(torch.compile(self._update_actor))

    def train(self, steps: int) -> None:
        """Gradient steps, waited for."""
        for _ in range(steps):
            index = torch.randint(len(self._stored["reward"]), (self._size,), device="cuda")
            for name, ring in self._stored.items():
                torch.index_select(ring, 0, index, out=self._batch[name])
            self._critic_graph()
            self._updates += 1
            if self._updates % self._config.policy_delay == 0:
                self._actor_graph()
        torch.cuda.synchronize()

    def _state(self, prefix: str, name: str, image: Tensor, vector: Tensor) -> Tensor:
        return torch.cat((getattr(self.agent, f"{prefix}{name}_cnn")(image), vector), 1)

    def _update_critic(self) -> None:
        a, b, config = self.agent, self._batch, self._config
        with torch.no_grad():
            noise = (torch.randn_like(b["action"]) * config.target_noise).clamp(
                -config.target_noise_clip, config.target_noise_clip
            )
            state = self._state("target_", "actor", b["next_image"], b["next_vector"])
            action = (a.target_actor(state)[0] + noise).clamp(-1, 1)
            state = self._state("target_", "critic", b["next_image"], b["next_vector"])
            value = torch.minimum(*a.target_critic(state, action)).flatten()
            target = b["reward"] + b["bootstrap"] * value
        state = self._state("", "critic", b["image"], b["vector"])
        q1, q2 = a.critic(state, b["action"])
        loss = F.mse_loss(q1.flatten(), target) + F.mse_loss(q2.flatten(), target)
        self._critic_optimizer.zero_grad()
        loss.backward()
        self._critic_optimizer.step()

    def _update_actor(self) -> None:
        a, b = self.agent, self._batch
        action, _ = a.actor(self._state("", "actor", b["image"], b["vector"]))
        with torch.no_grad():
            seen = self._state("", "critic", b["image"], b["vector"])
        loss = -a.critic.q1(seen, action).mean()
        self._actor_optimizer.zero_grad()
        loss.backward()
        self._actor_optimizer.step()
        with torch.no_grad():
            for name in ONLINE:
                followers = list(getattr(a, f"target_{name}").parameters())
                leaders = list(getattr(a, name).parameters())
                torch._foreach_lerp_(followers, leaders, self._config.tau)


def _captured(function: Callable[[], None]) -> Callable[[], None]:
    """The function as a CUDA graph."""
    stream = torch.cuda.Stream()
    stream.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(stream):
        for _ in range(_WARM_UP):
            function()
    torch.cuda.current_stream().wait_stream(stream)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        function()
    return graph.replay
