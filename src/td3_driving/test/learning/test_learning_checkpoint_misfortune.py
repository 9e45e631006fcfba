"""Kills, damage, full and read-only disks: what is there is whole, what is not says so."""

from __future__ import annotations

import os
import random
import select
import shutil
import signal
import tempfile
import time
import warnings
from concurrent.futures import Future
from pathlib import Path

import numpy as np
import pytest

from td3_driving.learning import CheckpointWriter, TD3Agent, load, newest, save
from td3_driving.learning.checkpoint import LearnerState, whole
from td3_driving.learning.errors import CheckpointError

NOBODY = 65534
RING = {"episodes": 12, "steps": 100, "capacity": 600, "seed": 3}


@pytest.fixture
def run(small_config, make_replay):
    """A learner with a replay that has gone round twice."""
    agent = TD3Agent.create(small_config, seed=1)
    memory = make_replay(small_config, **RING)
    agent.train(memory)
    return agent, memory


def test_after_twenty_kills_in_the_middle_of_saves_every_checkpoint_is_whole(
    tmp_path, run, small_config, make_replay, in_child
):
    agent, memory = run
    rng = random.Random(20)

    def save_on_and_on(tell):
        with CheckpointWriter(tmp_path, chunk=128) as writer:
            while True:
                learner = Future()
                learner.set_result(LearnerState.of(agent, memory))
                extra = {"stored": memory.stored, "weights": agent.parameters_sha256()}
                path = writer.save(learner, memory, extra=extra, keep=2).result()
                tell(f"{path.name}\n")
                agent.train(memory)
                append_to(memory, 60)

    started = time.monotonic()
    save(tmp_path, agent, memory, {"stored": memory.stored, "weights": agent.parameters_sha256()})
    once_s = time.monotonic() - started
    torn = 0
    for _ in range(20):
        child, pipe = in_child(save_on_and_on)
        select.select([pipe], [], [], rng.uniform(0.0, 2.0) * once_s)
        time.sleep(rng.uniform(0.0, 1.0) * once_s)
        os.kill(child, signal.SIGKILL)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGKILL
        with os.fdopen(pipe) as told:
            done = told.read().split()
        with warnings.catch_warnings():
            warnings.simplefilter("error")  # nothing is passed over
            found = list(whole(tmp_path))
        assert len(found) == len(list(tmp_path.glob("checkpoint-*")))
        assert not done or found[0].path.name >= done[-1]
        other, replay = TD3Agent.create(small_config, seed=2), make_replay(small_config, **RING)
        extra = load(found[0], other, replay)
        assert (replay.stored, other.parameters_sha256()) == (extra["stored"], extra["weights"])
        rows = replay.counters()["rows"]
        np.testing.assert_array_equal(
            replay.view("rows", rows - RING["capacity"], rows)["age"],
            ages_until(rows)[-RING["capacity"] :],
        )
        torn += bool(list(tmp_path.glob(".*-checkpoint-*")))
    assert torn > 5  # the kills did hit saves
    assert save(tmp_path, agent, memory).name > found[0].path.name
    assert not list(tmp_path.glob(".*-checkpoint-*"))


def append_to(memory, transitions):
    """Goes on with an episode that never ends, or begins it."""
    height, width = memory.frame_shape
    frame = np.zeros((height, width), np.uint8)
    vector, action = np.zeros(memory.vector_dim, np.float32), np.zeros(2, np.float32)
    if not memory.counters()["open"]:
        memory.begin(frame, vector)
    for _ in range(transitions):
        memory.append(action, 0.0, False, False, frame, vector)


def ages_until(rows):
    """Of the fixture's episodes and of the one that append_to goes on with."""
    first = np.tile(np.arange(RING["steps"] + 1), RING["episodes"])
    return np.concatenate((first, np.arange(max(0, rows - len(first)))))[:rows]


