"""What `furnish` promises of any map: free lanes, free sight, order and repeatability."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from carla_lite.roads import RoadNetwork, lane_strips, make_map, parse_opendrive
from carla_lite.roads.model import WALKABLE
from carla_lite.scenery import Scenery, Tag, furnish
from carla_lite.scenery.furnish import FIRST_OBJECT_ID

PARSED = "LiteTown_1 from its file"
MAPS = (PARSED, "LiteTown01", "LiteTown02", "LiteTown_3", "LiteCircuit_1", "LiteCircuit_2")
TOWNS = [name for name in MAPS if "Town" in name]
CIRCUITS = [name for name in MAPS if "Circuit" in name]
Floats = NDArray[np.float64]


@cache
def network_of(name: str) -> RoadNetwork:
    if name == PARSED:
        return parse_opendrive(make_map("LiteTown_1").to_opendrive(), "file")
    return make_map(name)


@cache
def scenery_of(name: str) -> Scenery:
    return furnish(network_of(name), seed=0)


def corners(scenery: Scenery, grow_m: float = 0.0) -> Floats:
    """Float64 (N, 4, 2), the footprints of all solids, widened on every side."""
    solids = scenery.solids
    half = solids["half"][:, :2].astype(float) + grow_m
    cos, sin = solids["heading"].astype(float).T
    signs = np.array([(1, 1), (-1, 1), (-1, -1), (1, -1)])
    u, v = (half[:, None] * signs).transpose(2, 0, 1)
    centre = solids["centre"].astype(float)
    x = centre[:, :1] + u * cos[:, None] - v * sin[:, None]
    y = centre[:, 1:2] + u * sin[:, None] + v * cos[:, None]
    return np.stack([x, y], axis=-1)


def lane_quads(network: RoadNetwork, walkable: bool) -> Floats:
    """Float64 (M, 4, 2), pieces of half a metre of all sidewalks, or of all other lanes."""
    quads = [
        np.stack([s.inner[:-1], s.inner[1:], s.outer[1:], s.outer[:-1]], axis=1)
        for s in lane_strips(network, 0.5)
        if s.lane.id and s.lane.kind != "none" and (s.lane.kind in WALKABLE) == walkable
    ]
    return np.concatenate([np.empty((0, 4, 2)), *quads])


def overlaps(polygon: Floats, others: Floats) -> NDArray[np.bool_]:
    """Whether a convex polygon (4, 2) overlaps each of the convex polygons (K, 4, 2)."""
    apart = np.zeros(len(others), bool)
    own = np.broadcast_to(polygon, others.shape)
    for edges_of in (own, others):
        edge = np.roll(edges_of, -1, axis=1) - edges_of
        normals = np.stack([-edge[..., 1], edge[..., 0]], axis=-1)
        a, b = (np.einsum("kij,kej->kei", points, normals) for points in (own, others))
        apart |= ((a.max(2) < b.min(2)) | (b.max(2) < a.min(2))).any(axis=1)
    return ~apart


def overlapping(polygons: Floats, others: Floats) -> list[int]:
    """Which of the polygons overlap any of the others."""
    low, high = others.min(axis=1), others.max(axis=1)
    found = []
    for i, polygon in enumerate(polygons):
        near = ((low <= polygon.max(0)) & (high >= polygon.min(0))).all(axis=1)
        if near.any() and overlaps(polygon, others[near]).any():
            found.append(i)
    return found


@pytest.mark.parametrize("name", MAPS)
def test_nothing_stands_within_thirty_centimetres_of_a_lane_for_vehicles(name: str) -> None:
    scenery = scenery_of(name)
    assert overlapping(corners(scenery, 0.3), lane_quads(network_of(name), walkable=False)) == []


@pytest.mark.parametrize("name", MAPS)
def test_only_lamps_stand_on_sidewalks(name: str) -> None:
    scenery = scenery_of(name)
    on_them = overlapping(corners(scenery), lane_quads(network_of(name), walkable=True))
    assert {int(tag) for tag in scenery.solids["tag"][on_them]} <= {Tag.POLE}


@pytest.mark.parametrize("name", TOWNS)
def test_street_lamps_stand_by_the_kerb_of_a_sidewalk(name: str) -> None:
    scenery, network = scenery_of(name), network_of(name)
    kerbs = np.concatenate(
        [s.inner for s in lane_strips(network, 0.5) if s.lane.kind == "sidewalk"]
    )
    assert len(scenery.lamps) >= 20
    for x, y, z in scenery.lamps:
        assert 0.7 < np.hypot(*(kerbs - (x, y)).T).min() < 1.4
        assert 4.0 < z < 8.0


@pytest.mark.parametrize("name", MAPS)
def test_no_two_buildings_overlap(name: str) -> None:
    scenery = scenery_of(name)
    buildings = scenery.solids["tag"] == Tag.BUILDING
    shapes, owners = corners(scenery)[buildings], scenery.solids["id"][buildings]
    for polygon, owner in zip(shapes, owners, strict=True):
        assert overlapping(polygon[None], shapes[owners != owner]) == []


@pytest.mark.parametrize("name", CIRCUITS)
def test_beside_circuits_everything_tall_keeps_four_metres_from_the_lanes(name: str) -> None:
    scenery = scenery_of(name)
    borders = np.concatenate(
        [p for s in lane_strips(network_of(name), 0.5) for p in (s.inner, s.outer)]
    )
    for part in scenery.solids:
        if part["centre"][2] + part["half"][2] < 1.5:
            continue
        cos, sin = part["heading"]
        offset = borders - part["centre"][:2]
        along, across = offset @ (cos, sin), offset @ (-sin, cos)
        beyond = np.maximum(np.abs(np.stack([along, across])) - part["half"][:2, None], 0.0)
        assert np.hypot(*beyond).min() >= 4.0


@pytest.mark.parametrize("name", CIRCUITS)
def test_nothing_hides_the_next_fifteen_metres_of_a_circuit(name: str) -> None:
    scenery = scenery_of(name)
    polygons = corners(scenery)
    sides = np.roll(polygons, -1, axis=1) - polygons
    for strip in lane_strips(network_of(name), 1.0):
        if strip.lane.kind != "driving":
            continue
        line = strip.driving_line()[:, :2]
        for eye, seen in zip(line[:-15:5], line[15::5], strict=True):
            sight = eye + np.linspace(0.0, 1.0, 30)[:, None] * (seen - eye)
            to_point = sight[:, None, None] - polygons[None]
            cross = sides[..., 0] * to_point[..., 1] - sides[..., 1] * to_point[..., 0]
            inside = (cross >= 0).all(axis=2) | (cross <= 0).all(axis=2)
            assert not inside.any()


@pytest.mark.parametrize("name", TOWNS)
def test_streets_of_a_town_are_lined_with_houses(name: str) -> None:
    scenery, network = scenery_of(name), network_of(name)
    houses = scenery.solids[scenery.solids["tag"] == Tag.BUILDING]["centre"][:, :2]
    kerbs = np.concatenate(
        [
            s.outer
            for s in lane_strips(network, 2.0)
            if s.lane.kind == "sidewalk" and s.road.junction_id is None
        ]
    )
    distance = np.hypot(*(kerbs[:, None] - houses[None]).transpose(2, 0, 1)).min(axis=1)
    assert np.mean(distance < 12.0) > 0.7


@pytest.mark.parametrize("name", MAPS)
def test_a_circuit_keeps_400_solids_and_a_town_2500(name: str) -> None:
    count = len(scenery_of(name).solids)
    assert 100 < count <= (2500 if "Town" in name else 400)


@pytest.mark.parametrize("name", MAPS)
def test_every_solid_lies_in_the_box_of_its_object_and_bears_its_tag(name: str) -> None:
    scenery = scenery_of(name)
    boxes = {thing.id: thing for thing in scenery.objects}
    assert len(boxes) == len(scenery.objects) == len({thing.name for thing in scenery.objects})
    assert set(scenery.solids["id"].tolist()) == set(boxes)
    assert min(boxes) == FIRST_OBJECT_ID
    for polygon, part in zip(corners(scenery), scenery.solids, strict=True):
        thing = boxes[int(part["id"])]
        yaw = np.radians(thing.yaw_deg)
        offset = polygon - np.array(thing.centre[:2])
        along = offset @ (np.cos(yaw), np.sin(yaw))
        across = offset @ (-np.sin(yaw), np.cos(yaw))
        assert np.abs(along).max() <= thing.half[0] + 1e-3
        assert np.abs(across).max() <= thing.half[1] + 1e-3
        assert abs(part["centre"][2] - thing.centre[2]) + part["half"][2] <= thing.half[2] + 1e-3
        assert part["tag"] == thing.tag


def test_nothing_hides_where_lights_and_signs_stand_or_people_cross() -> None:
    network, shapes = network_of("LiteTown01"), corners(scenery_of("LiteTown01"))
    assert len(network.signals) > 20 and len(network.crosswalks) > 10
    feet = np.array([(s.x_m, s.y_m) for s in network.signals])
    squares = feet[:, None] + 0.4 * np.array([(1, 1), (-1, 1), (-1, -1), (1, -1)])
    assert overlapping(shapes, squares) == []
    walks = np.array([walk.corners for walk in network.crosswalks if len(walk.corners) == 4])
    assert len(walks) and overlapping(shapes, walks) == []


def test_trees_have_a_trunk_of_wood_below_a_crown() -> None:
    scenery = scenery_of("LiteTown_3")
    tree = next(thing for thing in scenery.objects if thing.name.startswith("Tree"))
    parts = scenery.solids[scenery.solids["id"] == tree.id]
    trunk, *crown = parts
    assert tree.tag is Tag.VEGETATION
    assert trunk["centre"][2] - trunk["half"][2] == 0.0
    assert 1 <= len(crown) <= 2
    assert all(part["half"][0] > 4 * trunk["half"][0] for part in crown)


@settings(max_examples=5, deadline=None)
@given(st.integers(0, 10**6), st.integers(0, 10**6))
def test_the_same_map_and_seed_give_the_same_bytes(number: int, seed: int) -> None:
    network = make_map(f"LiteCircuit_{number}")
    one, other = furnish(network, seed), furnish(make_map(f"LiteCircuit_{number}"), seed)
    assert one.solids.tobytes() == other.solids.tobytes()
    assert one.objects == other.objects
    assert furnish(network, seed + 1).solids.tobytes() != one.solids.tobytes()


def test_what_is_furnished_cannot_be_changed() -> None:
    with pytest.raises(ValueError, match="read-only"):
        scenery_of("LiteCircuit_1").solids["centre"] = 0.0
