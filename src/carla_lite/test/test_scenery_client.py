"""What the real client gets to know of the scenery, and what it draws: values, not only replies."""

from __future__ import annotations

import contextlib
import math
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import carla
import pytest

from carla_lite.render import PinholeCamera
from carla_lite.roads import make_map
from carla_lite.scenery import Scenery, Tag, furnish
from carla_lite.show.link import Link
from carla_lite.world import World
from carla_lite.world.weather_presets import preset

MAP = "LiteTown_3"
FAR = 1000.0
TIMEOUT_S = 20.0


@pytest.fixture(scope="module")
def town(
    running_server: Callable[..., contextlib.AbstractContextManager[Any]],
) -> Iterator[Any]:
    with running_server("--map", MAP) as server:
        yield server


@pytest.fixture(scope="module")
def scenery() -> Scenery:
    return furnish(make_map(MAP), seed=0)


@pytest.fixture
def world(town: Any) -> carla.World:
    return town.client().get_world()


@pytest.fixture
def shapes(town: Any, world: carla.World) -> Iterator[Callable[[], list[Any]]]:
    """What a viewer is told of the debug shapes, after all that this client has sent so far."""
    link = Link("127.0.0.1", town.port)

    def seen() -> list[Any]:
        world.get_weather()  # requests of one client are answered in order
        result: list[Any] = link.call("lite_state")["shapes"]
        return result

    world.debug.clear_debug_shape()
    world.debug.clear_debug_string()
    yield seen
    world.debug.clear_debug_shape()
    world.debug.clear_debug_string()
    link.close()


@pytest.fixture
def stopped(world: carla.World) -> Iterator[carla.World]:
    """The world in synchronous mode, 0.1 s a tick."""
    settings = world.get_settings()
    settings.synchronous_mode, settings.fixed_delta_seconds = True, 0.1
    world.apply_settings(settings)
    yield world
    settings.synchronous_mode, settings.fixed_delta_seconds = False, None
    world.apply_settings(settings)


def close_to(place: carla.Location, wanted: tuple[float, float, float], by_m: float = 0.01) -> bool:
    return math.dist((place.x, place.y, place.z), wanted) < by_m


# Objects


def test_environment_objects_are_those_of_the_furnished_map(
    world: carla.World, scenery: Scenery
) -> None:
    found = {thing.id: thing for thing in world.get_environment_objects()}
    assert set(found) == {thing.id for thing in scenery.objects}
    for thing in scenery.objects:
        told = found[thing.id]
        assert told.name == thing.name
        assert int(told.type) == thing.tag
        assert close_to(told.bounding_box.location, thing.centre)
        extent = told.bounding_box.extent
        assert math.dist((extent.x, extent.y, extent.z), thing.half) < 0.01
        assert abs(told.bounding_box.rotation.yaw - thing.yaw_deg) < 0.01
        assert close_to(told.transform.location, (*thing.centre[:2], 0.0))
    assert set(world.get_names_of_all_objects()) == {thing.name for thing in scenery.objects}


@pytest.mark.parametrize("label", ["Buildings", "Vegetation", "Poles", "Fences"])
def test_objects_and_boxes_are_found_by_their_label(
    world: carla.World, scenery: Scenery, label: str
) -> None:
    value = getattr(carla.CityObjectLabel, label)
    wanted = {thing.id for thing in scenery.objects if thing.tag == int(value)}
    assert wanted
    assert {thing.id for thing in world.get_environment_objects(value)} == wanted
    boxes = [(box.location.x, box.location.y) for box in world.get_level_bbs(value)]
    for thing in scenery.objects:
        if thing.id in wanted:
            assert min(math.dist(box, thing.centre[:2]) for box in boxes) < 0.01


def test_level_boxes_of_cars_are_those_of_the_cars_that_were_spawned(world: carla.World) -> None:
    assert world.get_level_bbs(carla.CityObjectLabel.Car) == []
    blueprint = world.get_blueprint_library().find("vehicle.tesla.model3")
    place = world.get_map().get_spawn_points()[0]
    car = world.spawn_actor(blueprint, place)
    try:
        (box,) = world.get_level_bbs(carla.CityObjectLabel.Car)
        assert math.dist((box.location.x, box.location.y), (place.location.x, place.location.y)) < 1
        assert abs(box.extent.x - car.bounding_box.extent.x) < 1e-5
    finally:
        car.destroy()


