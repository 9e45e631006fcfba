"""Number for number against stable-baselines3's TD3: the same weights, batches and noise.

In float32 a ReLU whose input is 0 but for rounding takes the other side once in a while, and what
follows then drifts apart, whoever rounds. So 50 updates are compared in float64, where nothing
hides, in each arrangement of ours and with small pictures; and 20 in float32, as both are used.
"""

from dataclasses import replace
from functools import partial

import gymnasium
import numpy as np
import pytest
import torch
from stable_baselines3 import TD3
from stable_baselines3.common.logger import configure
from stable_baselines3.common.type_aliases import DictReplayBufferSamples

from td3_driving.learning import TD3Agent, TD3Config
from td3_driving.learning.batch import TensorBatch
from td3_driving.learning.fast.encoder import block_grid, stack_blocks, to_blocks
from td3_driving.learning.fast.mirror import Draw
from td3_driving.learning.fast.pictures import picture_features
from td3_driving.learning.fast.updates import FIGURES, UpdateCycle

UPDATES_64, UPDATES_32 = 50, 20
CONFIG = TD3Config(
    image_shape=(4, 44, 44),
    actor_lr=3e-4,
    critic_lr=3e-4,
    batch_size=2,
    image_centre=0.0,
    pretanh_l2=0.0,
    actor_grad_clip=1e9,
    critic_grad_clip=1e9,
)
"""What stable-baselines3 does not have is off."""


class Spaces(gymnasium.Env):
    """An environment for its spaces only."""

    def __init__(self, config):
        self.observation_space = gymnasium.spaces.Dict(
            {
                "image": gymnasium.spaces.Box(0, 255, config.image_shape, np.uint8),
                "vector": gymnasium.spaces.Box(-np.inf, np.inf, (53,), np.float32),
            }
        )

    action_space = gymnasium.spaces.Box(-1.0, 1.0, (2,), np.float32)