def cuts(size):
    """Lengths to cut a file to: every kilobyte of a small one, of a large one some."""
    step = 1024 * max(1, size // (16 * 1024))
    return [*range(0, size, step), size - 1]


def test_a_file_cut_anywhere_is_refused_by_name_and_the_older_checkpoint_is_taken(tmp_path, run):
    older = save(tmp_path, run[0])
    newer = save(tmp_path, *run)
    before = run[0].parameters_sha256()
    for file in every_file(newer):
        original = file.read_bytes()
        for length in cuts(len(original)):
            file.write_bytes(original[:length])
            refused(newer, file, *run)
        file.write_bytes(original)
    assert run[0].parameters_sha256() == before and newest(tmp_path).path == newer
    for file in every_file(newer):
        file.rename(tmp_path / "away")
        refused(newer, file, *run)
        with pytest.warns(UserWarning, match=f"passing over a checkpoint: .*{newer.name}"):
            assert newest(tmp_path).path == older
        (tmp_path / "away").rename(file)


def test_a_flipped_bit_in_any_file_is_refused_by_name_and_the_older_checkpoint_is_taken(
    tmp_path, run
):
    older = save(tmp_path, run[0])
    newer = save(tmp_path, *run)
    rng = random.Random(4)
    for file in every_file(newer):
        original = file.read_bytes()
        for _ in range(10):
            at = rng.randrange(len(original))
            flipped = bytes([original[at] ^ (1 << rng.randrange(8))])
            file.write_bytes(original[:at] + flipped + original[at + 1 :])
            refused(newer, file, *run)
        with pytest.warns(UserWarning, match=f"passing over a checkpoint: .*{newer.name}"):
            assert newest(tmp_path).path == older
        file.write_bytes(original)
    assert newest(tmp_path).path == newer


def every_file(checkpoint):
    """A checkpoint's own files and its chunks."""
    return sorted([*checkpoint.iterdir(), *(checkpoint.parent / "replay").iterdir()])


def refused(checkpoint, file, agent, memory):
    before = agent.updates, memory.stored
    with pytest.raises(CheckpointError, match=checkpoint.name) as error:
        load(checkpoint, agent, memory)
    assert file.name in str(error.value) or file.name == "manifest.json"
    assert (agent.updates, memory.stored) == before


@pytest.mark.parametrize("left", [0, 3000, 30_000, 200_000, 1_000_000])
def test_a_full_disk_leaves_what_was_there_whole(tmp_path, run, full_disk, left):
    older = save(tmp_path, *run)
    files = sorted(tmp_path.rglob("*"))
    for _ in range(2):
        with full_disk(left), pytest.raises(OSError, match="File too large"):
            save(tmp_path, *run)
        assert [f for f in sorted(tmp_path.rglob("*")) if f.parent.name != "replay"] == [
            f for f in files if f.parent.name != "replay"
        ]
        assert newest(tmp_path).path == older
    newer = save(tmp_path, *run, keep=1)
    assert newest(tmp_path).path == newer and len(list(tmp_path.glob("check*"))) == 1


def test_a_read_only_folder_is_named_and_what_was_there_stays_whole(run, in_child):
    folder = Path(tempfile.mkdtemp())  # not in tmp_path, which is its owner's alone
    try:
        older = save(folder, *run)
        for path in (folder, folder / "replay"):
            path.chmod(0o555)
        folder.joinpath("lock").chmod(0o444)

        def save_as_nobody(tell):
            if os.geteuid() == 0:  # root may write everywhere
                os.setegid(NOBODY)
                os.seteuid(NOBODY)
            try:
                save(folder, *run)
            except OSError as error:
                tell(str(error))

        child, pipe = in_child(save_as_nobody)
        with os.fdopen(pipe) as told:
            error = told.read()
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
        assert "Permission denied" in error and str(folder) in error
        assert newest(folder).path == older
    finally:
        folder.chmod(0o755)
        (folder / "replay").chmod(0o755)
        shutil.rmtree(folder)
