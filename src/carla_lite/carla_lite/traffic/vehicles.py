"""The scripted vehicles of a world: where they start, whom they let pass, what frees them."""

from __future__ import annotations

import math
from dataclasses import dataclass
from random import Random

import numpy as np
from numpy.typing import NDArray

from carla_lite.traffic.drivers import LOOK_AHEAD_M, PATH_POINTS, Fleet
from carla_lite.traffic.junctions import Desk
from carla_lite.traffic.roadmap import Roadmap
from carla_lite.traffic.routes import BEHIND_M, Crossing, Route
from carla_lite.world import BLUEPRINTS, SpawnError, Transform, Vector3, World
from carla_lite.world.bodies import PROP, VEHICLE
from carla_lite.world.traffic_lights import LightState

Floats = NDArray[np.float64]

ROLE = "traffic"
"""The `role_name` of scripted vehicles."""
DECISION_S = 0.2
"""Time between two looks at the junctions ahead."""
PATIENCE_S = 8.0
DETOUR_S = 6.0
GIVE_UP_S = 60.0
OUT_OF_SIGHT_M = 60.0
_STOPPED_MPS = 0.2
_COMFORT_MPS2, _FIRM_MPS2 = 2.0, 3.5
_ROOM_M = 3.0
_RUSH_S = 3.0
_LOST_M = 3.0
_LOST_S = 20.0
_SPACING_M = 12.0

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


@dataclass(slots=True, eq=False)
class Driver:
    """One scripted driver.

    Attributes:
        actor_id: his vehicle.
        length_m: of the vehicle.
        route: where he is going.
        still_s: for how long he has been kept standing by anything but a red light.
        row: his place in the fleet.
    """

    actor_id: int
    length_m: float
    route: Route
    still_s: float = 0.0
    row: int = 0

    def waiting_at(self) -> Crossing | None:
        """The next junction which he may not enter yet."""
        return next((each for each in self.route.crossings if not each.granted), None)


class _Occupancy:
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


