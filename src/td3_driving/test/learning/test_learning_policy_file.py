import json
import os

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from safetensors import safe_open
from safetensors.torch import save_file

from td3_driving.learning import TD3Agent, load_policy, save_policy
from td3_driving.learning.config import TD3Config
from td3_driving.learning.errors import (
    CheckpointError,
    DamagedCheckpointError,
    ForeignCheckpointError,
    NewerCheckpointError,
    NonFiniteError,
)
from td3_driving.learning.policy import Policy
from td3_driving.learning.policy_file import MOST_BYTES, _digest, weight_shapes


@pytest.fixture
def agent(small_config):
    return TD3Agent.create(small_config, seed=1)


def test_a_policy_file_acts_as_the_agent_did(tmp_path, agent):
    file = save_policy(
        tmp_path / "policy.safetensors", agent.policy(), {"map": "LiteCircuit"}, {"steps": 5}
    )
    policy, info = load_policy(file)
    rng = np.random.default_rng(0)
    obs = {
        "image": rng.integers(0, 256, agent.config.image_shape, dtype=np.uint8),
        "vector": rng.standard_normal(agent.config.vector_dim).astype(np.float32),
    }
    np.testing.assert_allclose(
        policy.select_action(obs), agent.select_action(obs, deterministic=True), atol=1e-7
    )
    assert (info.config, info.task, info.training) == (
        agent.config,
        {"map": "LiteCircuit"},
        {"steps": 5},
    )
    assert [path.name for path in tmp_path.iterdir()] == ["policy.safetensors"]


