"""The scripted vehicles of a world: where they start, whom they let pass, what frees them."""

from __future__ import annotations

import math
from random import Random

import numpy as np
from numpy.typing import NDArray

from carla_lite.traffic.driver import Driver
from carla_lite.traffic.drivers import LOOK_AHEAD_M, PATH_POINTS, Fleet
from carla_lite.traffic.right_of_way import STOPPED_MPS, RightOfWay
from carla_lite.traffic.roadmap import Place, Roadmap
from carla_lite.traffic.routes import BEHIND_M, Route
from carla_lite.world import BLUEPRINTS, SpawnError, Transform, Vector3, World
from carla_lite.world.bodies import VEHICLE

Floats = NDArray[np.float64]

ROLE = "traffic"
"""The `role_name` of scripted vehicles."""
DECISION_S = 0.2
"""Time between two looks at the junctions ahead."""
DETOUR_S = 6.0
GIVE_UP_S = 60.0
OUT_OF_SIGHT_M = 60.0
_QUEUE_M = 8.0
_LOST_M, _LOST_S = 3.0, 20.0

KINDS = (
    ("vehicle.tesla.model3", 4), ("vehicle.lincoln.mkz_2020", 4), ("vehicle.audi.a2", 3),
    ("vehicle.audi.tt", 2), ("vehicle.bmw.grandtourer", 2), ("vehicle.citroen.c3", 3),
    ("vehicle.dodge.charger_2020", 2), ("vehicle.ford.crown", 1), ("vehicle.mini.cooper_s", 3),
    ("vehicle.nissan.patrol", 2), ("vehicle.seat.leon", 3), ("vehicle.toyota.prius", 3),
    ("vehicle.mercedes.sprinter", 3), ("vehicle.volkswagen.t2_2021", 2),
    ("vehicle.carlamotors.carlacola", 2), ("vehicle.kawasaki.ninja", 1),
    ("vehicle.vespa.zx125", 1),
)  # fmt: skip
"""Blueprints and how often each of them is drawn; none is too long for the tightest turns."""


