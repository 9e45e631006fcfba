"""Promises of the procedural maps, from the network alone."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from carla_lite.roads import RoadNetwork, UnknownMapError, available_maps, lane_strips, make_map
from carla_lite.roads.curves import evaluate

SEEDS = range(12)


def _free_roads(network: RoadNetwork) -> list:
    return [road for road in network.roads if road.junction_id is None]


def test_the_same_name_gives_the_same_bytes() -> None:
    for name in ("LiteCircuit_7", "LiteTown_7", "LiteTown01", "LiteTown02"):
        first, second = make_map(name), make_map(name)
        assert first.to_opendrive() == second.to_opendrive()
        np.testing.assert_array_equal(first.spawn_points, second.spawn_points)


def test_other_seeds_give_other_maps() -> None:
    for kind in ("LiteCircuit", "LiteTown"):
        texts = {make_map(f"{kind}_{seed}").to_opendrive().split("\n", 3)[3] for seed in SEEDS}
        assert len(texts) == len(SEEDS)


@pytest.mark.parametrize(
    "name",
    [
        "",
        "Town01",
        "LiteCircuit",
        "LiteCircuit_",
        "LiteTown_-1",
        "LiteTown_01",
        "LiteTown_1 ",
        "LiteTown03",
    ],
)
def test_an_unknown_map_is_refused_by_name_with_the_valid_forms(name: str) -> None:
    with pytest.raises(UnknownMapError) as error:
        make_map(name)
    assert repr(name) in str(error.value)
    assert "LiteCircuit_<seed>" in str(error.value)
    assert "LiteTown_<seed>" in str(error.value)
    assert "LiteTown01" in str(error.value)


def test_every_available_map_can_be_made() -> None:
    assert {"LiteTown01", "LiteTown02"} < set(available_maps())
    for name in available_maps():
        assert make_map(name).name == name


@pytest.mark.parametrize(
    "name",
    ["LiteTown02"] + [f"{kind}_{seed}" for kind in ("LiteCircuit", "LiteTown") for seed in SEEDS],
)
def test_reference_lines_are_smooth_within_roads_and_across_links(name: str) -> None:
    network = make_map(name)
    roads = {road.id: road for road in network.roads}
    for road in network.roads:
        for a, b in zip(road.geometries[:-1], road.geometries[1:], strict=True):
            assert b.s_m == pytest.approx(a.s_m + a.length_m)
            end = evaluate([replace(a, s_m=0.0)], np.array([a.length_m]))[0]
            np.testing.assert_allclose(end, (b.x_m, b.y_m, b.heading_rad), atol=1e-9)
        ends = evaluate(road.geometries, np.array([0.0, road.length_m]))
        for link, mine, contact in (
            (road.predecessor, ends[0], "end"),
            (road.successor, ends[1], "start"),
        ):
            if link is None or link.element == "junction":
                continue
            other = roads[link.id]
            theirs = evaluate(
                other.geometries, np.array([0.0 if link.contact == "start" else other.length_m])
            )[0]
            np.testing.assert_allclose(mine[:2], theirs[:2], atol=1e-6)
            # Roads that meet end to end or start to start run against each other.
            turn = mine[2] - theirs[2] + (np.pi if link.contact != contact else 0.0)
            assert abs((turn + np.pi) % (2 * np.pi) - np.pi) < 1e-6


@pytest.mark.parametrize("seed", SEEDS)
def test_a_circuit_is_one_ring_of_350_to_720_m_that_keeps_clear_of_itself(seed: int) -> None:
    network = make_map(f"LiteCircuit_{seed}")
    length = sum(road.length_m for road in network.roads)
    assert 350 <= length <= 720
    poses = np.concatenate(
        [evaluate(r.geometries, np.arange(0.0, r.length_m, 1.0)) for r in network.roads]
    )
    assert np.hypot(*(poses[-1, :2] - poses[0, :2])) < 2.0
    distance = np.hypot(*(poses[:, None, :2] - poses[None, :, :2]).transpose(2, 0, 1))
    apart = np.abs(np.subtract.outer(np.arange(len(poses)), np.arange(len(poses))))
    apart = np.minimum(apart, len(poses) - apart)
    assert distance[apart > 40].min() > 15.5


@pytest.mark.parametrize("seed", SEEDS)
def test_no_curve_is_tighter_than_a_car_can_take(seed: int) -> None:
    for kind in ("LiteCircuit", "LiteTown"):
        curvatures = [
            abs(g.curvature_per_m) for r in make_map(f"{kind}_{seed}").roads for g in r.geometries
        ]
        assert max(curvatures) <= 1 / 11.99


def test_circuits_hold_left_and_right_curves_and_straights_and_differ() -> None:
    lefts, rights, straights, tightest = 0.0, 0.0, 0.0, []
    for seed in range(30):
        pieces = [g for r in make_map(f"LiteCircuit_{seed}").roads for g in r.geometries]
        lefts += sum(g.length_m for g in pieces if g.curvature_per_m > 0)
        rights += sum(g.length_m for g in pieces if g.curvature_per_m < 0)
        straights += sum(g.length_m for g in pieces if g.curvature_per_m == 0)
        tightest.append(max(abs(g.curvature_per_m) for g in pieces))
    total = lefts + rights + straights
    assert min(lefts, rights) > 0.2 * total
    assert straights > 0.1 * total
    assert np.ptp(tightest) > 0.01


@pytest.mark.parametrize("kind", ["LiteCircuit", "LiteTown"])
@pytest.mark.parametrize("seed", SEEDS)
def test_spawn_points_are_spread_over_both_directions_on_lane_centres(kind: str, seed: int) -> None:
    network = make_map(f"{kind}_{seed}")
    length = sum(road.length_m for road in _free_roads(network))
    assert 2 * length / 32 < len(network.spawn_points) < 2 * length / 16
    for road in _free_roads(network):
        lanes = [s for s in lane_strips(RoadNetwork("one", (road,)), 0.1) if abs(s.lane.id) == 1]
        for strip in lanes:
            line = strip.driving_line()
            away = np.hypot(
                *(network.spawn_points[:, None, :2] - line[None, :, :2]).transpose(2, 0, 1)
            )
            near = away.min(axis=1) < 0.06
            assert near.any()
            yaw = line[away[near].argmin(axis=1), 2]
            turn = (network.spawn_points[near, 3] - yaw + 180) % 360 - 180
            assert np.abs(turn).max() < 0.5


def test_spawn_points_cannot_be_changed_by_their_readers() -> None:
    with pytest.raises(ValueError, match="read-only"):
        make_map("LiteCircuit_1").spawn_points[0, 0] = 0.0
