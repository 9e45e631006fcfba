import numpy as np
import pytest

from td3_driving.learning import TD3Agent, load_policy, save_policy
from td3_driving.learning.errors import (
    DamagedCheckpointError,
    ForeignCheckpointError,
    NewerCheckpointError,
)


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
    from safetensors.torch import save_file

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
