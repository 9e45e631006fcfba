"""The map from above, for reports and pictures of trajectories."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from carla_lite.render.ground import Ground

Transform = NDArray[np.float64]


def topdown(ground: Ground, width: int) -> tuple[NDArray[np.uint8], Transform]:
    """A picture of the whole ground: x to the right, y downwards, as CARLA's map seen from above.

    Args:
        ground: The map.
        width: Of the picture in pixels, at least 1; the height follows.

    Returns:
        uint8 (height, width, 3) BGR, and the float64 (2, 3) matrix from (x, y, 1) in metres to
        (column, row) in pixels, whole numbers at pixel centres.
    """
    if width < 1:
        raise ValueError(f"topdown width is {width}: use at least 1 pixel")
    rows, columns = ground.shape
    height = max(1, round(width * rows / columns))
    picture = cv2.resize(ground.picture(1), (width, height), interpolation=cv2.INTER_AREA)
    scale_x, scale_y = width / (columns * ground.texel_m), height / (rows * ground.texel_m)
    transform = np.array(
        [
            [scale_x, 0.0, -ground.origin_m[0] * scale_x - 0.5],
            [0.0, scale_y, -ground.origin_m[1] * scale_y - 0.5],
        ]
    )
    return np.asarray(picture, np.uint8), transform