def test_a_damaged_policy_file_is_refused(tmp_path, agent):
    file = save_policy(tmp_path / "policy.safetensors", agent.policy())
    original = file.read_bytes()
    for position in (4, 20, 200, 600, len(original) // 2, len(original) - 1):
        flipped = bytes([original[position] ^ 4])
        file.write_bytes(original[:position] + flipped + original[position + 1 :])
        with pytest.raises((DamagedCheckpointError, ForeignCheckpointError), match="policy"):
            load_policy(file)
        file.write_bytes(original[:position])
        with pytest.raises(DamagedCheckpointError, match="policy"):
            load_policy(file)
    with pytest.raises(FileNotFoundError, match="there is no policy file"):
        load_policy(tmp_path / "missing.safetensors")


def test_newer_and_foreign_policy_files_are_refused(tmp_path, agent, monkeypatch):
    from td3_driving.learning import policy_file

    foreign = tmp_path / "foreign.safetensors"
    save_file(agent.policy().state_dict(), foreign)
    with pytest.raises(ForeignCheckpointError, match="not a policy of td3_driving"):
        load_policy(foreign)
    with monkeypatch.context() as patch:
        patch.setattr(policy_file, "SCHEMA", 2)
        newer = save_policy(tmp_path / "newer.safetensors", agent.policy())
    with pytest.raises(NewerCheckpointError, match="schema 2 and this version reads up to 1"):
        load_policy(newer)


def test_a_full_disk_leaves_the_policy_before_whole(tmp_path, agent, full_disk):
    file = save_policy(tmp_path / "policy.safetensors", agent.policy(), training={"steps": 1})
    for size in (0, 1000, 100_000):
        with full_disk(size), pytest.raises(OSError, match=r"policy\.safetensors could not be"):
            save_policy(file, agent.policy(), training={"steps": 2})
        assert load_policy(file)[1].training == {"steps": 1}


def forge(file, tensors=None, **said):
    """Rewrites a policy file with other weights or metadata, and a digest that fits."""
    with safe_open(file, framework="pt") as stream:
        metadata = {**stream.metadata(), **said}
        before = {name: stream.get_tensor(name) for name in stream.keys()}  # noqa: SIM118
    tensors = before if tensors is None else tensors(before)
    metadata["sha256"] = "" if any(t.dtype is torch.bfloat16 for t in tensors.values()) else (
        _digest(tensors, metadata)
    )  # fmt: skip
    save_file(tensors, file, metadata=metadata)


def test_half_precision_halves_the_file_and_hardly_moves_an_action(tmp_path, agent):
    policy = agent.policy()
    whole = save_policy(tmp_path / "whole.safetensors", policy)
    half = save_policy(tmp_path / "half.safetensors", policy, dtype=torch.float16)
    assert half.stat().st_size < 0.6 * whole.stat().st_size
    rng = np.random.default_rng(0)
    obs = {
        "image": rng.integers(0, 256, (16, *agent.config.image_shape), dtype=np.uint8),
        "vector": rng.standard_normal((16, agent.config.vector_dim)).astype(np.float32),
    }
    loaded = load_policy(half)[0]
    assert next(iter(loaded.state_dict().values())).dtype is torch.float32
    np.testing.assert_allclose(
        loaded.select_action(obs), policy.select_action(obs), rtol=0, atol=1e-3
    )


def test_weights_that_are_not_finite_are_neither_written_nor_read(tmp_path, agent):
    policy = agent.policy()
    file = save_policy(tmp_path / "policy.safetensors", policy)

    def poison(tensors):
        tensors["actor.mlp.0.bias"][3] = float("nan")
        return tensors

    forge(file, poison)
    with pytest.raises(NonFiniteError, match=r"actor\.mlp\.0\.bias holds NaN"):
        load_policy(file)
    with torch.no_grad():
        policy.actor.mlp[0].bias[0] = 1e6  # finite, but not in half precision
    with pytest.raises(NonFiniteError, match=r"what torch\.float16 cannot hold"):
        save_policy(tmp_path / "half.safetensors", policy, dtype=torch.float16)
    with pytest.raises(ValueError, match="JSON"):
        save_policy(tmp_path / "score.safetensors", policy, training={"score": float("nan")})
    assert [path.name for path in tmp_path.iterdir()] == ["policy.safetensors"]


@pytest.mark.parametrize(
    ("said", "named"),
    [
        ({"architecture": "Transformer"}, "architecture 'Transformer'"),
        ({"normalisation": "none"}, "normalisation 'none'"),
        ({"config": "{}"}, "missing fields"),
        ({"config": '{"gamma": NaN}'}, "it holds NaN"),
        ({"config": "[" * 100_000}, "does not describe a policy"),
        ({"task": "7"}, "does not describe a policy"),
        ({"schema": "one"}, "schema 'one'"),
    ],
)
def test_a_header_that_describes_no_policy_of_ours_is_refused_by_name(tmp_path, agent, said, named):
    file = save_policy(tmp_path / "policy.safetensors", agent.policy())
    forge(file, **said)
    with pytest.raises(ForeignCheckpointError, match=named):
        load_policy(file)


def test_weights_of_another_architecture_are_refused_before_memory_is_taken(tmp_path, agent):
    file = save_policy(tmp_path / "policy.safetensors", agent.policy())
    huge = {**agent.config.to_dict(), "features_dim": 10**12}
    forge(file, config=json.dumps(huge))
    with pytest.raises(ForeignCheckpointError, match="its configuration needs"):
        load_policy(file)
    file = save_policy(file, agent.policy())
    forge(file, lambda tensors: {**tensors, "actor.extra": torch.zeros(1)})
    with pytest.raises(ForeignCheckpointError, match=r"actor\.extra is \(1,\)"):
        load_policy(file)
    file = save_policy(file, agent.policy())
    forge(file, lambda tensors: {name: t.bfloat16() for name, t in tensors.items()})
    with pytest.raises(ForeignCheckpointError, match="it must be float32 or float16"):
        load_policy(file)


def test_a_file_too_large_for_a_policy_is_not_read(tmp_path):
    file = tmp_path / "large.safetensors"
    file.touch()
    os.truncate(file, MOST_BYTES + 1)
    with pytest.raises(ForeignCheckpointError, match="64 MiB; a policy has at most 64"):
        load_policy(file)


def test_weight_shapes_are_those_of_the_networks(agent):
    for config in (agent.config, TD3Config(), TD3Config(image_shape=(3, 60, 96), hidden=(8,))):
        weights = Policy.create(config).state_dict()
        assert weight_shapes(config) == {name: tuple(w.shape) for name, w in weights.items()}


@settings(
    max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    header=st.binary(max_size=300), said=st.text(max_size=40).filter(lambda text: "{" not in text)
)
def test_whatever_bytes_a_file_holds_it_is_refused_as_a_checkpoint(tmp_path, agent, header, said):
    file = tmp_path / "policy.safetensors"
    file.write_bytes(len(header).to_bytes(8, "little") + header)
    with pytest.raises(CheckpointError):
        load_policy(file)
    save_policy(file, agent.policy())
    forge(file, training=said)
    with pytest.raises(ForeignCheckpointError):
        load_policy(file)
