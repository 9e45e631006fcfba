"""Lights and signs of a map as actors of a world."""

from __future__ import annotations

import math
import struct
from itertools import pairwise

import numpy as np
import pytest

from carla_lite.scenery.solids import LIGHTS_GREEN, LIGHTS_RED, LIGHTS_YELLOW, Material, Tag
from carla_lite.world import InvalidValueError, Rotation, Transform, Vector3, World, WorldError
from carla_lite.world.traffic_lights import LightState, TrafficLight

_STATE = struct.Struct("<32s4fI2B")


@pytest.fixture
def town() -> World:
    return World("LiteTown01")


def _record(world: World, actor_id: int) -> tuple[str, tuple[float, ...]]:
    """A light's part of its snapshot record: its signal's id, then the seven figures."""
    rows = world.population.records.rows
    raw = rows["state"][rows["id"] == actor_id].tobytes()
    name, *figures = _STATE.unpack(raw)
    return name.rstrip(b"\0").decode(), tuple(figures)


def _pose(world: World, row: int, along_m: float, turn_deg: float = 0.0) -> Transform:
    """A place on the middle of a lane, facing along it or turned away."""
    x, y, yaw = world.network.lane_index.poses([row], [along_m])[0].tolist()
    return Transform(Vector3(x, y, 0.0), Rotation(0.0, math.degrees(yaw) + turn_deg, 0.0))


def _states(lights: list[TrafficLight]) -> list[LightState]:
    return [light.state for light in lights]


def test_every_light_and_sign_of_the_map_is_an_actor_that_bears_its_signals_id(
    town: World,
) -> None:
    kinds = {"light": "traffic_light", "stop": "stop", "yield": "yield"}
    expected = {
        signal.id: f"traffic.speed_limit.{round(signal.value or 0)}"
        if signal.kind == "speed_limit"
        else f"traffic.{kinds[signal.kind]}"
        for signal in town.network.signals
        if signal.kind in ("light", "stop", "yield", "speed_limit")
    }
    assert len(expected) > 40
    found = {sign.sign_id: sign.type_id for sign in town.traffic_control.signs.values()}
    assert found == expected
    assert set(town.traffic_control.signs) <= set(town.actors)


def test_one_approach_is_green_for_ten_seconds_then_yellow_for_three_then_red_for_two(
    town: World,
) -> None:
    control = town.traffic_control
    group = control.groups[0]
    control.reset()
    first, second = group.turns[0].lights[0], group.turns[1].lights[0]
    seen: list[tuple[LightState, LightState]] = []
    for _ in range(round(16.0 / town.delta_s)):
        seen.append((first.state, second.state))
        town.tick()
    changes = [
        (round(i * town.delta_s, 6), now)
        for i, (before, now) in enumerate(pairwise(seen), start=1)
        if now != before
    ]
    red, yellow, green = LightState.RED, LightState.YELLOW, LightState.GREEN
    assert seen[0] == (green, red)
    assert changes == [(10.0, (yellow, red)), (13.0, (red, red)), (15.0, (red, green))]


def test_never_are_two_approaches_of_a_junction_open_at_once(town: World) -> None:
    closed = (LightState.RED,)
    for _ in range(1400):
        town.tick()
        for group in town.traffic_control.groups:
            turns = [any(s not in closed for s in _states(turn.lights)) for turn in group.turns]
            assert sum(turns) <= 1


def test_the_lights_of_one_junction_form_a_group(town: World) -> None:
    junctions = {signal.id: signal.junction_id for signal in town.network.signals}
    for group in town.traffic_control.groups:
        assert len({junctions[light.sign_id] for light in group.lights}) == 1
        assert [light.pole_index for light in group.lights] == list(range(len(group.lights)))


