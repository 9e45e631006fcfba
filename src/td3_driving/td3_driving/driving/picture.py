"""The picture half of an observation: from a camera image to a stack of small grey frames."""

from collections import deque

import cv2
import numpy as np
from numpy.typing import NDArray

_TO_GREY = {
    "bgr8": (3, cv2.COLOR_BGR2GRAY),
    "rgb8": (3, cv2.COLOR_RGB2GRAY),
    "bgra8": (4, cv2.COLOR_BGRA2GRAY),
    "rgba8": (4, cv2.COLOR_RGBA2GRAY),
}
ENCODINGS = ("mono8", *_TO_GREY)
"""The sensor_msgs/Image encodings that ``grey_84`` understands."""


def grey_84(
    image: NDArray[np.uint8],
    encoding: str,
    crop: tuple[float, float, float, float] = (0.0, 0.0, 0.0, 0.0),
    size: int = 84,
) -> NDArray[np.uint8]:
    """Crop, turn grey, and shrink by area averaging.

    The luma is OpenCV's, so the result equals that of cv_bridge's ``mono8`` followed by a resize.

    Args:
        image: (H, W) or (H, W, 3 or 4) uint8.
        encoding: One of ``ENCODINGS``.
        crop: Shares of the picture cut off at the top, bottom, left and right, each in [0, 1).
        size: Width and height of the result.

    Returns:
        (size, size) uint8, its own memory.

    Raises:
        ValueError: unknown encoding, an image that doesn't fit it, or a crop that leaves nothing.
    """
    if encoding not in ENCODINGS:
        raise ValueError(f"image encoding {encoding!r} is unknown; expected one of {ENCODINGS}")
    channels, code = _TO_GREY.get(encoding, (1, None))
    expected = (2,) if channels == 1 else (3, channels)
    if image.dtype != np.uint8 or (image.ndim, *image.shape[2:]) != expected or image.size == 0:
        shape = "(H, W)" if channels == 1 else f"(H, W, {channels})"
        raise ValueError(
            f"a {encoding} image must be uint8 {shape}, got {image.dtype} {image.shape}; "
            "does the encoding match the data?"
        )
    top, bottom, left, right = crop
    if not (min(crop) >= 0.0 and top + bottom < 1.0 and left + right < 1.0):
        raise ValueError(f"crop (top, bottom, left, right) = {crop} leaves nothing of the picture")
    height, width = image.shape[:2]
    rows = slice(round(top * height), max(height - round(bottom * height), round(top * height) + 1))
    columns = slice(round(left * width), max(width - round(right * width), round(left * width) + 1))
    image = np.ascontiguousarray(image[rows, columns])
    grey = image if code is None else cv2.cvtColor(image, code)
    small = cv2.resize(grey, (size, size), interpolation=cv2.INTER_AREA)
    return np.asarray(small, dtype=np.uint8)


class FrameStack:
    """The last frames of an episode, never across its start.

    Args:
        depth: Frames in a stack.
        stride: Steps between them. With an action repeat of ``stride`` the stacks at decisions hold
            the decisions' own frames, which are the only ones a replay buffer keeps.

    Raises:
        ValueError: depth or stride below 1.
    """

    def __init__(self, depth: int = 4, stride: int = 1) -> None:
        if depth < 1 or stride < 1:
            raise ValueError(f"depth {depth} and stride {stride} must both be at least 1")
        self._stride = stride
        self._frames: deque[NDArray[np.uint8]] = deque(maxlen=(depth - 1) * stride + 1)

    def push(self, frame: NDArray[np.uint8], first: bool) -> NDArray[np.uint8]:
        """Add step k's frame and stack frames k, k - stride, ...; before step 0 it is step 0's.

        Args:
            frame: (H, W) uint8; copied.
            first: Whether it is the first of its episode, step 0.

        Returns:
            (depth, H, W) uint8, newest last, its own memory.

        Raises:
            ValueError: not a uint8 (H, W) frame, a size that changed within an episode, or a stack
                that was never started by a first frame.
        """
        if frame.dtype != np.uint8 or frame.ndim != 2:
            raise ValueError(f"a frame must be uint8 (H, W), got {frame.dtype} {frame.shape}")
        if first:
            self._frames.extend([frame.copy()] * (self._frames.maxlen or 1))
        elif not self._frames:
            raise ValueError("the stack is empty: the first frame of an episode must come first")
        elif frame.shape != self._frames[-1].shape:
            raise ValueError(
                f"frame {frame.shape} in an episode of {self._frames[-1].shape}; the camera's size "
                "may change only between episodes"
            )
        else:
            self._frames.append(frame.copy())
        return np.stack([self._frames[i] for i in range(0, len(self._frames), self._stride)])
