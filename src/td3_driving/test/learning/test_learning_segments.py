"""Many streams of episodes in one memory: each transition once, whole, and never of two streams."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from td3_driving.learning.errors import NonFiniteError, ReplayError, ShapeError
from td3_driving.learning.segments import EpisodeStream, SegmentReplay

STACK, GAMMA = 3, 0.9
SHAPE = (STACK, 4, 4)


def frame(number):
    """A picture that tells its number."""
    return np.frombuffer(int(number).to_bytes(4, "big") * 4, np.uint8).reshape(4, 4).copy()


def vector(number):
    return np.array([number, -number], np.float32)


def action(number):
    return np.array([number / 1e4, 0.5], np.float32)


def memory(capacity=400, n_step=1, shape=SHAPE):
    return SegmentReplay(capacity, shape, 2, 2, seed=3, n_step=n_step, gamma=GAMMA)


class NaiveMemory:
    """What is stored, as lists: (observation numbers of the stack, action, n-step reward, ...)."""

    def __init__(self, n_step):
        self.n_step, self.transitions = n_step, []

    def store(self, numbers, rewards, first, end, terminated):
        """Steps first to end of the episode whose observations have these numbers."""
        for i in range(first, end):
            length = min(self.n_step, end - i)
            self.transitions.append(
                {
                    "stack": [numbers[max(0, i - k)] for k in reversed(range(STACK))],
                    "next": [numbers[max(0, i + length - k)] for k in reversed(range(STACK))],
                    "action": numbers[i],
                    "reward": sum(GAMMA**k * rewards[i + k] for k in range(length)),
                    "discount": GAMMA**length,
                    "terminated": terminated and i + length == len(rewards),
                }
            )


def assert_holds(replay, naive):
    """The newest transitions are the naive memory's, one by one, and nothing else can be drawn."""
    assert replay.stored == len(naive.transitions)
    first = replay.stored - len(replay)
    drawable = np.arange(first, replay.stored)
    batch = replay.gather(drawable, replay.stored)
    for at, expected in enumerate(naive.transitions[first:]):
        assert np.array_equal(batch.image[at], np.stack([frame(n) for n in expected["stack"]]))
        assert np.array_equal(batch.next_image[at], np.stack([frame(n) for n in expected["next"]]))
        assert np.array_equal(batch.vector[at], vector(expected["stack"][-1]))
        assert np.array_equal(batch.next_vector[at], vector(expected["next"][-1]))
        assert np.array_equal(batch.action[at], action(expected["action"]))
        assert batch.reward[at] == pytest.approx(expected["reward"], rel=1e-5)
        assert batch.discount[at] == pytest.approx(expected["discount"])
        assert batch.terminated[at] == expected["terminated"]


episodes = st.tuples(st.integers(1, 25), st.sampled_from(["terminated", "truncated", "goes on"]))


@given(
    streams=st.lists(st.lists(episodes, min_size=1, max_size=4), min_size=1, max_size=4),
    steps=st.integers(1, 9),
    n_step=st.integers(1, 4),
    capacity=st.sampled_from([60, 90, 400]),
    order=st.randoms(use_true_random=False),
)
def test_interleaved_streams_are_stored_as_if_each_were_alone(
    streams, steps, n_step, capacity, order
):
    replay, naive = memory(capacity, n_step), NaiveMemory(n_step)
    numbers = iter(range(10**6))

    def drive(stream, plans):
        """One step of the stream each time it is resumed."""
        for length, end in plans:
            seen, rewards, kept = [next(numbers)], [], 0
            stream.begin(frame(seen[0]), vector(seen[0]))
            for step in range(length):
                yield
                taken, reward = action(seen[-1]), float(seen[-1] % 7)
                seen.append(next(numbers))
                rewards.append(reward)
                last = step == length - 1
                terminated, truncated = last and end == "terminated", last and end == "truncated"
                stream.append(
                    taken, reward, terminated, truncated, frame(seen[-1]), vector(seen[-1])
                )
                if terminated or truncated or len(rewards) - kept == steps:
                    naive.store(seen, rewards, kept, len(rewards), terminated)
                    kept = len(rewards)
            if end == "goes on":
                if kept < length:
                    naive.store(seen, rewards, kept, length, False)
                stream.flush()
                return

    going = [drive(EpisodeStream(replay, steps), plans) for plans in streams]
    while going:
        one = order.choice(going)
        if next(one, "over") == "over":
            going.remove(one)
    assert_holds(replay, naive)


