"""Where carla_msgs is installed, the bridge says what carla ros-bridge says.

The package has no wheel: classes of the same fields, checked by type as rclpy's are, stand for its.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from geometry_msgs.msg import Accel, Quaternion
from std_msgs.msg import Header

from td3_driving.driving.frames import Pose, Vector
from td3_driving.nodes.bridge_carla_msgs import APPLIED, STATUS, CarlaMessages
from td3_driving.ros.messages import header
from td3_driving.simulator import Command, Gnss, Imu, Tick, Twist


@dataclass
class CarlaEgoVehicleControl:
    """msg/CarlaEgoVehicleControl.msg of ros-carla-msgs."""

    header: Header = field(default_factory=Header)
    throttle: float = 0.0
    steer: float = 0.0
    brake: float = 0.0
    hand_brake: bool = False
    reverse: bool = False
    gear: int = 0
    manual_gear_shift: bool = False


@dataclass
class CarlaEgoVehicleStatus:
    """msg/CarlaEgoVehicleStatus.msg of ros-carla-msgs."""

    header: Header = field(default_factory=Header)
    velocity: float = 0.0
    acceleration: Accel = field(default_factory=Accel)
    orientation: Quaternion = field(default_factory=Quaternion)
    control: CarlaEgoVehicleControl = field(default_factory=CarlaEgoVehicleControl)


KINDS: Any = SimpleNamespace(
    CarlaEgoVehicleControl=CarlaEgoVehicleControl, CarlaEgoVehicleStatus=CarlaEgoVehicleStatus
)
APPLIED_NOW = Command(throttle=0.5, steer=-0.25, brake=0.125, hand_brake=True, reverse=True)
NORTH = Pose(1.0, 2.0, 0.5, 0.0, 0.0, math.pi / 2)


class Publisher:
    """Keeps what is published."""

    def __init__(self, listeners: int) -> None:
        self._listeners, self.sent = listeners, []

    def get_subscription_count(self) -> int:
        return self._listeners

    def publish(self, message: Any) -> None:
        self.sent.append(message)


class Node:
    """A node whose topics have so many listeners each."""

    def __init__(self, listeners: int = 1) -> None:
        self._listeners = listeners
        self.topics: dict[str, Publisher] = {}

    def create_publisher(self, kind: type, name: str, qos: Any) -> Publisher:
        assert kind.__name__.startswith("CarlaEgoVehicle")
        assert qos.depth == 10
        self.topics[name] = Publisher(self._listeners)
        return self.topics[name]


def tick(pose: Pose = NORTH) -> Tick:
    nothing = Vector(0.0, 0.0, 0.0)
    return Tick(
        frame=1, stamp_s=3.25, image=np.zeros((2, 2, 4), np.uint8), pose=pose,
        twist=Twist(Vector(3.0, -4.0, 0.0), nothing), acceleration=Vector(2.0, 1.0, 9.0),
        imu=Imu(nothing, nothing, 0.0), gnss=Gnss(0.0, 0.0, 0.0), collisions=(), lane_invasions=(),
    )  # fmt: skip


def published(listeners: int = 1) -> dict[str, list[Any]]:
    node: Any = Node(listeners)
    CarlaMessages(node, KINDS).publish(tick(), APPLIED_NOW, header(3_250_000_000, "map"))
    return {name: publisher.sent for name, publisher in node.topics.items()}


def test_the_status_is_the_speed_and_the_acceleration_and_orientation_in_the_map() -> None:
    (status,) = published()[STATUS]
    assert (status.header.frame_id, status.header.stamp.sec) == ("map", 3)
    assert status.velocity == pytest.approx(5.0)
    linear = status.acceleration.linear
    assert (linear.x, linear.y, linear.z) == pytest.approx((-1.0, 2.0, 9.0))
    q = status.orientation
    assert (q.x, q.y, q.z, q.w) == pytest.approx((0.0, 0.0, math.sqrt(0.5), math.sqrt(0.5)))


def test_the_command_is_carlas_own_and_in_both_messages() -> None:
    sent = published()
    (status,), (command,) = sent[STATUS], sent[APPLIED]
    for told in (status.control, command):
        assert (told.throttle, told.steer, told.brake) == (0.5, -0.25, 0.125)
        assert told.hand_brake and told.reverse and not told.manual_gear_shift
    assert command.header.stamp.nanosec == 250_000_000


def test_nothing_is_made_for_nobody_and_nothing_at_all_without_the_package() -> None:
    assert published(listeners=0) == {STATUS: [], APPLIED: []}
    node: Any = Node()
    CarlaMessages(node, None).publish(tick(), APPLIED_NOW, header(0, "map"))
    assert node.topics == {}
