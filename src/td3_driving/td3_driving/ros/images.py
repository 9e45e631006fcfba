"""Camera pictures of any encoding: the common ones without a copy, the others by cv_bridge."""

from __future__ import annotations

from types import ModuleType

import numpy as np
from sensor_msgs.msg import Image

from td3_driving.driving.picture import ENCODINGS
from td3_driving.ros.messages import InvalidMessage, from_image

try:
    import cv_bridge
except Exception:  # absent, or a build for another NumPy, which fails in ways of its own
    cv_bridge = None


def decode(message: Image, bridge: ModuleType | None = cv_bridge) -> tuple[np.ndarray, str]:
    """A picture and its encoding, one of driving.picture.ENCODINGS.

    Common encodings are read in place, which gives the same pixels as cv_bridge and works without
    it. Bayer patterns, YUV and the like need cv_bridge, as an apt install of ROS has it.

    Args:
        message: The picture.
        bridge: The cv_bridge module; None where it is not installed.

    Raises:
        InvalidMessage: the size does not match the data, or the encoding needs what is not there.
    """
    if message.encoding in ENCODINGS:
        return from_image(message), message.encoding
    if bridge is None:
        raise InvalidMessage(
            f"image encoding is {message.encoding!r}; without cv_bridge it must be one of "
            f"{', '.join(ENCODINGS)} (apt install ros-jazzy-cv-bridge)"
        )
    try:
        return bridge.CvBridge().imgmsg_to_cv2(message, "mono8"), "mono8"
    except Exception as error:  # cv_bridge raises OpenCV's, NumPy's and its own
        raise InvalidMessage(f"cv_bridge refuses {message.encoding}: {error}") from error
