"""Every topic and service of the graph, declared once: name, type and quality of service.

Names are relative to the vehicle's namespace, /carla/<role_name>, but for the clock. Publishers
follow REP-2003; our own subscribers ask for reliable delivery, since in lock-step no message may be
lost, while best-effort subscribers (rviz2, ros2 topic hz) match these publishers just as well.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from diagnostic_msgs.msg import DiagnosticArray
from nav_msgs.msg import Odometry, Path
from rclpy.event_handler import PublisherEventCallbacks, SubscriptionEventCallbacks
from rclpy.node import Node
from rclpy.publisher import Publisher
from rclpy.qos import DurabilityPolicy, HistoryPolicy, QoSProfile, ReliabilityPolicy
from rclpy.subscription import Subscription
from rosgraph_msgs.msg import Clock
from sensor_msgs.msg import CameraInfo, Image, Imu, NavSatFix
from std_msgs.msg import Float32MultiArray
from std_srvs.srv import SetBool, Trigger
from visualization_msgs.msg import MarkerArray

from td3_driving_msgs.msg import (
    Action,
    Collision,
    EpisodeStatus,
    Frame,
    GuardState,
    Heartbeat,
    LaneInvasion,
    VehicleControl,
)
from td3_driving_msgs.srv import ResetEpisode

DEFAULT_ROLE = "ego_vehicle"


def namespace_of(role_name: str) -> str:
    """The namespace of one vehicle's topics, such as /carla/ego_vehicle."""
    return f"/carla/{role_name}"


DEFAULT_NAMESPACE = namespace_of(DEFAULT_ROLE)


def _reliable(depth: int) -> QoSProfile:
    return QoSProfile(
        history=HistoryPolicy.KEEP_LAST, depth=depth, reliability=ReliabilityPolicy.RELIABLE
    )


STREAM = _reliable(10)
"""One message per tick; the depth covers a subscriber that is late by a few ticks."""
EVENTS = _reliable(100)
"""Events come in bursts."""
LATCHED = QoSProfile(
    history=HistoryPolicy.KEEP_LAST,
    depth=1,
    reliability=ReliabilityPolicy.RELIABLE,
    durability=DurabilityPolicy.TRANSIENT_LOCAL,
)
"""The last message is kept for those who join late."""


# rclpy waits on each of its default event handlers anew before every callback: a fifth of the
# time of a tick.
_NO_PUBLISHER_EVENTS = PublisherEventCallbacks(use_default_callbacks=False)
_NO_SUBSCRIPTION_EVENTS = SubscriptionEventCallbacks(use_default_callbacks=False)


@dataclass(frozen=True)
class Topic:
    """A topic's name, message type, quality of service, and one sentence for the interface page."""

    name: str
    type: type
    qos: QoSProfile
    doc: str
    exclusive: bool = True
    """Whether a second publisher is a mistake."""
    steady: bool = False
    """Whether it comes with every tick, so that silence tells something."""
    derived: bool = False
    """Whether it only draws what another topic says, for people; bags do not keep it."""

    def publisher(self, node: Node) -> Publisher:
        """A publisher of this topic on the node."""
        return node.create_publisher(
            self.type, self.name, self.qos, event_callbacks=_NO_PUBLISHER_EVENTS
        )

    def subscription(self, node: Node, callback: Callable[[Any], None]) -> Subscription:
        """A subscription of the node to this topic."""
        return node.create_subscription(
            self.type, self.name, callback, self.qos, event_callbacks=_NO_SUBSCRIPTION_EVENTS
        )


@dataclass(frozen=True)
class Service:
    """A service's name and type, and one sentence for the interface page."""

    name: str
    type: type
    doc: str


CLOCK = Topic("/clock", Clock, STREAM, "simulation time, once per tick")
FRAME = Topic(
    "frame", Frame, STREAM, "episode and step of a stamp, and its event counts", steady=True
)
IMAGE = Topic("rgb_front/image", Image, STREAM, "camera picture, bgra8", steady=True)
CAMERA_INFO = Topic("rgb_front/camera_info", CameraInfo, STREAM, "plumb_bob without distortion")
ODOMETRY = Topic("odometry", Odometry, STREAM, "pose in map, twist in the body frame", steady=True)
ROUTE = Topic(
    "route", Path, LATCHED, "the planned path of the episode, stamped with its first frame"
)
COLLISION = Topic("collision", Collision, EVENTS, "the vehicle hit something")
LANE_INVASION = Topic("lane_invasion", LaneInvasion, EVENTS, "the vehicle crossed lane markings")
IMU = Topic("imu", Imu, STREAM, "acceleration and turn rate in the body frame, orientation")
GNSS = Topic("gnss", NavSatFix, STREAM, "latitude, longitude, altitude")
OBSERVATION = Topic(
    "observation/image",
    Image,
    STREAM,
    "84x84 grey frames, one channel each, newest last, 8UC4",
    steady=True,
)
ACTION = Topic(
    "action", Action, STREAM, "what the agent decided for the stamp's frame", steady=True
)
EPISODE = Topic("episode", EpisodeStatus, STREAM, "reward and its terms, ends and their reason")
OBSERVATION_FRAMES = Topic(
    "observation/frames",
    Image,
    STREAM,
    "the frames of observation/image side by side, oldest left, mono8",
    derived=True,
)
MARKERS = Topic(
    "markers",
    MarkerArray,
    STREAM,
    "what the agent sees, does and earns, in the body frame: waypoints, action, reward, Q",
)
STEERING_VALUES = Topic(
    "steering_values",
    Float32MultiArray,
    STREAM,
    "min(Q1, Q2) over steering, twice a second: a row of steerings, a row of values",
)
VEHICLE_CONTROL = Topic(
    "vehicle_control_cmd",
    VehicleControl,
    STREAM,
    "what the simulator is asked to apply",
    steady=True,
)
GUARD = Topic("guard_state", GuardState, STREAM, "what the last guard did to the command")
GUARD_MARKERS = Topic(
    "guard_markers", MarkerArray, STREAM, "guard_state as a word over the vehicle", derived=True
)
DIAGNOSTICS = Topic(
    "/diagnostics", DiagnosticArray, STREAM, "health of the node, once a second", exclusive=False
)
HEARTBEAT = Topic(
    "heartbeat", Heartbeat, EVENTS, "signs of life of the managed nodes", exclusive=False
)

RESET = Service("reset", ResetEpisode, "puts the vehicle at the start of a new episode")
SAVE_CHECKPOINT = Service("save_checkpoint", Trigger, "writes a whole checkpoint now")
SET_TRAINING = Service("set_training", SetBool, "switches learning on or off")
LOAD_POLICY = Service("load_policy", Trigger, "loads the file named by the policy parameter")

TOPICS = (
    CLOCK, FRAME, IMAGE, CAMERA_INFO, ODOMETRY, ROUTE, COLLISION, LANE_INVASION, IMU, GNSS,
    OBSERVATION, OBSERVATION_FRAMES, ACTION, EPISODE, MARKERS, STEERING_VALUES, VEHICLE_CONTROL,
    GUARD, GUARD_MARKERS, DIAGNOSTICS, HEARTBEAT,
)  # fmt: skip
RECORDED = tuple(topic for topic in TOPICS if not topic.derived)
"""What a bag keeps."""
SERVICES = (RESET, SAVE_CHECKPOINT, SET_TRAINING, LOAD_POLICY)
