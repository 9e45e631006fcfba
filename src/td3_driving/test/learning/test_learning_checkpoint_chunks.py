"""The replay in chunks: written once, shared, removed when nobody needs them."""

from __future__ import annotations

import threading
from concurrent.futures import Future

import numpy as np
import pytest

from td3_driving.learning import CheckpointWriter, FrameReplay, TD3Agent, load, newest, save
from td3_driving.learning.checkpoint import LearnerState, read

CHUNK = 64


@pytest.fixture
def agent(small_config):
    return TD3Agent.create(small_config, seed=1)


@pytest.fixture
def memory_of(small_config):
    """Makes a memory; it can hold far fewer than it was ever given."""

    def make(capacity=200, seed=3):
        return FrameReplay(capacity, small_config.image_shape, 5, 2, seed=seed, n_step=2)

    return make


@pytest.fixture
def writer_in(tmp_path):
    """Opens a writer with small chunks, and closes it."""
    writers = []

    def make(saved=None):
        writers.append(CheckpointWriter(tmp_path, chunk=CHUNK))
        if saved is not None:
            writers[-1].go_on_from(saved)
        return writers[-1]

    yield make
    for writer in writers:
        writer.close()


def row(number, columns=36):
    """A picture and a vector that tell their number."""
    frame = np.full((36, columns), number % 251, np.uint8)
    return frame, np.array([number, -number, 0, 1, 2], np.float32)


def store(memory, transitions, length=30):
    """Episodes of `length` steps, until so many more transitions are stored."""
    for _ in range(transitions):
        number = memory.counters()["rows"]
        if not memory.counters()["open"]:
            memory.begin(*row(number))
            number += 1
        action = np.full(2, number / 1e6, np.float32)
        memory.append(action, float(number), False, number % length == 0, *row(number))


def save_with(writer, agent, memory, keep=2):
    learner = Future()
    learner.set_result(LearnerState.of(agent, memory))
    return writer.save(learner, memory, keep=keep).result()


def assert_same(a, b):
    assert a.counters() == b.counters() and len(a) == len(b)
    upto = a.stored
    for draws in ({"upto": upto}, {}):
        ours, theirs = a.sample(300, **draws), b.sample(300, **draws)
        for name in vars(ours):
            np.testing.assert_array_equal(getattr(ours, name), getattr(theirs, name))


def test_a_second_save_writes_only_what_is_new(tmp_path, agent, memory_of, writer_in):
    writer, memory = writer_in(), memory_of(1000)
    store(memory, 300)
    save_with(writer, agent, memory)
    first = {file: file.stat() for file in (tmp_path / "replay").iterdir()}
    assert len(first) == 300 // CHUNK + 310 // CHUNK
    store(memory, 100)
    second = save_with(writer, agent, memory)
    for file, was in first.items():
        now = file.stat()
        assert (now.st_ino, now.st_mtime_ns) == (was.st_ino, was.st_mtime_ns)
    new = {*(tmp_path / "replay").iterdir()} - {*first}
    assert sorted(file.name.rsplit("-", 1)[0] for file in new) == [
        "rows-000000256-000000320",
        "rows-000000320-000000384",
        "transitions-000000256-000000320",
        "transitions-000000320-000000384",
    ]
    # 100 new rows of 1316 bytes and what did not fill a chunk before, but not the other 300.
    written = sum(file.stat().st_size for file in [*new, second / "rows.safetensors"])
    assert written < 1.2 * (100 + CHUNK) * memory.bytes_per_row


@pytest.mark.parametrize("stored", [0, 1, 63, 64, 199, 200, 500, 1000])
@pytest.mark.parametrize("capacity", [200, 256])
def test_a_loaded_ring_is_the_ring_that_was_saved(
    tmp_path, agent, memory_of, writer_in, stored, capacity
):
    writer, memory = writer_in(), memory_of(capacity)
    store(memory, stored)
    path = save_with(writer, agent, memory)
    other = memory_of(capacity, seed=9)
    store(other, 17)
    load(path, agent, other)
    store(memory, 20)
    store(other, 20)
    assert_same(memory, other)


def test_a_ring_saved_again_and_again_as_it_goes_round_is_loaded_whole_each_time(
    agent, memory_of, writer_in
):
    writer, memory = writer_in(), memory_of()
    for transitions in (10, 100, 30, 250, 64, 5, 400, 128):
        store(memory, transitions)
        path = save_with(writer, agent, memory)
        other = memory_of(seed=9)
        load(path, agent, other)
        assert_same(memory, other)


