"""Between ROS messages and plain data: stamps, images, odometry, routes. Refuses the malformed."""

from __future__ import annotations

import array
import math
from dataclasses import asdict

import numpy as np
from builtin_interfaces.msg import Time
from nav_msgs.msg import Odometry, Path
from sensor_msgs.msg import Image
from std_msgs.msg import Header

from td3_driving.driving.lights import Light
from td3_driving.driving.route import Route
from td3_driving.driving.traffic import LeadCar, Traffic
from td3_driving.driving.vehicle import VehicleState
from td3_driving_msgs.msg import Action, Frame
from td3_driving_msgs.msg import LeadCar as LeadCarMessage
from td3_driving_msgs.msg import Traffic as TrafficMessage

NS = 1_000_000_000

MOST_MPS, MOST_RADPS, MOST_M = 200.0, 100.0, 1e7
"""Beyond these no vehicle moves; such a value is a simulator's fault and would teach nonsense."""

MOST_ROUTE_M = 1e6

_CHANNELS = {"mono8": 1, "8UC1": 1, "rgb8": 3, "bgr8": 3, "rgba8": 4, "bgra8": 4, "8UC4": 4}


NOBODY_AHEAD = -1.0
"""Frame.gap_m where nobody is ahead."""

LIGHT_NUMBERS = {
    Light.NONE: Frame.NONE,
    Light.GREEN: Frame.GREEN,
    Light.YELLOW: Frame.YELLOW,
    Light.RED: Frame.RED,
}
_LIGHTS = {number: light for light, number in LIGHT_NUMBERS.items()}


class InvalidMessage(ValueError):
    """A message whose content contradicts itself or is not finite."""


def to_ns(stamp: Time) -> int:
    """A stamp in nanoseconds.

    Raises:
        InvalidMessage: for nanoseconds outside [0, 1e9).
    """
    if not 0 <= stamp.nanosec < NS:
        raise InvalidMessage(f"stamp has {stamp.nanosec} nanoseconds, must be in [0, 1e9)")
    return stamp.sec * NS + stamp.nanosec


