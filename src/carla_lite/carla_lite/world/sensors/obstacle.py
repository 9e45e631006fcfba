"""A sphere pushed ahead of the sensor, as CARLA's ObstacleDetectionSensor.cpp has it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from carla_lite.scenery.solids import Shape, Solids
from carla_lite.world.actors import Sensor
from carla_lite.world.collisions import stand_in
from carla_lite.world.sensors.instrument import axes
from carla_lite.world.sensors.readings import ObstacleReading

if TYPE_CHECKING:
    from carla_lite.world.world import World

TOUCH_M = 1e-4
_MOST_STEPS = 256


class ObstacleDetector:
    """Tells of the nearest thing in the way, on every tick on which there is one.

    The carrier is never in the way, nor is the ground.
    """

    def __init__(self, sensor: Sensor, world: World) -> None:
        """Reads the attributes."""
        attributes = sensor.attributes
        self._reach_m = float(attributes["distance"])
        self._radius_m = float(attributes["hit_radius"])
        self._only_dynamics = attributes["only_dynamics"].lower() == "true"

    def read(self, sensor: Sensor, world: World) -> ObstacleReading | None:
        """The obstacle that the sphere meets first, or None."""
        start = np.array(sensor.transform.location)
        ahead = axes(sensor.transform.rotation)[0]
        sweep = start, ahead, self._reach_m, self._radius_m
        solids = world.population.solids(sensor.parent_id)
        if self._only_dynamics:
            population = world.population
            dynamic = [body.id for body in (*population.vehicles, *population.walkers)]
            solids = solids[np.isin(solids["id"], dynamic)]
        else:
            static = world.scene.static
            near = _near_the_way(static.bounds[:, : len(static.solids)], *sweep)
            solids = np.concatenate((solids, static.solids[near]))
        around = np.vstack((solids["centre"].T, np.linalg.norm(solids["half"], axis=1)))
        solids = solids[_near_the_way(around, *sweep)]
        if not len(solids):
            return None
        way = _free_way(solids, *sweep)
        nearest = int(way.argmin())
        if way[nearest] > self._reach_m:
            return None
        found = solids[nearest]
        other = world.actors.get(int(found["id"])) or stand_in(found)
        return ObstacleReading(other, float(way[nearest]))


def _near_the_way(
    spheres: NDArray[np.float32],
    start: NDArray[np.float64],
    ahead: NDArray[np.float64],
    reach_m: float,
    radius_m: float,
) -> NDArray[np.intp]:
    """Indices of those spheres, (4, K) of x, y, z and radius, which the moving one may touch."""
    x, y, z = (spheres[axis] - start[axis] for axis in range(3))
    along = np.clip(x * ahead[0] + y * ahead[1] + z * ahead[2], 0.0, reach_m)
    square = (x - along * ahead[0]) ** 2 + (y - along * ahead[1]) ** 2 + (z - along * ahead[2]) ** 2
    return np.flatnonzero(square <= (spheres[3] + (radius_m + 0.01)) ** 2)


def _free_way(
    solids: Solids,
    start: NDArray[np.float64],
    ahead: NDArray[np.float64],
    reach_m: float,
    radius_m: float,
) -> NDArray[np.float64]:
    """float64 (K,): how far the sphere can go before it touches each solid; infinite if it never
    does. Steps as far as the distance allows until it is spent (Hart's sphere tracing, 1996)."""
    cos, sin = solids["heading"][:, 0].astype(float), solids["heading"][:, 1].astype(float)
    half = solids["half"].astype(float)
    is_box = solids["shape"] == Shape.BOX
    offset = start - solids["centre"]
    way = np.zeros(len(solids))
    for _ in range(_MOST_STEPS):
        place = offset + way[:, None] * ahead
        local = np.abs(np.stack((
            cos * place[:, 0] + sin * place[:, 1],
            cos * place[:, 1] - sin * place[:, 0],
            place[:, 2],
        ), 1))  # fmt: skip
        gap = np.where(is_box, _box_distance(local, half), _ellipsoid_distance(local, half))
        gap -= radius_m
        going = (gap > TOUCH_M) & (way <= reach_m)
        if not going.any():
            break
        way[going] += gap[going]
    way[gap > TOUCH_M] = np.inf
    return way


def _box_distance(place: NDArray[np.float64], half: NDArray[np.float64]) -> NDArray[np.float64]:
    """Rows' distances from boxes round the origin; 0 inside."""
    return np.linalg.norm(np.maximum(place - half, 0.0), axis=1)


def _ellipsoid_distance(
    place: NDArray[np.float64], half: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Rows' distances from ellipsoids round the origin, to first order; not positive inside."""
    scaled = np.linalg.norm(place / half, axis=1)
    steepness = np.linalg.norm(place / half**2, axis=1)
    return scaled * (scaled - 1.0) / np.maximum(steepness, 1e-9)
