"""Places and directions in CARLA's convention.

Left-handed: x forward, y to the right, z up; metres and degrees. A positive yaw turns from +x
towards +y (to the right), a positive pitch lifts the nose.
"""

import math
from typing import NamedTuple

from carla_lite.world.errors import InvalidValueError

MAX_COORDINATE_M = 1e6
"""Beyond this float32, the type on the wire, is coarser than a decimetre."""


class Vector3(NamedTuple):
    """A place (m) or any other quantity along x, y and z."""

    x: float = 0.0
    y: float = 0.0
    z: float = 0.0


class Rotation(NamedTuple):
    """Angles in degrees, in CARLA's order on the wire."""

    pitch: float = 0.0
    yaw: float = 0.0
    roll: float = 0.0


class Transform(NamedTuple):
    """Where something is and which way it faces."""

    location: Vector3 = Vector3()
    rotation: Rotation = Rotation()


class BoundingBox(NamedTuple):
    """An oriented box; the extent is half of each side, the location is relative to the actor."""

    location: Vector3 = Vector3()
    extent: Vector3 = Vector3()
    rotation: Rotation = Rotation()


ORIGIN = Vector3()

Matrix = tuple[tuple[float, float, float], tuple[float, float, float], tuple[float, float, float]]


def wrap_deg(angle: float) -> float:
    """The same angle in [-180, 180)."""
    return (angle + 180.0) % 360.0 - 180.0


def rotation_matrix(rotation: Rotation) -> Matrix:
    """The 3 x 3 matrix that turns body vectors into world vectors (LibCarla's Transform.h)."""
    pitch, yaw, roll = (math.radians(angle) for angle in rotation)
    cp, sp, cy, sy = math.cos(pitch), math.sin(pitch), math.cos(yaw), math.sin(yaw)
    cr, sr = math.cos(roll), math.sin(roll)
    return (
        (cp * cy, cy * sp * sr - sy * cr, -cy * sp * cr - sy * sr),
        (cp * sy, sy * sp * sr + cy * cr, -sy * sp * cr + cy * sr),
        (sp, -cp * sr, cp * cr),
    )


def rotate(rotation: Rotation, vector: Vector3) -> Vector3:
    """Turns a vector of the body frame into the frame the rotation is given in."""
    x, y, z = vector
    a, b, c = rotation_matrix(rotation)
    return Vector3(
        a[0] * x + a[1] * y + a[2] * z,
        b[0] * x + b[1] * y + b[2] * z,
        c[0] * x + c[1] * y + c[2] * z,
    )


def inverse_rotate(rotation: Rotation, vector: Vector3) -> Vector3:
    """Turns a vector of the frame the rotation is given in into the body frame."""
    x, y, z = vector
    a, b, c = rotation_matrix(rotation)
    return Vector3(
        a[0] * x + b[0] * y + c[0] * z,
        a[1] * x + b[1] * y + c[1] * z,
        a[2] * x + b[2] * y + c[2] * z,
    )


def compose(parent: Transform, relative: Transform) -> Transform:
    """The world transform of something mounted at `relative` on `parent`."""
    outer, inner = parent.rotation, relative.rotation
    base, arm = parent.location, relative.location
    if outer.pitch == 0.0 and outer.roll == 0.0:  # a vehicle on the flat road: the common case
        cos, sin = math.cos(math.radians(outer.yaw)), math.sin(math.radians(outer.yaw))
        return Transform(
            Vector3(
                base.x + cos * arm.x - sin * arm.y,
                base.y + sin * arm.x + cos * arm.y,
                base.z + arm.z,
            ),
            Rotation(inner.pitch, wrap_deg(outer.yaw + inner.yaw), inner.roll),
        )
    offset = rotate(outer, arm)
    location = Vector3(base.x + offset.x, base.y + offset.y, base.z + offset.z)
    forward = rotate(outer, rotate(inner, Vector3(1.0, 0.0, 0.0)))
    right = rotate(outer, rotate(inner, Vector3(0.0, 1.0, 0.0)))
    up = rotate(outer, rotate(inner, Vector3(0.0, 0.0, 1.0)))
    return Transform(
        location,
        Rotation(
            math.degrees(math.asin(max(-1.0, min(1.0, forward.z)))),
            math.degrees(math.atan2(forward.y, forward.x)),
            math.degrees(math.atan2(-right.z, up.z)),
        ),
    )


def check_vector(vector: Vector3, what: str, limit: float) -> Vector3:
    """Returns the vector, or raises InvalidValueError unless it is finite and within the limit."""
    for value in vector:
        if not -limit <= value <= limit:  # also false for NaN
            raise InvalidValueError(
                f"{what} is {tuple(vector)}; each part must be finite and within +-{limit:g}"
            )
    return vector


def check_transform(transform: Transform) -> Transform:
    """Returns the transform with wrapped angles, or raises InvalidValueError."""
    check_vector(transform.location, "location (m)", MAX_COORDINATE_M)
    check_vector(Vector3(*transform.rotation), "rotation (degrees)", MAX_COORDINATE_M)
    pitch, yaw, roll = transform.rotation
    return Transform(transform.location, Rotation(wrap_deg(pitch), wrap_deg(yaw), wrap_deg(roll)))