def peer(config: TD3Config) -> TD3:
    model = TD3(
        "MultiInputPolicy",
        Spaces(config),
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


def widened(batch):
    """The batch in float64, pictures as they are."""

    def wide(observation):
        return {"image": observation["image"], "vector": observation["vector"].double()}

    return TensorBatch(
        wide(batch.observation),
        batch.action.double(),
        batch.reward.double(),
        wide(batch.next_observation),
        batch.bootstrap.double(),
    )


def as_draw(*batches):
    """Batches as an update cycle takes them, in float64."""
    parts = [widened(TensorBatch.of(batch, CONFIG)) for batch in batches]

    def pixels(name):
        stacks = torch.cat([getattr(part, name)["image"] for part in parts])
        blocks = torch.stack([to_blocks(stack) for stack in stacks])
        return stack_blocks(blocks, block_grid(44, 44), torch.float64)

    return Draw(
        pixels("observation"),
        torch.cat([part.observation["vector"] for part in parts]),
        torch.cat([part.action for part in parts]),
        torch.cat([part.reward for part in parts]),
        pixels("next_observation"),
        torch.cat([part.next_observation["vector"] for part in parts]),
        torch.cat([part.bootstrap for part in parts]),
    )


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


def begin_alike(agent, model):
    """Gives theirs our weights, and both the same noise: SB3 draws it from the global generator."""
    for ours, theirs in pairs(agent, model).values():
        for mine, its in zip(ours.parameters(), theirs.parameters(), strict=True):
            its.data.copy_(mine)
    agent.generator.manual_seed(7)
    torch.manual_seed(7)


def some_batch(make_batch, config, size, seed):
    terminated = np.random.default_rng(seed).random(size) < 0.2
    return make_batch(config, size, seed=seed, terminated=terminated)


def agent_in_float64():
    agent = TD3Agent.create(CONFIG, seed=3)
    for _, network in agent.networks():
        network.double()
    for name in ("actor", "critic"):
        networks = [getattr(agent, network) for network in agent.trained_by(name)]
        parameters = [p for network in networks for p in network.parameters()]
        agent.optimizers[name] = torch.optim.Adam(parameters, lr=CONFIG.critic_lr)
    return agent


def peer_in_float64():
    """SB3 computes in float64 but for its inputs: those are widened before its extractors."""
    model = peer(CONFIG)
    for part in (model.actor, model.actor_target, model.critic, model.critic_target):
        part.double()
        image, vector = (part.features_extractor.extractors[name] for name in ("image", "vector"))
        # pixels / 255, of which SB3 keeps the float32: the division is done again.
        image.register_forward_pre_hook(lambda _, x: ((x[0].double() * 255.0).round() / 255.0,))
        vector.register_forward_pre_hook(lambda _, x: (x[0].double(),))
    return model


@pytest.fixture(scope="module")
def theirs(batches):
    """Losses and final parameters of SB3 in float64, from the weights of agent_in_float64."""
    model = peer_in_float64()
    begin_alike(agent_in_float64(), model)
    losses = []
    with pytest.MonkeyPatch.context() as patch:
        for batch in batches:
            samples = as_sb3(batch)
            samples = samples._replace(
                actions=samples.actions.double(), rewards=samples.rewards.double()
            )
            patch.setattr(model.replay_buffer, "sample", partial(given, samples))
            model.train(gradient_steps=1, batch_size=CONFIG.batch_size)
            losses.append(dict(model.logger.name_to_value))
    return model, losses


@pytest.fixture(scope="module")
def batches(make_batch):
    return [some_batch(make_batch, CONFIG, CONFIG.batch_size, seed) for seed in range(UPDATES_64)]


def plain(agent, batches):
    """The losses of each update by the reference path."""
    for number, batch in enumerate(batches, 1):
        wide = widened(TensorBatch.of(batch, CONFIG))
        losses = agent.update_critic(wide)
        if number % CONFIG.policy_delay == 0:
            losses |= agent.update_actor(wide)
            agent.update_targets()
        yield losses


def on_a_cpu(agent, batches):
    """The same by the arrangement for a CPU."""
    agent.encode = picture_features
    return plain(agent, batches)


def in_cycles(agent, batches):
    """The same by the arrangement for a GPU, which tells of every second update."""
    cycle = UpdateCycle(agent)
    size, pairs_of = CONFIG.batch_size, iter(batches)
    for first, second in zip(pairs_of, pairs_of, strict=True):
        noise = [torch.empty(size, 2).double().normal_(generator=agent.generator) for _ in "ab"]
        cycle.run(as_draw(first, second), torch.cat(noise))
        yield {}
        yield dict(zip(FIGURES, cycle.figures.tolist(), strict=True))


@pytest.mark.parametrize("arrangement", [plain, on_a_cpu, in_cycles])
def test_fifty_updates_are_those_of_stable_baselines3(batches, theirs, arrangement):
    agent, (model, logged) = agent_in_float64(), theirs
    start = {name: flat(ours) for name, (ours, _) in pairs(agent, model).items()}
    agent.generator.manual_seed(7)
    for losses, its in zip(arrangement(agent, batches), logged, strict=True):
        for name in ("critic", "actor"):
            if f"loss/{name}" in losses:
                expected = its[f"train/{name}_loss"]
                assert losses[f"loss/{name}"] == pytest.approx(expected, rel=1e-9, abs=1e-10)
    for name, (ours, its) in pairs(agent, model).items():
        assert (flat(ours) - start[name]).abs().max() > 5e-5, name
        assert (flat(ours) - flat(its)).abs().max() < 1e-9, name


def test_twenty_updates_in_float32_are_those_of_stable_baselines3(make_batch, monkeypatch):
    config = replace(CONFIG, image_shape=(4, 84, 84))
    agent, model = TD3Agent.create(config, seed=3), peer(config)
    begin_alike(agent, model)
    start = {name: flat(ours) for name, (ours, _) in pairs(agent, model).items()}
    for seed in range(UPDATES_32):
        batch = some_batch(make_batch, config, 8, seed)
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
