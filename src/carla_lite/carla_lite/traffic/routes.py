"""Where a scripted driver is going: lanes drawn at random, and the junctions on his way."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from random import Random

import numpy as np
from numpy.typing import NDArray

from carla_lite.traffic.drivers import PATH_POINTS
from carla_lite.traffic.roadmap import Roadmap, StopControl, Way

Floats = NDArray[np.float64]

BEHIND_M = 12.0
"""How much of the way behind a vehicle its path keeps."""


@dataclass(slots=True, eq=False)
class Crossing:
    """A junction on the way; distances are along the route.

    Attributes:
        way: the lanes through it.
        approach, leave: rows of the lanes before and after it; -1 for none.
        stop: where to wait and why.
        line_m: the stop line.
        end_m: the junction's end.
        granted: whether the way is held.
        arrived: whether the driver has stopped at the line.
        waited_s: since he stood at it.
    """

    way: Way
    approach: int
    leave: int
    stop: StopControl
    line_m: float
    end_m: float
    granted: bool = False
    arrived: bool = False
    waited_s: float = 0.0


@dataclass(slots=True, eq=False)
class Route:
    """A way through the lanes, made up as it goes; all distances count from where it began.

    Attributes:
        lanes: rows of the lanes from the one behind the vehicle on.
        starts: where each of them starts.
        origin_m: where the vehicle's path array starts.
        crossings: the junctions ahead, or not yet left.
        known_m: where the last junction ends that was among them.
    """

    roadmap: Roadmap
    random: Random
    lanes: list[int]
    starts: list[float]
    origin_m: float = 0.0
    crossings: list[Crossing] = field(default_factory=list)
    known_m: float = -math.inf

    @classmethod
    def begin(cls, roadmap: Roadmap, random: Random, lane: int, along_m: float) -> Route:
        """A route from a place on a lane, which becomes distance `BEHIND_M`."""
        route = cls(roadmap, random, [lane], [BEHIND_M - along_m])
        route.origin_m = route.starts[0] if along_m < BEHIND_M else 0.0
        return route

    @property
    def end_m(self) -> float:
        """Where the last lane ends."""
        return self.starts[-1] + float(self.roadmap.index.length_m[self.lanes[-1]])

    def extend(self) -> None:
        """Draws lanes until the path is full, or the road ends."""
        while self.end_m < self.origin_m + PATH_POINTS:
            choices = self.roadmap.choices(self.lanes[-1])
            if not choices:
                break
            self.append(self.random.choice(choices))
        # The lane after a junction has to be known, for nobody enters one that is full.
        while self.roadmap.bits[self.lanes[-1]]:
            choices = self.roadmap.choices(self.lanes[-1])
            if not choices:
                break
            self.append(self.random.choice(choices))
        self._find_crossings()

    def append(self, lane: int) -> None:
        """Goes on along one more lane."""
        self.starts.append(self.end_m)
        self.lanes.append(lane)

    def _find_crossings(self) -> None:
        lanes, refs, last = self.lanes, self.roadmap.index.lanes, 0
        for first, lane in enumerate(lanes):
            junction = refs[lane].junction_id
            if junction is None or (first and first <= last):
                continue
            last = first
            while last + 1 < len(lanes) and refs[lanes[last + 1]].junction_id == junction:
                last += 1
            end = self.starts[last] + float(self.roadmap.index.length_m[lanes[last]])
            if end > self.known_m + 1e-6:
                self.crossings.append(self._crossing(first, last, end))
                self.known_m = end

    def _crossing(self, first: int, last: int, end_m: float) -> Crossing:
        lanes, start = self.lanes, self.starts[first]
        approach = lanes[first - 1] if first else -1
        leave = lanes[last + 1] if last + 1 < len(lanes) else -1
        stop = self.roadmap.stops.get(approach, StopControl(0.0, "other", ""))
        line = self.starts[first - 1] + stop.along_m if first else start
        way = self.roadmap.way(tuple(lanes[first : last + 1]))
        return Crossing(way, approach, leave, stop, line, end_m)

    def forget_behind(self, here_m: float) -> None:
        """Drops the lanes that lie more than `BEHIND_M` behind a distance."""
        while len(self.lanes) > 1 and self.starts[1] < here_m - BEHIND_M:
            del self.lanes[0], self.starts[0]
        self.origin_m = max(here_m - BEHIND_M, self.starts[0])

    def turn_elsewhere(self, crossing: Crossing) -> bool:
        """Gives up the way through a junction for another one; False if there is none."""
        place = self.lanes.index(crossing.approach) if crossing.approach in self.lanes else -1
        choices = self.roadmap.choices(crossing.approach) if place >= 0 else ()
        others = [lane for lane in choices if lane != crossing.way.lanes[0]]
        if not others:
            return False
        del self.lanes[place + 1 :], self.starts[place + 1 :]
        self.crossings = [each for each in self.crossings if each.end_m < crossing.end_m]
        self.known_m = self.starts[place]
        self.append(self.random.choice(others))
        self.extend()
        return True

    def write_path(self, out: Floats) -> None:
        """Fills float64 (`PATH_POINTS`, 3): x, y, speed, a metre apart from `origin_m` on.

        Where the road ends the path goes straight on at speed 0, so that drivers stop.
        """
        index = self.roadmap.index
        distances = self.origin_m + np.arange(PATH_POINTS)
        starts, rows = np.array(self.starts), np.array(self.lanes, np.int32)
        place = np.clip(np.searchsorted(starts, distances, side="right") - 1, 0, None)
        lane, along = rows[place], distances - starts[place]
        poses = index.poses(lane, along)
        out[:, :2] = poses[:, :2]
        out[:, 2] = self.roadmap.caps(lane, along)
        beyond = np.maximum(distances - self.end_m, 0.0)
        if beyond[-1] > 0.0:
            yaw = poses[-1, 2]
            out[:, 0] += beyond * math.cos(yaw)
            out[:, 1] += beyond * math.sin(yaw)
            out[beyond > 0.0, 2] = 0.0
