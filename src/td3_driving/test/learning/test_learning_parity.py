"""Number for number against stable-baselines3's TD3: the same weights, batches and noise."""

from functools import partial

import gymnasium
import numpy as np
import pytest
import torch
from stable_baselines3 import TD3
from stable_baselines3.common.logger import configure
from stable_baselines3.common.type_aliases import DictReplayBufferSamples

from td3_driving.learning import TD3Agent, TD3Config

UPDATES = 20


class Spaces(gymnasium.Env):
    """An environment for its spaces only."""

    observation_space = gymnasium.spaces.Dict(
        {
            "image": gymnasium.spaces.Box(0, 255, (4, 84, 84), np.uint8),
            "vector": gymnasium.spaces.Box(-np.inf, np.inf, (53,), np.float32),
        }
    )
    action_space = gymnasium.spaces.Box(-1.0, 1.0, (2,), np.float32)


def peer(config: TD3Config) -> TD3:
    model = TD3(
        "MultiInputPolicy",
        Spaces(),
        learning_rate=config.critic_lr,
        buffer_size=1,
        policy_kwargs={
            "net_arch": list(config.hidden),
            "features_extractor_kwargs": {"cnn_output_dim": config.features_dim},
        },
        device="cpu",
    )
    model.set_logger(configure(None, []))
    return model


def pairs(agent: TD3Agent, model: TD3) -> dict[str, tuple[torch.nn.Module, torch.nn.Module]]:
    result = {}
    for ours, theirs in (("", ""), ("target_", "_target")):
        actor, critic = getattr(model, f"actor{theirs}"), getattr(model, f"critic{theirs}")
        for name, module in {
            "actor_cnn": actor.features_extractor.extractors["image"],
            "actor": actor.mu,
            "critic_cnn": critic.features_extractor.extractors["image"],
            "critic": torch.nn.ModuleList([critic.qf0, critic.qf1]),
        }.items():
            result[ours + name] = getattr(agent, ours + name), module
    return result


def given(samples, *_args, **_options):
    return samples


def flat(module):
    return torch.cat([p.detach().flatten() for p in module.parameters()])


def as_sb3(batch):
    def observation(prefix):
        names = ("image", "vector")
        return {name: torch.from_numpy(getattr(batch, prefix + name)) for name in names}

    return DictReplayBufferSamples(
        observations=observation(""),
        actions=torch.from_numpy(batch.action),
        next_observations=observation("next_"),
        dones=torch.from_numpy(batch.terminated).float()[:, None],
        rewards=torch.from_numpy(batch.reward)[:, None],
    )


def test_twenty_updates_are_those_of_stable_baselines3(make_batch, monkeypatch):
    config = TD3Config(
        actor_lr=3e-4,
        critic_lr=3e-4,
        image_centre=0.0,
        pretanh_l2=0.0,
        actor_grad_clip=1e9,
        critic_grad_clip=1e9,
    )
    agent, model = TD3Agent.create(config, seed=3), peer(config)
    for ours, theirs in pairs(agent, model).values():
        for mine, its in zip(ours.parameters(), theirs.parameters(), strict=True):
            its.data.copy_(mine)
    # SB3 draws its target noise from torch's global generator; the same seed gives the same noise.
    agent.generator.manual_seed(7)
    torch.manual_seed(7)
    start = {name: flat(ours) for name, (ours, _) in pairs(agent, model).items()}
    for seed in range(UPDATES):
        terminated = np.random.default_rng(seed).random(8) < 0.2
        batch = make_batch(config, seed=seed, terminated=terminated)
        monkeypatch.setattr(model.replay_buffer, "sample", partial(given, as_sb3(batch)))
        metrics = agent.train(batch)
        model.train(gradient_steps=1, batch_size=8)
        logged = model.logger.name_to_value
        assert metrics["loss/critic"] == pytest.approx(logged["train/critic_loss"], rel=1e-4)
        if "loss/actor" in metrics:
            assert metrics["loss/actor"] == pytest.approx(
                logged["train/actor_loss"], rel=1e-4, abs=1e-6
            )
    for name, (ours, theirs) in pairs(agent, model).items():
        difference, moved = flat(ours) - flat(theirs), flat(ours) - start[name]
        assert moved.abs().max() > 5e-5, name
        assert difference.abs().max() < 2e-4, name  # Adam enlarges rounding where gradients are 0
        assert difference.norm() < 1e-3 * moved.norm(), name
