"""Arithmetic on packed colours, compiled by numba.

A texel is one uint32 of little-endian BGRA. Its alpha byte is paint: 128 is none, above is white
and below yellow cover. It is kept apart from the ground's colour on the finest level only, so that
near lines can be sharpened to the pixel (Green, "Improved alpha-tested magnification", 2007);
coarser levels have it mixed in and carry 128.

Colours are mixed four channels at a time: spread over a uint64, each byte has eight bits of room
for weights that sum to 256.
"""

from __future__ import annotations

from typing import Any

import numba
import numpy as np

jit = numba.njit(cache=True, nogil=True, error_model="numpy")
inline = numba.njit(cache=True, nogil=True, error_model="numpy", inline="always")

BYTES = np.uint64(0x00FF00FF00FF00FF)
RGB = np.uint64(0x00FFFFFF)
OPAQUE = np.uint64(0xFF000000)
NO_PAINT = np.uint64(0x80000000)
U8, U24 = np.uint64(8), np.uint64(24)
_EVEN = np.uint64(0x00FF00FF)
_ODD = np.uint64(0xFF00FF00)


@inline
def widen(colour: Any) -> Any:
    """BGRA to a uint64 with 16 bits per channel."""
    c = np.uint64(colour)
    return (c & _EVEN) | ((c & _ODD) << U24)


@inline
def narrow(wide: Any) -> Any:
    """Inverse of `widen`."""
    return (wide & _EVEN) | ((wide >> U24) & _ODD)


@inline
def mix(a: Any, b: Any, weight: Any) -> Any:
    """a + (b - a) * weight / 256 on all four channels."""
    mixed = widen(a) * np.uint64(256 - weight) + widen(b) * np.uint64(weight)
    return narrow((mixed >> U8) & BYTES)


@inline
def scale(colour: Any, gain: Any) -> Any:
    """colour * gain / 128 on blue, green and red, saturated; alpha becomes 0."""
    c = np.int64(colour)
    b = min(255, ((c & 255) * gain) >> 7)
    g = min(255, (((c >> 8) & 255) * gain) >> 7)
    r = min(255, (((c >> 16) & 255) * gain) >> 7)
    return np.uint64(b | (g << 8) | (r << 16))


@inline
def painted(colour: Any, sharpness: Any, white: Any, yellow: Any) -> Any:
    """The ground's colour under its paint; the edge is `sharpness` times as steep as stored."""
    cover = np.int64(colour >> U24) - 128
    paint = white
    if cover < 0:
        cover, paint = -cover, yellow
    steep = (float(cover) - 64.0) * sharpness + 64.0
    return mix(colour, paint, np.int64(min(127.0, max(0.0, steep)) * (240.0 / 127.0)))
