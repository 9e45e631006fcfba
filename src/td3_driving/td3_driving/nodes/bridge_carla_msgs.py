"""What clients of carla ros-bridge listen to, where its package carla_msgs is installed.

The fields are filled as ros-bridge does (carla_ros_bridge/ego_vehicle.py, `send_vehicle_msgs`).
"""

from __future__ import annotations

import math
from types import ModuleType
from typing import Any

from geometry_msgs.msg import Quaternion, Vector3
from rclpy.node import Node
from std_msgs.msg import Header

from td3_driving.driving.frames import quaternion, rotation_matrix
from td3_driving.ros.topics import STREAM
from td3_driving.simulator import Command, Tick

try:
    from carla_msgs import msg as installed
except ImportError:  # it has no wheel; ros-bridge's users build it from source
    installed = None

STATUS = "vehicle_status"
APPLIED = "carla_msgs/vehicle_control_cmd"
"""Of its own, since vehicle_control_cmd is what we take, of another type."""


class CarlaMessages:
    """Publishes the vehicle's status and the command applied; nothing without carla_msgs.

    Args:
        node: The bridge.
        kinds: The module with the message classes; None where it is not installed.
    """

    def __init__(self, node: Node, kinds: ModuleType | None = installed) -> None:
        self._kinds: Any = kinds
        if kinds is not None:
            self._status = node.create_publisher(kinds.CarlaEgoVehicleStatus, STATUS, STREAM)
            self._applied = node.create_publisher(kinds.CarlaEgoVehicleControl, APPLIED, STREAM)

    def publish(self, tick: Tick, applied: Command, head: Header) -> None:
        """Publishes what is listened to.

        Args:
            tick: What the simulator said.
            applied: What led to it.
            head: In the map, with the tick's stamp.
        """
        if self._kinds is None:
            return
        if self._status.get_subscription_count():
            self._status.publish(status(self._kinds, tick, applied, head))
        if self._applied.get_subscription_count():
            command = control(self._kinds, applied)
            command.header = head
            self._applied.publish(command)


def control(kinds: Any, applied: Command) -> Any:
    """A CarlaEgoVehicleControl: throttle, brake in [0, 1], steer in [-1, 1] and + to the right."""
    return kinds.CarlaEgoVehicleControl(
        throttle=applied.throttle, steer=applied.steer, brake=applied.brake,
        hand_brake=applied.hand_brake, reverse=applied.reverse,
    )  # fmt: skip


def status(kinds: Any, tick: Tick, applied: Command, head: Header) -> Any:
    """A CarlaEgoVehicleStatus: speed [m/s], acceleration [m/s2] and orientation in map axes."""
    pose = tick.pose
    turned = rotation_matrix(pose.roll, pose.pitch, pose.yaw) @ tick.acceleration
    q = quaternion(pose.roll, pose.pitch, pose.yaw)
    message = kinds.CarlaEgoVehicleStatus(
        header=head,
        velocity=math.hypot(*tick.twist.linear),
        orientation=Quaternion(x=q.x, y=q.y, z=q.z, w=q.w),
        control=control(kinds, applied),
    )
    message.acceleration.linear = Vector3(**dict(zip("xyz", turned.tolist(), strict=True)))
    return message
