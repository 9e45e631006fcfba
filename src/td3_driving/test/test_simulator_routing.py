"""Routes on circuits and towns: continuous, on lane centres, as long as asked."""

from functools import lru_cache

import carla
import numpy as np
import pytest

from carla_lite.roads import make_map
from carla_lite.roads.opendrive import to_opendrive
from td3_driving.driving.routing import RouteError, RoutePlanner
from td3_driving.simulator.routing import planner_of

MAPS = ("LiteCircuit_0", "LiteCircuit_1", "LiteTown_1", "LiteTown_2")


@lru_cache
def read_map(name: str) -> carla.Map:
    return carla.Map(name, to_opendrive(make_map(name)))


def spawn_points(carla_map: carla.Map) -> list[carla.Transform]:
    """A place in the middle of every lane that is not in a junction."""
    places = []
    for entry, _ in carla_map.get_topology():
        middle = entry.next(10.0)
        if middle and not entry.is_junction and not middle[0].is_junction:
            places.append(middle[0].transform)
    return places


@lru_cache
def planner(name: str) -> RoutePlanner:
    carla_map = read_map(name)
    return planner_of(carla_map, spawn_points(carla_map))


@pytest.mark.parametrize("name", MAPS)
@pytest.mark.parametrize("seed", range(5))
def test_a_random_route_is_continuous_and_never_turns_back(name: str, seed: int) -> None:
    points = planner(name).plan(seed, -1, -1, length_m=600.0).points
    steps = np.diff(points, axis=0)
    lengths = np.hypot(*steps.T)
    assert len(points) == 601
    assert lengths.max() <= 1.0 + 1e-6
    assert lengths.min() > 0.8  # a chord of a bend is a little shorter than its metre of lane
    turns = np.sum(steps[1:] * steps[:-1], axis=1) / (lengths[1:] * lengths[:-1])
    assert turns.min() > np.cos(np.radians(45))


@pytest.mark.parametrize("name", MAPS)
def test_a_route_keeps_to_lane_centres_in_the_direction_of_traffic(name: str) -> None:
    route = planner(name).plan(3, -1, -1, length_m=300.0)
    directions = np.diff(route.points, axis=0)
    for (x, y), direction in zip(route.points[:-1], directions, strict=True):
        centre = read_map(name).get_waypoint(carla.Location(x, -y, 0))
        off = np.hypot(centre.transform.location.x - x, -centre.transform.location.y - y)
        assert off < 0.2
        if not centre.is_junction:  # there lanes overlap, and the nearest may be another one
            forward = centre.transform.get_forward_vector()
            assert forward.x * direction[0] - forward.y * direction[1] > 0.8


@pytest.mark.parametrize("name", MAPS)
def test_a_route_begins_at_its_start_pose(name: str) -> None:
    route = planner(name).plan(4, -1, -1, length_m=100.0)
    first, second = route.points[:2]
    assert first == pytest.approx((route.start.x, route.start.y), abs=0.3)
    forward = np.array([np.cos(route.start.yaw), np.sin(route.start.yaw)])
    assert (second - first) @ forward > 0.9


def test_a_ring_is_driven_round_as_often_as_needed() -> None:
    points = planner("LiteCircuit_1").plan(0, -1, -1, length_m=3000.0).points
    again = np.hypot(*(points[100:] - points[0]).T)
    assert len(points) == 3001
    assert np.sum(again < 1.0) >= 3


RING = """<OpenDRIVE><header revMajor="1" revMinor="4" name="ring"/>
<road name="" length="251.327" id="1" junction="-1">
<link><predecessor elementType="road" elementId="1" contactPoint="end"/>
<successor elementType="road" elementId="1" contactPoint="start"/></link>
<planView><geometry s="0" x="0" y="0" hdg="0" length="251.327"><arc curvature="0.025"/></geometry>
</planView><elevationProfile/><lateralProfile/>
<lanes><laneSection s="0"><center><lane id="0" type="none" level="false"/></center>
<right><lane id="-1" type="driving" level="false">
<link><predecessor id="-1"/><successor id="-1"/></link>
<width sOffset="0" a="3.5" b="0" c="0" d="0"/></lane></right></laneSection></lanes>
</road></OpenDRIVE>"""


def test_a_ring_of_a_single_road_with_a_single_place_is_driven_round() -> None:
    carla_map = carla.Map("Ring", RING)
    ((entry, _),) = carla_map.get_topology()
    plan = planner_of(carla_map, [entry.next(20.0)[0].transform]).plan
    points = plan(0, -1, -1, length_m=500.0).points
    assert len(points) == 501
    assert np.hypot(points[:, 0], points[:, 1] - 40.0) == pytest.approx(41.75, abs=0.01)


def test_a_goal_behind_the_start_is_reached_by_driving_round() -> None:
    carla_map = read_map("LiteCircuit_1")
    here = spawn_points(carla_map)[0]
    behind = carla_map.get_waypoint(here.location).previous(5.0)[0].transform
    points = planner_of(carla_map, [here, behind]).plan(0, 0, 1, length_m=1.0).points
    assert len(points) > 200
    assert points[-1] == pytest.approx((behind.location.x, -behind.location.y), abs=1.2)


def test_a_goal_ahead_on_the_same_lane_is_reached_directly() -> None:
    carla_map = read_map("LiteCircuit_1")
    here = spawn_points(carla_map)[0]
    ahead = carla_map.get_waypoint(here.location).next(5.0)[0].transform
    points = planner_of(carla_map, [here, ahead]).plan(0, 0, 1, length_m=1.0).points
    assert 5 <= len(points) <= 6


def test_the_same_seed_gives_the_same_route_and_another_seed_another() -> None:
    plan = planner("LiteTown_1").plan
    first, again, other = (plan(seed, -1, -1, 400.0).points for seed in (7, 7, 8))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


def test_random_routes_use_both_directions_of_a_circuit() -> None:
    starts = [planner("LiteCircuit_1").plan(seed, -1, -1, 10.0).start for seed in range(12)]
    carla_map = read_map("LiteCircuit_1")
    lanes = {carla_map.get_waypoint(carla.Location(s.x, -s.y, 0)).lane_id > 0 for s in starts}
    assert lanes == {True, False}


def test_an_unreachable_pair_is_named() -> None:
    # The two directions of a circuit never meet.
    carla_map = read_map("LiteCircuit_1")
    right, left = (
        next(entry for entry, _ in carla_map.get_topology() if entry.lane_id * side > 0).transform
        for side in (-1, 1)
    )
    with pytest.raises(RouteError, match="spawn point 0 to spawn point 1"):
        planner_of(carla_map, [right, left]).plan(0, 0, 1, length_m=100.0)


def test_a_spawn_point_that_does_not_exist_is_named() -> None:
    with pytest.raises(RouteError, match="route_goal is 999"):
        planner("LiteTown_1").plan(0, 0, 999, length_m=100.0)


def test_a_map_without_spawn_points_is_refused() -> None:
    with pytest.raises(RouteError, match="no spawn point"):
        planner_of(read_map("LiteCircuit_1"), []).plan(0, -1, -1, length_m=100.0)
