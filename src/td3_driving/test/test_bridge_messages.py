"""Messages of the bridge mean what REP-103 and REP-105 say."""

import math

import numpy as np
import pytest
from geometry_msgs.msg import Quaternion

from td3_driving.nodes import bridge_messages, bridge_transforms
from td3_driving.nodes.bridge_parameters import BridgeParameters
from td3_driving.ros.messages import header
from td3_driving.simulator import CameraConfig


def turn(q: Quaternion, vector: tuple[float, float, float]) -> np.ndarray:
    u, v = np.array([q.x, q.y, q.z]), np.array(vector)
    return v + 2 * np.cross(u, np.cross(u, v) + q.w * v)


@pytest.mark.parametrize("pitch_deg", [0.0, 8.0, 30.0])
def test_the_optical_frame_looks_forward_and_down_with_x_to_the_right(pitch_deg: float) -> None:
    mount = bridge_transforms.camera_mount(BridgeParameters(camera_pitch_deg=pitch_deg))
    rotation, pitch = mount.transform.rotation, math.radians(pitch_deg)
    assert turn(rotation, (0, 0, 1)) == pytest.approx([math.cos(pitch), 0, -math.sin(pitch)])
    assert turn(rotation, (1, 0, 0)) == pytest.approx([0, -1, 0])
    assert turn(rotation, (0, 1, 0)) == pytest.approx([-math.sin(pitch), 0, -math.cos(pitch)])
    assert (mount.header.frame_id, mount.child_frame_id) == (
        "ego_vehicle/base_link",
        "ego_vehicle/rgb_front",
    )


def test_every_pose_of_a_route_faces_the_next() -> None:
    points = np.array([[0.0, 0.0], [1.0, 0.0], [1.0, 1.0], [0.0, 1.0]])
    path = bridge_messages.route(points, header(0, "map"))
    ways = [turn(pose.pose.orientation, (1, 0, 0))[:2] for pose in path.poses]
    assert np.array(ways) == pytest.approx(np.array([[1, 0], [0, 1], [-1, 0], [-1, 0]]), abs=1e-12)


def test_a_point_ahead_projects_into_the_middle_of_the_picture() -> None:
    info = bridge_messages.camera_info(CameraConfig(width=800, height=600, fov_deg=60.0))
    u, v, w = info.k.reshape(3, 3) @ np.array([0.0, 0.0, 10.0])
    assert (u / w, v / w) == (400, 300)
    edge, _, w = info.k.reshape(3, 3) @ np.array([math.tan(math.radians(30)), 0.0, 1.0])
    assert edge / w == pytest.approx(800)


def test_parameters_make_the_session_that_they_describe() -> None:
    session = BridgeParameters(port=2100, camera_width=320, camera_pitch_deg=0.0).session()
    assert session.port == 2100
    assert session.camera == CameraConfig(width=320, pitch_deg=0.0)