def test_a_hidden_building_lets_rays_through_until_it_is_shown_again(
    world: carla.World, scenery: Scenery
) -> None:
    house = next(thing for thing in scenery.objects if thing.tag is Tag.BUILDING)
    x, y, _ = house.centre
    sky, ground = carla.Location(x, y, 200.0), carla.Vector3D(0.0, 0.0, -1.0)
    assert world.project_point(sky, ground, FAR).label == carla.CityObjectLabel.Buildings
    world.enable_environment_objects({house.id}, False)
    below = world.project_point(sky, ground, FAR)
    assert below.label != carla.CityObjectLabel.Buildings
    assert close_to(below.location, (x, y, 0.0))
    hidden = {round(box.location.x, 2) for box in world.get_level_bbs()}
    world.enable_environment_objects({house.id}, True)
    assert round(x, 2) in {round(box.location.x, 2) for box in world.get_level_bbs()} - hidden
    assert world.project_point(sky, ground, FAR).label == carla.CityObjectLabel.Buildings


# Rays


def test_a_point_over_the_road_is_projected_onto_it(world: carla.World) -> None:
    place = world.get_map().get_spawn_points()[0].location
    for answer in (
        world.ground_projection(carla.Location(place.x, place.y, 5.0), 20.0),
        world.project_point(
            carla.Location(place.x, place.y, 5.0), carla.Vector3D(0.0, 0.0, -3.0), 20.0
        ),
    ):
        assert close_to(answer.location, (place.x, place.y, 0.0))
        assert answer.label == carla.CityObjectLabel.Roads


def test_a_ray_that_ends_before_the_ground_meets_nothing(world: carla.World) -> None:
    place = world.get_map().get_spawn_points()[0].location
    above = carla.Location(place.x, place.y, 5.0)
    assert world.ground_projection(above, 4.9) is None
    assert world.project_point(above, carla.Vector3D(0.0, 0.0, 1.0), FAR) is None
    with pytest.raises(RuntimeError, match="leads nowhere"):
        world.project_point(above, carla.Vector3D(0.0, 0.0, 0.0), FAR)
    with pytest.raises(RuntimeError, match="finite"):
        world.project_point(carla.Location(x=math.nan), carla.Vector3D(0.0, 0.0, -1.0), FAR)


def test_a_ray_from_the_sky_meets_roof_walls_and_ground_in_that_order(
    world: carla.World, scenery: Scenery
) -> None:
    house = next(thing for thing in scenery.objects if thing.tag is Tag.BUILDING)
    parts = scenery.solids[scenery.solids["id"] == house.id]
    # Off the middle, where no stairs lead to the roof.
    walls, roof = parts[0], parts[1]
    cos, sin = walls["heading"].astype(float)
    u, v = 0.97 * walls["half"][:2].astype(float)
    x = float(walls["centre"][0] + u * cos - v * sin)
    y = float(walls["centre"][1] + u * sin + v * cos)
    hits = world.cast_ray(carla.Location(x, y, 100.0), carla.Location(x, y, -10.0))
    heights = [float(roof["centre"][2] + roof["half"][2]), float(2 * walls["half"][2]), 0.0]
    labels = [carla.CityObjectLabel.Buildings, carla.CityObjectLabel.Buildings]
    assert [hit.label for hit in hits[:2]] == labels
    assert len(hits) == 3
    for hit, height in zip(hits, heights, strict=True):
        assert close_to(hit.location, (x, y, height))


