"""CARLA's left-handed degrees to and from REP-103's right-handed radians.

CARLA (Unreal): x forward, y right, z up, degrees; yaw grows clockwise seen from above and pitch
grows with the nose up. REP-103: x forward, y left, z up, radians; yaw grows counter-clockwise and
pitch grows with the nose down. So y, pitch and yaw change sign, and roll keeps it. The mirror
turns an axial vector (angular velocity) the other way round: x and z change sign, y keeps it.

Functions take and give plain floats: one tick converts half a dozen vectors, and a NumPy array
for each would cost more than the arithmetic. Every conversion except the one of degrees is its
own inverse.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]


class Vector(NamedTuple):
    """A triple along x, y, z."""

    x: float
    y: float
    z: float


class Pose(NamedTuple):
    """Where a body is: position [m] and orientation [rad], REP-103.

    The rotation is roll about x, then pitch about y, then yaw about z, all about fixed axes.
    """

    x: float
    y: float
    z: float
    roll: float
    pitch: float
    yaw: float


class Quaternion(NamedTuple):
    """A unit quaternion in ROS order."""

    x: float
    y: float
    z: float
    w: float


def mirror_vector(x: float, y: float, z: float) -> Vector:
    """Position, velocity or acceleration, either way."""
    return Vector(x, -y, z)


def mirror_axial(x: float, y: float, z: float) -> Vector:
    """Angular velocity in rad/s, either way (an axial vector)."""
    return Vector(-x, y, -z)


def mirror_points(points: npt.ArrayLike) -> FloatArray:
    """Points (N, 2) or (N, 3), either way, as float64."""
    mirrored = np.array(points, dtype=np.float64)
    mirrored[:, 1] = -mirrored[:, 1]
    return mirrored


def pose_from_carla(
    x: float, y: float, z: float, pitch_deg: float, yaw_deg: float, roll_deg: float
) -> Pose:
    """A pose from the fields of carla.Transform; yaw is wrapped to (-pi, pi]."""
    return Pose(
        x,
        -y,
        z,
        math.radians(roll_deg),
        -math.radians(pitch_deg),
        wrap(-math.radians(yaw_deg)),
    )


def pose_to_carla(pose: Pose) -> tuple[float, float, float, float, float, float]:
    """The (x, y, z, pitch_deg, yaw_deg, roll_deg) of carla.Transform."""
    return (
        pose.x,
        -pose.y,
        pose.z,
        -math.degrees(pose.pitch),
        -math.degrees(pose.yaw),
        math.degrees(pose.roll),
    )


def angular_velocity_from_carla(x_deg: float, y_deg: float, z_deg: float) -> Vector:
    """An actor's angular velocity, deg/s left-handed, to rad/s."""
    return mirror_axial(math.radians(x_deg), math.radians(y_deg), math.radians(z_deg))


def heading_from_compass(compass_rad: float) -> float:
    """CARLA's compass (clockwise from north, which is -y) to yaw in the map frame, (-pi, pi]."""
    return wrap(math.pi / 2 - compass_rad)


def wrap(angle_rad: float) -> float:
    """The same angle in (-pi, pi]."""
    wrapped = math.remainder(angle_rad, math.tau)
    return math.pi if wrapped == -math.pi else wrapped


def quaternion(roll: float, pitch: float, yaw: float) -> Quaternion:
    """The rotation of a Pose as a unit quaternion."""
    cr, sr = math.cos(roll / 2), math.sin(roll / 2)
    cp, sp = math.cos(pitch / 2), math.sin(pitch / 2)
    cy, sy = math.cos(yaw / 2), math.sin(yaw / 2)
    return Quaternion(
        sr * cp * cy - cr * sp * sy,
        cr * sp * cy + sr * cp * sy,
        cr * cp * sy - sr * sp * cy,
        cr * cp * cy + sr * sp * sy,
    )


def rotation_matrix(roll: float, pitch: float, yaw: float) -> FloatArray:
    """The rotation of a Pose as a matrix (3, 3): body to parent."""
    cr, sr = math.cos(roll), math.sin(roll)
    cp, sp = math.cos(pitch), math.sin(pitch)
    cy, sy = math.cos(yaw), math.sin(yaw)
    return np.array(
        [
            [cy * cp, cy * sp * sr - sy * cr, cy * sp * cr + sy * sr],
            [sy * cp, sy * sp * sr + cy * cr, sy * sp * cr - cy * sr],
            [-sp, cp * sr, cp * cr],
        ]
    )


def to_body(pose: Pose, *vectors: Vector) -> list[Vector]:
    """Vectors of the map frame, seen from the body."""
    turned = np.array(vectors) @ rotation_matrix(pose.roll, pose.pitch, pose.yaw)
    return [Vector(*row) for row in turned.tolist()]
