"""How full the lanes after junctions are."""

from __future__ import annotations

import math

from carla_lite.traffic.driver import Driver
from carla_lite.traffic.roadmap import Roadmap
from carla_lite.traffic.routes import Crossing

_ROOM_M = 3.0
"""What a vehicle needs besides its length."""


class Occupancy:
    """How full the lanes after junctions are, worked out when someone first asks."""

    def __init__(
        self, roadmap: Roadmap, drivers: list[Driver], progress: list[float], speeds: list[float]
    ) -> None:
        self._roadmap = roadmap
        self._drivers = drivers
        self._progress = progress
        self._speeds = speeds
        self._last: dict[int, tuple[float, float]] | None = None
        self._coming: dict[int, float] = {}

    def have_room(self, driver: Driver, crossing: Crossing) -> bool:
        """Whether the lane after a junction takes one more, so that nobody blocks it."""
        if self._last is None:
            self._last = self._last_on_lanes()
        rear, speed = self._last.get(crossing.leave, (math.inf, 0.0))
        wanted = self._coming.get(crossing.leave, 0.0) + driver.length_m + _ROOM_M
        return crossing.leave >= 0 and rear + 2.0 * speed > wanted

    def expect(self, driver: Driver, crossing: Crossing) -> None:
        """Notes that someone is on his way to the lane after a junction."""
        more = driver.length_m + _ROOM_M
        self._coming[crossing.leave] = self._coming.get(crossing.leave, 0.0) + more

    def _last_on_lanes(self) -> dict[int, tuple[float, float]]:
        """For each lane, how far the rear of its last vehicle is along it, and its speed."""
        last: dict[int, tuple[float, float]] = {}
        length_m = self._roadmap.index.length_m
        for row, driver in enumerate(self._drivers):
            route = driver.route
            for crossing in route.crossings:
                if crossing.granted:
                    self.expect(driver, crossing)
            here = route.origin_m + self._progress[row]
            rear, front = here - driver.length_m / 2.0, here + driver.length_m / 2.0
            for lane, start in zip(route.lanes, route.starts, strict=True):
                if start > front:
                    break
                if rear < start + length_m[lane]:
                    place = (rear - start, self._speeds[row])
                    last[lane] = min(last.get(lane, place), place)
        return last
