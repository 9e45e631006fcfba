"""How far the gradients of each precision are from float64's, on one batch and the same weights."""

from __future__ import annotations

import argparse
import copy
import json
import sys
from typing import get_args

import torch
from torch import Tensor

from td3_driving.bench.learner import filled_replay
from td3_driving.learning.config import TD3Config
from td3_driving.learning.fast import CudaUpdates, Precision, losses
from td3_driving.learning.fast.mirror import ReplayMirror
from td3_driving.learning.td3 import SATURATED, TD3Agent

PARTS = ("critic_cnn", "critic", "actor_cnn", "actor")


def gradients(
    agent: TD3Agent, mirror: ReplayMirror, first: Tensor, noise: Tensor
) -> dict[str, Tensor]:
    """The gradient of each network's loss as one float64 vector, by part.

    Args:
        agent: left as it is.
        mirror: drawn from, in the precision to judge.
        first: int64 (N,), the transitions.
        noise: standard normal (N, action_dim).
    """
    dtype = next(agent.actor.parameters()).dtype
    draw = mirror.gather(first, first.max() + 1)
    rest = {name: getattr(draw, name).to(dtype) for name in draw._fields if "pixels" not in name}
    with torch.no_grad():
        target = losses.bellman_target(
            agent,
            draw.next_pixels,
            rest["next_vector"],
            noise.to(dtype),
            rest["reward"],
            rest["bootstrap"],
        )
    critic = losses.critic_pass(agent, draw.pixels, rest["vector"], rest["action"], target)
    actor = losses.actor_pass(agent, draw.pixels, rest["vector"], SATURATED)
    # Scaled as half precision needs it; exact, being a power of two.
    scale = 4096.0
    found = {}
    for part in PARTS:
        loss = critic.loss if "critic" in part else actor.loss
        parameters = list(getattr(agent, part).parameters())
        grads = torch.autograd.grad(loss * scale, parameters, retain_graph=True)
        found[part] = torch.cat([g.reshape(-1).double() for g in grads]) / scale
    return found


def compare(batch_size: int, updates: int) -> dict[str, dict[str, float]]:
    """Relative errors |g - g64| / |g64| by precision and part, after some updates of training."""
    device = torch.device("cuda")
    replay = filled_replay()
    agent = TD3Agent.create(TD3Config(batch_size=batch_size), seed=0, device=device)
    CudaUpdates(agent, replay, "float32").train(updates)
    exact = copy.deepcopy(agent)
    for _, network in exact.networks():
        network.double()
    generator = torch.Generator(device).manual_seed(1)
    with replay.hold():
        oldest, end = replay.range()
    first = torch.randint(oldest, end, (batch_size,), device=device, generator=generator)
    noise = torch.randn(batch_size, agent.config.action_dim, device=device, generator=generator)

    def of(who: TD3Agent, dtype: torch.dtype) -> dict[str, Tensor]:
        mirror = ReplayMirror(replay, device, dtype)
        mirror.update()
        return gradients(who, mirror, first, noise)

    reference = of(exact, torch.float64)
    errors = {}
    for precision in get_args(Precision):
        found = of(agent, getattr(torch, precision))
        errors[precision] = {
            part: float((found[part] - reference[part]).norm() / reference[part].norm())
            for part in PARTS
        }
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = False
    found = of(agent, torch.float32)
    errors["float32 without tf32"] = {
        part: float((found[part] - reference[part]).norm() / reference[part].norm())
        for part in PARTS
    }
    return errors


def run(chosen: argparse.Namespace) -> int:
    """Runs the benchmark; returns the exit code."""
    if not torch.cuda.is_available():
        print("bench precision compares GPU precisions: no CUDA device is here", file=sys.stderr)
        return 2
    errors = compare(chosen.batch, chosen.updates)
    if chosen.json:
        print(json.dumps({"device": torch.cuda.get_device_name(), "relative_error": errors}))
        return 0
    print(f"{'precision':<22}" + "".join(f"{part:>12}" for part in PARTS))
    for precision, by_part in errors.items():
        print(f"{precision:<22}" + "".join(f"{by_part[part]:>12.1e}" for part in PARTS))
    return 0
