"""Depths and labels written as the BGRA pixels of CARLA's cameras."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from carla_lite.world._sensor_pixels import encode_depth as _encode_depth
from carla_lite.world._sensor_pixels import encode_instances as _encode_instances
from carla_lite.world._sensor_pixels import encode_tags as _encode_tags

FAR_PLANE_M = 1000.0
"""What is farther away, and the sky, is said to be at this depth."""

DEPTH_STEPS = 2**24 - 1


def encode_depth(depth_m: NDArray[np.float32], out: NDArray[np.uint8]) -> None:
    """Writes depths as CARLA does: (R + 256 G + 65536 B) / (2^24 - 1) is the share of 1000 m.

    Args:
        depth_m: float32 (H, W), not negative; infinite for the sky.
        out: uint8 (H, W, 4), BGRA, all of it is overwritten.

    Raises:
        ValueError: an array has another shape or dtype, or is not contiguous.
    """
    pixels = _as_pixels(out)
    _encode_depth(
        _flat(depth_m, np.float32, pixels), pixels, FAR_PLANE_M, DEPTH_STEPS / FAR_PLANE_M
    )


def encode_tags(tags: NDArray[np.uint8], out: NDArray[np.uint8]) -> None:
    """Writes semantic tags, uint8 (H, W), into red; see `encode_depth` for the rest."""
    pixels = _as_pixels(out)
    _encode_tags(_flat(tags, np.uint8, pixels), pixels)


def encode_instances(
    tags: NDArray[np.uint8], ids: NDArray[np.uint32], out: NDArray[np.uint8]
) -> None:
    """Writes tags, uint8 (H, W), into red and 16 bits of ids, uint32 (H, W), into green (the lower
    byte) and blue; see `encode_depth` for the rest.

    These are the low bits of an actor's id. What stands on the map, whose ids begin at 2^30, has
    the highest of the 16 set, so that it does not share its number with an actor.
    """
    pixels = _as_pixels(out)
    _encode_instances(_flat(tags, np.uint8, pixels), _flat(ids, np.uint32, pixels), pixels)


def _as_pixels(out: NDArray[np.uint8]) -> NDArray[np.uint32]:
    if out.dtype != np.uint8 or out.shape[2:] != (4,) or not out.flags.c_contiguous:
        raise ValueError(f"out is {out.dtype} {out.shape}: use contiguous uint8 (H, W, 4)")
    return out.view(np.uint32).reshape(-1)


def _flat(
    values: NDArray[Any], dtype: type[np.generic], pixels: NDArray[np.uint32]
) -> NDArray[Any]:
    if values.dtype != dtype or values.size != pixels.size or not values.flags.c_contiguous:
        raise ValueError(
            f"an image is {values.dtype} {values.shape}: use contiguous {np.dtype(dtype)} with one "
            f"value for each of the {pixels.size} pixels"
        )
    return values.reshape(-1)
