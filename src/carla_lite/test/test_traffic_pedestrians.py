"""Scripted pedestrians in worlds without sockets."""

from __future__ import annotations

import functools
import math
from typing import NamedTuple

import numpy as np
import pytest

from carla_lite.roads.lanes import lane_strips
from carla_lite.traffic import Traffic
from carla_lite.traffic.junctions import Desk
from carla_lite.traffic.roadmap import Way
from carla_lite.traffic.walkways import Kind, Walkways
from carla_lite.world import World
from carla_lite.world.bodies import WALKER


class Stroll(NamedTuple):
    """What came out of five simulated minutes."""

    walkers: int
    hit_by_vehicles: int
    mean_pace_mps: float
    share_on_the_street: float
    crossings: int
    longest_stand_s: float


@functools.cache
def stroll(map_name: str) -> Stroll:
    """Lets twenty people and as many cars go about, and watches the people."""
    world = World(map_name)
    traffic = Traffic(world, vehicles=20, pedestrians=20)
    index, cars = world.network.lane_index, set(traffic.vehicles.ids)
    people = world.population.rows.rows["kind"] == WALKER
    count = int(people.sum())
    hits: set[tuple[int, int]] = set()
    paces, on_street, was_out, crossings = [], 0, np.zeros(count, bool), 0
    standing, longest = np.zeros(count), 0.0
    for _ in range(6000):
        traffic.step()
        world.tick()
        rows = world.population.rows.rows[people]
        hits |= {(c.actor_id, c.other_id) for c in world.collisions if c.actor_id in cars}
        places = index.locate(np.column_stack([rows["x"], rows["y"]]))
        out = places.distance_m < 1.75
        crossings += int(np.sum(out & ~was_out))
        was_out = out
        on_street += int(out.sum())
        paces.append(float(rows["speed"].mean()))
        standing = np.where(rows["speed"] > 0.2, 0.0, standing + world.delta_s)
        longest = max(longest, float(standing.max()))
    share = on_street / (6000 * count)
    return Stroll(count, len(hits), float(np.mean(paces)), share, crossings, longest)


@pytest.mark.parametrize("map_name", ["LiteTown01", "LiteTown02"])
def test_people_cross_streets_and_no_car_hits_them(map_name: str) -> None:
    result = stroll(map_name)
    assert (result.walkers, result.hit_by_vehicles) == (20, 0)
    assert result.crossings > 20
    assert result.mean_pace_mps > 0.9
    assert result.longest_stand_s < 60.0


def test_people_are_on_sidewalks_most_of_the_time() -> None:
    assert stroll("LiteTown01").share_on_the_street < 0.25


def _crosses(speed_mps: float, *, reckless: bool = False) -> bool:
    """Whether someone at a crosswalk sets out while a car 20 m away has that speed."""
    world = World("LiteTown01")
    traffic = Traffic(world, 0, 1, reckless=reckless)
    people = traffic.pedestrians
    ways = people._walkways.ways
    number = next(n for n, way in enumerate(ways) if way.kind is Kind.CROSSWALK)
    person = people._people[0]
    people._enter(person, number, ways[number].nodes[0])
    x, y = ways[number].line.mean(axis=0).tolist()
    lane = world.network.lane_index.nearest(x, y)
    assert lane is not None and lane.along_m > 20.0
    x, y, yaw = world.network.lane_index.poses([lane.lane], [lane.along_m - 20.0])[0].tolist()
    world.spawn("vehicle.tesla.model3", world.spawn_points[0])
    row = world.population.rows.rows[-1]
    for _ in range(20):
        row["x"], row["y"], row["yaw"], row["speed"] = x, y, yaw, speed_mps
        traffic.step()
    return not person.waits


def test_who_looks_waits_for_a_car_that_comes_fast_and_not_for_one_that_stands() -> None:
    assert not _crosses(14.0)
    assert _crosses(0.0)


def test_the_reckless_cross_before_any_car() -> None:
    assert _crosses(14.0, reckless=True)


def test_sidewalks_join_to_a_net_that_reaches_every_part_of_a_town() -> None:
    world = World("LiteTown01")
    net = Walkways.build(world.network, world.static_solids)
    seen, todo = {0}, [0]
    while todo:
        node = todo.pop()
        for number in net.at_node[node]:
            other = net.ways[number].other(node)
            if other not in seen:
                seen.add(other)
                todo.append(other)
    assert len(seen) == len(net.at_node)
    kinds = [way.kind for way in net.ways]
    assert kinds.count(Kind.CROSSWALK) == len(world.network.crosswalks)
    assert 0 < kinds.count(Kind.STREET) <= len(world.network.roads)


