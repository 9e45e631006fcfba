"""Seamless noise, and the tiles made of it."""

from __future__ import annotations

from functools import cache

import cv2
import numpy as np
from numpy.typing import NDArray

from carla_lite.render.look import Look

TILE = 512
"""Side of the tiles in texels, a power of two."""

Floats = NDArray[np.float32]
Pixels = NDArray[np.uint8]


def spectral_noise(
    shape: tuple[int, int], exponent: float, seed: int, stretch: float = 1.0, cutoff: float = 0.0
) -> Floats:
    """Seamless noise of zero mean and unit deviation whose amplitude falls as frequency^-exponent.

    Args:
        shape: Rows and columns.
        exponent: 0 is white noise; larger is smoother.
        seed: Of the phases.
        stretch: How much coarser it is along the rows than along the columns.
        cutoff: Cycles per picture below which nothing is left.
    """
    rows, columns = shape
    white = np.random.default_rng(seed).standard_normal(shape, dtype=np.float32)
    fy = np.fft.fftfreq(rows)[:, None] * rows
    fx = np.fft.rfftfreq(columns)[None, :] * columns / stretch
    frequency = np.hypot(fy, fx)
    gain = np.where(frequency > cutoff, np.maximum(frequency, 1.0) ** -exponent, 0.0).astype(
        np.float32
    )
    noise = np.fft.irfft2(np.fft.rfft2(white) * gain, s=shape)
    result: Floats = ((noise - noise.mean()) / noise.std()).astype(np.float32)
    return result


def kept(noise: Floats) -> NDArray[np.int8]:
    """Noise of unit deviation in a byte each, as it is kept for later maps; see `deviations`."""
    return np.clip(np.round(32 * noise), -127, 127).astype(np.int8)


def deviations(noise: NDArray[np.int8]) -> Floats:
    """What `kept` has kept."""
    return noise * np.float32(1 / 32)


@cache
def tile_noise() -> tuple[NDArray[np.int8], ...]:
    """Three `kept` (TILE, TILE) noises over 64 m: blotches of metres, mottling, grain."""
    shape = (TILE, TILE)
    return (
        kept(spectral_noise(shape, 1.7, seed=11, cutoff=2.0)),
        kept(spectral_noise(shape, 0.9, seed=12, cutoff=8.0)),
        kept(spectral_noise(shape, 0.15, seed=13, cutoff=16.0)),
    )


@cache
def detail_tile() -> Pixels:
    """uint8 (TILE * TILE + 4,) around 128: the grain of the ground at a centimetre, seen close up,
    row by row; compiled code reads four bytes at a time."""
    grain = 0.9 * spectral_noise((TILE, TILE), 0.5, seed=14, cutoff=8.0)
    return np.pad(np.clip(128 + 34 * grain, 0, 255).astype(np.uint8).ravel(), (0, 4))


@cache
def asphalt_tile() -> Pixels:
    """uint8 (TILE, TILE) around 128: brightness of asphalt and stone."""
    blotches, mottling, grain = map(deviations, tile_noise())
    return np.clip(128 + 4 * blotches + 2.2 * mottling + 4.5 * grain, 0, 255).astype(np.uint8)


@cache
def wear_tile() -> Pixels:
    """uint8 (TILE, TILE), evenly spread over 0..255: where paint chips off first."""
    _, mottling, grain = map(deviations, tile_noise())
    noise = 0.8 * mottling[::-1] + 0.6 * grain
    return np.asarray(cv2.equalizeHist(np.clip(128 + 40 * noise, 0, 255).astype(np.uint8)))


def grass_tile(look: Look) -> NDArray[np.uint32]:
    """uint32 (TILE, TILE) BGRA, alpha 128 (no paint)."""
    blotches, mottling, grain = map(deviations, tile_noise())
    dryness = np.clip(0.28 + 0.20 * blotches + 0.10 * mottling, 0.0, 1.0)
    light = 1.0 + 0.05 * mottling[:, ::-1] + 0.12 * grain
    tile = np.full((TILE, TILE, 4), 128, np.uint8)
    for channel, (fresh, dry) in enumerate(zip(look.grass, look.dry_grass, strict=True)):
        tile[..., channel] = np.clip((fresh + (dry - fresh) * dryness) * light, 0, 255)
    return tile.view(np.uint32)[..., 0]
