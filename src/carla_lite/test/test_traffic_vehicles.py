"""Scripted vehicles in worlds without sockets."""

from __future__ import annotations

import functools
import math
from typing import NamedTuple

import numpy as np
import pytest

from carla_lite.traffic import Traffic
from carla_lite.traffic.vehicles import GIVE_UP_S
from carla_lite.world import Rotation, Transform, Vector3, VehicleControl, World
from carla_lite.world.bodies import VEHICLE
from carla_lite.world.traffic_lights import LightState

TEN_MINUTES = 12_000


class Drive(NamedTuple):
    """What came out of ten simulated minutes."""

    vehicles: int
    collisions: int
    farthest_off_lane_m: float
    red_lights_run: int
    mean_speed_mps: float
    last_minute_mps: float
    longest_stand_s: float
    fastest_over_limit_mps: float


@functools.cache
def drive(map_name: str) -> Drive:
    """Lets thirty vehicles drive and watches them."""
    world = World(map_name)
    traffic = Traffic(world, vehicles=30, pedestrians=0)
    index, bodies = world.network.lane_index, world.population.rows
    standing, longest = np.zeros(bodies.count), 0.0
    speeds, collisions, reds, off, over = [], 0, 0, 0.0, -math.inf
    for step in range(TEN_MINUTES):
        at_red = (bodies.rows["at_light"] == 1) & (bodies.rows["light_state"] == LightState.RED)
        traffic.step()
        world.tick()
        rows = bodies.rows
        collisions += len(world.collisions)
        # A light no longer concerns whoever has passed its stop line.
        reds += int(np.sum(at_red & (rows["at_light"] == 0) & (rows["speed"] > 0.3)))
        speeds.append(float(rows["speed"].mean()))
        standing = np.where(rows["speed"] > 0.2, 0.0, standing + world.delta_s)
        longest = max(longest, float(standing.max()))
        if step % 5 == 0:
            places = index.locate(np.column_stack([rows["x"], rows["y"]]), rows["yaw"])
            assert places.lane.min() >= 0
            off = max(off, float(places.distance_m.max()))
            over = max(over, float((rows["speed"] - rows["speed_limit"] / 3.6).max()))
    last = float(np.mean(speeds[-1200:]))
    found = float(np.mean(speeds))
    return Drive(len(standing), collisions, off, reds, found, last, longest, over)


@pytest.fixture(params=["LiteTown01", "LiteTown02", "LiteTown_3"])
def result(request: pytest.FixtureRequest) -> Drive:
    return drive(request.param)


def test_thirty_vehicles_drive_ten_minutes_without_a_collision(result: Drive) -> None:
    assert (result.vehicles, result.collisions) == (30, 0)


def test_nobody_leaves_his_lane(result: Drive) -> None:
    assert result.farthest_off_lane_m < 0.6


def test_nobody_runs_a_red_light(result: Drive) -> None:
    assert result.red_lights_run == 0


def test_traffic_flows_to_the_end_and_nobody_stands_longer_than_lights_make_him(
    result: Drive,
) -> None:
    assert result.mean_speed_mps > 3.0
    assert result.last_minute_mps > 2.5
    assert result.longest_stand_s < 75.0  # four turns of a junction take 60 s


def test_limits_are_kept_but_for_the_braking_where_a_lower_one_begins(result: Drive) -> None:
    assert result.fastest_over_limit_mps < 1.0


# With one another


def _run(seed: int, *, people: int = 4, ticks: int = 400) -> bytes:
    world = World("LiteTown01", seed)
    traffic = Traffic(world, vehicles=20, pedestrians=people, seed=seed)
    ego = world.spawn("vehicle.tesla.model3", world.spawn_points[0])
    history = bytearray()
    for step in range(ticks):
        world.apply_control(ego.id, VehicleControl(throttle=0.4, steer=0.1 * math.sin(step / 20)))
        traffic.step()
        world.tick()
        history += world.population.records.tobytes()
    return bytes(history)


def test_the_same_seed_and_ego_give_the_same_states_byte_for_byte() -> None:
    assert _run(5) == _run(5)


def test_another_seed_gives_other_traffic() -> None:
    assert _run(5, ticks=2) != _run(6, ticks=2)


def test_pedestrians_do_not_change_who_drives_where_at_the_start() -> None:
    def vehicles(people: int) -> list[tuple[str, Transform]]:
        world = World("LiteTown01")
        Traffic(world, 12, people)
        return [(one.type_id, one.transform) for one in world.population.vehicles]

    assert vehicles(0) == vehicles(8)


def test_vehicles_are_of_many_kinds_and_bear_their_role() -> None:
    world = World("LiteTown01")
    Traffic(world, 40, 0)
    assert len({one.type_id for one in world.population.vehicles}) >= 8
    assert {one.attributes["role_name"] for one in world.population.vehicles} == {"traffic"}


def test_spawn_points_stay_free_for_clients_at_the_start() -> None:
    world = World("LiteTown01")
    Traffic(world, 30, 0)
    for place in world.spawn_points:
        world.spawn("vehicle.tesla.model3", place)


def test_fifty_vehicles_find_room_where_there_are_fewer_spawn_points() -> None:
    world = World("LiteCircuit_1")
    assert len(world.spawn_points) < 50
    assert len(Traffic(world, 50, 0).vehicles.ids) == 50


# With others


