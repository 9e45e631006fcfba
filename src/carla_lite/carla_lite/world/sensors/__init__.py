"""Sensors: what each kind measures, as plain data; the server gives it its form on the wire."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from carla_lite.world.actors import Sensor
from carla_lite.world.sensor_blueprints import (
    DEPTH_CAMERA,
    GNSS,
    IMU,
    INSTANCE_CAMERA,
    LIDAR,
    OBSTACLE,
    RADAR,
    RGB_CAMERA,
    SEMANTIC_CAMERA,
    SEMANTIC_LIDAR,
)
from carla_lite.world.sensors.cameras import (
    ColourCamera,
    DepthCamera,
    InstanceCamera,
    SemanticCamera,
)
from carla_lite.world.sensors.inertial import Gnss, Imu
from carla_lite.world.sensors.instrument import Instrument
from carla_lite.world.sensors.lidar import Lidar, SemanticLidar
from carla_lite.world.sensors.obstacle import ObstacleDetector
from carla_lite.world.sensors.radar import Radar
from carla_lite.world.sensors.readings import (
    SEMANTIC_POINT,
    GnssReading,
    Image,
    ImuReading,
    LidarReading,
    ObstacleReading,
    RadarReading,
    Reading,
)

if TYPE_CHECKING:
    from carla_lite.world.world import World

__all__ = [
    "SEMANTIC_POINT",
    "GnssReading",
    "Image",
    "ImuReading",
    "Instrument",
    "LidarReading",
    "ObstacleReading",
    "RadarReading",
    "Reading",
    "make_instrument",
]

_MAKERS: dict[str, Callable[[Sensor, World], Instrument]] = {
    RGB_CAMERA: ColourCamera,
    DEPTH_CAMERA: DepthCamera,
    SEMANTIC_CAMERA: SemanticCamera,
    INSTANCE_CAMERA: InstanceCamera,
    LIDAR: Lidar,
    SEMANTIC_LIDAR: SemanticLidar,
    RADAR: Radar,
    IMU: Imu,
    GNSS: Gnss,
    OBSTACLE: ObstacleDetector,
}


def make_instrument(sensor: Sensor, world: World) -> Instrument | None:
    """The working part for a sensor, or None for those which only report what happens to them."""
    maker = _MAKERS.get(sensor.type_id)
    return maker(sensor, world) if maker else None
