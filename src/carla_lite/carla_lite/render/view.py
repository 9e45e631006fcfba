"""Where a camera stands and how it looks: what every part of a picture is drawn from."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Vector = tuple[float, float, float]


@dataclass(frozen=True, eq=False, slots=True)
class View:
    """A pinhole camera in its place.

    The camera's axes are CARLA's: x ahead, y right, z up. Pixel (column u, row v) looks along
    (1, (u + 0.5 - width / 2) / focal_px, (height / 2 - v - 0.5) / focal_px) in the camera's frame;
    that vector's multiple at a point seen is its depth along the optical axis.

    Attributes:
        width, height: Picture size in pixels.
        focal_px: Focal length.
        location: x, y, z in metres, CARLA's frame.
        rotation: float64 (3, 3), C-contiguous, from the camera's frame to the world's.
    """

    width: int
    height: int
    focal_px: float
    location: Vector
    rotation: NDArray[np.float64]


def rotation_matrix(pitch_deg: float, yaw_deg: float, roll_deg: float) -> NDArray[np.float64]:
    """float64 (3, 3), from an actor's frame to the world's, as `carla.Transform` turns vectors."""
    pitch, yaw, roll = (math.radians(a % 360.0) for a in (pitch_deg, yaw_deg, roll_deg))
    cp, sp, cy, sy = math.cos(pitch), math.sin(pitch), math.cos(yaw), math.sin(yaw)
    cr, sr = math.cos(roll), math.sin(roll)
    return np.array(
        [
            [cp * cy, cy * sp * sr - sy * cr, -cy * sp * cr - sy * sr],
            [cp * sy, sy * sp * sr + cy * cr, -sy * sp * cr + cy * sr],
            [sp, -cp * sr, cp * cr],
        ]
    )
