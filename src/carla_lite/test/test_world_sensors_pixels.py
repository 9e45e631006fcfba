"""Depths and labels as the pixels which CARLA's clients decode."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from carla_lite.world.sensors.pixels import encode_depth, encode_instances, encode_tags

STEP_M = 1000.0 / (2**24 - 1)


def _decoded_m(pixels: np.ndarray) -> np.ndarray:
    """CARLA's own formula."""
    blue, green, red, _ = np.moveaxis(pixels.astype(np.float64), -1, 0)
    return 1000.0 * (red + 256.0 * green + 65536.0 * blue) / (256.0**3 - 1.0)


@given(st.lists(st.floats(0.0, 1000.0, width=32), min_size=1, max_size=50))
def test_a_depth_comes_back_to_half_a_step(depths_m: list[float]) -> None:
    depth = np.array([depths_m], np.float32)
    pixels = np.zeros((*depth.shape, 4), np.uint8)
    encode_depth(depth, pixels)
    assert np.abs(_decoded_m(pixels) - depth).max() <= 0.5001 * STEP_M
    assert (pixels[..., 3] == 255).all()


def test_the_sky_and_what_is_farther_than_a_kilometre_are_a_kilometre_away() -> None:
    depth = np.array([[np.inf, 1e9, 1000.0, 0.0]], np.float32)
    pixels = np.zeros((1, 4, 4), np.uint8)
    encode_depth(depth, pixels)
    np.testing.assert_array_equal(_decoded_m(pixels), [[1000.0, 1000.0, 1000.0, 0.0]])


def test_a_tag_is_all_the_red_there_is() -> None:
    tags = np.arange(6, dtype=np.uint8).reshape(2, 3)
    pixels = np.full((2, 3, 4), 7, np.uint8)
    encode_tags(tags, pixels)
    np.testing.assert_array_equal(pixels[..., 2], tags)
    assert not pixels[..., :2].any()


def test_an_instance_is_its_tag_and_the_low_bytes_of_its_id() -> None:
    tags = np.array([[14, 12, 3]], np.uint8)
    ids = np.array([[0x1234, 0x0007, 2**30 + 0x0007]], np.uint32)
    pixels = np.zeros((1, 3, 4), np.uint8)
    encode_instances(tags, ids, pixels)
    green, blue = pixels[..., 1].astype(int), pixels[..., 0].astype(int)
    np.testing.assert_array_equal(pixels[..., 2], tags)
    assert (green + 256 * blue).tolist() == [[0x1234, 0x0007, 0x8007]]


def test_images_of_another_shape_or_type_are_refused() -> None:
    pixels = np.zeros((2, 3, 4), np.uint8)
    for depth in (np.zeros((2, 3)), np.zeros((3, 3), np.float32)):
        with pytest.raises(ValueError, match="6 pixels"):
            encode_depth(depth, pixels)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="contiguous"):
        encode_tags(np.zeros((2, 3), np.uint8), np.zeros((2, 4, 3), np.uint8).swapaxes(1, 2))
