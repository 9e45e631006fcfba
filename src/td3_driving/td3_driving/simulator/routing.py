"""Reads the lanes of a CARLA map for the route planner."""

from __future__ import annotations

from collections.abc import Sequence

import carla

from td3_driving.driving.frames import FloatArray, Pose, mirror_points, pose_from_carla
from td3_driving.driving.routing import LaneKey, Place, RoutePlanner, on_centre

_SAMPLING_M = 0.5


def planner_of(
    carla_map: carla.Map, spawn_points: Sequence[carla.Transform], spacing_m: float = 1.0
) -> RoutePlanner:
    """A planner for one map; reading its lanes takes a while.

    Args:
        carla_map: A parsed map.
        spawn_points: Where routes may start and end: carla_map.get_spawn_points().
        spacing_m: Distance between the points of a route.
    """
    topology = carla_map.get_topology()
    entries = {_key(waypoint): waypoint for edge in topology for waypoint in edge}
    return RoutePlanner(
        map_basename(carla_map.name),
        {key: _lane_centre(entry) for key, entry in entries.items()},
        [(_key(leaving), _key(entering)) for leaving, entering in topology],
        [_place(carla_map, transform) for transform in spawn_points],
        spacing_m,
    )


def map_basename(name: str) -> str:
    """Town01 of Carla/Maps/Town01."""
    return name.rsplit("/", 1)[-1]


def _place(carla_map: carla.Map, spawn: carla.Transform) -> Place:
    waypoint = carla_map.get_waypoint(spawn.location)
    return Place(_key(waypoint), on_centre(_pose(spawn), _pose(waypoint.transform)))


def _pose(transform: carla.Transform) -> Pose:
    location, rotation = transform.location, transform.rotation
    return pose_from_carla(
        location.x, location.y, location.z, rotation.pitch, rotation.yaw, rotation.roll
    )


def _lane_centre(entry: carla.Waypoint) -> FloatArray:
    """The lane's centre (N, 2) in REP-103, sampled from its entry to just before its end."""
    waypoint, locations = entry, [entry.transform.location]
    while (following := waypoint.next(_SAMPLING_M)) and _key(following[0]) == _key(entry):
        waypoint = following[0]
        locations.append(waypoint.transform.location)
    return mirror_points([(location.x, location.y) for location in locations])


def _key(waypoint: carla.Waypoint) -> LaneKey:
    return waypoint.road_id, waypoint.section_id, waypoint.lane_id
