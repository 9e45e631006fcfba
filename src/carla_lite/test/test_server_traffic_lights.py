"""Traffic lights and signs through the real client."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import carla
import pytest

if TYPE_CHECKING:
    from conftest import LiteServer, Rig

GREEN, YELLOW, RED = (
    carla.TrafficLightState.Green,
    carla.TrafficLightState.Yellow,
    carla.TrafficLightState.Red,
)


@pytest.fixture(scope="module")
def town_server(running_server: Any) -> Iterator[LiteServer]:
    with running_server("--map", "LiteTown01") as server:
        yield server


@pytest.fixture
def town(town_server: LiteServer, make_rig: type[Rig]) -> Iterator[Rig]:
    """A town with lights in synchronous mode, all cycles at their beginning."""
    rig = make_rig(town_server.client())
    rig.world.freeze_all_traffic_lights(False)
    for light in rig.world.get_actors().filter("traffic.traffic_light"):
        light.set_green_time(10.0)
        light.set_yellow_time(3.0)
        light.set_red_time(2.0)
    rig.world.reset_all_traffic_lights()
    rig.tick()
    try:
        yield rig
    finally:
        rig.close()


def _light(rig: Rig) -> Any:
    """The first green light."""
    lights = rig.world.get_actors().filter("traffic.traffic_light")
    return next(light for light in lights if light.state == GREEN)


def _flat(first: carla.Location, second: carla.Location) -> float:
    return math.hypot(first.x - second.x, first.y - second.y)


def test_every_landmark_of_a_light_finds_its_actor_and_back(town: Rig) -> None:
    lights = town.world.get_actors().filter("traffic.traffic_light")
    assert len(lights) == 40
    for light in lights:
        name = light.get_opendrive_id()
        landmarks = town.world.get_map().get_all_landmarks_from_id(name)
        assert landmarks and {mark.type for mark in landmarks} == {"1000001"}
        assert town.world.get_traffic_light(landmarks[0]).id == light.id
        assert town.world.get_traffic_light_from_opendrive_id(name).id == light.id
        place = landmarks[0].transform
        assert _flat(light.get_location(), place.location) < 0.05
        turned = light.get_transform().rotation.yaw - place.rotation.yaw
        assert (turned - 90.0 + 180.0) % 360.0 - 180.0 == pytest.approx(0.0, abs=0.1)


def test_every_sign_of_the_map_is_an_actor(town: Rig) -> None:
    types = {"206": "traffic.stop", "205": "traffic.yield", "274": "traffic.speed_limit"}
    marks = [m for m in town.world.get_map().get_all_landmarks() if m.type in types]
    assert marks
    for mark in marks:
        sign = town.world.get_traffic_sign(mark)
        assert sign.type_id.startswith(types[mark.type])
        if mark.type == "274":
            assert sign.type_id.endswith(f".{round(mark.value)}")


def test_a_light_has_carlas_times_and_tells_how_long_it_has_been_so(town: Rig) -> None:
    light = _light(town)
    times = light.get_green_time(), light.get_yellow_time(), light.get_red_time()
    assert times == (10.0, 3.0, 2.0)
    before = light.get_elapsed_time()
    town.tick(20)
    assert light.get_elapsed_time() - before == pytest.approx(1.0, abs=1e-4)
    assert light.get_pole_index() == 0 and not light.is_frozen()


def test_times_change_for_the_whole_turn_and_the_cycle_keeps_them(town: Rig) -> None:
    light = _light(town)
    light.set_green_time(1.0)
    light.set_yellow_time(0.5)
    light.set_red_time(0.25)
    town.tick()
    times = light.get_green_time(), light.get_yellow_time(), light.get_red_time()
    assert times == (1.0, 0.5, 0.25)
    light.reset_group()
    seen = []
    for _ in range(40):
        town.tick()
        seen.append(light.state)
    assert [seen.count(state) for state in (GREEN, YELLOW)] == [19, 10]
    assert seen == sorted(seen, reverse=True)  # green, then yellow, then red


def test_a_group_is_one_junction_and_takes_turns(town: Rig) -> None:
    light = _light(town)
    group = light.get_group_traffic_lights()
    assert light.id in [one.id for one in group] and len(group) in (3, 4)
    assert [one.state for one in group].count(GREEN) == 1
    junction = light.get_stop_waypoints()[0].next(15.0)[0].get_junction()
    inside = town.world.get_traffic_lights_in_junction(junction.id)
    assert sorted(one.id for one in inside) == sorted(one.id for one in group)
    order: list[int] = []
    for _ in range(round((15.0 * len(group) - 1.0) / 0.05)):
        green = [one.id for one in group if one.state == GREEN]
        if green and green != order[-1:]:
            order += green
        town.tick()
    assert sorted(order) == sorted(one.id for one in group)


def test_freezing_one_light_stops_time_and_a_state_set_then_stays(town: Rig) -> None:
    light = _light(town)
    light.freeze(True)
    light.set_state(RED)
    town.tick(300)
    assert light.is_frozen() and light.state == RED
    light.freeze(False)
    town.tick()
    assert not light.is_frozen()


def test_all_lights_freeze_and_start_again(town: Rig) -> None:
    lights = town.world.get_actors().filter("traffic.traffic_light")
    town.world.freeze_all_traffic_lights(True)
    town.tick()
    before = [(light.state, light.get_elapsed_time()) for light in lights]
    town.tick(250)
    assert [(light.state, light.get_elapsed_time()) for light in lights] == before
    assert all(light.is_frozen() for light in lights)
    town.world.freeze_all_traffic_lights(False)
    town.tick()
    assert not any(light.is_frozen() for light in lights)


def test_resetting_a_group_begins_its_first_turn(town: Rig) -> None:
    light = _light(town)
    town.tick(240)
    assert light.state == YELLOW
    light.reset_group()
    town.tick()
    assert light.state == GREEN
    assert light.get_elapsed_time() == pytest.approx(0.05)


def test_a_batch_sets_states_and_tells_of_unknown_lights(
    town: Rig, town_server: LiteServer
) -> None:
    light = _light(town)
    off, car = 3, 4_000_000
    with town_server.raw() as raw:
        commands = [[[21, [light.id, off]]], [[21, [car, off]]], [[21, [light.id, 9]]]]
        done, unknown, bad = raw.call("apply_batch", commands, False)
    assert done == [[1, light.id]]
    assert unknown[0][0] == 0 and "not found" in unknown[0][1][0]
    assert bad[0][0] == 0 and "traffic light state 9" in bad[0][1][0]
    town.tick()
    assert light.state == carla.TrafficLightState.Off


def test_the_trigger_volume_lies_before_the_stop_line_on_the_lanes_it_governs(
    town: Rig,
) -> None:
    world_map = town.world.get_map()
    for light in town.world.get_actors().filter("traffic.traffic_light"):
        volume = light.trigger_volume
        middle = light.get_transform().transform(volume.location)
        lane = world_map.get_waypoint(middle)
        assert _flat(middle, lane.transform.location) < lane.lane_width
        assert not lane.is_junction
        assert lane.next(volume.extent.y + 6.0)[0].is_junction
        heading = light.get_transform().get_forward_vector()
        ahead = lane.transform.get_forward_vector()
        assert abs(heading.x * ahead.x + heading.y * ahead.y) < 0.2
        assert light.bounding_box.extent == volume.extent


def test_stop_waypoints_lie_where_drivers_come_from(town: Rig) -> None:
    for light in town.world.get_actors().filter("traffic.traffic_light"):
        stops = light.get_stop_waypoints()
        affected = light.get_affected_lane_waypoints()
        assert stops and affected
        before = {(stop.road_id, stop.lane_id) for stop in stops}
        for way in affected:
            back = way if not way.is_junction else way.previous(1.0)[0]
            assert (back.road_id, back.lane_id) in before


def test_light_boxes_hang_above_the_road_at_the_actors_place(town: Rig) -> None:
    light = _light(town)
    (box,) = light.get_light_boxes()
    assert _flat(box.location, light.get_location()) < 0.5
    assert box.location.z - box.extent.z > 2.0
    assert 0.3 < box.extent.z < 0.8
    level = town.world.get_level_bbs(carla.CityObjectLabel.TrafficLight)
    assert any(_flat(one.location, box.location) < 0.01 for one in level)
    signs = town.world.get_level_bbs(carla.CityObjectLabel.TrafficSigns)
    assert len(signs) == sum(
        not actor.type_id.endswith("light") for actor in town.world.get_actors().filter("traffic.*")
    )


def test_lights_ahead_are_found_from_a_waypoint(town: Rig) -> None:
    light = _light(town)
    back = light.get_stop_waypoints()[0].previous(10.0)[0]
    found = town.world.get_traffic_lights_from_waypoint(back, 40.0)
    assert light.id in [one.id for one in found]


def test_a_vehicle_knows_the_light_before_it_its_state_and_its_speed_limit(town: Rig) -> None:
    light = _light(town)
    stop = light.get_stop_waypoints()[0]
    place = stop.previous(4.0)[0].transform
    place.location.z = 0.3
    car = town.spawn("vehicle.tesla.model3", place)
    town.tick(4)
    assert car.is_at_traffic_light()
    assert car.get_traffic_light().id == light.id
    assert car.get_traffic_light_state() == GREEN
    limits = [m.value for m in town.world.get_map().get_all_landmarks_of_type("274")]
    assert car.get_speed_limit() in (pytest.approx(30.0), pytest.approx(50.0))
    assert set(map(round, limits)) <= {30, 50}
    light.set_state(RED)
    town.tick()
    assert car.get_traffic_light_state() == RED
    far = stop.previous(30.0)[0].transform
    car.set_transform(far)
    town.tick()
    assert not car.is_at_traffic_light()
    assert car.get_traffic_light() is None
    assert car.get_traffic_light_state() == GREEN  # as in CARLA: nothing to wait for


def test_signs_of_the_map_outlive_a_client_that_would_destroy_them(town: Rig) -> None:
    light = _light(town)
    assert not light.destroy()
    town.tick()
    assert light.id in [actor.id for actor in town.world.get_actors()]


@pytest.mark.parametrize(
    ("method", "arguments"),
    [
        ("set_traffic_light_state", (10**6, 1)),
        ("set_traffic_light_green_time", (10**6, 1.0)),
        ("freeze_traffic_light", (10**6, True)),
        ("reset_traffic_light_group", (10**6,)),
    ],
)
def test_a_call_for_a_light_that_is_not_there_says_so(
    town_server: LiteServer, method: str, arguments: tuple[Any, ...]
) -> None:
    with town_server.raw() as raw:
        (failed, (message,)) = raw.call(method, *arguments)[0]
    assert failed is True and "1000000" in message


def test_a_time_that_is_not_finite_is_refused(town: Rig, town_server: LiteServer) -> None:
    light = _light(town)
    with town_server.raw() as raw:
        (failed, (message,)) = raw.call("set_traffic_light_red_time", light.id, math.nan)[0]
    assert failed is True and "nan" in message
    town.tick()
    assert light.get_red_time() == 2.0
