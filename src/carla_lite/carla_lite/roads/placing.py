"""From places on roads to CARLA's frame: poses, and the corners of crosswalks and outlines."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from carla_lite.roads.curves import evaluate
from carla_lite.roads.furniture import Crosswalk
from carla_lite.roads.model import Road

Point = tuple[float, float]


def place(road: Road, s_m: float, t_m: float, turn_rad: float = 0.0) -> tuple[float, float, float]:
    """x, y and yaw in degrees (-180 to 180) beside a road's reference line, CARLA's frame.

    Args:
        road: The road.
        s_m, t_m: Along it, and to its left.
        turn_rad: Heading from the road's, counter-clockwise.
    """
    x, y, heading = (float(v) for v in evaluate(road.geometries, np.array([s_m]))[0])
    x, y = x - t_m * math.sin(heading), y + t_m * math.cos(heading)
    yaw = -math.degrees(heading + turn_rad)
    return x, -y, (yaw + 180.0) % 360.0 - 180.0


def corners_about(
    pose: tuple[float, float, float], outline: Sequence[Point]
) -> tuple[tuple[float, float], ...]:
    """(x, y) in CARLA's frame of (u, v) about a pose, v to its left."""
    x, y, yaw = pose
    c, s = math.cos(math.radians(yaw)), math.sin(math.radians(yaw))
    return tuple((x + u * c + v * s, y + u * s - v * c) for u, v in outline)


def make_crosswalk(
    crosswalk_id: str,
    road: Road,
    s_m: float,
    t_m: float,
    heading_rad: float,
    outline: Sequence[Point],
) -> Crosswalk:
    """A crosswalk from its pivot on a road and its outline about it; see `Crosswalk`."""
    pose = place(road, s_m, t_m, heading_rad)
    us, vs = zip(*outline, strict=True)
    middle = ((min(us) + max(us)) / 2, (min(vs) + max(vs)) / 2)
    yaw = math.radians(pose[2])
    return Crosswalk(
        id=crosswalk_id,
        road_id=road.id,
        s_m=s_m,
        t_m=t_m,
        heading_rad=heading_rad,
        outline=tuple(outline),
        corners=corners_about(pose, outline),
        centre=corners_about(pose, [middle])[0],
        axis=(math.cos(yaw), math.sin(yaw)),
        length_m=max(us) - min(us),
        width_m=max(vs) - min(vs),
    )
