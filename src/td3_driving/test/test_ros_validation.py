"""What a message cannot say is refused by one function per type, in words."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest
from builtin_interfaces.msg import Time
from nav_msgs.msg import Odometry
from sensor_msgs.msg import Image

from td3_driving.ros.messages import InvalidMessage, from_image, from_odometry, to_ns


def odometry() -> Odometry:
    message = Odometry()
    message.pose.pose.orientation.w = 1.0
    return message


def image() -> Image:
    return Image(height=2, width=3, encoding="rgb8", step=9, data=bytes(18))


@pytest.mark.parametrize("nanosec", [10**9, 2**32 - 1])
def test_a_stamp_has_less_than_a_second_of_nanoseconds(nanosec: int) -> None:
    assert to_ns(Time(sec=3, nanosec=999_999_999)) == 3_999_999_999
    with pytest.raises(InvalidMessage, match=str(nanosec)):
        to_ns(Time(nanosec=nanosec))


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, 1e30])
@pytest.mark.parametrize(
    "spoil",
    [
        lambda m, v: setattr(m.pose.pose.position, "x", v),
        lambda m, v: setattr(m.pose.pose.position, "y", v),
        lambda m, v: setattr(m.twist.twist.linear, "x", v),
        lambda m, v: setattr(m.twist.twist.linear, "y", v),
        lambda m, v: setattr(m.twist.twist.angular, "z", v),
    ],
)
def test_odometry_is_finite_and_what_a_vehicle_can_do(
    spoil: Callable[[Odometry, float], None], value: float
) -> None:
    message = odometry()
    assert from_odometry(message).speed_mps == 0.0
    spoil(message, value)
    with pytest.raises(InvalidMessage, match="must be within"):
        from_odometry(message)


@pytest.mark.parametrize("w", [0.0, 0.5, 2.0, math.nan])
def test_a_quaternion_that_is_no_rotation_is_refused(w: float) -> None:
    message = odometry()
    message.pose.pose.orientation.w = w
    with pytest.raises(InvalidMessage, match="quaternion"):
        from_odometry(message)


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"data": bytes(17)}, "got 17"),
        ({"data": bytes(19)}, "got 19"),
        ({"step": 8}, "step"),
        ({"height": 0}, "empty"),
        ({"height": 2**32 - 1, "width": 2**31}, "step"),
        ({"encoding": "32FC1"}, "32FC1"),
    ],
)
def test_a_picture_has_the_size_that_it_says(changes: dict[str, object], named: str) -> None:
    message = image()
    assert from_image(message).shape == (2, 3, 3)
    for name, value in changes.items():
        setattr(message, name, value)
    with pytest.raises(InvalidMessage, match=named):
        from_image(message)