def test_a_seam_is_no_end_of_an_episode():
    """Two segments of one episode, drawn from, bootstrap where they meet."""
    replay = memory(n_step=3)
    stream = EpisodeStream(replay, steps=4)
    stream.begin(frame(0), vector(0))
    for step in range(8):
        stream.append(action(step), 1.0, False, False, frame(step + 1), vector(step + 1))
    batch = replay.gather(np.arange(8), 8)
    assert not batch.terminated.any()
    # At a seam rewards are summed up over fewer steps, and bootstrap that much sooner.
    assert batch.discount == pytest.approx([GAMMA**n for n in (3, 3, 2, 1, 3, 3, 2, 1)])
    # The observations where the two meet are the same ones.
    assert np.array_equal(batch.next_image[3], batch.image[4])
    assert np.array_equal(batch.next_vector[3], batch.vector[4])


def test_every_transition_is_drawn_alike_often():
    replay = memory()
    streams = [EpisodeStream(replay, steps=5) for _ in range(3)]
    for k, stream in enumerate(streams):
        stream.begin(frame(100 * k), vector(100 * k))
        for step in range(10):
            now, then = 100 * k + step, 100 * k + step + 1
            stream.append(action(now), 0.0, False, False, frame(then), vector(then))
    drawn = replay.sample(30_000).vector[:, 0].astype(int)
    numbers, counts = np.unique(drawn, return_counts=True)
    assert set(numbers) == {100 * k + step for k in range(3) for step in range(10)}
    assert counts.min() > 850
    assert counts.max() < 1150


def test_without_pictures_vectors_alone_are_kept():
    replay = memory(shape=None)
    stream = EpisodeStream(replay, steps=3)
    stream.begin(None, vector(0))
    for step in range(7):
        stream.append(action(step), 1.0, step == 6, False, None, vector(step + 1))
    batch = replay.gather(np.arange(7), 7)
    assert batch.image is None
    assert batch.vector[:, 0].tolist() == [0, 1, 2, 3, 4, 5, 6]
    assert batch.next_vector[:, 0].tolist() == [1, 2, 3, 4, 5, 6, 7]
    assert batch.terminated.tolist() == [False] * 6 + [True]


def test_what_cannot_be_stored_is_refused_by_name_and_nothing_is_stored():
    replay = memory()
    good = {
        "frames": np.stack([frame(n) for n in range(3)]),
        "vectors": np.stack([vector(n) for n in range(3)]),
        "actions": np.stack([action(n) for n in range(2)]),
        "rewards": np.zeros(2, np.float32),
    }
    bad = {
        "frames": good["frames"][:2],
        "vectors": good["vectors"] * np.nan,
        "actions": good["actions"].astype(np.float64),
        "rewards": np.array([0.0, np.inf], np.float32),
    }
    for name, value in bad.items():
        with pytest.raises((ShapeError, NonFiniteError), match=name):
            replay.extend(**{**good, name: value}, terminated=False)
    with pytest.raises(ReplayError, match="quarter"):
        replay.extend(
            np.zeros((102, 4, 4), np.uint8), np.zeros((102, 2), np.float32),
            np.zeros((101, 2), np.float32), np.zeros(101, np.float32), False,
        )  # fmt: skip
    assert replay.stored == 0
    with pytest.raises(ReplayError, match="begin"):
        EpisodeStream(replay).append(action(0), 0.0, False, False, frame(1), vector(1))


def test_a_segment_waits_for_whoever_reads_what_it_would_overwrite():
    replay = memory(capacity=60)
    segment = {
        "frames": np.zeros((11, 4, 4), np.uint8), "vectors": np.zeros((11, 2), np.float32),
        "actions": np.zeros((10, 2), np.float32), "rewards": np.zeros(10, np.float32),
    }  # fmt: skip
    for _ in range(5):
        replay.extend(**segment, terminated=True)
    replay.reading({"rows": 5})
    assert replay._has_room_for(10, 10)
    assert not replay._has_room_for(11, 10)
    replay.reading({"rows": 6})
    replay.extend(**segment, terminated=True)
    assert replay.stored == 60
