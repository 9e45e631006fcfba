"""Where a vehicle is put so that the first tick of its episode shows the planned start."""

from __future__ import annotations

import math

from td3_driving.driving.frames import Pose, Vector, wrap

SETTLING_TICKS = 40
"""Ticks after which a vehicle that is not where it was put is not going to be."""
ARRIVED_WITHIN_M = 0.5


def start_pose(lane: Pose, lateral_m: float, heading_rad: float) -> Pose:
    """The start beside a lane's centre.

    Args:
        lane: A pose on the centre, map frame.
        lateral_m: Offset from it, + to the left.
        heading_rad: Heading against the lane's, + to the left.
    """
    return lane._replace(
        x=lane.x - lateral_m * math.sin(lane.yaw),
        y=lane.y + lateral_m * math.cos(lane.yaw),
        yaw=wrap(lane.yaw + heading_rad),
    )


def one_tick_before(start: Pose, speed_mps: float, delta_s: float) -> Pose:
    """Where to put a vehicle of that speed, so that the first tick shows it where it starts."""
    back_m = speed_mps * delta_s
    return start._replace(
        x=start.x - back_m * math.cos(start.yaw), y=start.y - back_m * math.sin(start.yaw)
    )


def forward_velocity(pose: Pose, speed_mps: float) -> Vector:
    """The velocity in the map frame of a vehicle that drives straight ahead."""
    return Vector(speed_mps * math.cos(pose.yaw), speed_mps * math.sin(pose.yaw), 0.0)


def has_arrived(pose: Pose, put_at: Pose) -> bool:
    """Whether a vehicle that was put somewhere is there."""
    return math.hypot(pose.x - put_at.x, pose.y - put_at.y) < ARRIVED_WITHIN_M
