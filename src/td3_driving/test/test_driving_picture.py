import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from td3_driving.driving.picture import FrameStack, grey_84

RANDOM = np.random.default_rng(0)
BGRA = RANDOM.integers(0, 256, (120, 160, 4), np.uint8)


def frame(value: int) -> np.ndarray:
    return np.full((84, 84), value, np.uint8)


def test_every_encoding_of_a_picture_gives_the_same_grey() -> None:
    expected = cv2.resize(
        cv2.cvtColor(BGRA, cv2.COLOR_BGRA2GRAY), (84, 84), interpolation=cv2.INTER_AREA
    )
    bgr = BGRA[..., :3]
    assert np.array_equal(grey_84(BGRA, "bgra8"), expected)
    assert np.array_equal(grey_84(bgr, "bgr8"), expected)
    assert np.array_equal(grey_84(bgr[..., ::-1], "rgb8"), expected)
    assert np.array_equal(grey_84(BGRA[..., [2, 1, 0, 3]], "rgba8"), expected)
    assert np.array_equal(grey_84(cv2.cvtColor(bgr, cv2.COLOR_BGR2GRAY), "mono8"), expected)


@pytest.mark.parametrize(("channel", "luma"), [(0, 0.114), (1, 0.587), (2, 0.299)])
def test_luma_is_that_of_bt601(channel: int, luma: float) -> None:
    image = np.zeros((84, 84, 3), np.uint8)
    image[..., channel] = 200
    assert np.abs(grey_84(image, "bgr8").astype(float) - 200 * luma).max() <= 1.0


def test_shrinking_averages_areas() -> None:
    stripes = np.zeros((168, 168), np.uint8)
    stripes[:, ::2] = 200
    assert np.all(grey_84(stripes, "mono8") == 100)


def test_crop_cuts_off_shares_of_top_bottom_left_and_right() -> None:
    image = np.zeros((100, 200), np.uint8)
    image[30:90, 20:180] = 255
    assert np.all(grey_84(image, "mono8", crop=(0.3, 0.1, 0.1, 0.1)) == 255)
    assert np.any(grey_84(image, "mono8", crop=(0.2, 0.1, 0.1, 0.1)) == 0)


def test_a_small_picture_is_not_aliased() -> None:
    image = frame(7)
    grey = grey_84(image, "mono8")
    image[:] = 9
    assert np.all(grey == 7)


@pytest.mark.parametrize(
    ("image", "encoding", "crop", "message"),
    [
        (BGRA, "bgr8", (0, 0, 0, 0), "bgr8 image must be uint8"),
        (BGRA, "16UC1", (0, 0, 0, 0), "'16UC1' is unknown"),
        (BGRA.astype(np.float32), "bgra8", (0, 0, 0, 0), "float32"),
        (np.zeros((0, 5), np.uint8), "mono8", (0, 0, 0, 0), "mono8 image"),
        (BGRA, "bgra8", (0.6, 0.4, 0, 0), "crop"),
        (BGRA, "bgra8", (-0.1, 0, 0, 0), "crop"),
        (BGRA, "bgra8", (float("nan"), 0, 0, 0), "crop"),
    ],
)
def test_unfit_pictures_are_refused_by_name(image, encoding, crop, message) -> None:
    with pytest.raises(ValueError, match=message):
        grey_84(image, encoding, crop)


@settings(max_examples=100, deadline=None)
@given(
    episodes=st.lists(st.integers(1, 15), min_size=1, max_size=5),
    depth=st.integers(1, 5),
    stride=st.integers(1, 4),
)
def test_a_stack_holds_every_stride_th_frame_of_its_own_episode(
    episodes: list[int], depth: int, stride: int
) -> None:
    stack = FrameStack(depth, stride)
    for episode, length in enumerate(episodes):
        for k in range(length):
            stacked = stack.push(frame(20 * episode + k), first=k == 0)
            steps = [max(0, k - age * stride) for age in reversed(range(depth))]
            assert stacked.shape == (depth, 84, 84) and stacked.dtype == np.uint8
            assert stacked[:, 0, 0].tolist() == [20 * episode + step for step in steps]


def test_a_stack_keeps_its_own_copy_of_frames() -> None:
    stack, camera_buffer = FrameStack(), frame(1)
    stack.push(camera_buffer, first=True)
    camera_buffer[:] = 2
    stack.push(camera_buffer, first=False)
    camera_buffer[:] = 3
    assert stack.push(camera_buffer, first=False)[:, 0, 0].tolist() == [1, 1, 2, 3]


def test_a_stack_refuses_what_does_not_belong_into_it() -> None:
    stack = FrameStack()
    with pytest.raises(ValueError, match="first frame of an episode"):
        stack.push(frame(0), first=False)
    stack.push(frame(0), first=True)
    with pytest.raises(ValueError, match="size"):
        stack.push(np.zeros((42, 42), np.uint8), first=False)
    with pytest.raises(ValueError, match="uint8"):
        stack.push(np.zeros((84, 84)), first=True)
    with pytest.raises(ValueError, match="at least 1"):
        FrameStack(stride=0)