def test_walkways_are_kept_for_a_map_until_other_posts_stand_on_it() -> None:
    world = World("LiteTown01")
    solids = world.static_solids
    kept = Walkways.of(world.network, solids)
    assert Walkways.of(world.network, solids.copy()) is kept
    bare = Walkways.of(world.network, solids[:0])
    assert all(np.array_equal(a.line, b.line) for a, b in zip(kept.ways, bare.ways, strict=True))
    assert sum(len(way.posts) for way in kept.ways) > 0 == sum(len(way.posts) for way in bare.ways)


def test_ways_keep_to_the_sidewalk_and_go_round_posts() -> None:
    world = World("LiteTown01")
    net = Walkways.build(world.network, world.static_solids)
    strips = [s for s in lane_strips(world.network, 0.5) if s.lane.kind == "sidewalk"]
    middle = np.concatenate([strip.centre for strip in strips])
    posts = 0
    for way in net.ways:
        if way.kind is not Kind.SIDEWALK:
            continue
        for node in way.nodes:
            track = way.track(node, 0.5)
            away = np.hypot(*(track[:, None] - middle[None]).transpose(2, 0, 1)).min(axis=1)
            assert away.max() < 1.6
            for x, y, radius in way.posts.tolist():
                posts += 1
                assert np.hypot(track[:, 0] - x, track[:, 1] - y).min() > radius + 0.2
    assert posts > 20


def test_a_map_without_sidewalks_has_no_pedestrians() -> None:
    world = World("LiteCircuit_4")
    sidewalks = any(s.lane.kind == "sidewalk" for s in lane_strips(world.network, 10.0))
    assert len(Traffic(world, 0, 5).pedestrians.ids) == (5 if sidewalks else 0)


def test_a_pedestrian_whom_a_client_destroys_is_gone_and_the_others_walk_on() -> None:
    world = World("LiteTown01")
    traffic = Traffic(world, 0, 5)
    victim = traffic.pedestrians.ids[1]
    world.destroy(victim)
    start = {one: world.actors[one].transform.location for one in traffic.pedestrians.ids}
    for _ in range(200):
        traffic.step()
        world.tick()
    assert victim not in traffic.pedestrians.ids
    moved = [math.dist(world.actors[one].transform.location, start[one]) for one in start]
    assert len(moved) == 4 and max(moved) > 5.0


def test_someone_who_was_knocked_over_gets_up_again() -> None:
    world = World("LiteTown01")
    traffic = Traffic(world, 0, 1)
    row = world.population.rows.rows[0]
    row["fallen"] = 1
    for _ in range(100):
        traffic.step()
        world.tick()
    assert row["fallen"] == 1
    for _ in range(150):
        traffic.step()
        world.tick()
    assert row["fallen"] == 0 and float(row["speed"]) > 0.5


# Reservations


def _way(number: int, crossed_by: int = 0) -> Way:
    return Way(7, (number,), 1 << number, crossed_by, 0.0)


def test_ways_that_cross_are_never_held_at_once_and_others_are() -> None:
    desk = Desk()
    first, across, beside = _way(0, 0b010), _way(1, 0b001), _way(2)
    desk.begin_round({})
    assert desk.request(1, first)
    assert not desk.request(2, across)
    assert desk.request(3, beside)
    desk.release(1, first)
    assert desk.request(2, across)
    assert desk.heading_for(7) == {3: beside, 2: across}


def test_an_impatient_driver_keeps_newcomers_off_what_he_waits_for() -> None:
    desk = Desk()
    first, across = _way(0, 0b010), _way(1, 0b001)
    desk.begin_round({})
    assert desk.request(1, first)
    desk.begin_round({})
    assert not desk.request(2, across, impatient=True)
    assert not desk.request(3, first)
    desk.release(1, first)
    desk.begin_round({})
    assert desk.request(2, across, impatient=True)


def test_nobody_enters_where_a_stranger_is() -> None:
    desk = Desk()
    desk.begin_round({7: 0b001})
    assert not desk.request(1, _way(1, 0b001))
    assert desk.request(1, _way(2, 0b010))


def test_who_is_forgotten_holds_nothing() -> None:
    desk = Desk()
    desk.begin_round({})
    assert desk.request(1, _way(0, 0b010))
    desk.forget(1)
    assert desk.request(2, _way(1, 0b001))
