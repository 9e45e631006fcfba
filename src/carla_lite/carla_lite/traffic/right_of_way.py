"""Who goes first at junctions: lights, signs, patience, and the desk which hands out the ways."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from carla_lite.traffic.driver import TURN_RAD, Driver
from carla_lite.traffic.drivers import LOOK_AHEAD_M, Fleet
from carla_lite.traffic.junctions import Desk
from carla_lite.traffic.occupancy import Occupancy
from carla_lite.traffic.roadmap import Roadmap
from carla_lite.traffic.routes import Crossing
from carla_lite.world import World
from carla_lite.world.bodies import VEHICLE
from carla_lite.world.traffic_lights import LightState

PATIENCE_S = 8.0
"""Whoever has waited longer at a line gets the next way that crosses nobody."""
STOPPED_MPS = 0.2
_AT_LINE_M = 3.0
_COMFORT_MPS2, _FIRM_MPS2 = 2.0, 3.5
_RUSH_S = 3.0


class RightOfWay:
    """Decides who may enter which junction; scripted drivers keep to it, and yield to others."""

    def __init__(self, world: World, roadmap: Roadmap) -> None:
        self._world = world
        self._roadmap = roadmap
        self._desk = Desk()

    def forget(self, driver: Driver) -> None:
        """Gives back all that a driver holds."""
        self._desk.forget(driver.actor_id)

    def decide(
        self,
        drivers: list[Driver],
        fleet: Fleet,
        mine: NDArray[np.int32],
        speeds: list[float],
        elapsed_s: float,
    ) -> None:
        """Takes back the ways that were left, and grants those ahead, the nearest driver first.

        Args:
            drivers: all of them, in the order of the fleet's rows.
            fleet: where they are.
            mine: their rows among the world's bodies.
            speeds: theirs, in m/s.
            elapsed_s: since the last time.
        """
        progress, gaps = fleet.progress.tolist(), fleet.sights[:, 0].tolist()
        asking: list[tuple[float, int, Crossing]] = []
        for row, driver in enumerate(drivers):
            here = driver.route.origin_m + progress[row]
            self._leave(driver, here)
            self._reconsider(driver, here, speeds[row])
            crossing = driver.waiting_at()
            if crossing is not None:
                distance = crossing.line_m - here - driver.length_m / 2.0
                if distance < LOOK_AHEAD_M:
                    asking.append((distance, row, crossing))
        self._desk.begin_round(self._strangers(mine))
        lanes = Occupancy(self._roadmap, drivers, progress, speeds)
        blocked: set[int] = set()
        for distance, row, crossing in sorted(asking, key=lambda each: each[:2]):
            driver, speed = drivers[row], speeds[row]
            if speed < STOPPED_MPS and distance < _AT_LINE_M:
                crossing.arrived = True
                crossing.waited_s += elapsed_s
            if (
                crossing.approach not in blocked
                and gaps[row] > distance
                and _is_near_enough(crossing, distance, speed)
                and self.signal_allows(crossing)
                and lanes.have_room(driver, crossing)
                and self._desk.request(
                    driver.actor_id, crossing.way, impatient=crossing.waited_s > PATIENCE_S
                )
            ):
                crossing.granted = True
                lanes.expect(driver, crossing)
            else:
                blocked.add(crossing.approach)

    def _leave(self, driver: Driver, here_m: float) -> None:
        """Gives back the ways that the vehicle's rear has left."""
        crossings = driver.route.crossings
        while crossings and here_m - driver.length_m / 2.0 > crossings[0].end_m:
            crossing = crossings.pop(0)
            self._desk.release(driver.actor_id, crossing.way)

    def _reconsider(self, driver: Driver, here_m: float, speed: float) -> None:
        """Stays before a light that has changed, unless that takes too hard a braking."""
        for crossing in driver.route.crossings:
            if not crossing.granted:
                return
            distance = crossing.line_m - here_m - driver.length_m / 2.0
            if distance <= 0.0 or self.signal_allows(crossing):
                continue
            if speed * speed <= 2.0 * _FIRM_MPS2 * distance:
                crossing.granted = False
                self._desk.release(driver.actor_id, crossing.way)

    def signal_allows(self, crossing: Crossing) -> bool:
        """Whether light or stop sign let a driver pass."""
        stop = crossing.stop
        if stop.kind == "light":
            state = self._world.traffic_control.state_of(stop.signal_id)
            return state not in (LightState.RED, LightState.YELLOW)
        return stop.kind != "stop" or crossing.arrived

    def _strangers(self, mine: NDArray[np.int32]) -> dict[int, int]:
        """Lanes in junctions where other vehicles are, or will be in a moment."""
        rows = self._world.population.rows.rows
        others = np.ones(len(rows), bool)
        others[mine] = False
        others &= (rows["kind"] == VEHICLE) & (rows["collides"] != 0)
        result: dict[int, int] = {}
        if not others.any():
            return result
        index = self._roadmap.index
        x, y, yaw = rows["x"][others], rows["y"][others], rows["yaw"][others]
        speed = rows["speed"][others]
        places = index.locate(np.column_stack([x, y]), yaw, 3.0)
        for lane, along, fast in zip(
            places.lane.tolist(), places.along_m.tolist(), speed.tolist(), strict=True
        ):
            if lane < 0:
                continue
            lanes = [lane]
            if fast * _RUSH_S > float(index.length_m[lane]) - along:
                lanes += index.successors[lane]
            for each in lanes:
                junction = index.lanes[each].junction_id
                if junction is not None:
                    result[junction] = result.get(junction, 0) | self._roadmap.bits[each]
        return result


def _is_near_enough(crossing: Crossing, distance: float, speed: float) -> bool:
    """Whether it is time to ask: those with priority ask earlier, so that they get it."""
    braking = speed * speed / (2.0 * _COMFORT_MPS2)
    if crossing.stop.kind in ("stop", "yield"):
        return distance < braking + 2.0
    turns_left = crossing.way.turn < -TURN_RAD
    return distance < braking + (4.0 if turns_left else 12.0)
