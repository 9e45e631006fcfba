"""map -> odom -> <role>/base_link -> <role>/rgb_front on /tf, where tf2_msgs is installed."""

from __future__ import annotations

import math

from geometry_msgs.msg import TransformStamped
from nav_msgs.msg import Odometry
from rclpy.node import Node

from td3_driving.nodes import bridge_messages as messages
from td3_driving.nodes.bridge_parameters import BridgeParameters
from td3_driving.ros.topics import LATCHED, STREAM
from td3_driving.simulator.frames import quaternion

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
        body = messages.base_link(parameters.role_name)
        to_odom = _transform(messages.MAP, messages.ODOM)
        to_camera = _transform(body, messages.rgb_front(parameters.role_name))
        offset, turn = to_camera.transform.translation, to_camera.transform.rotation
        offset.x = parameters.camera_x_m
        offset.y = parameters.camera_y_m
        offset.z = parameters.camera_z_m
        # Optical: z forward and x right, and the camera's pitch about what was the body's y.
        q = quaternion(-math.pi / 2 - parameters.camera_pitch_rad, 0.0, -math.pi / 2)
        turn.x, turn.y, turn.z, turn.w = q
        self._static.publish(TFMessage(transforms=[to_odom, to_camera]))

    def publish(self, odometry: Odometry) -> None:
        """Publish where the vehicle is."""
        if self._publisher is None:
            return
        moved = _transform(messages.ODOM, odometry.child_frame_id)
        moved.header.stamp = odometry.header.stamp
        position = odometry.pose.pose.position
        moved.transform.translation.x = position.x
        moved.transform.translation.y = position.y
        moved.transform.translation.z = position.z
        moved.transform.rotation = odometry.pose.pose.orientation
        self._publisher.publish(TFMessage(transforms=[moved]))


def _transform(parent: str, child: str) -> TransformStamped:
    transform = TransformStamped(child_frame_id=child)
    transform.header.frame_id = parent
    return transform