def test_a_resumed_run_uses_the_chunks_again(tmp_path, agent, memory_of, writer_in):
    first, memory = writer_in(), memory_of(1000)
    store(memory, 300)
    save_with(first, agent, memory)
    first.close()
    before = {file: file.stat().st_mtime_ns for file in (tmp_path / "replay").iterdir()}
    saved, resumed = newest(tmp_path), memory_of(1000)
    load(saved, agent, resumed)
    writer = writer_in(saved)
    store(resumed, 50)
    path = save_with(writer, agent, resumed, keep=1)
    assert (
        before.items() <= {f: f.stat().st_mtime_ns for f in (tmp_path / "replay").iterdir()}.items()
    )
    other = memory_of(1000)
    load(path, agent, other)
    assert_same(resumed, other)


def test_no_chunk_stays_that_no_checkpoint_needs(tmp_path, agent, memory_of, writer_in):
    writer, memory = writer_in(), memory_of()
    for _ in range(12):
        store(memory, 90)
        save_with(writer, agent, memory, keep=2)
        kept = [read(path) for path in tmp_path.glob("checkpoint-*")]
        needed = {chunk.name for saved in kept for chunk in saved.chunks}
        assert {file.name for file in (tmp_path / "replay").iterdir()} == needed
    assert len(kept) == 2 and len(needed) < 12


def test_chunks_of_a_killed_save_are_cleared_away(tmp_path, agent, memory_of, writer_in):
    writer, memory = writer_in(), memory_of()
    store(memory, 100)
    (tmp_path / "replay").mkdir()
    for name in (".writing-rows", ".tmpAbCdEf", f"rows-000000000-000000064-{'0' * 16}.safetensors"):
        (tmp_path / "replay" / name).write_bytes(b"cut sho")
    for name in (".writing-checkpoint-000001", ".removing-checkpoint-000001"):
        (tmp_path / name).mkdir()
    path = save_with(writer, agent, memory)
    assert {file.name for file in (tmp_path / "replay").iterdir()} == {
        chunk.name for chunk in read(path).chunks
    }
    assert sorted(file.name for file in tmp_path.iterdir()) == [path.name, "lock", "replay"]


def test_chunks_of_one_that_cannot_be_read_stay_until_it_is_gone(
    tmp_path, agent, memory_of, writer_in
):
    writer, memory = writer_in(), memory_of()
    store(memory, 150)
    old = save_with(writer, agent, memory, keep=2)
    chunks = {file.name for file in (tmp_path / "replay").iterdir()}
    (old / "manifest.json").write_text("cut sho")
    store(memory, 500)
    save_with(writer, agent, memory, keep=2)
    assert chunks < {file.name for file in (tmp_path / "replay").iterdir()}
    save_with(writer, agent, memory, keep=2)
    assert not chunks & {file.name for file in (tmp_path / "replay").iterdir()}


def test_another_past_has_other_chunks_and_neither_spoils_the_other(
    tmp_path, agent, memory_of, small_config
):
    paths, memories = [], []
    for steps in (7, 11):
        memory = memory_of(4000)
        store(memory, 1100, length=steps)
        memories.append(memory)
        paths.append(save(tmp_path, agent, memory))
    for path, memory in zip(paths, memories, strict=True):
        other = memory_of(4000)
        load(path, agent, other)
        memory._rng.bit_generator.state = other._rng.bit_generator.state
        assert_same(memory, other)


@pytest.mark.parametrize("before", [50, 150, 1000])
def test_what_is_stored_while_a_save_is_written_does_not_get_into_it(
    tmp_path, agent, memory_of, writer_in, before
):
    writer, memory, same = writer_in(), memory_of(), memory_of()
    store(memory, before)
    store(same, before)
    learner = Future()
    saving = writer.save(learner, memory)
    going_on = threading.Thread(target=store, args=(memory, 700))  # three times round the ring
    going_on.start()
    going_on.join(0.1)
    learner.set_result(LearnerState.of(agent, same))
    other = memory_of(seed=9)
    load(saving.result(), agent, other)
    going_on.join()
    assert memory.stored == before + 700
    assert_same(same, other)


def test_a_save_that_fails_lets_the_writer_of_the_replay_go_on(
    tmp_path, agent, memory_of, writer_in
):
    writer, memory = writer_in(), memory_of()
    store(memory, 250)
    tmp_path.joinpath("replay").write_text("in the way")
    learner = Future()
    learner.set_result(LearnerState.of(agent, memory))
    with pytest.raises(OSError, match="replay"):
        writer.save(learner, memory).result()
    store(memory, 500)
    assert memory.stored == 750
    (tmp_path / "replay").unlink()
    path = save_with(writer, agent, memory)
    assert writer.error is None and newest(tmp_path).path == path
