"""Arithmetic on colours, compiled by numba.

A texel is a uint64 with 16 bits for each of blue, red, green and paint (from the lowest bits up),
whose upper eight are room for weights that sum to 256: four channels are mixed by one product.
Paint is 128 for none, more for white and less for yellow cover. It is kept apart from the ground's
colour on the finest level only, so that near lines can be sharpened to the pixel (Green, "Improved
alpha-tested magnification", 2007); coarser levels have it mixed in and carry 128.
"""

from __future__ import annotations

from typing import Any

import numba
import numpy as np

jit = numba.njit(cache=True, nogil=True, error_model="numpy")
inline = numba.njit(cache=True, nogil=True, error_model="numpy", inline="always")

BYTES = np.uint64(0x00FF00FF00FF00FF)
COLOUR = np.uint64(0x0000FFFFFFFFFFFF)
NO_PAINT = np.uint64(128 << 48)
OPAQUE = np.uint64(0xFF000000)
U8, U48 = np.uint64(8), np.uint64(48)
_EVEN = np.uint64(0x00FF00FF)
_ODD = np.uint64(0xFF00FF00)
_CARRY = np.uint64(0x0001000100010001)
_U7, _U24 = np.uint64(7), np.uint64(24)


@inline
def widen(bgra: Any) -> Any:
    """Little-endian BGRA, as pictures have it, to a texel."""
    c = np.uint64(bgra)
    return (c & _EVEN) | ((c & _ODD) << _U24)


@inline
def narrow(texel: Any) -> Any:
    """Inverse of `widen`."""
    return (texel & _EVEN) | ((texel >> _U24) & _ODD)


@inline
def mix(a: Any, b: Any, weight: Any) -> Any:
    """a + (b - a) * weight / 256 in every channel."""
    return ((a * np.uint64(256 - weight) + b * np.uint64(weight)) >> U8) & BYTES


@inline
def scale(texel: Any, gain: Any) -> Any:
    """texel * gain / 128 in every channel, saturated; gain from 0 to 256."""
    product = (texel * np.uint64(gain)) >> _U7
    full = ((product >> U8) & _CARRY) * np.uint64(255)
    return (product & BYTES) | full


@inline
def painted(texel: Any, sharpness: Any, white: Any, yellow: Any) -> Any:
    """The ground's colour under its paint; the edge is `sharpness` times as steep as stored."""
    cover = np.int64(texel >> U48) - 128
    paint = white
    if cover < 0:
        cover, paint = -cover, yellow
    steep = (float(cover) - 64.0) * sharpness + 64.0
    return mix(texel, paint, np.int64(min(127.0, max(0.0, steep)) * (240.0 / 127.0)))
