"""Camera pictures of any encoding become pixels, or are refused by name."""

from types import SimpleNamespace

import numpy as np
import pytest
from sensor_msgs.msg import Image

from td3_driving.driving.picture import grey_84
from td3_driving.ros.images import decode
from td3_driving.ros.messages import InvalidMessage, header, to_image


def _image(encoding: str, channels: int) -> tuple[Image, np.ndarray]:
    shape = (48, 64, channels) if channels > 1 else (48, 64)
    pixels = np.random.default_rng(0).integers(0, 256, shape, np.uint8)
    return to_image(pixels, encoding, header(1, "camera")), pixels


@pytest.mark.parametrize(
    ("encoding", "channels"), [("mono8", 1), ("bgr8", 3), ("rgb8", 3), ("bgra8", 4), ("rgba8", 4)]
)
def test_common_encodings_are_read_without_cv_bridge(encoding: str, channels: int) -> None:
    message, pixels = _image(encoding, channels)
    decoded, name = decode(message, bridge=None)
    assert name == encoding
    np.testing.assert_array_equal(decoded, pixels)


def test_the_same_scene_in_another_order_of_colours_is_the_same_grey() -> None:
    message, pixels = _image("bgr8", 3)
    swapped = to_image(np.ascontiguousarray(pixels[:, :, ::-1]), "rgb8", header(1, "camera"))
    np.testing.assert_array_equal(
        grey_84(*decode(message, bridge=None)), grey_84(*decode(swapped, bridge=None))
    )


def test_rows_with_padding_are_read_as_the_picture_without_it() -> None:
    message, pixels = _image("bgr8", 3)
    padded = np.zeros((48, 64 * 3 + 7), np.uint8)
    padded[:, : 64 * 3] = pixels.reshape(48, -1)
    message.step, message.data = padded.shape[1], padded.tobytes()
    np.testing.assert_array_equal(decode(message, bridge=None)[0], pixels)


def test_an_uncommon_encoding_without_cv_bridge_is_refused_by_name() -> None:
    message, _ = _image("mono8", 1)
    message.encoding = "bayer_rggb8"
    with pytest.raises(InvalidMessage, match=r"'bayer_rggb8'.*cv_bridge.*apt install"):
        decode(message, bridge=None)


def test_an_uncommon_encoding_goes_through_cv_bridge_where_it_is_installed() -> None:
    message, pixels = _image("mono8", 1)
    message.encoding = "bayer_rggb8"
    asked = []

    class Bridge:
        def imgmsg_to_cv2(self, image: Image, encoding: str) -> np.ndarray:
            asked.append((image.encoding, encoding))
            return pixels

    decoded, name = decode(message, bridge=SimpleNamespace(CvBridge=Bridge))
    assert asked == [("bayer_rggb8", "mono8")]
    assert name == "mono8"
    np.testing.assert_array_equal(decoded, pixels)


def test_what_cv_bridge_cannot_read_is_refused_too() -> None:
    message, _ = _image("mono8", 1)
    message.encoding = "nonsense"

    class Bridge:
        def imgmsg_to_cv2(self, image: Image, encoding: str) -> np.ndarray:
            raise RuntimeError("Unrecognized image encoding [nonsense]")

    with pytest.raises(InvalidMessage, match="cv_bridge refuses nonsense"):
        decode(message, bridge=SimpleNamespace(CvBridge=Bridge))
