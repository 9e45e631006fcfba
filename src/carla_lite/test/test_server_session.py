"""Connecting, maps, settings and everything around driving, with the real client."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import carla
import pytest

from carla_lite.roads import available_maps, make_map
from carla_lite.world import BLUEPRINTS

if TYPE_CHECKING:
    from conftest import LiteServer, Rig

TIMEOUT_S = 20.0


def test_the_versions_agree(client: carla.Client) -> None:
    assert client.get_server_version() == client.get_client_version() == "0.9.16"


def test_the_map_is_the_one_asked_for(server: LiteServer, client: carla.Client) -> None:
    carla_map = client.get_world().get_map()
    assert carla_map.name == server.map_name == "LiteCircuit_1"
    points = carla_map.get_spawn_points()
    expected = make_map("LiteCircuit_1").spawn_points
    assert len(points) == len(expected)
    for point, (x, y, z, yaw) in zip(points, expected, strict=True):
        assert (point.location.x, point.location.y) == pytest.approx((x, y), abs=1e-3)
        assert (point.location.z, point.rotation.yaw) == pytest.approx((z, yaw), abs=1e-3)
    assert (
        carla_map.get_waypoint(points[0].location).transform.location.distance(points[0].location)
        < 1.0
    )
    assert client.get_available_maps() == available_maps()


def test_blueprints_have_carlas_attributes_and_defaults(client: carla.Client) -> None:
    library = client.get_world().get_blueprint_library()
    assert {blueprint.id for blueprint in library} == set(BLUEPRINTS)
    camera = library.find("sensor.camera.rgb")
    assert camera.get_attribute("image_size_x").as_int() == 800
    assert camera.get_attribute("fov").as_float() == 90.0
    assert camera.get_attribute("enable_postprocess_effects").as_bool()
    car = library.find("vehicle.tesla.model3")
    assert int(car.get_attribute("number_of_wheels")) == 4
    assert car.get_attribute("color").recommended_values
    assert {one.id for one in library.filter("vehicle.*")} >= {"vehicle.tesla.model3"}


def test_an_actor_keeps_its_attributes_and_place(rig: Rig) -> None:
    place = rig.world.get_map().get_spawn_points()[2]
    car = rig.spawn("vehicle.tesla.model3", place, role_name="hero", color="1,2,3")
    rig.tick()
    seen = rig.world.get_actors().find(car.id)
    assert seen.attributes["role_name"] == "hero" and seen.attributes["color"] == "1,2,3"
    assert car.get_location().distance(place.location) == pytest.approx(place.location.z, abs=1e-3)
    assert seen.bounding_box.extent.x == pytest.approx(2.395)
    assert seen.bounding_box.location.z == pytest.approx(0.745)


def test_an_occupied_place_refuses_a_spawn_as_carla_does(rig: Rig) -> None:
    rig.vehicle(0)
    with pytest.raises(RuntimeError, match="Spawn failed because of collision at spawn position"):
        rig.vehicle(0)
    blueprint = rig.blueprints.find("vehicle.tesla.model3")
    place = rig.world.get_map().get_spawn_points()[0]
    assert rig.world.try_spawn_actor(blueprint, place) is None


@pytest.mark.parametrize(
    ("name", "value"), [("image_size_x", "0"), ("image_size_x", "99999"), ("fov", "nan")]
)
def test_a_bad_attribute_is_named_in_the_error(rig: Rig, name: str, value: str) -> None:
    with pytest.raises(RuntimeError, match=name):
        rig.spawn("sensor.camera.rgb", carla.Transform(), None, **{name: value})


def test_a_place_that_is_not_finite_is_refused(rig: Rig) -> None:
    with pytest.raises(RuntimeError, match="location"):
        rig.spawn("vehicle.tesla.model3", carla.Transform(carla.Location(x=float("nan"))))


def test_a_destroyed_actor_is_gone_but_its_box_is_remembered(server: LiteServer, rig: Rig) -> None:
    car = rig.vehicle()
    box = car.bounding_box
    rig.tick()
    elsewhere = server.client().get_world().get_actor(car.id)
    assert car.destroy()
    rig.tick()
    assert car.id not in [actor.id for actor in rig.world.get_actors()]
    remembered = elsewhere.bounding_box.extent
    assert (remembered.x, remembered.y) == (box.extent.x, box.extent.y)


def test_commands_to_an_unknown_actor_give_a_clear_error(server: LiteServer, rig: Rig) -> None:
    car = rig.vehicle()
    barrier = rig.spawn("static.prop.streetbarrier", rig.world.get_map().get_spawn_points()[8])
    command = carla.command.ApplyVehicleControl(barrier.id, carla.VehicleControl())
    lost = carla.command.ApplyVehicleControl(999_999, carla.VehicleControl())
    wrong, unknown = rig.client.apply_batch_sync([command, lost], False)
    assert "static.prop.streetbarrier, but this call needs a vehicle" in wrong.error
    assert "actor 999999 not found" in unknown.error
    elsewhere = server.client().get_world().get_actor(car.id)
    car.destroy()
    with pytest.raises(RuntimeError, match=f"actor {car.id} not found"):
        elsewhere.get_physics_control()


def test_physics_lights_weather_and_spectator_read_back(rig: Rig) -> None:
    car = rig.vehicle()
    physics = car.get_physics_control()
    assert physics.mass == 1800.0 and len(physics.wheels) == 4
    assert physics.wheels[0].max_steer_angle == pytest.approx(70.0)
    assert physics.wheels[2].max_steer_angle == 0.0

    lights = carla.VehicleLightState(carla.VehicleLightState.Position)
    car.set_light_state(lights)
    assert rig.world.get_vehicles_light_states()[car.id] == lights

    weather = carla.WeatherParameters(
        cloudiness=80.0, precipitation=30.0, wetness=20.0, sun_altitude_angle=-5.0, dust_storm=3.0
    )
    rig.world.set_weather(weather)
    assert rig.world.get_weather() == weather
    rig.world.set_weather(carla.WeatherParameters())

    view = carla.Transform(carla.Location(1.0, 2.0, 3.0), carla.Rotation(-30.0, 45.0, 5.0))
    spectator = rig.world.get_spectator()
    spectator.set_transform(view)
    rig.tick()
    seen = spectator.get_transform()
    assert seen.location == view.location
    assert (seen.rotation.pitch, seen.rotation.yaw, seen.rotation.roll) == (-30.0, 45.0, 5.0)


def test_time_passes_by_the_fixed_step(rig: Rig) -> None:
    rig.tick()
    before = rig.world.get_snapshot().timestamp
    frame = rig.tick(10)
    after = rig.world.get_snapshot().timestamp
    assert after.frame == frame == before.frame + 10
    assert after.elapsed_seconds - before.elapsed_seconds == pytest.approx(0.5)
    assert after.delta_seconds == pytest.approx(0.05)


@pytest.mark.parametrize("step", [1e9, 1e-9])
def test_a_bad_time_step_is_refused_and_the_old_one_stays(rig: Rig, step: float) -> None:
    settings = rig.world.get_settings()
    settings.fixed_delta_seconds = step
    with pytest.raises(RuntimeError, match="fixed_delta_seconds"):
        rig.world.apply_settings(settings)
    assert rig.world.get_settings().fixed_delta_seconds == pytest.approx(0.05)


def test_two_clients_share_one_world(server: LiteServer, rig: Rig) -> None:
    car = rig.vehicle()
    rig.tick()
    second = server.client().get_world()
    same = second.get_actor(car.id)
    same.apply_control(carla.VehicleControl(throttle=1.0))
    frame = second.tick()
    assert frame == second.get_snapshot().frame
    rig.tick(20)
    assert car.get_velocity().length() > 3.0


def test_another_client_can_end_a_vanished_clients_synchronous_mode(server: LiteServer) -> None:
    world = server.client().get_world()
    settings = world.get_settings()
    settings.synchronous_mode = True
    world.apply_settings(settings)
    del world
    second = server.client().get_world()
    assert second.get_settings().synchronous_mode
    settings = second.get_settings()
    settings.synchronous_mode = False
    second.apply_settings(settings)
    assert second.wait_for_tick(TIMEOUT_S).frame < second.wait_for_tick(TIMEOUT_S).frame


def test_without_synchronous_mode_time_passes_by_itself(server: LiteServer) -> None:
    world = server.client().get_world()
    first = world.wait_for_tick(TIMEOUT_S)
    while (now := world.wait_for_tick(TIMEOUT_S)).frame < first.frame + 10:
        pass
    passed = now.elapsed_seconds - first.elapsed_seconds
    assert passed == pytest.approx(0.05 * (now.frame - first.frame))
    # 0.5 s at 20 Hz by the server's own clock: it is paced, not spinning.
    assert now.platform_timestamp - first.platform_timestamp > 0.3


def test_a_free_running_world_streams_pictures(server: LiteServer, make_rig: type[Rig]) -> None:
    rig = make_rig(server.client())
    try:
        rig.settings.synchronous_mode = False
        rig.world.apply_settings(rig.settings)
        camera = rig.camera(rig.vehicle())
        assert camera.next().frame < camera.next().frame
        rig.settings.synchronous_mode = True
        rig.world.apply_settings(rig.settings)
    finally:
        rig.close()


def test_an_unknown_map_is_refused_by_name_and_the_old_world_goes_on(
    server: LiteServer, client: carla.Client
) -> None:
    before = client.get_world()
    with pytest.raises(RuntimeError, match="Nowhere_1"):
        client.load_world("Nowhere_1")
    after = server.client().get_world()
    assert after.id == before.id
    assert after.get_map().name == server.map_name


def test_loading_a_world_can_keep_synchronous_mode(
    running_server: Any, make_rig: type[Rig]
) -> None:
    with running_server("--map", "LiteCircuit_1") as server:
        make_rig(server.client())  # which ticks by itself
        world = server.load("LiteCircuit_1", reset_settings=False).get_world()
        assert world.get_settings().synchronous_mode
        assert world.tick() > 0


def test_a_restarted_server_has_another_episode_id(running_server: Any) -> None:
    ids = []
    for _ in range(2):
        with running_server() as server:
            ids.append(server.client().get_world().id)
    assert ids[0] != ids[1]
