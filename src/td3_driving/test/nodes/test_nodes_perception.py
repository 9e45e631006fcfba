"""perception over real DDS: from pictures to stacks, never across episodes, whatever comes in."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from td3_driving.nodes.perception import Perception
from td3_driving.parameters import ParameterError
from td3_driving.ros import topics
from td3_driving.ros.messages import from_image

ENCODINGS = ["bgra8", "rgb8", "mono8", "8UC4", "16UC1", "", "nonsense"]


@pytest.fixture
def seeing(make_bench) -> Any:
    return make_bench(Perception, topics.OBSERVATION, frame_stride=1)


@pytest.fixture
def show(seeing, messages) -> Any:
    """Shows the node one tick, whose picture is of one grey, as a step of an episode."""

    def say(tick: int, grey: int, episode: int = 1, step: int = 0) -> None:
        picture, frame = messages.image(tick, grey), messages.frame(step, episode)
        frame.header.stamp = picture.header.stamp
        seeing.say(topics.IMAGE, picture)
        seeing.say(topics.FRAME, frame)

    return say


def greys(message: Any) -> list[int]:
    """The grey of each frame of a stack, oldest first."""
    stack = from_image(message)
    assert all(len(np.unique(stack[..., i])) == 1 for i in range(4))
    return stack[0, 0].tolist()


def test_an_observation_is_four_grey_frames_with_the_stamp_of_the_picture(
    seeing, show, messages
) -> None:
    show(0, 100)
    observation = seeing.next(topics.OBSERVATION)
    assert (observation.width, observation.height, observation.encoding) == (84, 84, "8UC4")
    assert observation.header == messages.image(0).header
    assert greys(observation) == [100] * 4


def test_a_stack_holds_the_newest_frame_last_and_never_one_of_another_episode(seeing, show) -> None:
    seen = []
    ticks = [(10, 1, 0), (20, 1, 1), (30, 1, 2), (40, 2, 0), (50, 2, 1)]
    for tick, (grey, episode, step) in enumerate(ticks):
        show(tick, grey, episode, step)
        seen.append(greys(seeing.next(topics.OBSERVATION)))
    assert seen == [
        [10, 10, 10, 10],
        [10, 10, 10, 20],
        [10, 10, 20, 30],
        [40, 40, 40, 40],
        [40, 40, 40, 50],
    ]


def test_frames_of_a_stack_lie_a_stride_apart(make_bench, messages) -> None:
    bench = make_bench(Perception, topics.OBSERVATION, frame_stride=2)
    for step in range(8):
        bench.say(topics.FRAME, messages.frame(step))
        bench.say(topics.IMAGE, messages.image(step, step))
        seen = greys(bench.next(topics.OBSERVATION))
    assert seen == [1, 3, 5, 7]


def test_order_between_topics_does_not_matter(seeing, messages) -> None:
    for step in (0, 1, 2):
        seeing.say(topics.IMAGE, messages.image(step, step))
    seeing.until(lambda: True)
    for step in (0, 1, 2):
        seeing.say(topics.FRAME, messages.frame(step))
    assert [greys(seeing.next(topics.OBSERVATION))[-1] for _ in range(3)] == [0, 1, 2]


@pytest.mark.parametrize(
    ("spoil", "complaint"),
    [
        (lambda m: m.data.pop(), "got 76799"),
        (lambda m: setattr(m, "width", 161), "161x120"),
        (lambda m: setattr(m, "height", 0), "must not be empty"),
        (lambda m: setattr(m, "encoding", "16UC1"), "16UC1"),
        (lambda m: setattr(m, "step", 3), "step"),
        (lambda m: setattr(m.header.stamp, "nanosec", 2_000_000_000), "nanoseconds"),
    ],
)
def test_a_picture_that_contradicts_itself_is_refused_by_name_and_the_node_lives(
    seeing, show, messages, errors_of, spoil, complaint: str
) -> None:
    errors = errors_of(seeing.node)
    picture = messages.image(0)
    spoil(picture)
    seeing.say(topics.IMAGE, picture)
    seeing.say(topics.FRAME, messages.frame(0))
    seeing.until(lambda: errors)
    assert re.match(rf"image ignored: .*({complaint})", errors[0])
    show(5, 7, episode=2)
    assert greys(seeing.next(topics.OBSERVATION)) == [7] * 4
    assert (seeing.node.invalid, seeing.node.published) == (1, 1)


def test_an_episode_whose_first_picture_was_lost_is_not_shown(seeing, show) -> None:
    show(3, 30, step=3)
    seeing.until(lambda: seeing.node.invalid == 1)
    show(4, 40, step=4)
    seeing.until(lambda: seeing.node.invalid == 2)
    show(5, 50, episode=2)
    assert greys(seeing.next(topics.OBSERVATION)) == [50] * 4
    assert seeing.node.published == 1


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    width=st.integers(0, 2**32 - 1),
    height=st.integers(0, 200),
    row=st.integers(0, 2**32 - 1),
    encoding=st.sampled_from(ENCODINGS),
    data=st.binary(max_size=64),
    nanosec=st.integers(0, 2**32 - 1),
    episode=st.integers(0, 2**64 - 1),
    step=st.integers(0, 2**32 - 1),
)
def test_no_message_ends_the_node(
    seeing, messages, width, height, row, encoding, data, nanosec, episode, step
) -> None:
    picture = messages.image(0)
    picture.width, picture.height, picture.step = width, height, row
    picture.encoding, picture.data = encoding, data
    picture.header.stamp.nanosec = nanosec
    frame = messages.frame(0)
    frame.header, frame.episode, frame.step = picture.header, episode, step
    node = seeing.node
    handled = node.invalid + node.published
    seeing.say(topics.FRAME, frame)
    seeing.say(topics.IMAGE, picture)
    seeing.until(lambda: node.invalid + node.published > handled)


def test_a_parameter_out_of_range_is_refused_with_one_sentence(make_bench) -> None:
    with pytest.raises(ParameterError, match=r"^parameter perception\.frame_stride must be in"):
        make_bench(Perception, frame_stride=0)


def test_an_unknown_parameter_is_refused_with_the_nearest_name(make_bench) -> None:
    with pytest.raises(ParameterError, match="frame_strid does not exist; did you mean"):
        make_bench(Perception, frame_strid=2)


def test_crops_that_leave_nothing_are_refused_before_the_first_picture(make_bench) -> None:
    with pytest.raises(ParameterError, match=r"crop_top \+ crop_bottom .* below 1"):
        make_bench(Perception, crop_top=0.6, crop_bottom=0.5)