def _lane_of(world: World, actor_id: int) -> int:
    x, y, _ = world.actors[actor_id].transform.location
    place = world.network.lane_index.nearest(
        x, y, math.radians(world.actors[actor_id].transform.rotation.yaw)
    )
    assert place is not None
    return place.lane


def test_drivers_stop_behind_a_car_that_stands_in_their_lane() -> None:
    world = World("LiteCircuit_1")
    blockade = world.spawn("vehicle.tesla.model3", world.spawn_points[0])
    traffic = Traffic(world, 12, 0)
    for _ in range(900):
        traffic.step()
        world.tick()
        assert not world.collisions
    lane = _lane_of(world, blockade.id)
    queue = [one for one in traffic.vehicles.ids if _lane_of(world, one) == lane]
    x, y, _ = blockade.transform.location
    gaps = sorted(
        math.dist((x, y), world.actors[one].transform.location[:2]) - 4.79 for one in queue
    )
    assert gaps and 0.8 < gaps[0] < 4.0


def test_who_is_held_up_for_long_starts_again_out_of_sight() -> None:
    world = World("LiteCircuit_1")
    blockade = world.spawn("vehicle.tesla.model3", world.spawn_points[0])
    traffic = Traffic(world, 6, 0)
    before = {one: world.actors[one].transform.location for one in traffic.vehicles.ids}
    jumped = []
    for _ in range(round((GIVE_UP_S + 80.0) / world.delta_s)):
        traffic.step()
        world.tick()
        for one in traffic.vehicles.ids:
            now = world.actors[one].transform.location
            if math.dist(now, before[one]) > 3.0:
                jumped.append((one, now))
            before[one] = now
    assert jumped and not world.collisions
    for _, place in jumped:
        assert math.dist(place[:2], blockade.transform.location[:2]) > 55.0


def test_a_driver_brakes_for_a_pedestrian_who_steps_into_his_lane() -> None:
    world = World("LiteCircuit_1")
    traffic = Traffic(world, 1, 0)
    car = traffic.vehicles.ids[0]
    for _ in range(200):
        traffic.step()
        world.tick()
    place = world.actors[car].transform
    index = world.network.lane_index
    here = index.nearest(place.location.x, place.location.y, math.radians(place.rotation.yaw))
    assert here is not None and world.population.vehicle(car).speed_mps > 5.0
    row, along = here.lane, here.along_m + 35.0
    if along > index.length_m[row]:
        row, along = index.successors[row][0], along - float(index.length_m[row])
    x, y, _ = index.poses([row], [along])[0].tolist()
    world.spawn("walker.pedestrian.0001", Transform(Vector3(x, y, 1.0)))
    for _ in range(200):
        traffic.step()
        world.tick()
        assert not world.collisions
    stopped = world.actors[car].transform.location
    assert world.population.vehicle(car).speed_mps < 0.1
    assert 3.0 < math.dist(stopped[:2], (x, y)) < 8.0


def test_a_vehicle_that_a_client_destroys_is_gone_and_the_others_drive_on() -> None:
    world = World("LiteTown02")
    traffic = Traffic(world, 10, 0)
    for _ in range(100):
        traffic.step()
        world.tick()
    victim = traffic.vehicles.ids[3]
    world.destroy(victim)
    for _ in range(200):
        traffic.step()
        world.tick()
    assert victim not in traffic.vehicles.ids and len(traffic.vehicles.ids) == 9
    rows = world.population.rows.rows
    assert rows["speed"].mean() > 2.0


def test_a_vehicle_knocked_out_of_its_lane_finds_back() -> None:
    world = World("LiteCircuit_1")
    traffic = Traffic(world, 1, 0)
    car = traffic.vehicles.ids[0]
    for _ in range(200):
        traffic.step()
        world.tick()
    place = world.actors[car].transform
    yaw = math.radians(place.rotation.yaw)
    aside = Vector3(
        place.location.x - 1.5 * math.sin(yaw), place.location.y + 1.5 * math.cos(yaw), 0.0
    )
    world.set_transform(car, Transform(aside, Rotation(0.0, place.rotation.yaw + 10.0, 0.0)))
    for _ in range(100):
        traffic.step()
        world.tick()
    x, y, _ = world.actors[car].transform.location
    found = world.network.lane_index.nearest(x, y)
    assert found is not None and found.distance_m < 0.3


def test_traffic_comes_back_after_a_map_load() -> None:
    world = World("LiteTown01")
    traffic = Traffic(world, 8, 3)
    old = set(traffic.vehicles.ids + traffic.pedestrians.ids)
    for name in ("LiteCircuit_1", "LiteTown02", "LiteTown02"):
        world.load(name)
        traffic.step()
        world.tick()
        now = set(traffic.vehicles.ids + traffic.pedestrians.ids)
        assert len(traffic.vehicles.ids) == 8 and not old & now
        assert now <= set(world.actors)
        old = now


def test_drivers_indicate_before_they_turn_and_light_the_road_at_night() -> None:
    world = World("LiteTown01")
    traffic = Traffic(world, 15, 0)
    seen: set[int] = set()
    for _ in range(400):
        traffic.step()
        world.tick()
        seen |= set(world.population.rows.rows["lights"].tolist())
    assert seen == {0, 16, 32}
    world.set_weather(world.weather.__class__(sun_altitude_angle=-30.0))
    for _ in range(10):
        traffic.step()
        world.tick()
    rows = world.population.rows.rows
    assert np.all(rows["lights"][rows["kind"] == VEHICLE] & 3 == 3)
