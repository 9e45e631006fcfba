"""Which lanes lead to which: the links of sections, roads and junctions."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from carla_lite.roads.model import Junction, Lane, Road, RoadNetwork

Row = tuple[int, int, int]
"""Road id, number of the section, lane id."""


def followers(network: RoadNetwork, row: Mapping[Row, int]) -> list[tuple[int, ...]]:
    """For each lane of `row`, the rows of those which traffic may go on to.

    Links to lanes that are not in `row`, or to nowhere, are left out.
    """
    junctions = {junction.id: _by_incoming(junction) for junction in network.junctions}
    roads = network.road_by_id
    result = []
    for road_id, section, lane_id in row:
        road = roads[road_id]
        lane = next(a for a in road.sections[section].lanes if a.id == lane_id)
        found = _next(roads, junctions, road, section, lane)
        result.append(tuple(dict.fromkeys(row[key] for key in found if key in row)))
    return result


Ways = dict[tuple[int, int], list[tuple[int, str, int]]]
"""Connecting (road, contact, lane) by incoming (road, lane)."""


def _by_incoming(junction: Junction) -> Ways:
    ways: Ways = {}
    for connection in junction.connections:
        for source, target in connection.lane_links:
            way = (connection.connecting_road, connection.contact, target)
            ways.setdefault((connection.incoming_road, source), []).append(way)
    return ways


def _next(
    roads: Mapping[int, Road], junctions: Mapping[int, Ways], road: Road, section: int, lane: Lane
) -> Iterator[Row]:
    along = road.runs_along(lane.id)
    linked = lane.successor if along else lane.predecessor
    neighbour = section + (1 if along else -1)
    if 0 <= neighbour < len(road.sections):
        if linked is not None:
            yield road.id, neighbour, linked
        return
    link = road.successor if along else road.predecessor
    if link is None:
        return
    if link.element == "junction":
        for other, contact, target in junctions.get(link.id, {}).get((road.id, lane.id), ()):
            if other in roads:
                yield _entered(roads[other], contact, target)
    elif linked is not None and link.id in roads:
        yield _entered(roads[link.id], link.contact or "start", linked)


def _entered(road: Road, contact: str, lane_id: int) -> Row:
    """The lane at one end of a road."""
    return road.id, 0 if contact == "start" else len(road.sections) - 1, lane_id