def test_a_ray_along_the_street_meets_the_car_that_stands_there(world: carla.World) -> None:
    blueprint = world.get_blueprint_library().find("vehicle.tesla.model3")
    place = world.get_map().get_spawn_points()[3]
    car = world.spawn_actor(blueprint, place)
    try:
        forward, right = place.get_forward_vector(), place.get_right_vector()
        start = place.location + carla.Location(12 * forward.x, 12 * forward.y, 0.3)
        hit = world.project_point(start, carla.Vector3D(-forward.x, -forward.y, 0.0), 30.0)
        assert hit.label == carla.CityObjectLabel.Car
        gap = math.dist((hit.location.x, hit.location.y), (start.x, start.y))
        assert abs(gap - (12.0 - car.bounding_box.extent.x)) < 0.3
        aside = abs((hit.location.x - start.x) * right.x + (hit.location.y - start.y) * right.y)
        assert aside < 0.01
    finally:
        car.destroy()


# Street lamps


def test_street_lamps_stand_where_the_map_has_them_and_are_off_by_day(
    world: carla.World, scenery: Scenery
) -> None:
    lights = world.get_lightmanager().get_all_lights(carla.LightGroup.Street)
    assert {light.id for light in lights} == set(scenery.lamp_ids)
    places = dict(zip(scenery.lamp_ids, scenery.lamps.tolist(), strict=True))
    for light in lights:
        assert close_to(light.location, places[light.id])
        assert not light.is_on
        assert light.intensity > 0.0


def test_street_lamps_come_on_at_night_and_stay_as_a_client_switches_them(town: Any) -> None:
    first = town.client().get_world()
    first.set_weather(carla.WeatherParameters.ClearNight)
    first.get_weather()  # waits until it is night
    second = town.client().get_world()
    manager = second.get_lightmanager()
    lights = manager.get_all_lights()
    assert len(lights) > 20
    assert all(manager.is_active(lights))
    some = lights[:3]
    manager.turn_off(some)
    manager.set_intensity(some, 12.5)
    manager.set_color(some, carla.Color(10, 20, 30))
    deadline = time.monotonic() + TIMEOUT_S
    with town.raw() as raw:  # the client sends its changes after a tick, on a thread of its own
        while sum(not light[-1] for light in raw.call("query_lights_state", "")[0][1]) < 3:
            assert time.monotonic() < deadline, "no change arrived"
            second.wait_for_tick(TIMEOUT_S)
    third = town.client().get_world()
    told = {light.id: light for light in third.get_lightmanager().get_all_lights()}
    first.set_weather(carla.WeatherParameters.ClearNoon)
    for light in some:
        assert not told[light.id].is_on
        assert told[light.id].intensity == 12.5
        colour = told[light.id].color
        assert (colour.r, colour.g, colour.b) == (10, 20, 30)
    assert sum(not light.is_on for light in told.values()) == 3


def test_a_lamp_that_is_switched_off_neither_shines_nor_lights_the_ground() -> None:
    world = World(MAP, seed=0)
    world.set_weather(preset("ClearNight"))
    lamp = next(iter(world.surroundings.lamps.values()))
    camera = PinholeCamera(64, 64, 60.0)
    x, y, z = lamp.location

    def brightness() -> tuple[float, float]:
        """Of the ground below the lamp and of its head, seen from below."""
        ground = camera.render_grey(world.scene, (x, y, z - 1.0), (-90.0, 0.0, 0.0))
        head = camera.render_grey(world.scene, (x, y, z - 0.5), (90.0, 0.0, 0.0))
        return float(ground.mean()), float(head[32, 32])

    lit = brightness()
    assert lit[1] > 150.0
    world.switch_lamps([replace(lamp, is_on=False)])
    dark = brightness()
    assert dark[0] < 0.8 * lit[0]
    assert dark[1] < 60.0
    world.switch_lamps([replace(lamp, is_on=True)])
    assert brightness() == lit
    world.switch_lamps([replace(lamp, is_on=None)])
    world.set_day_night_cycle(active=False)
    assert brightness() <= dark


def test_a_traffic_light_shines_to_its_front_alone() -> None:
    world = World("LiteTown01", seed=0)
    world.set_weather(preset("ClearNight"))
    signal = next(s for s in world.network.signals if s.kind == "light")
    camera = PinholeCamera(64, 64, 20.0)
    yaw = signal.yaw_deg
    # The signal looks back along the traffic that heeds it.
    brightest = {}
    for side, turn in (("front", 0.0), ("side", 90.0)):
        heading = math.radians(yaw + turn)
        place = (
            signal.x_m - 5.0 * math.cos(heading),
            signal.y_m - 5.0 * math.sin(heading),
            3.7,
        )
        view = world.scene, place, (0.0, yaw + turn, 0.0), world.population.solids()
        tags, _ = camera.render_labels(*view)
        brightest[side] = int(camera.render(*view)[tags == Tag.TRAFFIC_LIGHT, :3].max())
    assert brightest["front"] > 180
    assert brightest["side"] < 120


