"""Cameras: colour, depth and the two segmentations, all through one pinhole."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from carla_lite.render import PinholeCamera
from carla_lite.world.actors import Sensor
from carla_lite.world.sensors.instrument import surrounding_carrier
from carla_lite.world.sensors.pixels import encode_depth, encode_instances, encode_tags
from carla_lite.world.sensors.readings import Image

if TYPE_CHECKING:
    from carla_lite.world.world import World


class ColourCamera:
    """What the eye sees; the other cameras differ in `_shoot`."""

    def __init__(self, sensor: Sensor, world: World) -> None:
        """Prepares the lens and a buffer for the picture."""
        width = int(sensor.attributes["image_size_x"])
        height = int(sensor.attributes["image_size_y"])
        self._fov_deg = float(sensor.attributes["fov"])
        self._lens = PinholeCamera(width, height, self._fov_deg)
        self._pixels = np.zeros((height, width, 4), np.uint8)

    def read(self, sensor: Sensor, world: World) -> Image:
        """Takes a picture into the camera's own buffer."""
        self._shoot(sensor, world)
        return Image(self._fov_deg, self._pixels)

    def _shoot(self, sensor: Sensor, world: World) -> None:
        location, rotation = sensor.transform
        solids = world.population.solids(surrounding_carrier(sensor, world))
        self._lens.render(
            world.scene, location, rotation, solids, self._pixels, time_s=world.elapsed_s
        )


class DepthCamera(ColourCamera):
    """The distance along the optical axis, in CARLA's 24-bit code."""

    def _shoot(self, sensor: Sensor, world: World) -> None:
        location, rotation = sensor.transform
        solids = world.population.solids(surrounding_carrier(sensor, world))
        encode_depth(self._lens.render_depth(world.scene, location, rotation, solids), self._pixels)


class SemanticCamera(ColourCamera):
    """What kind of thing each pixel shows."""

    def _shoot(self, sensor: Sensor, world: World) -> None:
        location, rotation = sensor.transform
        solids = world.population.solids(surrounding_carrier(sensor, world))
        tags, _ = self._lens.render_labels(world.scene, location, rotation, solids)
        encode_tags(tags, self._pixels)


class InstanceCamera(ColourCamera):
    """What kind of thing each pixel shows, and which one."""

    def _shoot(self, sensor: Sensor, world: World) -> None:
        location, rotation = sensor.transform
        solids = world.population.solids(surrounding_carrier(sensor, world))
        tags, ids = self._lens.render_labels(world.scene, location, rotation, solids)
        encode_instances(tags, ids, self._pixels)
