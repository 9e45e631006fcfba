"""The CARLA client session: connect, reset, tick, close. The only place that imports carla."""

from td3_driving.driving.routing import RouteError
from td3_driving.simulator.config import WEATHERS, CameraConfig, ConfigError, SessionConfig
from td3_driving.simulator.data import (
    BRAKE,
    Collision,
    Command,
    EpisodeStart,
    Gnss,
    Imu,
    LaneInvasion,
    ResetRequest,
    Tick,
    Twist,
)
from td3_driving.simulator.errors import (
    FrameTimeout,
    ServerRefused,
    SimulatorError,
    SimulatorUnavailable,
    SpawnError,
    UnknownMap,
    VersionMismatch,
)
from td3_driving.simulator.session import CarlaSession

__all__ = [
    "BRAKE",
    "WEATHERS",
    "CameraConfig",
    "CarlaSession",
    "Collision",
    "Command",
    "ConfigError",
    "EpisodeStart",
    "FrameTimeout",
    "Gnss",
    "Imu",
    "LaneInvasion",
    "ResetRequest",
    "RouteError",
    "ServerRefused",
    "SessionConfig",
    "SimulatorError",
    "SimulatorUnavailable",
    "SpawnError",
    "Tick",
    "Twist",
    "UnknownMap",
    "VersionMismatch",
]
