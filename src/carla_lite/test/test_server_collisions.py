"""Collisions and walkers, as the real client sees them."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import carla
import pytest

if TYPE_CHECKING:
    from conftest import Rig

TIMEOUT_S = 20.0


def _ahead(car: Any, metres: float) -> carla.Vector3D:
    return car.get_transform().get_forward_vector() * metres


def _local(actor: Any, vector: carla.Vector3D) -> tuple[float, float]:
    """Along and across an actor."""
    place = actor.get_transform()
    return vector.dot(place.get_forward_vector()), vector.dot(place.get_right_vector())


def _xyz(vector: Any) -> tuple[float, float, float]:
    return vector.x, vector.y, vector.z


def test_collisions_can_be_switched_off(rig: Rig) -> None:
    car = rig.vehicle()
    rig.tick()
    place = car.get_transform()
    place.location += _ahead(car, 8.0)
    other = rig.spawn("vehicle.audi.tt", place)
    hits = rig.listen("other.collision", car)
    car.set_collisions(False)
    car.set_target_velocity(_ahead(car, 10.0))
    rig.tick(30)
    assert car.get_velocity().length() > 9.0 and hits.inbox.empty()
    assert other.get_velocity().length() == 0.0


def test_a_collision_names_the_other_car_and_the_impulse(rig: Rig) -> None:
    car = rig.vehicle()
    rig.tick()
    place = car.get_transform()
    place.location += _ahead(car, 8.0)
    other = rig.spawn("vehicle.mercedes.sprinter", place)
    hits = rig.listen("other.collision", car)
    car.set_target_velocity(_ahead(car, 10.0))
    for _ in range(30):
        rig.tick()
    event = hits.next()
    assert event.actor.id == car.id
    assert (event.other_actor.id, event.other_actor.type_id) == (other.id, other.type_id)
    along, across = _local(car, event.normal_impulse)
    shared = 1.1 * 10.0 / (1.0 / 1800.0 + 1.0 / 2500.0)
    assert along == pytest.approx(-shared, rel=0.05) and abs(across) < 0.02 * shared


def test_a_collision_with_the_map_names_what_was_hit(running_server: Any, make_rig: Any) -> None:
    with running_server("--map", "LiteTown_3") as server:
        rig = make_rig(server.client())
        try:
            buildings = rig.world.get_environment_objects(carla.CityObjectLabel.Buildings)
            assert buildings
            events = []
            for building in buildings[:20]:
                box = building.bounding_box
                out = carla.Transform(box.location, box.rotation).get_forward_vector()
                place = carla.Transform(
                    box.location + out * (box.extent.x + 6.0),
                    carla.Rotation(yaw=box.rotation.yaw + 180.0),
                )
                place.location.z = 0.0
                car = rig.spawn("vehicle.tesla.model3", place)
                hits = rig.listen("other.collision", car)
                car.set_target_velocity(out * -15.0)
                rig.tick(12)
                if car.get_velocity().length() < 10.0:  # it was stopped: that is on its way
                    events.append(hits.next())
                hits.sensor.stop()
                while not hits.inbox.empty():
                    events.append(hits.next())
                car.destroy()
                if any(event.other_actor.type_id == "static.building" for event in events):
                    break
            (event, *_) = [e for e in events if e.other_actor.type_id == "static.building"]
            assert event.other_actor.id == 0
            assert event.other_actor.semantic_tags == [3]
        finally:
            rig.close()


def test_a_walker_walks_jumps_and_tells_its_control(rig: Rig) -> None:
    place = rig.world.get_map().get_spawn_points()[3]
    place.location.z = 1.0
    walker = rig.spawn("walker.pedestrian.0001", place)
    rig.tick()
    start = walker.get_location()
    assert start.z == pytest.approx(0.93)
    walker.apply_control(carla.WalkerControl(carla.Vector3D(0.0, 1.0, 0.0), 1.5, False))
    rig.tick(20)
    assert walker.get_location().y - start.y == pytest.approx(1.5, abs=1e-3)
    assert walker.get_transform().rotation.yaw == pytest.approx(90.0)
    assert _xyz(walker.get_velocity()) == pytest.approx((0.0, 1.5, 0.0), abs=1e-6)
    told = walker.get_control()
    assert _xyz(told.direction) == (0.0, 1.0, 0.0) and told.speed == 1.5 and not told.jump
    walker.apply_control(carla.WalkerControl(carla.Vector3D(0.0, 1.0, 0.0), 0.0, True))
    rig.tick(4)
    assert walker.get_location().z > 1.3 and walker.get_control().jump
    assert walker.semantic_tags == [12]
    assert walker.attributes["age"] == "adult"
    with pytest.raises(RuntimeError, match="unsupported: get_bones_transform"):
        walker.get_bones()


def test_a_walker_controller_is_spawned_and_moves_nobody(rig: Rig) -> None:
    place = rig.world.get_map().get_spawn_points()[3]
    walker = rig.spawn("walker.pedestrian.0001", place)
    controller = rig.spawn("controller.ai.walker", carla.Transform(), walker)
    rig.tick()
    controller.start()
    controller.go_to_location(rig.world.get_map().get_spawn_points()[5].location)
    before = walker.get_location()
    rig.tick(20)
    controller.stop()
    assert walker.get_location().distance(before) == 0.0


def test_a_client_that_joins_sees_everyone_in_place_before_any_tick(rig: Rig, server: Any) -> None:
    car = rig.vehicle(2)
    rig.tick()
    place = rig.world.get_map().get_spawn_points()[9]
    car.set_transform(place)
    car.get_physics_control()  # waited for, so that the teleport has arrived
    joined = server.client().get_world()
    deadline = time.monotonic() + TIMEOUT_S
    while (seen := joined.get_snapshot().find(car.id)) is None:  # its first state is on its way
        assert time.monotonic() < deadline, "no state arrived"
        time.sleep(0.005)
    assert seen.get_transform().location.distance(place.location) < 1e-3
