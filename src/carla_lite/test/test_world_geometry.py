"""Transforms and boxes, held against the real client's own arithmetic."""

from __future__ import annotations

import math

import carla
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from carla_lite.roads import make_map
from carla_lite.world import InvalidValueError, Rotation, Transform, Vector3
from carla_lite.world.collisions import separation
from carla_lite.world.geo import GeoReference
from carla_lite.world.geometry import (
    check_transform,
    compose,
    inverse_rotate,
    rotate,
    wrap_deg,
)

_metres = st.floats(-50, 50, width=32)
_vectors = st.builds(Vector3, _metres, _metres, _metres)
_angles = st.floats(-179, 179, width=32)
_rotations = st.builds(Rotation, st.floats(-85, 85, width=32), _angles, _angles)


def _carla(transform: Transform) -> carla.Transform:
    return carla.Transform(carla.Location(*transform.location), carla.Rotation(*transform.rotation))


@settings(max_examples=60, deadline=None)
@given(_vectors, _rotations, _vectors)
def test_a_mounted_place_is_where_the_client_computes_it(
    place: Vector3, rotation: Rotation, arm: Vector3
) -> None:
    parent = Transform(place, rotation)
    expected = _carla(parent).transform(carla.Location(*arm))
    actual = compose(parent, Transform(arm)).location
    assert tuple(actual) == pytest.approx((expected.x, expected.y, expected.z), abs=1e-3)


@settings(max_examples=60, deadline=None)
@given(_rotations, _rotations, _vectors)
def test_composed_rotations_turn_vectors_one_after_the_other(
    outer: Rotation, inner: Rotation, vector: Vector3
) -> None:
    both = compose(Transform(rotation=outer), Transform(rotation=inner)).rotation
    assert tuple(rotate(both, vector)) == pytest.approx(
        tuple(rotate(outer, rotate(inner, vector))), abs=1e-5
    )


@given(_rotations, _vectors)
def test_inverse_rotation_undoes_rotation(rotation: Rotation, vector: Vector3) -> None:
    back = inverse_rotate(rotation, rotate(rotation, vector))
    assert tuple(back) == pytest.approx(tuple(vector), abs=1e-9)


@given(st.floats(-1e5, 1e5))
def test_wrapped_angles_face_the_same_way(angle: float) -> None:
    assert -180.0 <= wrap_deg(angle) < 180.0
    assert math.cos(math.radians(wrap_deg(angle) - angle)) == pytest.approx(1.0)


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf, 1e7])
def test_a_place_out_of_this_world_is_refused(bad: float) -> None:
    for transform in (Transform(Vector3(y=bad)), Transform(rotation=Rotation(yaw=bad))):
        with pytest.raises(InvalidValueError, match="must be finite and within"):
            check_transform(transform)


@settings(max_examples=100, deadline=None)
@given(
    st.tuples(_metres, _metres, st.floats(0.3, 3), st.floats(0.3, 3), st.floats(-3, 3)),
    st.tuples(_metres, _metres, st.floats(0.3, 3), st.floats(0.3, 3), st.floats(-3, 3)),
    st.floats(0, 1),
)
def test_boxes_moved_by_their_separation_no_longer_overlap(
    first: tuple[float, ...], second: tuple[float, ...], nearness: float
) -> None:
    a, b = np.array(first), np.array(second)
    a[:2] = b[:2] + (a[:2] - b[:2]) * 0.1 * nearness  # near enough to overlap often
    depth, normal_x, normal_y = separation(a, b)
    assert separation(b, a)[0] == pytest.approx(depth)
    if depth > 0.0:
        assert math.hypot(normal_x, normal_y) == pytest.approx(1.0)
        a[:2] += np.array([normal_x, normal_y]) * (depth + 1e-6)
        assert separation(a, b)[0] == 0.0


def test_crossed_boxes_overlap_although_no_corner_lies_inside() -> None:
    long, wide = np.array([0.0, 0, 5, 0.5, 0]), np.array([0.0, 0, 0.5, 5, 0.3])
    assert separation(long, wide)[0] > 0.0
    wide[1] += 6.0
    assert separation(long, wide)[0] == 0.0


@pytest.mark.parametrize(("latitude", "longitude"), [(0.0, 0.0), (49.0, 8.0), (-33.5, 151.25)])
def test_gnss_positions_are_the_clients_own(latitude: float, longitude: float) -> None:
    text = make_map("LiteCircuit_1").to_opendrive()
    text = text.replace("+lat_0=0", f"+lat_0={latitude}").replace("+lon_0=0", f"+lon_0={longitude}")
    carla_map, reference = carla.Map("there", text), GeoReference.of_opendrive(text)
    assert reference == GeoReference(latitude, longitude)
    for place in (Vector3(), Vector3(300.0, -200.0, 5.0), Vector3(-1000.0, 1500.0, 1.0)):
        expected = carla_map.transform_to_geolocation(carla.Location(*place))
        assert reference.locate(place) == pytest.approx(
            (expected.latitude, expected.longitude, expected.altitude), abs=1e-8
        )
