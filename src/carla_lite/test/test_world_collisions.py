"""What happens when bodies touch each other, walkers, and what stands fast."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from carla_lite.scenery import Material, Shape, Solids, Tag, empty, solid
from carla_lite.world import Rotation, SpawnError, Transform, Vector3, VehicleControl, World
from carla_lite.world.body import Body
from carla_lite.world.collisions import Obstacles, separation

GREY = (128, 128, 128)


def _world(*solids: Solids) -> World:
    """A world without scenery but for these solids."""
    world = World("LiteCircuit_1")
    world.obstacles = Obstacles.build(np.concatenate([empty(), *solids]))
    return world


def _spawn(
    world: World, x: float, y: float = 0.0, yaw: float = 0.0, kind: str = "vehicle.tesla.model3"
) -> Body:
    actor = world.spawn(kind, Transform(Vector3(x, y, 0.0), Rotation(0.0, yaw, 0.0)))
    assert isinstance(actor, Body)
    return actor


def _until_contact(world: World, ticks: int = 60) -> list[object]:
    for _ in range(ticks):
        world.tick()
        if world.collisions:
            return list(world.collisions)
    raise AssertionError("nothing touched")


def _momentum(bodies: list[Body], places: list[tuple[float, ...]]) -> tuple[float, float, float]:
    """Along x, along y, and about the origin, with the bodies at these places."""
    px = py = about = 0.0
    for body, (x, y, *_) in zip(bodies, places, strict=True):
        vx, vy, _ = body.velocity
        px, py = px + body.mass_kg * vx, py + body.mass_kg * vy
        about += body.mass_kg * (x * vy - y * vx)
        about += float(body.row["inertia"]) * body.yaw_rate_rad_s
    return px, py, about


def _energy(bodies: list[Body]) -> float:
    straight = sum(body.mass_kg * math.hypot(*body.velocity) ** 2 for body in bodies)
    turning = sum(float(body.row["inertia"]) * body.yaw_rate_rad_s**2 for body in bodies)
    return 0.5 * (straight + turning)


def test_two_vehicles_meeting_head_on_stop_and_both_feel_it() -> None:
    world = _world()
    first, second = _spawn(world, 0.0), _spawn(world, 8.0, yaw=180.0)
    world.set_target_velocity(first.id, Vector3(6.0))
    world.set_target_velocity(second.id, Vector3(-6.0))
    one, other = _until_contact(world)
    assert (one.actor_id, one.other_id) == (first.id, second.id) and one.other is second
    assert (other.actor_id, other.other_id) == (second.id, first.id) and other.other is first
    assert one.impulse.x == pytest.approx(-1800.0 * 6.0 * 1.1, rel=0.02)  # a tenth bounces
    assert one.impulse.x == -other.impulse.x and one.impulse.y == pytest.approx(0.0, abs=1e-6)
    assert abs(first.velocity.x + 0.6) < 0.05 and abs(second.velocity.x - 0.6) < 0.05
    assert second.transform.location.x - first.transform.location.x >= 4.78


def test_a_rear_end_collision_pushes_the_heavier_car_ahead() -> None:
    world = _world()
    behind = _spawn(world, 0.0)
    ahead = _spawn(world, 7.0, kind="vehicle.carlamotors.carlacola")
    world.set_target_velocity(behind.id, Vector3(10.0))
    _until_contact(world)
    assert ahead.velocity.x == pytest.approx(1.1 * 10.0 * 1800.0 / (1800.0 + 6500.0), rel=0.05)
    assert behind.velocity.x < ahead.velocity.x


@settings(max_examples=60, deadline=None)
@given(
    st.floats(-1.5, 1.5),
    st.floats(-90.0, 90.0),
    st.floats(2.0, 25.0),
    st.floats(-2.0, 2.0),
    st.sampled_from(["vehicle.tesla.model3", "vehicle.mercedes.sprinter", "vehicle.audi.tt"]),
)
def test_a_contact_of_two_free_vehicles_keeps_momentum_and_makes_no_energy(
    offset: float, yaw: float, speed: float, spin: float, kind: str
) -> None:
    """At the moment of the contact; the tyres, which are from outside, are left out."""
    world = _world()
    first, second = _spawn(world, -7.0, offset), _spawn(world, 0.0, 0.0, yaw, kind)
    bodies = [first, second]
    first.row["x"], second.row["spin"] = -4.0, spin  # overlapping, as at the end of a tick
    first.velocity = Vector3(speed, 0.3 * offset, 0.0)
    places = [body.footprint() for body in bodies]
    before, energy = _momentum(bodies, places), _energy(bodies)
    found = world._collider.resolve(world.population, world.obstacles)
    assert _momentum(bodies, places) == pytest.approx(before, rel=1e-9, abs=1e-5)
    assert _energy(bodies) <= energy * (1.0 + 1e-9)
    if found:
        assert _energy(bodies) < energy or found[0].impulse == Vector3()
        apart = [np.array(body.footprint()) for body in bodies]
        assert separation(*apart)[0] < 1e-9


def test_a_hit_off_the_middle_turns_both_cars() -> None:
    world = _world()
    first, second = _spawn(world, 0.0), _spawn(world, 7.0, 1.4)
    world.set_target_velocity(first.id, Vector3(12.0))
    _until_contact(world)
    # The first is held back at its right front corner, the second pushed at its left rear one.
    assert first.yaw_rate_rad_s > 0.2 and second.yaw_rate_rad_s > 0.2
    for _ in range(100):
        world.tick()
    assert first.transform.rotation.yaw > 3.0 and second.transform.rotation.yaw > 3.0
    assert abs(float(first.row["spin"])) == 0.0  # friction has ended it


def test_a_car_hit_from_the_side_slides_and_stops() -> None:
    world = _world()
    striker, struck = _spawn(world, 0.0), _spawn(world, 6.0, yaw=90.0)
    world.set_target_velocity(striker.id, Vector3(10.0))
    _until_contact(world)
    assert struck.velocity.x > 4.0 and abs(float(struck.row["slip"])) > 4.0
    start = struck.transform.location.x
    for _ in range(60):
        world.tick()
    assert struck.transform.location.x > start + 1.0
    assert abs(struck.velocity.x) < 0.1


def test_a_prop_stands_fast_until_physics_moves_it() -> None:
    world = _world()
    car, barrier = _spawn(world, 0.0), _spawn(world, 5.0, kind="static.prop.streetbarrier")
    world.apply_control(car.id, VehicleControl(throttle=1.0))
    for _ in range(60):
        world.tick()
    assert barrier.transform.location == Vector3(5.0)
    assert car.transform.location.x < 5.0 - 0.65 - 2.39
    world.set_simulate_physics(barrier.id, True)
    for _ in range(40):
        world.tick()
    assert barrier.transform.location.x > 6.0
    assert car.velocity.x > 2.0  # twenty kilogrammes do not stop a car


def test_a_walker_is_thrown_and_the_car_hardly_slowed() -> None:
    world = _world()
    car = _spawn(world, 0.0)
    walker = world.spawn(
        "walker.pedestrian.0003", Transform(Vector3(6.0, 0.0, 1.0)), {"is_invincible": "false"}
    )
    world.set_target_velocity(car.id, Vector3(10.0))
    _until_contact(world)
    assert walker.has_fallen and walker.velocity.x > 8.0 and walker.velocity.z > 1.0
    assert 9.0 < car.velocity.x < 10.0
    world.apply_control(car.id, VehicleControl(brake=1.0))
    for _ in range(80):
        world.tick()
    assert math.hypot(*walker.velocity) == 0.0 and walker.transform.location.x > 10.0
    lying = world.population.solids()
    parts = lying[lying["id"] == walker.id]
    assert float((parts["centre"] + parts["half"])[:, 2].max()) < 0.6


def test_an_invincible_walker_stays_on_its_feet() -> None:
    world = _world()
    car = _spawn(world, 0.0)
    walker = world.spawn("walker.pedestrian.0003", Transform(Vector3(6.0, 0.0, 1.0)))
    world.set_target_velocity(car.id, Vector3(10.0))
    _until_contact(world)
    assert not walker.has_fallen


def _wall(x: float, tag: Tag = Tag.BUILDING, z: float = 3.0, half_z: float = 3.0) -> Solids:
    return solid((x, 0.0, z), (0.5, 10.0, half_z), 0.0, GREY, tag, owner=1 << 30)


@pytest.mark.parametrize(
    ("tag", "name"),
    [
        (Tag.BUILDING, "static.building"),
        (Tag.VEGETATION, "static.vegetation"),
        (Tag.POLE, "static.pole"),
        (Tag.TRAFFIC_LIGHT, "static.trafficlight"),
    ],
)
def test_a_wall_stops_a_car_and_is_named_as_carla_names_it(tag: Tag, name: str) -> None:
    world = _world(_wall(10.0, tag))
    car = _spawn(world, 0.0)
    world.set_target_velocity(car.id, Vector3(8.0))
    (event,) = _until_contact(world)
    assert (event.actor_id, event.other_id, event.other.type_id) == (car.id, 0, name)
    assert event.other.semantic_tag == tag
    assert event.impulse.x == pytest.approx(-1.1 * 8.0 * 1800.0, rel=0.02)
    for _ in range(20):
        world.tick()
        assert car.transform.location.x + 2.395 <= 9.5 + 1e-9


def test_a_glancing_wall_turns_a_car_along_itself() -> None:
    world = _world(solid((0.0, 3.0, 1.0), (50.0, 0.5, 1.0), 0.0, GREY, Tag.WALL))
    car = _spawn(world, -20.0, 0.0, 15.0)
    world.set_target_velocity(car.id, Vector3(10.0, 10.0 * math.tan(math.radians(15.0))))
    for _ in range(60):
        world.tick()
        _, y, half_x, half_y, yaw = car.footprint()
        corner = y + half_x * abs(math.sin(yaw)) + half_y * abs(math.cos(yaw))
        assert corner <= 2.5 + 1e-6
    assert abs(car.transform.rotation.yaw) < 10.0
    assert car.transform.location.x > -5.0


def test_what_hangs_overhead_or_lies_low_stops_nobody() -> None:
    crown = solid((10.0, 0.0, 5.0), (3.0, 3.0, 2.4), 0.0, GREY, Tag.VEGETATION,
                  material=Material.FOLIAGE, shape=Shape.ELLIPSOID)  # fmt: skip
    world = _world(
        crown, _wall(20.0, Tag.BRIDGE, z=5.0, half_z=2.4), _wall(30.0, z=0.05, half_z=0.05)
    )
    truck = _spawn(world, 0.0, kind="vehicle.carlamotors.firetruck")
    world.set_target_velocity(truck.id, Vector3(15.0))
    for _ in range(60):
        world.tick()
        assert not world.collisions
    assert truck.transform.location.x > 35.0


def test_a_body_without_collisions_passes_through_everything() -> None:
    world = _world(_wall(10.0))
    car, other = _spawn(world, 0.0), _spawn(world, 6.0)
    world.population.body(car.id).collides = False
    world.set_target_velocity(car.id, Vector3(15.0))
    for _ in range(30):
        world.tick()
        assert not world.collisions
    assert car.transform.location.x > 15.0 and other.transform.location.x == 6.0


def test_a_town_has_buildings_that_can_be_hit() -> None:
    world = World("LiteTown_3")
    buildings = [s for s in world.obstacles.solids if s["tag"] == Tag.BUILDING]
    for building in buildings:
        (x, y, _), (half, _, _) = building["centre"].tolist(), building["half"].tolist()
        cos, sin = building["heading"].tolist()
        out = half + 6.0
        facing = Rotation(0.0, math.degrees(math.atan2(sin, cos)) + 180.0, 0.0)
        car = world.spawn(
            "vehicle.tesla.model3", Transform(Vector3(x + out * cos, y + out * sin), facing)
        )
        world.set_target_velocity(car.id, Vector3(-15.0 * cos, -15.0 * sin))
        (event, *_) = _until_contact(world)
        world.destroy(car.id)
        # A neighbour may stand where the car was put; then it does not close on anything.
        if event.other.type_id == "static.building" and math.hypot(*event.impulse) > 0.0:
            break
    assert event.other.type_id == "static.building" and event.other_id == 0
    assert event.impulse.x * cos + event.impulse.y * sin > 1000.0


def test_the_sweep_finds_exactly_those_who_touch() -> None:
    world = _world()
    rng = np.random.default_rng(11)
    expected = []
    for number in range(60):
        x, y = 12.0 * (number % 8), 12.0 * (number // 8)  # in pairs, far from each other
        pair = [_spawn(world, 500.0 + 20.0 * number, 500.0 + 10.0 * k) for k in (0, 1)]
        for body in pair:
            dx, dy, yaw = rng.uniform(-2.0, 2.0), rng.uniform(-2.0, 2.0), rng.uniform(0.0, 360.0)
            body.transform = Transform(Vector3(x + dx, y + dy), Rotation(0.0, yaw, 0.0))
        if separation(*(np.array(body.footprint()) for body in pair))[0] > 0.0:
            expected.append((pair[0].id, pair[1].id))
    events = world._collider.resolve(world.population, world.obstacles)
    assert [(event.actor_id, event.other_id) for event in events[::2]] == expected
    assert 20 < len(expected) < 60


def test_no_contact_makes_anyone_faster_than_the_world_allows() -> None:
    world = _world()
    feather, anvil = _spawn(world, 0.0), _spawn(world, 5.5, 0.9, 30.0)
    feather.row["mass"], feather.row["inertia"], anvil.row["mass"] = 1e-6, 1e-9, 1e12
    anvil.velocity = Vector3(-190.0)
    feather.velocity = Vector3(190.0)
    feather.row["x"] = 1.5
    assert world._collider.resolve(world.population, world.obstacles)
    assert math.hypot(*feather.velocity) <= 200.0 * math.sqrt(2.0) + 1e-9
    assert abs(feather.yaw_rate_rad_s) <= 63.0


def test_nothing_is_spawned_where_it_would_fall_onto_another() -> None:
    world = _world()
    _spawn(world, 0.0)
    for kind in ("vehicle.audi.tt", "walker.pedestrian.0001"):
        with pytest.raises(SpawnError, match="collision at spawn position"):
            world.spawn(kind, Transform(Vector3(1.0, 0.0, 8.0)))
    world.spawn("static.prop.box01", Transform(Vector3(1.0, 0.0, 8.0)))  # stays up there
    _spawn(world, 10.0)