def test_a_record_tells_the_signals_id_the_times_the_state_and_the_elapsed_time(
    town: World,
) -> None:
    control = town.traffic_control
    control.reset()
    light = control.groups[0].turns[0].lights[0]
    control.set_times(light.id, green_s=7.0, yellow_s=1.5, red_s=0.5)
    for _ in range(10):
        town.tick()
    name, figures = _record(town, light.id)
    assert name == light.sign_id
    assert figures == (7.0, 1.5, 0.5, pytest.approx(0.5), 0, 0, LightState.GREEN)


def test_frozen_lights_keep_their_state_and_go_on_where_they_stopped(town: World) -> None:
    control = town.traffic_control
    control.reset()
    group, other = control.groups[:2]
    control.freeze(True, [group])
    for _ in range(300):
        town.tick()
    assert _states(group.turns[0].lights) == [LightState.GREEN]
    assert group.elapsed_s == 0.0
    assert other.current == 1
    assert _record(town, group.lights[0].id)[1][5] == 1
    control.freeze(False)
    town.tick()
    assert group.elapsed_s == pytest.approx(town.delta_s)


def test_a_state_set_by_hand_holds_until_the_cycle_switches_that_light(town: World) -> None:
    control = town.traffic_control
    control.reset()
    waiting = control.groups[0].turns[1].lights[0]
    control.set_state(waiting.id, LightState.OFF)
    for _ in range(round(14.9 / town.delta_s)):
        town.tick()
        assert waiting.state is LightState.OFF
    for _ in range(4):
        town.tick()
    assert waiting.state is LightState.GREEN


def test_times_of_zero_leave_the_world_running(town: World) -> None:
    control = town.traffic_control
    for turn in control.groups[0].turns:
        control.set_times(turn.lights[0].id, 0.0, 0.0, 0.0)
    town.tick()
    assert town.frame == 1


@pytest.mark.parametrize("seconds", [-1.0, math.nan, math.inf, 1e9])
def test_a_time_that_is_no_time_is_refused_with_the_lights_id(town: World, seconds: float) -> None:
    light = next(iter(town.traffic_control.lights.values()))
    with pytest.raises(InvalidValueError, match=str(light.id)):
        town.traffic_control.set_times(light.id, green_s=seconds)
    assert light.turn.green_s == 10.0


def test_cycles_begin_at_points_that_depend_on_the_seed_alone() -> None:
    def elapsed(seed: int) -> list[float]:
        groups = World("LiteTown01", seed).traffic_control.groups
        return [group.elapsed_s + 100.0 * group.current for group in groups]

    assert elapsed(3) == elapsed(3)
    assert elapsed(3) != elapsed(4)
    assert len(set(elapsed(3))) == len(elapsed(3))


def test_a_light_concerns_a_vehicle_from_fifteen_metres_before_its_line_to_the_line(
    town: World,
) -> None:
    index = town.network.lane_index
    line = next(line for line in town.network.stop_lines if line.kind == "light")
    light = town.traffic_control.lights[line.signal_id]
    row = index.row[line.road_id, line.section, line.lane_id]
    line_m = index.along(row, line.s_m)
    car = town.spawn("vehicle.tesla.model3", Transform(Vector3(0.0, 0.0, 0.0)))
    front = car.bounding_box.location.x + car.bounding_box.extent.x
    told = {}
    for before in (15.5, 14.5, 5.0, 0.5, -0.5):
        x, y, yaw = index.poses([row], [line_m - before - front])[0].tolist()
        town.set_transform(
            car.id, Transform(Vector3(x, y, 0.0), Rotation(0.0, math.degrees(yaw), 0.0))
        )
        town.tick()
        body = town.population.rows.rows[0]
        told[before] = bool(body["at_light"]), int(body["light_id"]), int(body["light_state"])
    at_none = False, 0, LightState.GREEN
    at_it = True, light.id, light.state
    assert told == {15.5: at_none, 14.5: at_it, 5.0: at_it, 0.5: at_it, -0.5: at_none}


