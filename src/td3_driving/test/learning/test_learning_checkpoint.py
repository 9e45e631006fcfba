import json
import shutil
from concurrent.futures import Future
from dataclasses import replace

import pytest

from td3_driving.learning import CheckpointWriter, TD3Agent, load, newest, save
from td3_driving.learning.checkpoint import LearnerState, load_networks
from td3_driving.learning.errors import (
    CheckpointsInUseError,
    DamagedCheckpointError,
    ForeignCheckpointError,
    NewerCheckpointError,
    OlderCheckpointError,
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


def test_the_policy_that_acts_is_saved_beside_a_newer_learner(tmp_path, run, small_config):
    agent, memory = run
    acting = agent.policy()
    agent.train(memory)
    agent.train(memory)
    path = save(tmp_path, agent, acting=acting)
    other, acts = TD3Agent.create(small_config, seed=2), acting.create(small_config, seed=3)
    load(path, other, acting=acts)
    assert acts.state_dict().keys() == acting.state_dict().keys()
    assert all(acts.state_dict()[name].equal(w) for name, w in acting.state_dict().items())
    assert not all(acts.state_dict()[n].equal(w) for n, w in agent.policy().state_dict().items())
    load(save(tmp_path, agent), other, acting=acts)
    assert all(acts.state_dict()[n].equal(w) for n, w in agent.policy().state_dict().items())


def test_a_learner_that_is_copied_later_is_saved_as_it_is_then(tmp_path, run, small_config):
    agent, memory = run
    learner = Future()
    with CheckpointWriter(tmp_path) as writer:
        saving = writer.save(learner, memory, extra={"decisions": 60})
        assert writer.busy
        with pytest.raises(RuntimeError, match="one is under way"):
            writer.save(learner, memory)
        agent.train(memory)
        learner.set_result(LearnerState.of(agent, memory, extra={"updates": 2}))
        path = saving.result()
        assert not writer.busy
    other = TD3Agent.create(small_config, seed=2)
    assert load(path, other) == {"decisions": 60, "updates": 2}
    assert other.parameters_sha256() == agent.parameters_sha256()


def test_an_error_of_the_learner_is_the_saves(tmp_path, run):
    learner = Future()
    learner.set_exception(RuntimeError("the update failed"))
    with CheckpointWriter(tmp_path) as writer:
        with pytest.raises(RuntimeError, match="the update failed"):
            writer.save(learner, run[1]).result()
        assert writer.error == "the update failed"
    assert newest(tmp_path) is None


# --- Which there are ---


def names(directory):
    return sorted(path.name for path in directory.glob("*checkpoint-*"))


def test_the_newest_are_kept(tmp_path, run):
    paths = [save(tmp_path, *run, keep=2) for _ in range(4)]
    assert names(tmp_path) == [path.name for path in paths[2:]]
    assert newest(tmp_path).path == paths[-1]
    with pytest.raises(ValueError, match="keep is 0"):
        save(tmp_path, *run, keep=0)


def test_an_empty_folder_has_none(tmp_path):
    assert newest(tmp_path) is None
    assert newest(tmp_path / "missing") is None


def test_what_else_lies_in_the_folder_is_none_and_is_left_alone(tmp_path, run):
    for name in ("checkpoint-old", "checkpoint-000009.bak", "checkpoint-"):
        (tmp_path / name).mkdir()
    path = save(tmp_path, *run, keep=1)
    assert path.name == "checkpoint-000001" and newest(tmp_path).path == path
    assert len(names(tmp_path)) == 4


def test_one_that_cannot_be_used_takes_no_place_of_those_to_keep(tmp_path, run):
    older, newer = save(tmp_path, *run), save(tmp_path, *run)
    (newer / "state.json").write_text("{}")
    with pytest.warns(UserWarning, match=r"checkpoint-000002: .*state\.json is not as it was"):
        saved = newest(tmp_path)
    assert saved.path == older and list(saved.passed_over) == [newer]
    writer = CheckpointWriter(tmp_path)
    writer.go_on_from(saved)
    learner = Future()
    learner.set_result(LearnerState.of(*run))
    third = writer.save(learner, run[1], keep=2).result()
    assert names(tmp_path) == [older.name, newer.name, third.name]
    fourth = writer.save(learner, run[1], keep=2).result()
    writer.close()
    assert names(tmp_path) == [third.name, fourth.name]


# --- One writer ---


def test_a_second_writer_is_refused_by_the_first_ones_process(tmp_path, run):
    first, second = CheckpointWriter(tmp_path), CheckpointWriter(tmp_path)
    first.lock()
    with pytest.raises(CheckpointsInUseError, match=rf"process \d+ writes .*{tmp_path.name}"):
        second.lock()
    with pytest.raises(CheckpointsInUseError, match="stop that run first"):
        save(tmp_path, *run)
    assert newest(tmp_path) is None
    first.close()
    path = save(tmp_path, *run)
    third = CheckpointWriter(tmp_path)
    third.lock()
    assert newest(tmp_path).path == path  # readers need no lock
    third.close()
    second.close()


# --- What is refused ---


def test_missing_files_and_manifests_are_damage(tmp_path, run):
    path = save(tmp_path, *run)
    (path / "rows.safetensors").unlink()
    with pytest.raises(DamagedCheckpointError, match=r"lacks .*rows\.safetensors"):
        load(path, *run)
    shutil.rmtree(path)
    path.mkdir()
    with pytest.raises(DamagedCheckpointError, match=r"has no manifest\.json"):
        load(path, run[0])


def edit_manifest(path, **changes):
    file = path / "manifest.json"
    file.write_text(json.dumps({**json.loads(file.read_text()), **changes}))


def test_newer_older_and_foreign_checkpoints_are_refused_by_name(tmp_path, run):
    path = save(tmp_path, *run)
    for changes, error, said in (
        ({"schema": 3}, NewerCheckpointError, "schema 3 and this version reads 2; use the version"),
        ({"schema": 1}, OlderCheckpointError, "schema 1 and this version reads 2; .*or start a"),
        ({"schema": 2, "more": 1}, DamagedCheckpointError, "not as it was written"),
        ({"schema": "x"}, DamagedCheckpointError, "names no schema"),
        ({"format": "somebody else's"}, ForeignCheckpointError, "not a checkpoint of td3_driving"),
    ):
        edit_manifest(path, **changes)
        with pytest.raises(error, match=rf"checkpoint-000001.*{said}"):
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


def test_networks_alone_can_be_put_back(tmp_path, run):
    agent, memory = run
    agent.train(memory)
    save(tmp_path, agent)
    was, noise, steps = agent.parameters_sha256(), agent.generator.get_state(), agent.updates
    agent.train(memory)
    after = agent.generator.get_state()
    load_networks(newest(tmp_path), agent)
    assert agent.parameters_sha256() == was and agent.updates == steps + 1
    assert agent.generator.get_state().equal(after) and not after.equal(noise)
