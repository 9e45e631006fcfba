"""Promises of the lane index."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from carla_lite.roads import RoadNetwork, make_map
from carla_lite.roads.index import LaneIndex

NAMES = ("LiteTown01", "LiteTown02", "LiteCircuit_1")


def _distances(index: LaneIndex, point: np.ndarray) -> np.ndarray:
    """float64 (L,), to every lane's centre line, without any grid."""
    result = []
    for row in range(len(index.lanes)):
        a, b = index.line(row)[:-1], index.line(row)[1:]
        along = b - a
        t = np.clip(((point - a) * along).sum(1) / (along**2).sum(1), 0, 1)
        result.append(np.hypot(*(a + t[:, None] * along - point).T).min())
    return np.array(result)


@given(st.sampled_from(NAMES), st.integers(0, 2**32))
@settings(max_examples=25, deadline=None)
def test_the_nearest_lane_is_the_nearest_of_all(name: str, seed: int) -> None:
    network = make_map(name)
    x0, y0, x1, y1 = network.bounds
    rng = np.random.default_rng(seed)
    points = rng.uniform((x0 - 60, y0 - 60), (x1 + 60, y1 + 60), (12, 2))
    index = network.lane_index
    places = index.locate(points, reach_m=40.0)
    for i, point in enumerate(points):
        away = _distances(index, point)
        if away.min() > 40.0:
            assert places.lane[i] == -1
        else:
            assert places.distance_m[i] == pytest.approx(away.min(), abs=1e-9)
            assert away[places.lane[i]] == pytest.approx(away.min(), abs=1e-9)


@pytest.mark.parametrize("name", NAMES)
def test_a_place_says_where_on_the_lane_a_point_is(name: str) -> None:
    index = make_map(name).lane_index
    rng = np.random.default_rng(1)
    rows = rng.integers(0, len(index.lanes), 200).astype(np.int32)
    along = rng.uniform(0.05, 0.95, 200) * index.length_m[rows]
    aside = rng.uniform(-1.0, 1.0, 200)
    poses = index.poses(rows, along)
    right = np.column_stack([-np.sin(poses[:, 2]), np.cos(poses[:, 2])])
    places = index.locate(poses[:, :2] + aside[:, None] * right, poses[:, 2])
    same = places.lane == rows
    # In junctions lanes lie on each other, where another one may be as near.
    assert same.mean() > 0.6
    np.testing.assert_allclose(places.lateral_m[same], aside[same], atol=0.02)
    np.testing.assert_allclose(places.along_m[same], along[same], atol=0.2)
    turn = places.yaw_rad[same] - poses[same, 2]
    np.testing.assert_allclose((turn + np.pi) % (2 * np.pi) - np.pi, 0.0, atol=0.03)


def test_a_heading_picks_the_lane_that_is_driven() -> None:
    network = make_map("LiteTown01")
    index = network.lane_index
    for x, y, _, yaw in network.spawn_points[::5]:
        heading = np.radians(yaw)
        # A little over the centre line of the street, towards the oncoming traffic.
        x, y = x + 2.2 * np.sin(heading), y - 2.2 * np.cos(heading)
        here = index.nearest(x, y, heading)
        assert here is not None
        assert np.cos(here.yaw_rad - heading) > 0.9
        back = index.nearest(x, y, heading + np.pi)
        assert back is not None
        if not (index.left[here.lane] >= 0):
            assert np.cos(back.yaw_rad - heading) < -0.9


def test_nothing_is_found_out_of_reach() -> None:
    index = make_map("LiteCircuit_1").lane_index
    assert index.nearest(1e5, -1e5) is None
    assert index.nearest(1e300, 0.0) is None
    assert RoadNetwork("empty", ()).lane_index.nearest(0.0, 0.0) is None


@pytest.mark.parametrize("name", ["LiteTown01", "LiteTown02", "LiteTown_2", "LiteCircuit_3"])
def test_lanes_go_on_where_the_ones_before_them_end(name: str) -> None:
    index = make_map(name).lane_index
    for row, following in enumerate(index.successors):
        assert following, f"{index.lanes[row]} leads nowhere"
        end = index.line(row)[-1]
        for other in following:
            assert row in index.predecessors[other]
            np.testing.assert_allclose(index.line(other)[0], end, atol=1e-3)
            a = index.stations[index.start[row + 1] - 1, 2]
            b = index.stations[index.start[other], 2]
            assert np.cos(a - b) > 1 - 1e-6


def test_neighbours_lie_beside_each_other_in_the_same_direction() -> None:
    index = make_map("LiteTown01").lane_index
    pairs = [(row, int(left)) for row, left in enumerate(index.left) if left >= 0]
    assert len(pairs) >= 6
    for row, left in pairs:
        assert index.right[left] == row
        middle = index.poses([row], [index.length_m[row] / 2])[0]
        place = index.poses([left], [index.length_m[left] / 2])[0]
        # To the left of the traffic, in a frame whose y points right.
        left_of = np.array([np.sin(middle[2]), -np.cos(middle[2])])
        assert (place[:2] - middle[:2]) @ left_of == pytest.approx(3.5, abs=1e-6)


def test_distances_along_a_lane_and_along_the_road_go_together() -> None:
    index = make_map("LiteTown02").lane_index
    for row in range(len(index.lanes)):
        first, last = index.start[row], index.start[row + 1] - 1
        middle = (first + last) // 2
        s, along, _ = index.stations[middle]
        assert index.along(row, s) == pytest.approx(along)
        assert index.stations[last, 1] == index.length_m[row]
        assert index.stations[first, 1] == 0.0
        lengths = np.hypot(*np.diff(index.line(row), axis=0).T).sum()
        assert index.length_m[row] == pytest.approx(lengths)


@pytest.mark.parametrize(
    "points", [[[np.nan, 0.0]], [[np.inf, 0.0]], [0.0, 1.0], [[0.0, 1.0, 2.0]], [["a", "b"]]]
)
def test_points_that_are_none_are_refused(points: list) -> None:
    index = make_map("LiteCircuit_1").lane_index
    with pytest.raises(ValueError):
        index.locate(points)


def test_rows_and_distances_that_are_none_are_refused() -> None:
    index = make_map("LiteCircuit_1").lane_index
    for rows, along in (([-1], [0.0]), ([99], [0.0]), ([0], [np.nan]), ([0, 1], [0.0])):
        with pytest.raises(ValueError):
            index.poses(rows, along)
    with pytest.raises(ValueError, match="reach_m"):
        index.locate([[0.0, 0.0]], reach_m=1e9)
    with pytest.raises(ValueError, match="yaw_rad"):
        index.locate([[0.0, 0.0]], [np.nan])


def test_the_arrays_cannot_be_changed_by_their_readers() -> None:
    index = make_map("LiteCircuit_1").lane_index
    with pytest.raises(ValueError, match="read-only"):
        index.points[0, 0] = 1.0
