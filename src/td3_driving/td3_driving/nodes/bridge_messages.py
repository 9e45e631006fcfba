"""One simulation tick as ROS messages. Frames after REP-103 and REP-105."""

from __future__ import annotations

import math

import numpy as np
from geometry_msgs.msg import Point, Pose, PoseStamped, Quaternion, Vector3
from nav_msgs.msg import Odometry, Path
from sensor_msgs.msg import CameraInfo, Image, Imu, NavSatFix, NavSatStatus
from std_msgs.msg import Header

from td3_driving.driving.frames import FloatArray, Vector, quaternion
from td3_driving.ros.messages import NS, to_image
from td3_driving.simulator import CameraConfig, Tick
from td3_driving.simulator import Collision as CollisionEvent
from td3_driving.simulator import LaneInvasion as LaneInvasionEvent
from td3_driving_msgs.msg import Collision, LaneInvasion

MAP, ODOM = "map", "odom"


def base_link(role_name: str) -> str:
    """Frame of the vehicle's origin."""
    return f"{role_name}/base_link"


def rgb_front(role_name: str) -> str:
    """Optical frame of the front camera: x right, y down, z forward."""
    return f"{role_name}/rgb_front"


def stamp_ns(tick: Tick) -> int:
    """The one stamp of all messages of the tick."""
    return round(tick.stamp_s * NS)


def image(tick: Tick, head: Header) -> Image:
    """The camera's picture, bgra8."""
    return to_image(tick.image, "bgra8", head)


def camera_info(camera: CameraConfig) -> CameraInfo:
    """A pinhole without distortion; the header is left for each tick to fill."""
    f, cx, cy = camera.focal_px, camera.width / 2.0, camera.height / 2.0
    return CameraInfo(
        height=camera.height,
        width=camera.width,
        distortion_model="plumb_bob",
        d=[0.0] * 5,
        k=[f, 0.0, cx, 0.0, f, cy, 0.0, 0.0, 1.0],
        r=[1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0],
        p=[f, 0.0, cx, 0.0, 0.0, f, cy, 0.0, 0.0, 0.0, 1.0, 0.0],
    )


def odometry(tick: Tick, head: Header, child_frame_id: str) -> Odometry:
    """Pose in the map, twist in the body frame."""
    message = Odometry(header=head, child_frame_id=child_frame_id)
    message.pose.pose.position = Point(x=tick.pose.x, y=tick.pose.y, z=tick.pose.z)
    message.pose.pose.orientation = _orientation(tick)
    message.twist.twist.linear = _vector(tick.twist.linear)
    message.twist.twist.angular = _vector(tick.twist.angular)
    return message


def imu(tick: Tick, head: Header) -> Imu:
    """Accelerations and turn rates as measured; the orientation is the vehicle's true one."""
    return Imu(
        header=head,
        orientation=_orientation(tick),
        angular_velocity=_vector(tick.imu.angular_velocity),
        linear_acceleration=_vector(tick.imu.acceleration),
    )


def gnss(tick: Tick, head: Header) -> NavSatFix:
    """Position on the globe, without a known covariance."""
    message = NavSatFix(
        header=head,
        latitude=tick.gnss.latitude_deg,
        longitude=tick.gnss.longitude_deg,
        altitude=tick.gnss.altitude_m,
    )
    message.status.status = NavSatStatus.STATUS_FIX
    message.status.service = NavSatStatus.SERVICE_GPS
    return message


def collision(event: CollisionEvent, head: Header) -> Collision:
    """What was hit, and how hard."""
    return Collision(
        header=head,
        other_actor_id=event.other_actor_id,
        other_actor_type=event.other_actor_type,
        impulse=_vector(event.impulse),
    )


def lane_invasion(event: LaneInvasionEvent, head: Header) -> LaneInvasion:
    """Which markings were crossed."""
    return LaneInvasion(header=head, crossed_markings=list(event.crossed_markings))


def route(points: FloatArray, head: Header) -> Path:
    """The planned path, points (N, 2) in the map, each facing the next."""
    steps = np.diff(points, axis=0, append=2 * points[-1:] - points[-2:-1])
    halves = (np.arctan2(steps[:, 1], steps[:, 0]) / 2.0).tolist()
    poses = [
        Pose(position=Point(x=x, y=y), orientation=Quaternion(z=math.sin(half), w=math.cos(half)))
        for (x, y), half in zip(points.tolist(), halves, strict=True)
    ]
    return Path(header=head, poses=[PoseStamped(header=head, pose=pose) for pose in poses])


def _orientation(tick: Tick) -> Quaternion:
    q = quaternion(tick.pose.roll, tick.pose.pitch, tick.pose.yaw)
    return Quaternion(x=q.x, y=q.y, z=q.z, w=q.w)


def _vector(vector: Vector) -> Vector3:
    return Vector3(x=vector.x, y=vector.y, z=vector.z)
