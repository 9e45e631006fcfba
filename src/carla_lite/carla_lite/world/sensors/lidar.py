"""Rotating lidars, as CARLA's RayCastSemanticLidar.cpp and RayCastLidar.cpp have them."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from carla_lite.render.raycast import cast_rays
from carla_lite.scenery.furnish import FIRST_OBJECT_ID
from carla_lite.world.actors import Sensor
from carla_lite.world.sensors.instrument import axes, noise_generator, surrounding_carrier
from carla_lite.world.sensors.readings import SEMANTIC_POINT, LidarReading

if TYPE_CHECKING:
    from carla_lite.world.world import World

MAX_RAYS = 1_000_000
"""Rays of one reading; a longer time step brings no more, so that memory stays bounded."""


class _Hits(NamedTuple):
    """The rays which met something, in the order of their channels."""

    channel: NDArray[np.intp]
    direction: NDArray[np.float64]  # (N, 3), sensor frame
    distance: NDArray[np.float32]
    tag: NDArray[np.uint8]
    id: NDArray[np.uint32]
    cosine: NDArray[np.float32]


class _Sweep:
    """Lasers one above the other which turn together.

    Each reading covers one tick and goes on where the last one ended, as in CARLA: while nobody
    listens, or between the ticks which `sensor_tick` names, the sweep pauses.
    """

    def __init__(self, sensor: Sensor, world: World) -> None:
        """Aims the lasers."""
        attributes = sensor.attributes
        self.channels = int(attributes["channels"])
        upper, lower = float(attributes["upper_fov"]), float(attributes["lower_fov"])
        lift = np.radians(np.linspace(upper, lower, self.channels))[:, None]
        self._level, self._height = np.cos(lift), np.sin(lift)
        self._range_m = float(attributes["range"])
        self._points_per_s = int(attributes["points_per_second"])
        self._width_deg = float(attributes["horizontal_fov"])
        self._turn_deg_s = float(attributes["rotation_frequency"]) * self._width_deg
        self._angle_deg = 0.0

    @property
    def angle_rad(self) -> float:
        """How far the lasers have turned."""
        return math.radians(self._angle_deg)

    def points_per_laser(self, world: World) -> int:
        """How often each laser fires during one tick."""
        wanted = math.floor(self._points_per_s * world.delta_s / self.channels + 0.5)
        return min(wanted, MAX_RAYS // self.channels)

    def fire(self, sensor: Sensor, world: World, chosen: NDArray[np.bool_] | None = None) -> _Hits:
        """Turns the lasers for one tick.

        Args:
            sensor: where they hang.
            world: what they meet.
            chosen: bool (channels, points_per_laser), which rays are cast; all of them if None.
        """
        count = self.points_per_laser(world)
        turn = self._turn_deg_s * world.delta_s
        steps = np.arange(count) * (turn / max(count, 1)) + self._angle_deg
        heading = np.radians(np.fmod(steps, self._width_deg) - 0.5 * self._width_deg)
        # Rounded, so that whole turns end where they began.
        self._angle_deg = math.fmod(round(self._angle_deg + turn, 6), self._width_deg)
        directions = np.empty((self.channels, count, 3))
        directions[..., 0] = self._level * np.cos(heading)
        directions[..., 1] = self._level * np.sin(heading)
        directions[..., 2] = self._height
        channel = np.arange(self.channels).repeat(count)
        flat = directions.reshape(-1, 3)
        if chosen is not None:
            cast = np.flatnonzero(chosen)
            channel, flat = channel[cast], flat[cast]
        hits = cast_rays(
            world.scene,
            world.population.solids(surrounding_carrier(sensor, world)),
            sensor.transform.location,
            flat @ axes(sensor.transform.rotation),
            self._range_m,
        )
        met = np.flatnonzero(np.isfinite(hits.distance))
        return _Hits(
            channel[met],
            flat[met],
            hits.distance[met],
            hits.tag[met],
            hits.id[met],
            hits.cosine[met],
        )

    def counts(self, channel: NDArray[np.intp]) -> NDArray[np.uint32]:
        """How many of these points each channel has."""
        return np.bincount(channel, minlength=self.channels).astype(np.uint32)


class Lidar:
    """Places and intensities, with drop-off and noise along the ray."""

    def __init__(self, sensor: Sensor, world: World) -> None:
        """Reads the attributes."""
        attributes = sensor.attributes
        self._sweep = _Sweep(sensor, world)
        self._generator = noise_generator(sensor, world)
        self._attenuation_per_m = float(attributes["atmosphere_attenuation_rate"])
        self._general_drop = float(attributes["dropoff_general_rate"])
        self._safe_intensity = float(attributes["dropoff_intensity_limit"])
        self._faint_drop = float(attributes["dropoff_zero_intensity"])
        self._deviation_m = float(attributes["noise_stddev"])

    def read(self, sensor: Sensor, world: World) -> LidarReading:
        """The points of one tick."""
        sweep, random = self._sweep, self._generator
        chosen = None
        if self._general_drop > 0.0:
            shape = sweep.channels, sweep.points_per_laser(world)
            chosen = random.random(shape, np.float32) >= self._general_drop
        hits = sweep.fire(sensor, world, chosen)
        distance = hits.distance.astype(np.float64)
        intensity = np.exp(-self._attenuation_per_m * distance)
        if self._deviation_m > 0.0:
            distance += random.normal(0.0, self._deviation_m, len(distance))
        points = np.empty((len(distance), 4), np.float32)
        points[:, :3] = hits.direction * distance[:, None]
        points[:, 3] = intensity
        channel = hits.channel
        faint = intensity <= self._safe_intensity
        if self._faint_drop > 0.0 and faint.any():
            # The share that is kept grows from that of no intensity to all at the safe one.
            share = 1.0 - self._faint_drop * (1.0 - intensity / max(self._safe_intensity, 1e-9))
            kept = ~faint | (random.random(len(share)) < share)
            points, channel = points[kept], channel[kept]
        return LidarReading(sweep.angle_rad, sweep.counts(channel), points)


class SemanticLidar:
    """Places, angles of incidence, and what was hit; no drop-off and no noise."""

    def __init__(self, sensor: Sensor, world: World) -> None:
        """Reads the attributes."""
        self._sweep = _Sweep(sensor, world)

    def read(self, sensor: Sensor, world: World) -> LidarReading:
        """The points of one tick."""
        hits = self._sweep.fire(sensor, world)
        points = np.empty(len(hits.distance), SEMANTIC_POINT)
        points["place"] = hits.direction * hits.distance[:, None]
        points["cosine"], points["tag"] = hits.cosine, hits.tag
        points["id"] = np.where(hits.id < FIRST_OBJECT_ID, hits.id, 0)
        return LidarReading(self._sweep.angle_rad, self._sweep.counts(hits.channel), points)
