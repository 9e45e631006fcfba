"""One CNN for actor and critic: who trains it, who looks through it, and what is kept of it."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from td3_driving.learning import Batch, FrameReplay, TD3Agent, TD3Config, checkpoint
from td3_driving.learning.batch import TensorBatch
from td3_driving.learning.config import Encoder
from td3_driving.learning.errors import ForeignCheckpointError
from td3_driving.learning.policy_file import load_policy, save_policy

SHARED = pytest.mark.parametrize("encoder", ["shared_critic", "shared_actor"])


def moved(before: TD3Agent, after: TD3Agent) -> set[str]:
    networks = zip(before.networks(), after.networks(), strict=True)
    return {
        name
        for (name, old), (_, new) in networks
        if not all(map(torch.equal, old.parameters(), new.parameters()))
    }


@SHARED
def test_one_loss_alone_trains_the_shared_cnn_and_both_look_through_it(
    small_config: TD3Config, make_batch: Callable[..., Batch], encoder: Encoder
) -> None:
    config = replace(small_config, encoder=encoder)
    agent = TD3Agent.create(config, seed=0)
    assert agent.actor_cnn is agent.critic_cnn
    assert agent.target_actor_cnn is agent.target_critic_cnn is not agent.actor_cnn
    batch = TensorBatch.of(make_batch(config), config)
    before = copy.deepcopy(agent)
    critic = agent.update_critic(batch)
    cnn = {"actor_cnn"} if encoder == "shared_critic" else set()
    assert moved(before, agent) == cnn | {"critic"}
    before = copy.deepcopy(agent)
    actor = agent.update_actor(batch)
    cnn = {"actor_cnn"} if encoder == "shared_actor" else set()
    # The averaged policy looks through an average of the CNN, whoever trains that.
    assert moved(before, agent) == cnn | {"actor", "average_actor_cnn", "average_actor"}
    assert (critic["gradients/critic_cnn_norm"] > 0.0) == (encoder == "shared_critic")
    assert (actor["gradients/actor_cnn_norm"] > 0.0) == (encoder == "shared_actor")


@SHARED
def test_the_shared_target_moves_once_by_tau(
    small_config: TD3Config, make_batch: Callable[..., Batch], encoder: Encoder
) -> None:
    config = replace(small_config, encoder=encoder)
    agent = TD3Agent.create(config, seed=0)
    agent.train(make_batch(config))
    agent.update_actor(TensorBatch.of(make_batch(config), config))
    old = [p.clone() for p in agent.target_actor_cnn.parameters()]
    agent.update_targets()
    triples = zip(
        old, agent.target_critic_cnn.parameters(), agent.actor_cnn.parameters(), strict=True
    )
    for before, now, online in triples:
        assert torch.allclose(now, before.lerp(online, config.tau), rtol=0, atol=1e-9)


@SHARED
def test_checkpoint_and_policy_file_carry_the_shared_cnn(
    small_config: TD3Config,
    make_batch: Callable[..., Batch],
    encoder: Encoder,
    tmp_path: Path,
) -> None:
    config = replace(small_config, encoder=encoder)
    agent, other = TD3Agent.create(config, seed=0), TD3Agent.create(config, seed=1)
    for seed in range(2):
        agent.train(make_batch(config, seed=seed))
    other.load_state_dict(*agent.state_dict())
    assert other.parameters_sha256() == agent.parameters_sha256()
    for trained in (agent, other):
        trained.train(make_batch(config, seed=2))
        trained.train(make_batch(config, seed=3))
    assert other.parameters_sha256() == agent.parameters_sha256()
    policy, info = load_policy(save_policy(tmp_path / "p.safetensors", agent.policy()))
    assert info.config.encoder == encoder
    batch = make_batch(config)
    assert batch.image is not None
    seen = {"image": batch.image, "vector": batch.vector}
    assert (policy.select_action(seen) == agent.select_action(seen)).all()


def test_a_checkpoint_with_a_shared_cnn_is_refused_where_they_are_separate(
    small_config: TD3Config, make_replay: Callable[..., FrameReplay], tmp_path: Path
) -> None:
    config = replace(small_config, encoder="shared_critic")
    saved = checkpoint.save(tmp_path, TD3Agent.create(config, seed=0), make_replay(config))
    with pytest.raises(ForeignCheckpointError, match="encoder: shared_critic -> separate"):
        checkpoint.load(saved, TD3Agent.create(small_config, seed=0))


def test_settings_from_before_the_switch_mean_separate_cnns(small_config: TD3Config) -> None:
    values = small_config.to_dict()
    del values["encoder"]
    assert TD3Config.from_dict(values) == small_config


def test_an_unknown_encoder_is_refused_by_name(small_config: TD3Config) -> None:
    with pytest.raises(ValueError, match="encoder is 'both'; it must be one of"):
        replace(small_config, encoder="both")  # type: ignore[arg-type]
