"""Routes by shortest path over the lanes of a CARLA map.

A node of the graph is a lane of one road section; an edge leads to a lane that follows it and
weighs the length of the lane it leaves. A route stays on lane centres and never changes lanes;
where it must come back, it drives round.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import carla
import networkx as nx
import numpy as np

from td3_driving.simulator.errors import RouteError
from td3_driving.simulator.frames import FloatArray, Pose, mirror_points, pose_from_carla

LaneKey = tuple[int, int, int]  # road, section, lane
_SAMPLING_M = 0.5
_MAX_GAP_M = 1.5


@dataclass(frozen=True)
class Route:
    """A path to drive: points (N, 2) [m], and the pose to start from, both in the map frame."""

    points: FloatArray
    start: Pose


@dataclass(frozen=True)
class _Place:
    """A spawn point on its lane, arc_m metres from the lane's beginning."""

    name: str
    lane: LaneKey
    arc_m: float
    pose: Pose


class RoutePlanner:
    """Plans routes on one map; lane centres and graph are built once.

    Args:
        carla_map: A parsed map.
        spawn_points: Where routes may start and end: carla_map.get_spawn_points().
        spacing_m: Distance between the points of a route.
    """

    def __init__(
        self,
        carla_map: carla.Map,
        spawn_points: Sequence[carla.Transform],
        spacing_m: float = 1.0,
    ) -> None:
        self._map_name = map_basename(carla_map.name)
        self._spacing_m = spacing_m
        self._centres, self._graph = _lane_graph(carla_map)
        self._places = [
            self._place(carla_map, index, transform) for index, transform in enumerate(spawn_points)
        ]
        # Random routes keep to lanes from which one can come back, and so can always go on.
        self._choices: list[_Place] = []
        self._mates: dict[LaneKey, list[_Place]] = {}
        for lanes in nx.strongly_connected_components(self._graph):
            if len(lanes) == 1 and not self._graph.has_edge(*lanes, *lanes):
                continue
            mates = [place for place in self._places if place.lane in lanes]
            self._choices += mates
            self._mates.update(dict.fromkeys(lanes, mates))

    def plan(self, seed: int, start: int, goal: int, length_m: float) -> Route:
        """Plan a route; -1 as start or goal lets the seed choose.

        With a goal the route is the shortest way to it. Without one it goes on from one random
        goal to the next and ends after length_m; on a ring that may take several laps.

        Raises:
            RouteError: There is no such spawn point, or no way from the one to the other.
        """
        rng = np.random.default_rng(seed)
        first = (
            self._named(start, "route_start") if start >= 0 else self._choose(rng, self._choices)
        )
        if goal >= 0:
            legs = [self._leg(first, self._named(goal, "route_goal"))]
            length_m = np.inf
        else:
            legs, here, driven_m = [], first, 0.0
            while driven_m < length_m:
                there = self._choose(rng, self._mates.get(here.lane, []))
                legs.append(self._leg(here, there))
                driven_m += _arc(legs[-1])[-1]
                here = there
        points = _resample(np.concatenate(legs), self._spacing_m, length_m)
        if len(points) < 2:
            raise RouteError(
                f"map {self._map_name}: the route from {first.name} is shorter than "
                f"{self._spacing_m:g} m; choose a goal further ahead"
            )
        return Route(points, first.pose)

    def _place(self, carla_map: carla.Map, index: int, spawn: carla.Transform) -> _Place:
        waypoint = carla_map.get_waypoint(spawn.location)
        lane, centre = waypoint.transform, spawn.location
        pose = pose_from_carla(
            lane.location.x,
            lane.location.y,
            centre.z,  # the spawn point's own height keeps the wheels clear of the ground
            spawn.rotation.pitch,
            lane.rotation.yaw,
            spawn.rotation.roll,
        )
        key = _key(waypoint)
        arc_m = _project(self._centres[key], pose) if key in self._centres else 0.0
        return _Place(f"spawn point {index}", key, arc_m, pose)

    def _choose(self, rng: np.random.Generator, places: list[_Place]) -> _Place:
        if not places:
            raise RouteError(
                f"map {self._map_name} has no spawn point on a lane from which one can come back; "
                "give route_start and route_goal, or choose another map"
            )
        return places[rng.integers(len(places))]

    def _named(self, index: int, name: str) -> _Place:
        if index >= len(self._places):
            raise RouteError(
                f"{name} is {index}, but map {self._map_name} has "
                f"{len(self._places)} spawn points, counted from 0"
            )
        return self._places[index]

    def _leg(self, start: _Place, goal: _Place) -> FloatArray:
        """Points from start to goal, both on lanes of the graph."""
        if start.lane == goal.lane and goal.arc_m > start.arc_m:
            return _cut(self._centres[start.lane], start.arc_m, goal.arc_m)
        # Leaving the start's lane first makes a goal behind us a round trip.
        ways = [
            nx.bidirectional_dijkstra(self._graph, lane, goal.lane, weight="length_m")
            for lane in (self._graph.successors(start.lane) if start.lane in self._graph else ())
            if goal.lane in self._graph and nx.has_path(self._graph, lane, goal.lane)
        ]
        if not ways:
            raise RouteError(
                f"map {self._map_name}: no lane leads from {start.name} to {goal.name} "
                f"(lanes {start.lane} and {goal.lane}); choose another pair"
            )
        *between, last = min(ways)[1]
        return np.concatenate(
            [
                _cut(self._centres[start.lane], start.arc_m, np.inf),
                *(self._centres[lane] for lane in between),
                _cut(self._centres[last], 0.0, goal.arc_m),
            ]
        )


