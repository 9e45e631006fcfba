"""Who is in the world, what cameras see of them and what snapshots tell."""

from __future__ import annotations

import math
import struct

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from carla_lite.scenery import Tag
from carla_lite.scenery.solids import (
    LIGHTS_BRAKE,
    LIGHTS_LEFT,
    LIGHTS_LOW_BEAM,
    LIGHTS_REVERSE,
    LIGHTS_RIGHT,
)
from carla_lite.world import (
    BLUEPRINTS,
    Rotation,
    Transform,
    Vector3,
    VehicleControl,
    WalkerControl,
    World,
)
from carla_lite.world.blueprints import Blueprint
from carla_lite.world.body import Body
from carla_lite.world.shapes import parts_of

# As the client reads it: id, state, transform, velocity, angular velocity, acceleration.
_RECORD = struct.Struct("<IB15f")
_VEHICLE = struct.Struct("<fff???ifB?IB24x")
_WALKER = struct.Struct("<ffff?37x")
SOLID_ONES = [blueprint for blueprint in BLUEPRINTS.values() if blueprint.mass_kg > 0.0]


@pytest.fixture
def world() -> World:
    return World("LiteCircuit_1")


def _records(world: World) -> dict[int, tuple[tuple[float, ...], bytes]]:
    data = world.population.records.tobytes()
    assert len(data) == 119 * len(world.actors)
    found = {}
    for start in range(0, len(data), 119):
        actor_id, *values = _RECORD.unpack_from(data, start)
        found[actor_id] = tuple(values), data[start + 65 : start + 119]
    assert list(found) == list(world.actors)
    return found


@pytest.mark.parametrize("blueprint", SOLID_ONES, ids=lambda blueprint: blueprint.id)
def test_parts_fill_the_bounding_box_and_do_not_leave_it(blueprint: Blueprint) -> None:
    parts, box = parts_of(blueprint, {}), blueprint.bounding_box
    low = (parts["centre"] - parts["half"]).min(axis=0)
    high = (parts["centre"] + parts["half"]).max(axis=0)
    centre, extent = np.array(box.location), np.array(box.extent)
    assert (low >= centre - extent - 1e-5).all() and (high <= centre + extent + 1e-5).all()
    assert high[2] - low[2] == pytest.approx(2.0 * extent[2], rel=1e-5)
    assert (parts["half"] > 0.0).all()
    tags = {Tag(int(tag)) for tag in parts["tag"]}
    assert blueprint.semantic_tag in tags and tags <= {blueprint.semantic_tag, Tag.RIDER}


def test_solids_stand_where_their_actors_are_and_bear_their_ids(world: World) -> None:
    car = world.spawn(
        "vehicle.tesla.model3",
        Transform(Vector3(10.0, -5.0, 0.0), Rotation(yaw=30.0)),
        {"color": "10,20,30"},
    )
    cone = world.spawn("static.prop.trafficcone01", Transform(Vector3(20.0, 0.0, 0.5)))
    world.tick()
    solids = world.population.solids()
    hull, cabin, *rest = solids[solids["id"] == car.id]
    assert not rest
    assert hull["centre"].tolist() == pytest.approx([10.0, -5.0, 0.31 * 1.49], abs=1e-5)
    assert hull["heading"].tolist() == pytest.approx(
        [math.cos(math.radians(30.0)), math.sin(math.radians(30.0))]
    )
    assert hull["bgr"].tolist() == [30, 20, 10] == cabin["bgr"].tolist()
    back = -0.12 * 4.79 / 2.0  # the cabin sits behind the middle
    assert cabin["centre"][:2].tolist() == pytest.approx(
        [10.0 + back * hull["heading"][0], -5.0 + back * hull["heading"][1]], abs=1e-5
    )
    assert float(solids[solids["id"] == cone.id]["centre"][:, 2].min()) >= 0.5
    assert set(world.population.solids(car.id)["id"]) == {cone.id}
    world.destroy(car.id)
    assert set(world.population.solids()["id"]) == {cone.id}


@pytest.mark.parametrize(
    ("control", "lights", "lamps"),
    [
        (VehicleControl(), 0, 0),
        (VehicleControl(brake=0.1), 0, LIGHTS_BRAKE),
        (VehicleControl(reverse=True), 0, LIGHTS_REVERSE),
        (VehicleControl(), 2, LIGHTS_LOW_BEAM),
        (VehicleControl(), 4, LIGHTS_LOW_BEAM),
        (VehicleControl(), 8 | 16, LIGHTS_BRAKE | LIGHTS_RIGHT),
        (VehicleControl(), 32 | 64, LIGHTS_LEFT | LIGHTS_REVERSE),
    ],
)
def test_lamps_follow_pedals_and_light_state(
    world: World, control: VehicleControl, lights: int, lamps: int
) -> None:
    car = world.spawn("vehicle.tesla.model3", world.spawn_points[0])
    world.apply_control(car.id, control)
    world.population.vehicle(car.id).lights = lights
    world.tick()
    assert world.population.solids()["lights"].tolist() == [lamps, lamps]


