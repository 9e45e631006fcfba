"""Promises of the towns: their lights, signs, crosswalks and limits."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from carla_lite.roads import RoadNetwork, lane_strips, make_map

TOWNS = ["LiteTown01", "LiteTown02", *(f"LiteTown_{seed}" for seed in range(8))]
each_town = pytest.mark.parametrize("name", TOWNS)


def _arms(network: RoadNetwork, junction_id: int) -> int:
    """How many streets meet there."""
    return sum(
        link is not None and link.element == "junction" and link.id == junction_id
        for road in network.roads
        for link in (road.predecessor, road.successor)
    )


@pytest.mark.parametrize(
    ("name", "roads", "length_m", "first", "last"),
    [
        (
            "LiteTown_1",
            99,
            2732.739372,
            [-50.396557, 115.086732, 0.3, 168.260682],
            [94.320621, -94.561816, 0.3, -102.267612],
        ),
        (
            "LiteTown_1007",
            95,
            2482.813115,
            [100.30915, 35.767781, 0.3, 77.808101],
            [-90.972303, -88.951762, 0.3, -176.170881],
        ),
        (
            "LiteCircuit_1",
            4,
            494.611724,
            [-27.781813, 33.155451, 0.3, 34.277315],
            [89.463082, 62.694126, 0.3, 150.805034],
        ),
        (
            "LiteCircuit_2000",
            4,
            462.802575,
            [70.878832, 12.185779, 0.3, -103.055728],
            [2.029018, -72.400255, 0.3, -8.163083],
        ),
    ],
)
def test_the_roads_of_known_seeds_stay_as_policies_were_trained_on(
    name: str, roads: int, length_m: float, first: list[float], last: list[float]
) -> None:
    network = make_map(name)
    assert len(network.roads) == roads
    assert sum(road.length_m for road in network.roads) == pytest.approx(length_m, abs=1e-5)
    np.testing.assert_allclose(network.spawn_points[[0, -1]], [first, last], atol=1e-5)


@each_town
def test_four_streets_meet_under_lights_and_three_by_signs_or_lights(name: str) -> None:
    network = make_map(name)
    kinds: dict[int, set[str]] = {}
    for signal in network.signals:
        if signal.junction_id is not None:
            kinds.setdefault(signal.junction_id, set()).add(signal.kind)
    for junction in network.junctions:
        arms, here = _arms(network, junction.id), kinds.get(junction.id, set())
        if arms == 4 or name == "LiteTown01":
            assert here == {"light"}
        elif arms == 3:
            assert here in ({"light"}, {"stop"}, {"yield"})
        else:
            assert not here


def test_the_second_town_has_stop_signs_yield_signs_and_lights() -> None:
    kinds = Counter(signal.kind for signal in make_map("LiteTown02").signals)
    assert min(kinds["stop"], kinds["yield"], kinds["light"]) >= 2


@each_town
def test_the_lights_of_a_junction_take_turns(name: str) -> None:
    network = make_map(name)
    controllers = {controller.id: controller for controller in network.controllers}
    lights = {signal.id: signal for signal in network.signals if signal.kind == "light"}
    switched: list[str] = []
    for junction in network.junctions:
        group = [controllers[name] for name in junction.controllers]
        assert sorted(c.sequence for c in group) == list(range(len(group)))
        for controller in group:
            switched += controller.signal_ids
            for signal_id in controller.signal_ids:
                assert lights[signal_id].controller_id == controller.id
                assert lights[signal_id].junction_id == junction.id
    assert sorted(switched) == sorted(lights)


@each_town
def test_every_way_through_a_light_is_held_by_the_light_of_its_street(name: str) -> None:
    network = make_map(name)
    held = {
        (place.road_id, signal.place.road_id)
        for signal in network.signals
        if signal.kind == "light"
        for place in signal.references
    }
    lit = {s.junction_id for s in network.signals if s.kind == "light"}
    ways = {
        (connection.connecting_road, connection.incoming_road)
        for junction in network.junctions
        if junction.id in lit
        for connection in junction.connections
    }
    assert held == ways


@each_town
def test_drivers_wait_before_the_crosswalk_beside_their_light(name: str) -> None:
    network = make_map(name)
    signals = {signal.id: signal for signal in network.signals}
    crosswalks = {
        (c.road_id, c.s_m < network.road_by_id[c.road_id].length_m / 2): c
        for c in network.crosswalks
    }
    for line in network.stop_lines:
        road = network.road_by_id[line.road_id]
        at_start = line.s_m < road.length_m / 2
        to_end = line.s_m if at_start else road.length_m - line.s_m
        crosswalk = crosswalks.get((line.road_id, at_start))
        if crosswalk is None:
            assert to_end == pytest.approx(0.4)
        else:
            beyond = crosswalk.s_m if at_start else road.length_m - crosswalk.s_m
            assert to_end - beyond == pytest.approx(crosswalk.width_m / 2 + 1.0)
        signal = signals[line.signal_id]
        foot = np.array([signal.x_m, signal.y_m])
        # The pole stands within sight: beyond the kerb, at the height of the line.
        middle = (np.array(line.start) + line.end) / 2
        forward = np.array([np.cos(a := np.radians(signal.yaw_deg)), np.sin(a)])
        assert abs((foot - middle) @ forward) < 0.8
        assert (foot - middle) @ (-forward[1], forward[0]) > 2.0


@each_town
def test_crosswalks_lead_from_kerb_to_kerb(name: str) -> None:
    network = make_map(name)
    walks = np.concatenate(
        [s.inner for s in lane_strips(network, 0.2) if s.lane.kind == "sidewalk"]
    )
    for crosswalk in network.crosswalks:
        centre, axis = np.array(crosswalk.centre), np.array(crosswalk.axis)
        for side in (-0.5, 0.5):
            end = centre + side * crosswalk.length_m * axis
            assert np.hypot(*(walks - end).T).min() < 0.15
        corners = np.array(crosswalk.corners)
        (a, b), (c, d) = corners[2] - corners[0], corners[3] - corners[1]
        area = 0.5 * abs(a * d - b * c)
        assert area == pytest.approx(crosswalk.length_m * crosswalk.width_m, rel=1e-9)
    assert network.crosswalks


@each_town
def test_towns_are_limited_to_30_or_50_and_signs_say_so(name: str) -> None:
    network = make_map(name)
    for road in network.roads:
        assert round(road.speeds[0].limit_mps * 3.6, 6) in (30.0, 50.0)
    signs = [signal for signal in network.signals if signal.kind == "speed_limit"]
    assert len(signs) > 10
    for sign in signs:
        road = network.road_by_id[sign.place.road_id]
        assert sign.value == pytest.approx(road.speeds[0].limit_mps * 3.6)


def test_circuits_are_limited_to_50_and_free_of_signals() -> None:
    for seed in range(4):
        network = make_map(f"LiteCircuit_{seed}")
        assert not network.signals
        assert not network.crosswalks
        assert {road.speeds[0].limit_mps * 3.6 for road in network.roads} == {50.0}


def test_the_avenue_of_the_first_town_has_two_lanes_each_way() -> None:
    network = make_map("LiteTown01")
    wide = [
        road
        for road in network.roads
        if [lane.kind for lane in road.sections[0].lanes].count("driving") == 4
    ]
    assert len(wide) == 3
    marks = {lane.id: lane.mark.kind for lane in wide[0].sections[0].lanes}
    assert (marks[0], marks[-1], marks[-2]) == ("solid solid", "broken", "solid")


def test_the_two_towns_are_of_different_kinds() -> None:
    curved, arms = {}, {}
    for name in ("LiteTown01", "LiteTown02"):
        network = make_map(name)
        streets = [road for road in network.roads if road.junction_id is None]
        pieces = [g for road in streets for g in road.geometries]
        turning = sum(g.length_m for g in pieces if abs(g.curvature_per_m) > 1e-4)
        curved[name] = turning / sum(g.length_m for g in pieces)
        arms[name] = Counter(_arms(network, junction.id) for junction in network.junctions)
        assert 1000 < sum(road.length_m for road in streets) < 4000
    assert curved["LiteTown01"] < 0.15 < 0.4 < curved["LiteTown02"]
    assert arms["LiteTown01"] == {4: 4, 3: 8}
    assert arms["LiteTown02"] == {4: 1, 3: 6}
