import json
import os
import shutil
from dataclasses import replace

import numpy as np
import pytest

from td3_driving.learning import (
    TD3Agent,
    checkpoint,
    latest,
    load,
    load_policy,
    save,
    save_policy,
)
from td3_driving.learning.errors import (
    DamagedCheckpointError,
    ForeignCheckpointError,
    NewerCheckpointError,
)


@pytest.fixture
def run(small_config, make_replay):
    agent, memory = TD3Agent.create(small_config, seed=1), make_replay(small_config, seed=3)
    agent.train(memory)
    return agent, memory


def test_n_updates_saved_and_n_more_are_2n_updates(tmp_path, run, small_config, make_replay):
    agent, memory = run
    for _ in range(4):
        agent.train(memory)
    path = save(tmp_path, agent, memory, {"step": 17})
    resumed = TD3Agent.create(small_config, seed=99)
    other = make_replay(small_config, episodes=1, seed=98)
    assert load(path, resumed, other) == {"step": 17}
    for _ in range(5):
        agent.train(memory)
        resumed.train(other)
    assert resumed.parameters_sha256() == agent.parameters_sha256()
    assert resumed.updates == agent.updates == 10


def test_an_agent_that_never_trained_can_be_saved(tmp_path, small_config):
    agent = TD3Agent.create(small_config, seed=1)
    other = TD3Agent.create(small_config, seed=2)
    assert load(save(tmp_path, agent), other) == {}
    assert other.parameters_sha256() == agent.parameters_sha256()


def test_the_newest_are_kept(tmp_path, run):
    paths = [save(tmp_path, *run, keep=2) for _ in range(4)]
    assert sorted(path.name for path in tmp_path.iterdir()) == [p.name for p in paths[2:]]
    assert latest(tmp_path) == paths[-1]


def test_an_empty_folder_has_no_latest(tmp_path):
    assert latest(tmp_path) is None
    assert latest(tmp_path / "missing") is None


def test_a_kill_between_any_two_files_leaves_the_last_checkpoint_whole(tmp_path, run):
    whole = save(tmp_path, *run)
    for files in range(len(list(whole.iterdir()))):
        assert killed_while_saving(tmp_path, run, files) == 9
        assert (tmp_path / ".writing-checkpoint-000002").is_dir()
        assert latest(tmp_path) == whole
    assert save(tmp_path, *run).name == "checkpoint-000002"
    assert not list(tmp_path.glob(".writing-*"))


def killed_while_saving(directory, run, files):
    """The exit status of a process that dies, unable to clean up, after so many whole files."""
    finish, left = checkpoint._finish, iter(range(files))

    def finish_or_die(file):
        if next(left, None) is None:
            os._exit(9)
        return finish(file)

    child = os.fork()
    if child == 0:
        checkpoint._finish = finish_or_die
        save(directory, *run)
        os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def test_a_full_disk_leaves_the_last_checkpoint_whole(tmp_path, run, monkeypatch):
    whole = save(tmp_path, *run)

    def full(*_args, **_options):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(np, "save", full)
        with pytest.raises(OSError, match="No space left"):
            save(tmp_path, *run)
    assert [path.name for path in tmp_path.iterdir()] == [whole.name]
    assert latest(tmp_path) == whole


def test_damage_to_any_file_is_found_and_the_one_before_is_used(tmp_path, run):
    older, newer = save(tmp_path, *run), save(tmp_path, *run)
    agent, memory = run
    for file in sorted(newer.iterdir()):
        original = file.read_bytes()
        middle = len(original) // 2
        flipped = bytes([original[middle] ^ 4])
        for damaged in (original[:middle], original[:middle] + flipped + original[middle + 1 :]):
            file.write_bytes(damaged)
            before = agent.parameters_sha256()
            with pytest.raises(DamagedCheckpointError, match=newer.name):
                load(newer, agent, memory)
            assert agent.parameters_sha256() == before
            with pytest.warns(UserWarning, match="passing over a checkpoint"):
                assert latest(tmp_path) == older
        file.write_bytes(original)
    assert latest(tmp_path) == newer


def test_missing_files_and_manifests_are_damage(tmp_path, run):
    path = save(tmp_path, *run)
    (path / "replay-frame.npy").unlink()
    with pytest.raises(DamagedCheckpointError, match=r"replay-frame\.npy is missing"):
        load(path, run[0])
    shutil.rmtree(path)
    path.mkdir()
    with pytest.raises(DamagedCheckpointError, match=r"has no manifest\.json"):
        load(path, run[0])


def edit_manifest(path, **changes):
    file = path / "manifest.json"
    file.write_text(json.dumps({**json.loads(file.read_text()), **changes}))


def test_newer_and_foreign_checkpoints_are_refused_by_name(tmp_path, run):
    path = save(tmp_path, *run)
    edit_manifest(path, schema=2)
    with pytest.raises(NewerCheckpointError, match="schema 2 and this version reads up to 1"):
        load(path, run[0])
    edit_manifest(path, schema=1, format="somebody else's")
    with pytest.raises(ForeignCheckpointError, match="not a checkpoint of td3_driving"):
        load(path, run[0])


def test_another_configuration_is_refused_with_the_difference(
    tmp_path, run, small_config, make_replay
):
    path = save(tmp_path, *run)
    other = TD3Agent.create(replace(small_config, gamma=0.5), seed=1)
    with pytest.raises(ForeignCheckpointError, match=r"gamma: 0\.99 -> 0\.5"):
        load(path, other)
    with pytest.raises(ForeignCheckpointError, match="'capacity': 300"):
        load(path, run[0], make_replay(small_config, capacity=300))
    with pytest.raises(ForeignCheckpointError, match="saved without a replay"):
        load(save(tmp_path, run[0]), *run)


# --- Policies ---


def test_a_policy_file_acts_as_the_agent_did(tmp_path, run):
    agent, _ = run
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


def test_a_damaged_policy_file_is_refused(tmp_path, run):
    file = save_policy(tmp_path / "policy.safetensors", run[0].policy())
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


def test_newer_and_foreign_policy_files_are_refused(tmp_path, run, monkeypatch):
    from safetensors.torch import save_file

    from td3_driving.learning import policy_file

    foreign = tmp_path / "foreign.safetensors"
    save_file(run[0].policy().state_dict(), foreign)
    with pytest.raises(ForeignCheckpointError, match="not a policy of td3_driving"):
        load_policy(foreign)
    with monkeypatch.context() as patch:
        patch.setattr(policy_file, "SCHEMA", 2)
        newer = save_policy(tmp_path / "newer.safetensors", run[0].policy())
    with pytest.raises(NewerCheckpointError, match="schema 2 and this version reads up to 1"):
        load_policy(newer)
