"""The speed limit of the lane on which each vehicle drives."""

from __future__ import annotations

import numpy as np

from carla_lite.roads import RoadNetwork
from carla_lite.world._traffic_control import limit, limit_everywhere, list_places
from carla_lite.world.bodies import Bodies

_TICKS = 4
"""Limits are looked up this seldom."""


class SpeedLimits:
    """Tells vehicles the limits of a map's lanes; keeps its arrays from tick to tick."""

    def __init__(self, network: RoadNetwork) -> None:
        """Takes the map."""
        self._index = network.lane_index
        lanes = self._index.lanes
        limits = np.unique(self._index.speed_mps)
        self._only_kmh = float(limits[0]) * 3.6 if len(limits) == 1 else None
        # In a junction the limit of the road before it goes on: ways touch each other there.
        self._is_street = np.array([lane.junction_id is None for lane in lanes], np.uint8)
        self._make_room(0)

    def _make_room(self, count: int) -> None:
        self._points, self._yaws = np.zeros((count, 2)), np.zeros(count)
        self._lanes, self._places = np.zeros(count, np.int32), np.zeros((count, 5))

    def tell(self, bodies: Bodies, frame: int) -> None:
        """Writes `speed_limit` (km/h), now and then, and when somebody came or went."""
        is_another = bodies.count != len(self._yaws)
        if not is_another and frame % _TICKS:
            return
        if is_another:
            self._make_room(bodies.count)
        if self._only_kmh is not None:
            limit_everywhere(bodies.bytes, bodies.count, self._only_kmh)
        elif len(self._is_street):
            index = self._index
            list_places(bodies.bytes, bodies.count, self._points, self._yaws)
            index.find(self._points, self._yaws, self._lanes, self._places)
            limit(
                bodies.bytes,
                bodies.count,
                self._lanes,
                self._places,
                self._is_street,
                index.start,
                index.length_m,
                index.speed_mps,
            )
