"""A radar, as CARLA's Radar.cpp has it: random beams in a cone, densest at its middle."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from carla_lite.render.raycast import cast_rays
from carla_lite.world.actors import Sensor
from carla_lite.world.sensors.instrument import (
    axes,
    mount_velocity,
    noise_generator,
    surrounding_carrier,
)
from carla_lite.world.sensors.readings import RadarReading

if TYPE_CHECKING:
    from carla_lite.world.world import World

MAX_BEAMS = 1_000_000
"""Beams of one reading; see `lidar.MAX_RAYS`."""


class Radar:
    """Directions, distances and speeds."""

    def __init__(self, sensor: Sensor, world: World) -> None:
        """Reads the attributes."""
        attributes = sensor.attributes
        self._generator = noise_generator(sensor, world)
        self._half_width, self._half_height = (
            math.tan(math.radians(float(attributes[name])) / 2.0)
            for name in ("horizontal_fov", "vertical_fov")
        )
        self._range_m = float(attributes["range"])
        self._points_per_s = int(attributes["points_per_second"])

    def read(self, sensor: Sensor, world: World) -> RadarReading:
        """The detections of one tick."""
        beams = self._beams(min(int(self._points_per_s * world.delta_s), MAX_BEAMS))
        reach = np.linalg.norm(beams, axis=1)  # the far end of the cone is flat
        beams /= reach[:, None]
        directions = beams @ axes(sensor.transform.rotation)
        distance, _, actor_id, _ = cast_rays(
            world.scene,
            world.population.solids(surrounding_carrier(sensor, world)),
            sensor.transform.location,
            directions,
            self._range_m * float(reach.max(initial=1.0)),
        )
        hit = np.flatnonzero(distance <= self._range_m * reach)
        beams = beams[hit]
        detections = np.empty((len(hit), 4), np.float32)
        speeds = _velocities(actor_id[hit], world) - np.array(mount_velocity(sensor, world))
        detections[:, 0] = (speeds * directions[hit]).sum(1)
        detections[:, 1] = np.arctan2(beams[:, 1], beams[:, 0])
        detections[:, 2] = np.arcsin(beams[:, 2])
        detections[:, 3] = distance[hit]
        return RadarReading(detections)

    def _beams(self, count: int) -> NDArray[np.float64]:
        """float64 (count, 3): points in the plane x = 1 of the sensor frame."""
        radius = self._generator.random(count)
        angle = 2.0 * math.pi * self._generator.random(count)
        across = self._half_width * radius * np.cos(angle)
        return np.stack((np.ones(count), across, self._half_height * radius * np.sin(angle)), 1)


def _velocities(actor_ids: NDArray[np.uint32], world: World) -> NDArray[np.float64]:
    """float64 (N, 3): the velocities (world frame, m/s) of what was hit; scenery stands still."""
    ids, which = np.unique(actor_ids, return_inverse=True)
    velocities = np.zeros((len(ids), 3))
    for row, actor_id in enumerate(ids.tolist()):
        actor = world.actors.get(actor_id)
        if actor is not None:
            velocities[row] = actor.velocity
    return velocities[which]
