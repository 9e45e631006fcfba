"""Routes by shortest path over the lanes of a map.

A node of the graph is a lane of one road section; an edge leads to a lane that follows it and
weighs the length of the lane it leaves. A route stays on lane centres and never changes lanes;
where it must come back, it drives round.

Where lanes lie is told by the caller, so that a map read by the CARLA client and the same map in
this process give the same route for the same seed.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import networkx as nx
import numpy as np

from td3_driving.driving.frames import FloatArray, Pose, wrap

LaneKey = tuple[int, int, int]  # road, section, lane
_MAX_GAP_M = 1.5
_ON_CENTRE_M, _NEAR_M, _ON_CENTRE_RAD = 0.05, 0.5, math.radians(1.0)


class RouteError(ValueError):
    """No route joins the places that were asked for."""


@dataclass(frozen=True)
class PlannedRoute:
    """A path to drive: points (N, 2) [m], and the pose to start from, both in the map frame."""

    points: FloatArray
    start: Pose


@dataclass(frozen=True)
class Place:
    """Where routes may start and end: a pose on a lane, in the map frame."""

    lane: LaneKey
    pose: Pose


def on_centre(place: Pose, centre: Pose) -> Pose:
    """Where a vehicle starts at a spawn point: on the centre of its lane, at the point's height.

    A spawn point that lies on the centre is taken as it is: the client finds the nearest pose to
    some centimetres only, and starts must not depend on who looks.

    Args:
        place: The spawn point.
        centre: The nearest pose on the centre of its lane.
    """
    dx, dy = place.x - centre.x, place.y - centre.y
    aside_m = abs(dy * math.cos(centre.yaw) - dx * math.sin(centre.yaw))
    near = aside_m < _ON_CENTRE_M and math.hypot(dx, dy) < _NEAR_M
    if near and abs(wrap(place.yaw - centre.yaw)) < _ON_CENTRE_RAD:
        return place
    return place._replace(x=centre.x, y=centre.y, yaw=centre.yaw)


class RoutePlanner:
    """Plans routes on one map; the graph is built once.

    Args:
        map_name: For messages.
        centres: Lane centres (N, 2) [m] in the map frame by lane, in the direction of traffic.
        links: Pairs of lanes, the second of which follows the first.
        places: Where routes may start and end, by the numbers of the map's spawn points.
        spacing_m: Distance between the points of a route.
    """

    def __init__(
        self,
        map_name: str,
        centres: Mapping[LaneKey, FloatArray],
        links: Iterable[tuple[LaneKey, LaneKey]],
        places: Sequence[Place],
        spacing_m: float = 1.0,
    ) -> None:
        self._map_name = map_name
        self._spacing_m = spacing_m
        self._centres = centres
        self._graph = _lane_graph(centres, links)
        self._places = [
            _Stop(f"spawn point {i}", place.lane, _arc_of(centres, place), place.pose)
            for i, place in enumerate(places)
        ]
        # Random routes keep to lanes from which one can come back, and so can always go on.
        self._mates: dict[LaneKey, list[_Stop]] = {}
        for lanes in nx.strongly_connected_components(self._graph):
            if len(lanes) == 1 and not self._graph.has_edge(*lanes, *lanes):
                continue
            mates = [place for place in self._places if place.lane in lanes]
            self._mates.update(dict.fromkeys(lanes, mates))
        # In the order of the spawn points, which is the same wherever the lanes come from.
        self._choices = [place for place in self._places if place.lane in self._mates]

    def plan(self, seed: int, start: int, goal: int, length_m: float) -> PlannedRoute:
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
        return PlannedRoute(points, first.pose)

    def _choose(self, rng: np.random.Generator, places: list[_Stop]) -> _Stop:
        if not places:
            raise RouteError(
                f"map {self._map_name} has no spawn point on a lane from which one can come back; "
                "give route_start and route_goal, or choose another map"
            )
        return places[rng.integers(len(places))]

    def _named(self, index: int, name: str) -> _Stop:
        if index >= len(self._places):
            raise RouteError(
                f"{name} is {index}, but map {self._map_name} has "
                f"{len(self._places)} spawn points, counted from 0"
            )
        return self._places[index]

    def _leg(self, start: _Stop, goal: _Stop) -> FloatArray:
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


@dataclass(frozen=True)
class _Stop:
    """A spawn point on its lane, arc_m metres from the lane's beginning."""

    name: str
    lane: LaneKey
    arc_m: float
    pose: Pose


def _lane_graph(
    centres: Mapping[LaneKey, FloatArray], links: Iterable[tuple[LaneKey, LaneKey]]
) -> nx.DiGraph:
    graph = nx.DiGraph()
    for a, b in links:
        gap_m = float(np.hypot(*(centres[b][0] - centres[a][-1])))
        if gap_m <= _MAX_GAP_M:  # some maps link lanes that do not touch
            graph.add_edge(a, b, length_m=_arc(centres[a])[-1] + gap_m)
    return graph


def _arc_of(centres: Mapping[LaneKey, FloatArray], place: Place) -> float:
    """Arc length of the sample nearest to a place, refined along its lane."""
    if place.lane not in centres:
        return 0.0
    points, pose = centres[place.lane], place.pose
    nearest = int(np.argmin(np.hypot(points[:, 0] - pose.x, points[:, 1] - pose.y)))
    ahead = (pose.x - points[nearest, 0]) * np.cos(pose.yaw) + (
        pose.y - points[nearest, 1]
    ) * np.sin(pose.yaw)
    arc = _arc(points)
    return float(np.clip(arc[nearest] + ahead, 0.0, arc[-1]))


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


def _resample(points: FloatArray, spacing_m: float, length_m: float) -> FloatArray:
    """Points at equal distances along the given ones, for at most length_m."""
    arc = _arc(points)
    distinct = np.concatenate([[True], np.diff(arc) > 1e-6])
    points, arc = points[distinct], arc[distinct]
    return _at(points, arc, np.arange(0.0, min(arc[-1], length_m) + 1e-6, spacing_m))
