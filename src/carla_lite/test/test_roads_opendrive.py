"""The real carla.Map reads our OpenDRIVE and sees the same roads."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import carla
import numpy as np
import pytest

from carla_lite.roads import Poly3, RoadNetwork, lane_strips, make_map
from carla_lite.roads.lanes import sample_section

NAMES = ["LiteTown01", "LiteTown02"] + [
    f"{kind}_{seed}" for kind in ("LiteCircuit", "LiteTown") for seed in (1, 2, 3, 4)
]
each_map = pytest.mark.parametrize("name", NAMES)


@cache
def parsed(name: str) -> tuple[RoadNetwork, carla.Map]:
    network = make_map(name)
    return network, carla.Map(name, network.to_opendrive())


def _sideways_m(waypoint: carla.Waypoint, point: np.ndarray) -> float:
    yaw = np.radians(waypoint.transform.rotation.yaw)
    at = waypoint.transform.location
    return float(np.cos(yaw) * (point[1] - at.y) - np.sin(yaw) * (point[0] - at.x))


@each_map
def test_every_lane_leads_somewhere_for_two_kilometres(name: str) -> None:
    network, world_map = parsed(name)
    for x, y, z, _ in network.spawn_points[:: max(1, len(network.spawn_points) // 8)]:
        waypoint = world_map.get_waypoint(carla.Location(x, y, z))
        for step in range(1000):
            choices = waypoint.next(2.0)
            assert choices, f"dead end on road {waypoint.road_id} lane {waypoint.lane_id}"
            waypoint = choices[(7 * step) % len(choices)]


@each_map
def test_the_topology_holds_every_driving_lane(name: str) -> None:
    network, world_map = parsed(name)
    topology = world_map.get_topology()
    drivable = {
        (road.id, lane.id)
        for road in network.roads
        for lane in road.sections[0].lanes
        if lane.kind == "driving"
    }
    assert {(a.road_id, a.lane_id) for a, _ in topology} == drivable
    assert {(b.road_id, b.lane_id) for _, b in topology} == drivable


@each_map
def test_spawn_points_lie_on_the_parsed_lane_centres_along_the_traffic(name: str) -> None:
    network, world_map = parsed(name)
    for x, y, z, yaw in network.spawn_points:
        waypoint = world_map.get_waypoint(carla.Location(x, y, z))
        assert abs(_sideways_m(waypoint, np.array([x, y]))) < 0.01
        assert abs((waypoint.transform.rotation.yaw - yaw + 180) % 360 - 180) < 0.6
        assert not waypoint.is_junction


@each_map
def test_sampled_lanes_and_parsed_waypoints_agree_to_a_centimetre(name: str) -> None:
    network, world_map = parsed(name)
    for strip in lane_strips(network, step_m=7.0):
        if strip.lane.kind == "driving":
            middle = len(strip.s_m) // 2
            s = float(strip.s_m[middle])
            waypoint = world_map.get_waypoint_xodr(strip.road.id, strip.lane.id, s)
            at = waypoint.transform.location
            assert np.hypot(*(strip.centre[middle] - (at.x, at.y))) < 0.01
            assert waypoint.lane_width == pytest.approx(3.5, abs=1e-6)


@each_map
def test_lane_markings_are_readable(name: str) -> None:
    network, world_map = parsed(name)
    road = network.roads[0]
    centre = next(lane.mark for lane in road.sections[0].lanes if lane.id == 0)
    waypoint = world_map.get_waypoint_xodr(road.id, -1, road.length_m / 2)
    kinds = {"broken": carla.LaneMarkingType.Broken, "solid": carla.LaneMarkingType.Solid}
    assert waypoint.left_lane_marking.type == kinds[centre.kind]
    assert (waypoint.left_lane_marking.color == carla.LaneMarkingColor.Yellow) == (
        centre.colour == "yellow"
    )
    assert waypoint.right_lane_marking.type == carla.LaneMarkingType.Solid
    assert waypoint.right_lane_marking.color == carla.LaneMarkingColor.Standard
    other = waypoint.get_left_lane()
    assert other is not None
    assert other.lane_id == 1


@each_map
def test_junction_flags_follow_the_connecting_roads(name: str) -> None:
    network, world_map = parsed(name)
    in_junction = {road.id: road.junction_id is not None for road in network.roads}
    waypoints = world_map.generate_waypoints(5.0)
    assert {w.road_id for w in waypoints} == set(in_junction)
    for waypoint in waypoints:
        assert waypoint.is_junction == in_junction[waypoint.road_id]
    assert any(in_junction.values()) == name.startswith("LiteTown")


@pytest.mark.parametrize("name", [n for n in NAMES if n.startswith("LiteTown")])
def test_in_a_town_every_lane_can_be_reached_from_every_other(name: str) -> None:
    _, world_map = parsed(name)
    follow: dict[tuple[int, int], set[tuple[int, int]]] = {}
    for a, b in world_map.get_topology():
        follow.setdefault((a.road_id, a.lane_id), set()).add((b.road_id, b.lane_id))
    for start in follow:
        seen, todo = {start}, [start]
        while todo:
            fresh = follow[todo.pop()] - seen
            seen |= fresh
            todo += fresh
        assert seen == set(follow)


@each_map
def test_the_map_has_a_geographic_reference(name: str) -> None:
    _, world_map = parsed(name)
    place = world_map.transform_to_geolocation(carla.Location(100.0, 0.0, 0.0))
    assert place.longitude == pytest.approx(100.0 / 111_320.0, rel=0.01)
    assert place.latitude == pytest.approx(0.0, abs=1e-6)


def test_sections_widths_and_offsets_are_read_as_we_sample_them() -> None:
    road = make_map("LiteCircuit_1").roads[0]
    first = road.sections[0]
    wide = tuple(
        replace(lane, widths=(Poly3(0.0, 3.0, 0.02), Poly3(10.0, 3.2, 0.0, 0.001)))
        if lane.id == -1
        else lane
        for lane in first.lanes
    )
    half = road.length_m / 2
    sections = (first, replace(first, s_m=half, lanes=wide))
    offsets = (Poly3(0.0, 0.3), Poly3(20.0, 0.3, 0.01))
    changed = replace(
        road, sections=sections, lane_offsets=offsets, predecessor=None, successor=None
    )
    world_map = carla.Map("one", RoadNetwork("one", (changed,)).to_opendrive())
    for s in (5.0, 30.0, half + 3.0, half + 14.0):
        section = changed.sections[int(s >= half)]
        for strip in sample_section(changed, section, np.array([s])):
            if strip.lane.kind == "driving":
                waypoint = world_map.get_waypoint_xodr(changed.id, strip.lane.id, s)
                at = waypoint.transform.location
                assert np.hypot(*(strip.centre[0] - (at.x, at.y))) < 0.01
