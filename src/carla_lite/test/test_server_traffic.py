"""Scripted traffic, as the real client sees it."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import carla
import pytest

if TYPE_CHECKING:
    from conftest import LiteServer, Rig


@pytest.fixture(scope="module")
def busy_server(running_server: Any) -> Iterator[LiteServer]:
    options = ("--map", "LiteTown01", "--traffic", "12", "--pedestrians", "6")
    with running_server(*options) as server:
        yield server


@pytest.fixture
def busy(busy_server: LiteServer, make_rig: type[Rig]) -> Iterator[Rig]:
    """A new episode in synchronous mode: the same traffic for each test, whatever went before."""
    synchronous = carla.WorldSettings(synchronous_mode=True, fixed_delta_seconds=0.05)
    busy_server.client().get_world().apply_settings(synchronous)
    rig = make_rig(busy_server.load("", reset_settings=False))
    rig.tick()
    try:
        yield rig
    finally:
        rig.close()


def _role(rig: Rig, pattern: str) -> list[Any]:
    actors = rig.world.get_actors().filter(pattern)
    return [actor for actor in actors if actor.attributes["role_name"] == "traffic"]


def test_cars_and_people_are_there_and_move_without_any_client(busy: Rig) -> None:
    cars, people = _role(busy, "vehicle.*"), _role(busy, "walker.*")
    assert (len(cars), len(people)) == (12, 6)
    before = {one.id: one.get_location() for one in (*cars, *people)}
    busy.tick(300)
    ways = {one.id: one.get_location().distance(before[one.id]) for one in (*cars, *people)}
    assert sum(ways[car.id] > 15.0 for car in cars) >= 8
    assert sum(ways[person.id] > 5.0 for person in people) >= 4


def test_cars_keep_to_the_middle_of_lanes_in_their_direction(busy: Rig) -> None:
    world_map = busy.world.get_map()
    for _ in range(10):
        busy.tick(30)
        for car in _role(busy, "vehicle.*"):
            lane = world_map.get_waypoint(car.get_location())
            if lane.is_junction:
                continue
            assert car.get_location().distance(lane.transform.location) < 0.6
            turned = car.get_transform().rotation.yaw - lane.transform.rotation.yaw
            assert abs((turned + 180.0) % 360.0 - 180.0) < 20.0


def test_people_walk_beside_the_lanes(busy: Rig) -> None:
    world_map = busy.world.get_map()
    kinds = carla.LaneType.Sidewalk | carla.LaneType.Driving | carla.LaneType.Shoulder
    on_sidewalk = total = 0
    for _ in range(20):
        busy.tick(20)
        for person in _role(busy, "walker.*"):
            lane = world_map.get_waypoint(person.get_location(), lane_type=kinds)
            on_sidewalk += lane.lane_type == carla.LaneType.Sidewalk
            total += 1
    assert on_sidewalk / total > 0.6


def test_cars_wait_where_their_light_is_red(busy: Rig) -> None:
    for light in busy.world.get_actors().filter("traffic.traffic_light"):
        light.set_state(carla.TrafficLightState.Red)
    busy.world.freeze_all_traffic_lights(True)
    busy.tick(800)
    cars = _role(busy, "vehicle.*")
    assert all(car.get_velocity().length() < 0.1 for car in cars)
    waiting = [car for car in cars if car.is_at_traffic_light()]
    assert len(waiting) >= 4
    assert all(car.get_control().brake == 1.0 for car in waiting)
    busy.world.freeze_all_traffic_lights(False)
    busy.world.reset_all_traffic_lights()
    busy.tick(400)
    assert any(car.get_velocity().length() > 2.0 for car in waiting)


def test_a_client_may_destroy_a_car_and_the_world_goes_on(busy: Rig) -> None:
    car = _role(busy, "vehicle.*")[0]
    assert car.destroy()
    busy.tick(50)
    assert car.id not in [one.id for one in busy.world.get_actors()]
    assert any(one.get_velocity().length() > 1.0 for one in _role(busy, "vehicle.*"))


def _room_before_a_car(rig: Rig) -> carla.Transform:
    """A place on an open road, 24 m before a moving car and far from all others."""
    world_map = rig.world.get_map()
    for _ in range(100):
        cars = _role(rig, "vehicle.*")
        for car in cars:
            ways = world_map.get_waypoint(car.get_location()).next(24.0)
            if car.get_velocity().length() < 3.0 or ways[0].is_junction:
                continue
            place = ways[0].transform
            others = [one.get_location() for one in cars if one.id != car.id]
            if all(place.location.distance(other) > 25.0 for other in others):
                place.location.z = 0.3
                return place
        rig.tick(10)
    pytest.fail("in 50 s no car drove alone")


def test_cars_stop_behind_an_ego_that_blocks_their_lane(busy: Rig) -> None:
    ego = busy.spawn("vehicle.tesla.model3", _room_before_a_car(busy))
    events = busy.listen("other.collision", ego)
    busy.tick(200)
    assert events.inbox.empty()
    assert ego.get_velocity().length() < 0.01
    behind = min(
        ego.get_location().distance(one.get_location()) for one in _role(busy, "vehicle.*")
    )
    assert 5.0 < behind < 12.0


@pytest.mark.parametrize("name", ["LiteCircuit_1", "LiteTown02"])
def test_traffic_survives_load_world_and_reload(
    running_server: Any, make_rig: type[Rig], name: str
) -> None:
    options = ("--map", "LiteTown01", "--traffic", "7", "--pedestrians", "3")
    with running_server(*options) as server:
        for map_name in (name, ""):
            rig = make_rig(server.load(map_name))
            rig.tick()
            assert len(_role(rig, "vehicle.*")) == 7
            assert len(_role(rig, "walker.*")) == 3
            start = {car.id: car.get_location() for car in _role(rig, "vehicle.*")}
            rig.tick(100)
            moved = [car.get_location().distance(start[car.id]) for car in _role(rig, "vehicle.*")]
            assert max(moved) > 5.0
            rig.close()


def test_two_servers_with_one_seed_show_the_same_traffic(
    running_server: Any, make_rig: type[Rig]
) -> None:
    def places() -> list[tuple[str, float, float, float]]:
        options = ("--map", "LiteTown02", "--traffic", "10", "--pedestrians", "5", "--seed", "9")
        with running_server(*options) as server:
            client = server.client()
            client.get_world().apply_settings(
                carla.WorldSettings(synchronous_mode=True, fixed_delta_seconds=0.05)
            )
            rig = make_rig(server.load("", reset_settings=False))
            rig.tick(200)
            result = [
                (one.type_id, place.location.x, place.location.y, place.rotation.yaw)
                for one in (*_role(rig, "vehicle.*"), *_role(rig, "walker.*"))
                for place in [one.get_transform()]
            ]
            rig.close()
            return result

    first = places()
    assert len(first) == 15 and first == places()
    assert all(math.isfinite(value) for _, *values in first for value in values)