class Vehicles:
    """Drives the scripted vehicles of one episode."""

    def __init__(self, world: World, count: int, random: Random) -> None:
        """Spawns up to `count` vehicles, as many as there is room for."""
        self._world = world
        self._random = random
        self.roadmap = Roadmap.of(world.network)
        self._right_of_way = RightOfWay(world, self.roadmap)
        self._drivers: list[Driver] = []
        self._mine = np.zeros(0, np.int32)
        self._due_s = 0.0
        places = list(self.roadmap.places) if count else []
        random.shuffle(places)
        # The recommended spawn points are left to clients, unless there is no other room.
        for place in sorted(places, key=lambda each: each.crowded):
            if len(self._drivers) == count:
                break
            self._try_spawn(place)
        self.fleet = Fleet.of([driver.actor_id for driver in self._drivers])
        for row, driver in enumerate(self._drivers):
            driver.row = row
            self._write(driver)

    @property
    def ids(self) -> list[int]:
        """Actor ids of the living vehicles."""
        self._look_up_rows()
        return [driver.actor_id for driver in self._drivers]

    def _try_spawn(self, place: Place) -> None:
        names, weights = zip(*KINDS, strict=True)
        kind = self._random.choices(names, weights)[0]
        color = next(each for each in BLUEPRINTS[kind].attributes if each.name == "color")
        attributes = {"role_name": ROLE, "color": self._random.choice(color.recommended)}
        try:
            actor = self._world.spawn(kind, place.pose, attributes)
        except SpawnError:
            return
        route = Route.begin(self.roadmap, self._random, place.row, place.along_m)
        route.extend()
        self._drivers.append(Driver(actor.id, 2.0 * actor.bounding_box.extent.x, route))

    def _write(self, driver: Driver) -> None:
        """Hands a driver's route to the fleet, which begins anew at its start."""
        driver.route.write_path(self.fleet.paths[driver.row])
        self.fleet.progress[driver.row] = BEHIND_M - driver.route.origin_m

    # One tick

    def step(self, delta_s: float, crossing: NDArray[np.int32] | None = None) -> None:
        """Decides what everyone does during the next tick.

        Args:
            delta_s: until the next decision.
            crossing: rows of walkers who are crossing a street, among the world's bodies.
        """
        self._look_up_rows()
        if not self._drivers:
            return
        self._due_s -= delta_s
        if self._due_s <= 1e-9:
            self._due_s += DECISION_S
            self._decide(max(delta_s, DECISION_S))
        nobody = np.zeros(0, np.int32)
        self.fleet.drive(
            self._world.population.rows, self._mine, nobody if crossing is None else crossing
        )
        for row in np.flatnonzero(self.fleet.progress > PATH_POINTS - LOOK_AHEAD_M).tolist():
            self._go_on(self._drivers[row])

    def _look_up_rows(self) -> None:
        """Finds the vehicles among the bodies again, and forgets those which a client destroyed."""
        ids = self._world.population.rows.rows["id"]
        if len(self._mine) == len(self._drivers) and (
            not len(self._mine)
            or (self._mine[-1] < len(ids) and np.array_equal(ids[self._mine], self.fleet.ids))
        ):
            return
        row_of = {int(actor_id): row for row, actor_id in enumerate(ids)}
        gone = np.array([driver.actor_id not in row_of for driver in self._drivers], bool)
        if gone.any():
            for driver in self._drivers:
                if gone[driver.row]:
                    self._right_of_way.forget(driver)
            self._drivers = [driver for driver in self._drivers if not gone[driver.row]]
            self.fleet = self.fleet.without(gone)
            for row, driver in enumerate(self._drivers):
                driver.row = row
        self._mine = np.array([row_of[each.actor_id] for each in self._drivers], np.int32)

    def _go_on(self, driver: Driver) -> None:
        """Moves the path array forward and draws more lanes."""
        route, row = driver.route, driver.row
        here = route.origin_m + float(self.fleet.progress[row])
        old = route.origin_m
        route.forget_behind(here)
        route.extend()
        route.write_path(self.fleet.paths[row])
        self.fleet.progress[row] -= route.origin_m - old
        self._set_stop(driver)

    def _set_stop(self, driver: Driver) -> None:
        crossing = driver.waiting_at()
        line = math.inf if crossing is None else crossing.line_m - driver.route.origin_m
        self.fleet.stop_at[driver.row] = line

    def _decide(self, elapsed_s: float) -> None:
        """Looks at the junctions ahead, switches lights, and frees those who are stuck."""
        rows = self._world.population.rows.rows
        speeds = rows["speed"][self._mine].tolist()
        self._right_of_way.decide(self._drivers, self.fleet, self._mine, speeds, elapsed_s)
        progress = self.fleet.progress.tolist()
        dark = self._world.weather.sun_altitude_angle < 0.0
        for row, driver in enumerate(self._drivers):
            lights = driver.lights_at(driver.route.origin_m + progress[row], dark)
            if lights != driver.lights:
                driver.lights = lights
                rows["lights"][self._mine[row]] = lights
            self._set_stop(driver)
            if speeds[row] < STOPPED_MPS:
                self._free(driver, elapsed_s)
            else:
                driver.still_s = 0.0

    # Getting stuck

    def _free(self, driver: Driver, elapsed_s: float) -> None:
        """Helps those who wait too long: another way first, in the end another place."""
        crossing = driver.waiting_at()
        at_red = (
            crossing is not None
            and crossing.stop.kind == "light"
            and not self._right_of_way.signal_allows(crossing)
        )
        if at_red:
            return
        gap, ahead, aside = self.fleet.sights[driver.row].tolist()
        if gap < _QUEUE_M and ahead in self._mine:
            return
        before, driver.still_s = driver.still_s, driver.still_s + elapsed_s
        lost = abs(aside) > _LOST_M
        if driver.still_s > GIVE_UP_S or (lost and driver.still_s > _LOST_S):
            self._start_elsewhere(driver)
        elif (
            crossing is not None
            and before // DETOUR_S < driver.still_s // DETOUR_S
            and driver.route.turn_elsewhere(crossing)
        ):
            driver.route.write_path(self.fleet.paths[driver.row])
            self._set_stop(driver)

    def _start_elsewhere(self, driver: Driver) -> None:
        """Puts a vehicle on a free place which no other client's vehicle sees."""
        rows = self._world.population.rows.rows
        others = np.ones(len(rows), bool)
        others[self._mine] = False
        others &= rows["kind"] == VEHICLE
        everyone = np.column_stack([rows["x"], rows["y"]])
        places = list(self.roadmap.places)
        self._random.shuffle(places)
        for place in places:
            spot = place.pose
            if not _is_near(spot, everyone, 2.0 * driver.length_m) and not _is_near(
                spot, everyone[others], OUT_OF_SIGHT_M
            ):
                break
        else:
            return
        self._right_of_way.forget(driver)
        driver.route = Route.begin(self.roadmap, self._random, place.row, place.along_m)
        driver.still_s = 0.0
        driver.route.extend()
        self._world.set_transform(driver.actor_id, spot)
        self._world.set_target_velocity(driver.actor_id, Vector3())
        self._write(driver)
        self._set_stop(driver)


def _is_near(place: Transform, points: Floats, distance_m: float) -> bool:
    """Whether any of the points (N, 2 or more) is nearer to a place."""
    x, y, _ = place.location
    away = np.hypot(points[:, 0] - x, points[:, 1] - y)
    return bool(np.any(away < distance_m))