class Vehicles:
    """Drives the scripted vehicles of one episode."""

    def __init__(self, world: World, count: int, random: Random) -> None:
        """Spawns up to `count` vehicles, as many as there is room for."""
        self._world = world
        self._random = random
        self.roadmap = Roadmap.build(world.network)
        self._desk = Desk()
        self._drivers: list[Driver] = []
        self._mine = np.zeros(0, np.int32)
        self._due_s = 0.0
        places = self.roadmap.places(_SPACING_M)
        random.shuffle(places)
        # The recommended spawn points are left to clients, unless there is no other room.
        crowded = [
            _is_near(self.roadmap.pose(*place), world.network.spawn_points, _SPACING_M / 2)
            for place in places
        ]
        for _, place in sorted(zip(crowded, places, strict=True), key=lambda each: each[0]):
            if len(self._drivers) == count:
                break
            self._try_spawn(place)
        self.fleet = Fleet.of([driver.actor_id for driver in self._drivers])
        for row, driver in enumerate(self._drivers):
            driver.row = row
            self._write(driver)

    @property
    def ids(self) -> list[int]:
        """Actor ids of the vehicles."""
        return [driver.actor_id for driver in self._drivers]

    def _try_spawn(self, place: tuple[int, float]) -> None:
        names, weights = zip(*KINDS, strict=True)
        kind = self._random.choices(names, weights)[0]
        color = next(each for each in BLUEPRINTS[kind].attributes if each.name == "color")
        attributes = {"role_name": ROLE, "color": self._random.choice(color.recommended)}
        try:
            actor = self._world.spawn(kind, self.roadmap.pose(*place), attributes)
        except SpawnError:
            return
        route = Route.begin(self.roadmap, self._random, *place)
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
            self._look_at_junctions(max(delta_s, DECISION_S))
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
                    self._desk.forget(driver.actor_id)
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

    # Junctions

    def _look_at_junctions(self, elapsed_s: float) -> None:
        """Leaves junctions, and asks for those ahead, the nearest driver first."""
        rows = self._world.population.rows.rows
        speeds = rows["speed"][self._mine].tolist()
        progress, gaps = self.fleet.progress.tolist(), self.fleet.sights[:, 0].tolist()
        asking: list[tuple[float, int]] = []
        for row, driver in enumerate(self._drivers):
            here, speed = driver.route.origin_m + progress[row], speeds[row]
            if driver.route.crossings:
                self._leave(driver, here)
                self._reconsider(driver, here, speed)
            crossing = driver.waiting_at()
            if crossing is not None:
                distance = crossing.line_m - here - driver.length_m / 2.0
                if distance < LOOK_AHEAD_M:
                    asking.append((distance, row))
        self._desk.begin_round(self._strangers())
        lanes = _Occupancy(self.roadmap, self._drivers, progress, speeds)
        blocked: set[int] = set()
        for distance, row in sorted(asking):
            driver, speed = self._drivers[row], speeds[row]
            crossing = driver.waiting_at()
            assert crossing is not None
            if speed < _STOPPED_MPS and distance < 3.0:
                crossing.arrived = True
                crossing.waited_s += elapsed_s
            if (
                crossing.approach not in blocked
                and gaps[row] > distance
                and self._is_near_enough(crossing, distance, speed)
                and self._signal_allows(crossing)
                and lanes.have_room(driver, crossing)
                and self._desk.request(
                    driver.actor_id, crossing.way, impatient=crossing.waited_s > PATIENCE_S
                )
            ):
                crossing.granted = True
                lanes.expect(driver, crossing)
            else:
                blocked.add(crossing.approach)
        for row, driver in enumerate(self._drivers):
            self._set_stop(driver)
            if speeds[row] < _STOPPED_MPS:
                self._free(driver, gaps[row], elapsed_s)
            else:
                driver.still_s = 0.0

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
            if distance <= 0.0 or self._signal_allows(crossing):
                continue
            if speed * speed <= 2.0 * _FIRM_MPS2 * distance:
                crossing.granted = False
                self._desk.release(driver.actor_id, crossing.way)

    def _signal_allows(self, crossing: Crossing) -> bool:
        stop = crossing.stop
        if stop.kind == "light":
            state = self._world.traffic_control.state_of(stop.signal_id)
            return state not in (LightState.RED, LightState.YELLOW)
        return stop.kind != "stop" or crossing.arrived

    def _is_near_enough(self, crossing: Crossing, distance: float, speed: float) -> bool:
        """Whether it is time to ask: those with priority ask earlier, so that they get it."""
        braking = speed * speed / (2.0 * _COMFORT_MPS2)
        if crossing.stop.kind in ("stop", "yield"):
            return distance < braking + 2.0
        turns_left = crossing.way.turn < -math.radians(40.0)
        return distance < braking + (4.0 if turns_left else 12.0)

    def _strangers(self) -> dict[int, int]:
        """Lanes in junctions where other vehicles are, or will be in a moment."""
        rows = self._world.population.rows.rows
        others = np.ones(len(rows), bool)
        others[self._mine] = False
        others &= (rows["kind"] == VEHICLE) & (rows["collides"] != 0)
        result: dict[int, int] = {}
        if not others.any():
            return result
        index = self.roadmap.index
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
                    result[junction] = result.get(junction, 0) | self.roadmap.bits[each]
        return result

    # Getting stuck

    def _free(self, driver: Driver, gap: float, elapsed_s: float) -> None:
        """Helps those who wait too long: another way first, in the end another place."""
        crossing = driver.waiting_at()
        at_red = crossing is not None and crossing.arrived and not self._signal_allows(crossing)
        in_queue = gap < 8.0 and int(self.fleet.sights[driver.row, 1]) in self._mine
        if at_red or in_queue:
            return
        before, driver.still_s = driver.still_s, driver.still_s + elapsed_s
        lost = abs(float(self.fleet.sights[driver.row, 2])) > _LOST_M
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
        others &= rows["kind"] != PROP
        everyone = np.column_stack([rows["x"], rows["y"]])
        places = self.roadmap.places(_SPACING_M)
        self._random.shuffle(places)
        for place in places:
            spot = self.roadmap.pose(*place)
            if not _is_near(spot, everyone, 2.0 * driver.length_m) and not _is_near(
                spot, everyone[others], OUT_OF_SIGHT_M
            ):
                break
        else:
            return
        self._desk.forget(driver.actor_id)
        driver.route, driver.still_s = Route.begin(self.roadmap, self._random, *place), 0.0
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
