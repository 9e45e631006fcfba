"""map -> odom -> <role>/base_link -> <role>/rgb_front on /tf, where tf2_msgs is installed."""

from __future__ import annotations

import math

from geometry_msgs.msg import TransformStamped
from nav_msgs.msg import Odometry
from rclpy.node import Node

from td3_driving.driving.frames import quaternion
from td3_driving.nodes import bridge_messages as messages
from td3_driving.nodes.bridge_parameters import BridgeParameters
from td3_driving.ros.topics import LATCHED, STREAM

try:
    from tf2_msgs.msg import TFMessage
except ImportError:  # tf2_msgs has no wheel; an apt installation has it
    TFMessage = None


class Transforms:
    """Publishes the vehicle's frames; does nothing where tf2_msgs is missing.

    Odometry is exact here, so odom coincides with map, and map -> odom is static.
    """

    def __init__(self, node: Node, parameters: BridgeParameters) -> None:
        self._publisher = None
        if TFMessage is None:
            node.get_logger().info("tf2_msgs is not installed: no /tf")
            return
        self._publisher = node.create_publisher(TFMessage, "/tf", STREAM)
        self._static = node.create_publisher(TFMessage, "/tf_static", LATCHED)
        self._static.publish(TFMessage(transforms=[odom_in_map(), camera_mount(parameters)]))

    def publish(self, odometry: Odometry) -> None:
        """Publish where the vehicle is."""
        if self._publisher is None:
            return
        self._publisher.publish(TFMessage(transforms=[vehicle_in_odom(odometry)]))


def odom_in_map() -> TransformStamped:
    """map -> odom: the same place."""
    return _transform(messages.MAP, messages.ODOM)


def vehicle_in_odom(odometry: Odometry) -> TransformStamped:
    """odom -> base_link."""
    moved = _transform(messages.ODOM, odometry.child_frame_id)
    moved.header.stamp = odometry.header.stamp
    position, place = odometry.pose.pose.position, moved.transform.translation
    place.x, place.y, place.z = position.x, position.y, position.z
    moved.transform.rotation = odometry.pose.pose.orientation
    return moved


def camera_mount(parameters: BridgeParameters) -> TransformStamped:
    """base_link -> the camera's optical frame: x right, y down, z forward, tilted by its pitch."""
    role = parameters.role_name
    mount = _transform(messages.base_link(role), messages.rgb_front(role))
    place, turn = mount.transform.translation, mount.transform.rotation
    place.x, place.y, place.z = parameters.camera_x_m, parameters.camera_y_m, parameters.camera_z_m
    tilt = math.radians(parameters.camera_pitch_deg)
    turn.x, turn.y, turn.z, turn.w = quaternion(-math.pi / 2 - tilt, 0.0, -math.pi / 2)
    return mount


def _transform(parent: str, child: str) -> TransformStamped:
    transform = TransformStamped(child_frame_id=child)
    transform.header.frame_id = parent
    return transform
