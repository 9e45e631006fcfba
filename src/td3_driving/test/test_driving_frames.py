"""CARLA's left-handed degrees and REP-103 describe the same world."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from td3_driving.driving import frames
from td3_driving.driving.frames import Pose, Vector

metres = st.floats(-1e4, 1e4)
angles = st.floats(-3.1, 3.1)
vectors = st.builds(Vector, metres, metres, metres)
poses = st.builds(Pose, metres, metres, metres, angles, st.floats(-1.5, 1.5), angles)


@given(poses)
def test_a_pose_survives_the_way_to_carla_and_back(pose: Pose) -> None:
    assert frames.pose_from_carla(*frames.pose_to_carla(pose)) == pytest.approx(pose)


@given(vectors)
def test_mirrors_are_their_own_inverse(vector: Vector) -> None:
    assert frames.mirror_vector(*frames.mirror_vector(*vector)) == vector
    assert frames.mirror_axial(*frames.mirror_axial(*vector)) == vector
    assert frames.mirror_points(frames.mirror_points([vector])).tolist() == [list(vector)]


@given(vectors, vectors)
def test_the_velocity_of_a_point_of_a_turning_body_is_the_same_in_both_worlds(
    rate: Vector, arm: Vector
) -> None:
    # Both worlds write v = rate x arm; only so does the axial rule follow from the polar one.
    there = np.cross(rate, arm)
    here = np.cross(frames.mirror_axial(*rate), frames.mirror_vector(*arm))
    assert here == pytest.approx(frames.mirror_vector(*there), abs=1e-6)


@given(st.floats(-720, 720))
def test_carla_forward_is_forward(yaw_deg: float) -> None:
    """carla.Rotation's forward vector, mirrored, is the x axis of our body."""
    yaw = math.radians(yaw_deg)
    pose = frames.pose_from_carla(0, 0, 0, 0, yaw_deg, 0)
    expected = frames.mirror_vector(math.cos(yaw), math.sin(yaw), 0)
    assert frames.rotation_matrix(*pose[3:])[:, 0] == pytest.approx(expected, abs=1e-9)


def test_right_is_negative_and_nose_up_is_negative() -> None:
    pose = frames.pose_from_carla(1, 2, 3, pitch_deg=10, yaw_deg=90, roll_deg=5)
    assert pose == pytest.approx(
        Pose(1, -2, 3, math.radians(5), math.radians(-10), math.radians(-90))
    )


def test_a_right_turn_has_a_negative_yaw_rate() -> None:
    assert frames.angular_velocity_from_carla(0, 0, 90).z == pytest.approx(-math.pi / 2)


@pytest.mark.parametrize(("compass_deg", "yaw_deg"), [(0, 90), (90, 0), (180, -90), (270, 180)])
def test_compass_north_is_plus_y(compass_deg: float, yaw_deg: float) -> None:
    heading = frames.heading_from_compass(math.radians(compass_deg))
    assert math.cos(heading) == pytest.approx(math.cos(math.radians(yaw_deg)), abs=1e-12)
    assert math.sin(heading) == pytest.approx(math.sin(math.radians(yaw_deg)), abs=1e-12)


@given(st.floats(-1e3, 1e3))
def test_a_wrapped_angle_points_the_same_way(angle: float) -> None:
    wrapped = frames.wrap(angle)
    assert -math.pi < wrapped <= math.pi
    assert math.cos(wrapped - angle) == pytest.approx(1.0)


@given(angles, st.floats(-1.5, 1.5), angles, vectors)
def test_quaternion_and_matrix_turn_alike(
    roll: float, pitch: float, yaw: float, vector: Vector
) -> None:
    q = frames.quaternion(roll, pitch, yaw)
    assert math.hypot(*q) == pytest.approx(1.0)
    # v' = v + 2 u x (u x v + w v)
    u = np.array(q[:3])
    turned = np.array(vector) + 2 * np.cross(u, np.cross(u, vector) + q.w * np.array(vector))
    matrix = frames.rotation_matrix(roll, pitch, yaw)
    assert turned == pytest.approx(matrix @ np.array(vector), abs=1e-6)


@given(poses, vectors)
def test_what_the_body_sees_turned_back_is_what_the_map_saw(pose: Pose, vector: Vector) -> None:
    (seen,) = frames.to_body(pose, vector)
    back = frames.rotation_matrix(pose.roll, pose.pitch, pose.yaw) @ np.array(seen)
    assert back == pytest.approx(vector, abs=1e-6)