def test_a_record_tells_what_the_actor_does(world: World) -> None:
    car = world.spawn("vehicle.tesla.model3", world.spawn_points[0])
    eye = world.spawn("sensor.other.imu", Transform(Vector3(1.0, 2.0, 3.0)), None, car.id)
    walker = world.spawn("walker.pedestrian.0001", world.spawn_points[4])
    vehicle = world.population.vehicle(car.id)
    vehicle.set_traffic(50.0, 0, 77)
    world.apply_control(car.id, VehicleControl(0.75, -0.5, 0.25, True, False, True, 2))
    world.population.walker(walker.id).control = WalkerControl(Vector3(0.0, 1.0, 0.0), 1.5, False)
    world.set_target_velocity(car.id, Vector3(3.0, 1.0))
    for _ in range(3):
        world.tick()
    records = _records(world)
    moving, state = records[car.id]
    location, rotation = car.transform
    expected = (1, *location, *rotation, *car.velocity)
    assert moving[:10] == pytest.approx(expected, rel=1e-6, abs=1e-6)
    assert moving[12] == pytest.approx(math.degrees(vehicle.yaw_rate_rad_s), rel=1e-6)
    assert moving[13:16] == pytest.approx(tuple(car.acceleration), rel=1e-5, abs=1e-6)
    # Whether it is at a light is the traffic lights' business, which know of none here.
    told = _VEHICLE.unpack(state)
    assert told[:7] == (0.75, -0.5, 0.25, True, False, True, 2)
    assert told[7] > 0.0 and told[11] == 0
    assert records[eye.id][0][1:4] == pytest.approx(tuple(eye.transform.location), rel=1e-6)
    assert records[eye.id][1] == bytes(54)
    assert _WALKER.unpack(records[walker.id][1]) == (0.0, 1.0, 0.0, 1.5, False)
    assert records[walker.id][0][7:10] == pytest.approx((0.0, 1.5, 0.0), abs=1e-6)


@settings(max_examples=25, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 30)), max_size=40))
def test_coming_and_going_keeps_everyone_apart(events: list[tuple[int, int]]) -> None:
    """Rows and records move up when someone leaves; nobody may get another's."""
    world = World("LiteCircuit_1")
    kinds = ("vehicle.tesla.model3", "walker.pedestrian.0001", "static.prop.box01")
    spots = {}
    for number, (kind, which) in enumerate(events):
        bodies = world.population.bodies
        if kind < 3:
            place = Transform(Vector3(1000.0 + 20.0 * number, 0.0), Rotation(yaw=3.0 * number))
            actor = world.spawn(kinds[kind], place)
            spots[actor.id] = place
            world.spawn("sensor.other.imu", None, None, actor.id)
        elif bodies:
            gone = bodies[which % len(bodies)]
            world.destroy(gone.id)
            del spots[gone.id]
            assert gone.transform.location.x >= 1000.0  # the handle still knows where it was
        world.tick()
        records = _records(world)
        for body in world.population.bodies:
            place = spots[body.id]
            for x in (body.transform.location.x, records[body.id][0][1]):
                assert x == pytest.approx(place.location.x)
            assert body.transform.rotation.yaw == pytest.approx(place.rotation.yaw)
        assert set(world.population.solids()["id"]) == set(spots)


def test_a_prop_on_a_car_rides_along_and_pushes_nobody(world: World) -> None:
    car = world.spawn("vehicle.tesla.model3", world.spawn_points[0])
    box = world.spawn("static.prop.box01", Transform(Vector3(-1.0, 0.0, 1.5)), None, car.id)
    assert isinstance(box, Body)
    world.set_target_velocity(car.id, Vector3(5.0, 5.0))
    for _ in range(10):
        world.tick()
        assert not world.collisions
    x, y, yaw = car.pose()
    assert box.transform.location == pytest.approx((x - math.cos(yaw), y - math.sin(yaw), 1.5))
    solids = world.population.solids()
    assert solids[solids["id"] == box.id]["centre"][0, 2] == pytest.approx(1.5 + 0.28)