# Debug shapes


def test_debug_shapes_are_kept_as_they_were_drawn(
    world: carla.World, shapes: Callable[[], list[Any]]
) -> None:
    begin, end = carla.Location(1.0, 2.0, 3.0), carla.Location(4.0, 6.0, 3.0)
    red, blue = carla.Color(255, 0, 0), carla.Color(1, 2, 250)
    world.debug.draw_point(begin, 0.25, blue, 60.0)
    world.debug.draw_line(begin, end, 0.5, red, 60.0)
    world.debug.draw_arrow(begin, end, 0.5, 0.5, blue, 60.0)
    box = carla.BoundingBox(carla.Location(10.0, 20.0, 1.0), carla.Vector3D(2.0, 1.0, 0.5))
    world.debug.draw_box(box, carla.Rotation(yaw=90.0), 0.1, red, 60.0)
    world.debug.draw_string(end, "here: ü", False, blue, 60.0)
    point, line, arrow, frame, text = shapes()
    assert point == ["point", [1, 2, 250], 0.25, 1.0, 2.0, "", []]
    assert line[:3] == ["lines", [255, 0, 0], 0.5]
    assert line[6] == [[1.0, 2.0, 4.0, 6.0]]
    assert arrow[6][0] == [1.0, 2.0, 4.0, 6.0]
    assert all(stroke[:2] == [4.0, 6.0] for stroke in arrow[6][1:])
    assert len(frame[6]) == 12
    ends = [place for edge in frame[6] for place in (edge[:2], edge[2:])]
    assert all(abs(abs(x - 10.0) - 1.0) < 1e-3 and abs(abs(y - 20.0) - 2.0) < 1e-3 for x, y in ends)
    assert text == ["text", [1, 2, 250], 0.1, 4.0, 6.0, "here: ü", []]


def test_debug_shapes_vanish_after_their_life_time_of_simulated_seconds(
    stopped: carla.World, shapes: Callable[[], list[Any]]
) -> None:
    place = carla.Location(1.0, 2.0, 0.0)
    stopped.debug.draw_point(place, 0.1, carla.Color(1, 0, 0), 0.25)
    stopped.debug.draw_point(place, 0.1, carla.Color(2, 0, 0), 0.0)  # stays
    stopped.debug.draw_string(place, "passing", False, carla.Color(3, 0, 0))
    counts = [len(shapes())]
    for _ in range(4):
        stopped.tick()
        counts.append(len(shapes()))
    assert counts == [3, 2, 2, 1, 1]
    assert shapes()[0][1] == [2, 0, 0]


def test_clearing_texts_leaves_shapes_and_the_other_way_round(
    world: carla.World, shapes: Callable[[], list[Any]]
) -> None:
    place = carla.Location(1.0, 2.0, 0.0)
    world.debug.draw_point(place, life_time=60.0)
    world.debug.draw_string(place, "text", life_time=60.0)
    world.debug.clear_debug_string()
    assert [shape[0] for shape in shapes()] == ["point"]
    world.debug.draw_string(place, "text", life_time=60.0)
    world.debug.clear_debug_shape()
    assert [shape[0] for shape in shapes()] == ["text"]


def test_shapes_that_are_not_finite_are_not_drawn(
    world: carla.World, shapes: Callable[[], list[Any]]
) -> None:
    world.debug.draw_point(carla.Location(math.nan, 0.0, 0.0), life_time=60.0)
    world.debug.draw_line(carla.Location(), carla.Location(math.inf, 0.0, 0.0), life_time=60.0)
    world.debug.draw_point(carla.Location(), size=math.inf, life_time=60.0)
    world.debug.draw_string(carla.Location(), "x" * 300, life_time=60.0)
    assert shapes() == []
