import threading
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from td3_driving.learning import FrameReplay, replay
from td3_driving.learning import memory as machine
from td3_driving.learning.errors import NonFiniteError, ReplayError, ReplayMemoryError, ShapeError

SHAPE = (4, 2, 2)
GAMMA = 0.9
EPISODES = st.lists(
    st.tuples(st.integers(0, 12), st.sampled_from(["terminated", "truncated", "fault"])),
    min_size=1,
    max_size=15,
)


def frame(number):
    """A picture that tells its number."""
    return np.array([[number % 256, number // 256], [0, 1]], np.uint8)


def vector(number):
    return np.array([number, -number], np.float32)


def action(number):
    return np.array([number], np.float32)


class NaiveMemory:
    """The model: every transition kept forever with its stacks already built."""

    def __init__(self, capacity, n_step):
        self.capacity, self.n_step = capacity, n_step
        self.rows = 0
        self.transitions = {}

    def add_episode(self, memory, length, end):
        first = self.rows
        numbers = list(range(first, first + length + 1))
        memory.begin(frame(first), vector(first))
        for k in range(length):
            last = k == length - 1
            memory.append(
                action(first + k),
                reward=float(first + k),
                terminated=last and end == "terminated",
                truncated=last and end == "truncated",
                next_frame=frame(first + k + 1),
                next_vector=vector(first + k + 1),
            )
        memory.abort()  # after an end that was stored: nothing; else: the fault
        for k in range(length):
            span = min(self.n_step, length - k)
            self.transitions[first + k] = {
                "image": self._stack(numbers, k),
                "next_image": self._stack(numbers, k + span),
                "vector": vector(first + k),
                "next_vector": vector(first + k + span),
                "reward": sum(GAMMA**i * (first + k + i) for i in range(span)),
                "terminated": k + span == length and end == "terminated",
                "discount": GAMMA**span,
                "oldest_row": first + max(0, k - 3),
            }
        self.rows += length + 1

    @staticmethod
    def _stack(numbers, index):
        return np.stack([frame(numbers[max(0, index - back)]) for back in (3, 2, 1, 0)])

    def within_reach(self):
        floor = self.rows - self.capacity
        return {n for n, kept in self.transitions.items() if kept["oldest_row"] >= floor}


def assert_batch_is_of(model, batch):
    for number, index in zip(*np.unique(batch.action[:, 0], return_index=True), strict=True):
        expected = model.transitions[int(number)]
        for name in ("image", "next_image", "vector", "next_vector"):
            np.testing.assert_array_equal(getattr(batch, name)[index], expected[name])
        assert batch.terminated[index] == expected["terminated"]
        assert batch.reward[index] == pytest.approx(expected["reward"], rel=1e-6)
        assert batch.discount[index] == pytest.approx(expected["discount"], rel=1e-6)


@settings(max_examples=60, deadline=None)
@given(episodes=EPISODES, capacity=st.integers(28, 90), n_step=st.integers(1, 3))
def test_the_ring_of_frames_is_a_list_of_stacks(episodes, capacity, n_step):
    memory = FrameReplay(capacity, SHAPE, 2, 1, n_step=n_step, gamma=GAMMA)
    model = NaiveMemory(capacity, n_step)
    for length, end in episodes:
        model.add_episode(memory, length, end)
        reach = model.within_reach()
        assert len(memory) == len(reach)
        if reach:
            batch = memory.sample(40 * len(reach))
            assert set(batch.action[:, 0].astype(int)) == reach
            assert_batch_is_of(model, batch)
    assert memory.dropped == sum(length == 0 or end == "fault" for length, end in episodes)


def one_long_episode(memory, steps, start=0):
    if start == 0:
        memory.begin(frame(0), vector(0))
    for k in range(start, start + steps):
        memory.append(action(k), float(k), False, False, frame(k + 1), vector(k + 1))


@pytest.mark.parametrize("n_step", [1, 3])
@pytest.mark.parametrize("before", [30, 500])
def test_a_draw_upto_a_count_knows_nothing_that_was_stored_later(n_step, before):
    def draw(later):
        memory = FrameReplay(100, SHAPE, 2, 1, seed=4, n_step=n_step)
        one_long_episode(memory, before)
        one_long_episode(memory, later, start=before)
        return memory.sample(200, upto=before)

    alone, followed = draw(0), draw(20)
    for name in vars(alone):
        np.testing.assert_array_equal(getattr(alone, name), getattr(followed, name))


def test_a_writer_too_far_ahead_is_reported_instead_of_changing_the_draw():
    memory = FrameReplay(100, SHAPE, 2, 1)
    one_long_episode(memory, 60)
    with pytest.raises(ReplayError, match="writer is 30 transitions ahead of upto=30"):
        memory.sample(1, upto=30)
    with pytest.raises(ReplayError, match=r"upto=61 is not in 1\.\.60"):
        memory.sample(1, upto=61)


def test_samples_stay_whole_while_another_thread_writes():
    memory = FrameReplay(64, SHAPE, 2, 1)
    one_long_episode(memory, 64)
    stop = threading.Event()

    def write():
        k = 64
        while not stop.is_set():
            one_long_episode(memory, 1, start=k)
            k = (k + 1) if k < 60_000 else 64

    writer = threading.Thread(target=write)
    writer.start()
    try:
        for _ in range(300):
            batch = memory.sample(16)
            np.testing.assert_array_equal(batch.action[:, 0], batch.vector[:, 0])
            number = batch.image[:, :, 0, 0] + 256.0 * batch.image[:, :, 0, 1]
            np.testing.assert_array_equal(number[:, -1], batch.vector[:, 0])
            np.testing.assert_array_equal(np.diff(number, axis=1) % 59_936, 1)
    finally:
        stop.set()
        writer.join()


def pieces(memory, *cuts):
    """All that a memory holds, as `restore` takes it, cut at these numbers."""
    counters = memory.counters()
    for part in replay.PARTS:
        edges = [max(0, counters[part] - memory.capacity), *cuts, counters[part]]
        for first, end in pairwise(edges):
            yield part, first, memory.view(part, first, end)


def test_a_restored_memory_goes_on_as_if_nothing_had_happened():
    def memory():
        return FrameReplay(50, SHAPE, 2, 1, seed=1)

    first, second = memory(), memory()
    one_long_episode(first, 70)
    first.sample(5)
    second.restore(first.counters(), first.sampler_state(), pieces(first, 30, 55))
    for each in (first, second):
        one_long_episode(each, 10, start=70)
    a, b = first.sample(20), second.sample(20)
    for name in vars(a):
        np.testing.assert_array_equal(getattr(a, name), getattr(b, name))
    with pytest.raises(ReplayError, match="this memory of"):
        FrameReplay(51, SHAPE, 2, 1).restore(first.counters(), first.sampler_state(), [])


@pytest.mark.parametrize("before", [10, 140])
def test_what_is_being_read_is_not_overwritten_and_the_writer_goes_on_afterwards(before):
    memory = FrameReplay(100, SHAPE, 2, 1)
    one_long_episode(memory, before)
    counters = memory.counters()
    oldest = max(0, counters["rows"] - 100)
    memory.reading({"rows": oldest, "transitions": max(0, before - 100)})
    writer = threading.Thread(target=one_long_episode, args=(memory, 150, before))
    writer.start()
    while memory.counters()["rows"] < oldest + 100:
        writer.join(0.001)
    writer.join(0.05)  # time enough to overwrite, if nothing held it back
    assert memory.counters()["rows"] == oldest + 100

    def read():
        return memory.view("rows", oldest, counters["rows"])["vector"][:, 0]

    np.testing.assert_array_equal(read(), np.arange(oldest, counters["rows"]))
    memory.reading({})
    writer.join()
    assert memory.stored == before + 150
    assert (read() > counters["rows"]).any()


def test_a_driving_transition_takes_at_most_7400_bytes():
    memory = FrameReplay(100)
    assert memory.bytes_per_row <= 7400


def test_a_capacity_beyond_memory_is_refused_with_one_that_fits(monkeypatch):
    monkeypatch.setattr(machine, "available_memory_bytes", lambda: 10_000_000)
    with pytest.raises(ReplayMemoryError, match=r"capacity of at most (\d+) fits") as refusal:
        FrameReplay(10**6)
    fits = int(str(refusal.value).split("at most ")[1].split()[0])
    assert 0.7 * 10_000_000 < fits * FrameReplay(fits).bytes_per_row < 10_000_000


def test_free_memory_is_known():
    assert 10**6 < machine.available_memory_bytes() < 10**14


@pytest.mark.parametrize("capacity", [10**9, 10**15])
def test_a_capacity_that_no_machine_holds_is_refused_before_memory_is_asked_for(capacity):
    # 7.3 TB and more: an attempt would fail as numpy's error, without what would fit.
    with pytest.raises(ReplayMemoryError, match=rf"capacity {capacity} takes .* fits"):
        FrameReplay(capacity)


@pytest.mark.parametrize(
    ("bad", "said"),
    [
        ({"capacity": 0}, "capacity is 0; it must be a whole number"),
        ({"capacity": -5}, "capacity is -5; it must be a whole number"),
        ({"capacity": 100.0}, "capacity is 100.0; it must be a whole number"),
        ({"capacity": True}, "capacity is True; it must be a whole number"),
        ({"capacity": 19}, "capacity is 19; it must be at least 20"),
        ({"n_step": 0}, "n_step is 0"),
        ({"gamma": 1.1}, "gamma is 1.1"),
        ({"gamma": float("nan")}, "gamma is nan"),
        ({"vector_dim": 0}, "vector_dim is 0"),
        ({"action_dim": 1.5}, "action_dim is 1.5"),
        ({"image_shape": (0, 84, 84)}, "frames is 0"),
        ({"image_shape": (4, 84, -1)}, "columns is -1"),
    ],
)
def test_arguments_out_of_range_are_refused_by_name(bad, said):
    with pytest.raises(ValueError, match=f"FrameReplay: {said}"):
        FrameReplay(**{"capacity": 100, "image_shape": SHAPE, **bad})


@pytest.mark.parametrize(
    ("first", "error", "said"),
    [
        (
            (frame(0)[:1], vector(0)),
            ShapeError,
            r"frame must be .*uint8 \(2, 2\) and is uint8 \(1, 2",
        ),
        ((frame(0).astype(np.int64), vector(0)), ShapeError, "frame must be .*uint8.* is int64"),
        ((None, vector(0)), ShapeError, "frame must be .* is NoneType"),
        ((frame(0), vector(0).astype(np.float64)), ShapeError, "vector must be .* is float64"),
        ((frame(0), [0.0, 0.0]), ShapeError, "vector must be .* is list"),
        ((frame(0), vector(np.nan)), NonFiniteError, "vector holds nan"),
    ],
)
def test_an_episode_does_not_begin_with_bad_data(first, error, said):
    memory = FrameReplay(100, SHAPE, 2, 1)
    with pytest.raises(error, match=said):
        memory.begin(*first)
    memory.begin(frame(0), vector(0))  # nothing was begun
    assert memory.counters()["rows"] == 1


def test_steps_out_of_order_are_refused():
    memory = FrameReplay(100, SHAPE, 2, 1)
    with pytest.raises(ReplayError, match="no episode is open"):
        one_long_episode(memory, 1, start=5)
    with pytest.raises(ReplayError, match="nothing to draw from"):
        memory.sample(1)
    memory.begin(frame(0), vector(0))
    with pytest.raises(ReplayError, match="still open"):
        memory.begin(frame(0), vector(0))


def test_bad_data_is_refused_by_name_and_not_stored():
    memory = FrameReplay(100, SHAPE, 2, 1)
    one_long_episode(memory, 3)
    good = {
        "action": action(3),
        "reward": 0.0,
        "terminated": False,
        "truncated": False,
        "next_frame": frame(4),
        "next_vector": vector(4),
    }
    for name, value, error, said in (
        ("action", action(np.nan), NonFiniteError, "action holds nan"),
        ("action", np.zeros(3, np.float32), ShapeError, "action must be"),
        ("action", np.zeros(1), ShapeError, "action must be .* is float64"),
        ("action", [0.0], ShapeError, "action must be .* is list"),
        ("reward", float("inf"), NonFiniteError, "reward is inf"),
        ("reward", 1e39, NonFiniteError, "reward is 1e.39, no number of float32"),
        ("reward", None, NonFiniteError, "reward is None"),
        ("reward", np.zeros(2), NonFiniteError, "reward is array"),
        ("next_vector", vector(np.inf), NonFiniteError, "vector holds inf"),
        ("next_frame", frame(4).astype(np.float32), ShapeError, "frame must be"),
        ("next_frame", np.zeros((3, 2), np.uint8), ShapeError, "frame must be"),
    ):
        with pytest.raises(error, match=said):
            memory.append(**{**good, name: value})
    assert (memory.stored, len(memory)) == (3, 3)
    memory.abort()
    assert memory.dropped == 1
    assert not memory.sample(50).terminated.any()