def map_basename(name: str) -> str:
    """Town01 of Carla/Maps/Town01."""
    return name.rsplit("/", 1)[-1]


def _lane_graph(carla_map: carla.Map) -> tuple[dict[LaneKey, FloatArray], nx.DiGraph]:
    """Lane centres (N, 2) by lane, from where they begin, and the graph that joins them."""
    topology = carla_map.get_topology()
    entries = {_key(waypoint): waypoint for edge in topology for waypoint in edge}
    centres = {key: _lane_centre(entry) for key, entry in entries.items()}
    graph = nx.DiGraph()
    for leaving, entering in topology:
        a, b = _key(leaving), _key(entering)
        gap_m = float(np.hypot(*(centres[b][0] - centres[a][-1])))
        if gap_m <= _MAX_GAP_M:  # some maps link lanes that do not touch
            graph.add_edge(a, b, length_m=_arc(centres[a])[-1] + gap_m)
    return centres, graph


def _lane_centre(entry: carla.Waypoint) -> FloatArray:
    """The lane's centre (N, 2) in REP-103, sampled from its entry to just before its end."""
    waypoint, locations = entry, [entry.transform.location]
    while (following := waypoint.next(_SAMPLING_M)) and _key(following[0]) == _key(entry):
        waypoint = following[0]
        locations.append(waypoint.transform.location)
    return mirror_points([(location.x, location.y) for location in locations])


def _key(waypoint: carla.Waypoint) -> LaneKey:
    return waypoint.road_id, waypoint.section_id, waypoint.lane_id


def _arc(points: FloatArray) -> FloatArray:
    """Distance (N,) from the first point along the points."""
    steps = np.hypot(*np.diff(points, axis=0).T)
    return np.concatenate([[0.0], np.cumsum(steps)])


def _at(points: FloatArray, arc: FloatArray, where: FloatArray) -> FloatArray:
    return np.stack([np.interp(where, arc, points[:, axis]) for axis in (0, 1)], axis=1)


def _cut(points: FloatArray, begin_m: float, end_m: float) -> FloatArray:
    """The part of the points between two arc lengths, its ends included."""
    arc = _arc(points)
    inside = arc[(arc > begin_m) & (arc < end_m)]
    ends = np.clip([begin_m, end_m], 0.0, arc[-1])
    return _at(points, arc, np.concatenate([ends[:1], inside, ends[1:]]))


def _project(points: FloatArray, pose: Pose) -> float:
    """Arc length of the sample nearest to the pose, refined along its lane."""
    nearest = int(np.argmin(np.hypot(points[:, 0] - pose.x, points[:, 1] - pose.y)))
    ahead = (pose.x - points[nearest, 0]) * np.cos(pose.yaw) + (
        pose.y - points[nearest, 1]
    ) * np.sin(pose.yaw)
    arc = _arc(points)
    return float(np.clip(arc[nearest] + ahead, 0.0, arc[-1]))


def _resample(points: FloatArray, spacing_m: float, length_m: float) -> FloatArray:
    """Points at equal distances along the given ones, for at most length_m."""
    arc = _arc(points)
    distinct = np.concatenate([[True], np.diff(arc) > 1e-6])
    points, arc = points[distinct], arc[distinct]
    return _at(points, arc, np.arange(0.0, min(arc[-1], length_m) + 1e-6, spacing_m))