def to_time(stamp_ns: int) -> Time:
    """Nanoseconds as a stamp."""
    return Time(sec=stamp_ns // NS, nanosec=stamp_ns % NS)


def header(stamp_ns: int, frame_id: str) -> Header:
    """A header of the stamp and frame."""
    return Header(stamp=to_time(stamp_ns), frame_id=frame_id)


def to_image(pixels: np.ndarray, encoding: str, head: Header) -> Image:
    """An Image message of uint8 pixels, shape (height, width) or (height, width, channels)."""
    height, width = pixels.shape[:2]
    # rclpy copies an array('B') at once, and anything else element by element.
    data = array.array("B", pixels.tobytes())
    return Image(
        header=head, height=height, width=width, encoding=encoding, is_bigendian=0,
        step=pixels.size // height, data=data,
    )  # fmt: skip


def from_image(message: Image) -> np.ndarray:
    """The picture of an Image message, without a copy.

    Returns:
        uint8 of shape (height, width, channels), or (height, width) for one channel; read-only.

    Raises:
        InvalidMessage: for an encoding we don't know, or a size that does not match the data.
    """
    channels = _CHANNELS.get(message.encoding)
    if channels is None:
        raise InvalidMessage(
            f"image encoding is {message.encoding!r}, must be one of {', '.join(_CHANNELS)}"
        )
    height, width, row = message.height, message.width, message.width * channels
    if height == 0 or width == 0:
        raise InvalidMessage(f"image is {width}x{height} pixels, must not be empty")
    if message.step < row or len(message.data) != height * message.step:
        raise InvalidMessage(
            f"image of {width}x{height} {message.encoding} with step {message.step} must have "
            f"step >= {row} and height * step = {height * message.step} bytes, "
            f"got {len(message.data)}"
        )
    rows = np.frombuffer(message.data, np.uint8).reshape(height, message.step)[:, :row]
    return rows if channels == 1 else rows.reshape(height, width, channels)


def from_odometry(message: Odometry) -> VehicleState:
    """The vehicle's state of an Odometry message (pose in map, twist in the body frame).

    Raises:
        InvalidMessage: for anything that is not finite or that no vehicle can do, or a quaternion
            that is not of unit length.
    """
    position, q = message.pose.pose.position, message.pose.pose.orientation
    twist = message.twist.twist
    norm = math.sqrt(q.x * q.x + q.y * q.y + q.z * q.z + q.w * q.w)
    if not abs(norm - 1.0) < 1e-3:
        raise InvalidMessage(f"odometry's quaternion has length {norm:.4g}, must be 1")
    limited = {
        "position x": (position.x, MOST_M), "position y": (position.y, MOST_M),
        "forward speed": (twist.linear.x, MOST_MPS), "lateral speed": (twist.linear.y, MOST_MPS),
        "yaw rate": (twist.angular.z, MOST_RADPS),
    }  # fmt: skip
    for name, (value, most) in limited.items():
        if not abs(value) <= most:
            raise InvalidMessage(f"odometry's {name} is {value:g}, must be within +-{most:g}")
    return VehicleState(
        stamp_s=to_ns(message.header.stamp) / NS,
        x_m=position.x,
        y_m=position.y,
        yaw_rad=math.atan2(2 * (q.w * q.z + q.x * q.y), 1 - 2 * (q.y * q.y + q.z * q.z)),
        speed_mps=twist.linear.x,
        lateral_speed_mps=twist.linear.y,
        yaw_rate_radps=twist.angular.z,
    )


def from_route(message: Path) -> Route:
    """The route of a Path message.

    Raises:
        InvalidMessage: for points that are not finite, too few of them, or more road than there is.
    """
    points = np.array([(p.pose.position.x, p.pose.position.y) for p in message.poses], np.float64)
    # Before the route is sampled: what is too long would take all memory.
    if len(points) > 1 and np.hypot(*np.diff(points, axis=0).T).sum() > MOST_ROUTE_M:
        raise InvalidMessage(f"route is longer than {MOST_ROUTE_M:g} m; are its points metres?")
    try:
        return Route(points)
    except ValueError as error:
        raise InvalidMessage(f"route: {error}") from error


def from_action(message: Action) -> tuple[float, float]:
    """(steer, acceleration) of an Action message, as they came: the gate judges them."""
    return float(message.steer), float(message.acceleration)


def from_frame(message: Frame) -> tuple[Light, float | None]:
    """The traffic light in force, and the free way ahead of the vehicle [m], None: nobody is ahead.

    Raises:
        InvalidMessage: for a light that there is not, or a gap that is no distance.
    """
    if message.light not in _LIGHTS:
        raise InvalidMessage(f"frame's light is {message.light}, must be in [0, 3]")
    gap_m = message.gap_m
    if gap_m != NOBODY_AHEAD and not 0.0 <= gap_m <= MOST_M:
        raise InvalidMessage(f"frame's gap_m is {gap_m:g}, must be in [0, {MOST_M:g}], or -1")
    return _LIGHTS[message.light], None if gap_m == NOBODY_AHEAD else gap_m


def to_traffic(traffic: Traffic) -> TrafficMessage:
    """Who else is on the road, as a message."""
    message = TrafficMessage(vehicles=traffic.vehicles, pedestrians=traffic.pedestrians)
    if traffic.lead is not None:
        message.lead = [LeadCarMessage(**asdict(traffic.lead))]
    return message


def from_traffic(message: TrafficMessage) -> Traffic:
    """The inverse of to_traffic; whether lights count is the agent's business.

    Raises:
        ValueError: for values that no traffic can have; names them.
    """
    lead = None
    for car in message.lead:
        lead = LeadCar(**{name: getattr(car, name) for name in LeadCar.__slots__})
    return Traffic(lead, message.vehicles, message.pedestrians)
