"""Seamless noise, the grass tile and the sky panorama."""

from __future__ import annotations

from functools import cache

import cv2
import numpy as np
from numpy.typing import NDArray

from carla_lite.render.look import Look

TILE = 512
"""Side of the tiles in texels, a power of two."""
SKY_WIDTH, SKY_HEIGHT = 2048, 256
SKY_TOP_RAD, SKY_BOTTOM_RAD = np.radians(62.0), np.radians(-2.0)

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
    gain = np.where(frequency > cutoff, np.maximum(frequency, 1.0) ** -exponent, 0.0)
    noise = np.fft.irfft2(np.fft.rfft2(white) * gain, s=shape)
    result: Floats = ((noise - noise.mean()) / noise.std()).astype(np.float32)
    return result


@cache
def tile_noise() -> tuple[Floats, Floats, Floats]:
    """Three float32 (TILE, TILE) noises over 64 m: blotches of metres, mottling, grain."""
    shape = (TILE, TILE)
    return (
        spectral_noise(shape, 1.7, seed=11, cutoff=2.0),
        spectral_noise(shape, 0.9, seed=12, cutoff=8.0),
        spectral_noise(shape, 0.15, seed=13, cutoff=16.0),
    )


@cache
def detail_tile() -> Pixels:
    """uint8 (TILE, TILE) around 128: the grain of the ground at a centimetre, seen close up."""
    grain = 0.75 * spectral_noise((TILE, TILE), 0.35, seed=14, cutoff=12.0)
    grain += 0.5 * spectral_noise((TILE, TILE), 1.2, seed=15, cutoff=6.0)
    return np.clip(128 + 34 * grain, 0, 255).astype(np.uint8)


@cache
def asphalt_tile() -> Pixels:
    """uint8 (TILE, TILE) around 128: brightness of asphalt and stone."""
    blotches, mottling, grain = tile_noise()
    return np.clip(128 + 4 * blotches + 2.2 * mottling + 4.5 * grain, 0, 255).astype(np.uint8)


@cache
def wear_tile() -> Pixels:
    """uint8 (TILE, TILE), evenly spread over 0..255: where paint chips off first."""
    _, mottling, grain = tile_noise()
    noise = 0.8 * mottling[::-1] + 0.6 * grain
    order = noise.ravel().argsort().argsort().reshape(noise.shape)
    return (order * 256 // order.size).astype(np.uint8)


def grass_tile(look: Look) -> Pixels:
    """uint8 (TILE, TILE, 4) BGRA, alpha 128 (no paint)."""
    blotches, mottling, grain = tile_noise()
    dryness = np.clip(0.28 + 0.20 * blotches + 0.10 * mottling, 0.0, 1.0)[..., None]
    light = (1.0 + 0.05 * mottling[:, ::-1] + 0.12 * grain)[..., None]
    colour = np.asarray(look.grass, np.float32) * (1 - dryness)
    colour = (colour + np.asarray(look.dry_grass, np.float32) * dryness) * light
    tile = np.full((TILE, TILE, 4), 128, np.uint8)
    tile[..., :3] = np.clip(colour, 0, 255)
    return tile


@cache
def _cloud_noise() -> Floats:
    return spectral_noise((SKY_HEIGHT, SKY_WIDTH), 1.9, seed=16, stretch=3.0, cutoff=1.5)


def sky_panorama(look: Look, rng: np.random.Generator) -> Pixels:
    """uint8 (SKY_HEIGHT, SKY_WIDTH, 4) BGRA; columns are yaw from 0 to 360 degrees, row 0 is
    SKY_TOP_RAD above the horizon and the last row SKY_BOTTOM_RAD.
    """
    elevation = np.linspace(SKY_TOP_RAD, SKY_BOTTOM_RAD, SKY_HEIGHT, dtype=np.float32)[:, None]
    up = np.clip(elevation / np.radians(45.0), 0.0, 1.0)[..., None] ** 0.7
    zenith, horizon, cloud = (
        np.asarray(c, np.float32) for c in (look.zenith, look.horizon, look.cloud)
    )
    sky = horizon * (1 - up) + zenith * up
    noise = np.roll(_cloud_noise(), int(rng.integers(SKY_WIDTH)), axis=1)
    cover = np.clip(0.45 * (noise + 2.4 * look.cloudiness - 1.2), 0.0, 0.9)
    cover *= np.clip(elevation / np.radians(9.0), 0.0, 1.0)
    picture = (
        sky + (cloud * (1.0 - 0.02 * np.clip(noise, 0, 2))[..., None] - sky) * cover[..., None]
    )
    _plant_trees(picture, elevation, look, rng)
    result = np.full((SKY_HEIGHT, SKY_WIDTH, 4), 255, np.uint8)
    result[..., :3] = np.clip(picture, 0, 255)
    return result


def _plant_trees(picture: Floats, elevation: Floats, look: Look, rng: np.random.Generator) -> None:
    """Two hazy rows of tree tops on the horizon, drawn into a panorama."""
    horizon = np.asarray(look.horizon, np.float32)
    trees = np.asarray(look.trees, np.float32)
    for height_deg, haze in ((3.2, 0.65), (2.0, 0.5)):
        outline = sum(
            weight * spectral_noise((1, SKY_WIDTH), exponent, int(rng.integers(2**31)))[0]
            for weight, exponent in ((0.22, 1.3), (0.12, 0.6))
        )
        top = np.radians(height_deg * np.clip(1.0 + outline, 0.3, 2.0))[None, :]
        softness = np.radians(0.25)
        cover = np.clip((top - elevation) / softness, 0.0, 1.0)[..., None]
        coarse = rng.standard_normal((SKY_HEIGHT // 2, SKY_WIDTH // 2), dtype=np.float32)
        leaves = cv2.resize(coarse, (SKY_WIDTH, SKY_HEIGHT), interpolation=cv2.INTER_LINEAR)
        fall = np.clip(elevation / np.radians(height_deg), 0.0, 1.0)
        shade = (0.85 + 0.25 * fall + 0.09 * leaves)[..., None]
        picture += ((trees * shade) * (1 - haze) + horizon * haze - picture) * cover
