"""The simulated world: blueprints, actors, vehicle dynamics, sensors and one tick of time."""

from carla_lite.world.actors import Actor, Attachment, Sensor
from carla_lite.world.blueprint_library import BLUEPRINTS
from carla_lite.world.collisions import Collision
from carla_lite.world.dynamics import VehicleControl, VehiclePhysics
from carla_lite.world.environment import EpisodeSettings, Weather
from carla_lite.world.errors import (
    InvalidValueError,
    SpawnError,
    UnknownActorError,
    WorldError,
    WrongActorKindError,
)
from carla_lite.world.geometry import BoundingBox, Rotation, Transform, Vector3
from carla_lite.world.sensors import (
    GnssReading,
    Image,
    ImuReading,
    LidarReading,
    ObstacleReading,
    RadarReading,
)
from carla_lite.world.snapshot import ActorSnapshot, WorldSnapshot
from carla_lite.world.vehicle import Vehicle
from carla_lite.world.walker import Walker, WalkerControl
from carla_lite.world.world import World

__all__ = [
    "BLUEPRINTS",
    "Actor",
    "ActorSnapshot",
    "Attachment",
    "BoundingBox",
    "Collision",
    "EpisodeSettings",
    "GnssReading",
    "Image",
    "ImuReading",
    "InvalidValueError",
    "LidarReading",
    "ObstacleReading",
    "RadarReading",
    "Rotation",
    "Sensor",
    "SpawnError",
    "Transform",
    "UnknownActorError",
    "Vector3",
    "Vehicle",
    "VehicleControl",
    "VehiclePhysics",
    "Walker",
    "WalkerControl",
    "Weather",
    "World",
    "WorldError",
    "WorldSnapshot",
    "WrongActorKindError",
]