def test_a_vehicle_that_faces_the_other_way_is_at_no_light(town: World) -> None:
    index = town.network.lane_index
    line = next(line for line in town.network.stop_lines if line.kind == "light")
    row = index.row[line.road_id, line.section, line.lane_id]
    before = index.along(row, line.s_m) - 8.0
    town.spawn("vehicle.tesla.model3", _pose(town, row, before, turn_deg=180.0))
    town.tick()
    assert not town.population.rows.rows[0]["at_light"]


def test_a_vehicle_knows_the_speed_limit_of_its_lane_in_kilometres_per_hour(
    town: World,
) -> None:
    index = town.network.lane_index
    limits: dict[float, int] = {}
    for row in range(len(index.lanes)):
        limits.setdefault(round(float(index.speed_mps[index.start[row]]), 3), row)
    assert len(limits) > 1
    car = town.spawn("vehicle.tesla.model3", town.spawn_points[0])
    for limit_mps, row in limits.items():
        x, y, yaw = index.poses([row], [float(index.length_m[row]) / 2.0])[0].tolist()
        town.set_transform(
            car.id, Transform(Vector3(x, y, 0.0), Rotation(0.0, math.degrees(yaw), 0.0))
        )
        for _ in range(4):
            town.tick()
        told = float(town.population.rows.rows[0]["speed_limit"])
        assert told == pytest.approx(3.6 * limit_mps, abs=0.01)


def test_heads_show_their_lamps_and_stand_with_poles_beside_the_lanes(town: World) -> None:
    control = town.traffic_control
    light = control.groups[0].turns[0].lights[0]
    lamps = {
        LightState.RED: LIGHTS_RED,
        LightState.YELLOW: LIGHTS_YELLOW,
        LightState.GREEN: LIGHTS_GREEN,
        LightState.OFF: 0,
    }
    control.freeze(True)
    for state, lit in lamps.items():
        control.set_state(light.id, state)
        town.tick()
        solids = town.population.solids()
        (head,) = solids[solids["id"] == light.id]
        assert (head["lights"], head["material"]) == (lit, Material.SIGNAL)
        assert head["tag"] == Tag.TRAFFIC_LIGHT
    poles = control.static_solids[control.static_solids["tag"] == Tag.POLE]
    places = town.network.lane_index.locate(poles["centre"][:, :2])
    assert len(poles) == len(control.signs)
    assert np.all(places.distance_m > 1.75)


def test_the_head_of_a_light_faces_the_traffic_that_heeds_it(town: World) -> None:
    index = town.network.lane_index
    for line in town.network.stop_lines:
        if line.kind != "light":
            continue
        light = town.traffic_control.lights[line.signal_id]
        row = index.row[line.road_id, line.section, line.lane_id]
        _, _, yaw = index.poses([row], [index.along(row, line.s_m)])[0].tolist()
        heads = town.traffic_control.head_solids
        cos, sin = heads["heading"][heads["id"] == light.id][0].tolist()
        assert cos * math.cos(yaw) + sin * math.sin(yaw) < -0.9


def test_signs_of_the_map_can_neither_be_destroyed_nor_moved(town: World) -> None:
    sign = next(iter(town.traffic_control.signs))
    with pytest.raises(WorldError, match="cannot be destroyed"):
        town.destroy(sign)
    with pytest.raises(WorldError, match="cannot be moved"):
        town.set_transform(sign, Transform())
    assert sign in town.actors


def test_a_map_load_brings_new_signs_under_new_ids(town: World) -> None:
    before = set(town.traffic_control.signs)
    town.load("LiteTown02")
    after = set(town.traffic_control.signs)
    assert after and not before & after
    assert after <= set(town.actors)


def test_records_stay_those_of_their_lights_while_other_actors_come_and_go(
    town: World,
) -> None:
    cars = [town.spawn("vehicle.tesla.model3", place) for place in town.spawn_points[:3]]
    town.destroy(cars[0].id)
    town.tick()
    for light in town.traffic_control.lights.values():
        name, figures = _record(town, light.id)
        assert (name, figures[6]) == (light.sign_id, light.state)
        assert figures[3] == pytest.approx(light.group.elapsed_s)
