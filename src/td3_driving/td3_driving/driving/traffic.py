"""A car ahead of the vehicle: where it starts, how it drives, and how far away it is.

The same logic drives it through the CARLA client and in fleets of worlds.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import chain

import numpy as np
from numpy.typing import NDArray

from td3_driving.driving.pure_pursuit import PurePursuitConfig, pure_pursuit
from td3_driving.driving.route import Route
from td3_driving.driving.validation import require_finite, require_positive
from td3_driving.driving.vehicle import VehicleState

LENGTH_M = 4.8
"""Of the cars on both ends of the start's gap."""

_LEAD_STREAM = 3
_WAYPOINTS, _SPACING_M = 10, 2.0
_REACH_M = 50.0
_BESIDE_M = 0.3


@dataclass(frozen=True, slots=True)
class LeadCar:
    """A slower car ahead; what it does is drawn anew for each episode.

    Args:
        min_gap_m: Smallest gap at the start, bumper to bumper.
        max_gap_m: Largest such gap.
        min_speed_mps: Its lowest speed.
        max_speed_mps: Its highest speed.
        change_s: It chooses another speed that often.

    Raises:
        ValueError: a value isn't positive and finite, or a maximum is below its minimum.
    """

    min_gap_m: float = 12.0
    max_gap_m: float = 25.0
    min_speed_mps: float = 2.5
    max_speed_mps: float = 5.0
    change_s: float = 6.0

    def __post_init__(self) -> None:
        require_finite(self)
        require_positive(self, *self.__slots__)
        for low, high in (("min_gap_m", "max_gap_m"), ("min_speed_mps", "max_speed_mps")):
            if getattr(self, high) < getattr(self, low):
                raise ValueError(
                    f"LeadCar.{high} is {getattr(self, high)}, below {low} {getattr(self, low)}"
                )


@dataclass(frozen=True, slots=True)
class Traffic:
    """Who else is on the road.

    Args:
        lead: The car ahead; None for none.
        vehicles: Scripted vehicles.
        pedestrians: Scripted pedestrians.
        lights: Whether the traffic lights count: a red one that is run is an infraction.

    Raises:
        ValueError: a negative number, or more than 200 of either.
    """

    lead: LeadCar | None = None
    vehicles: int = 0
    pedestrians: int = 0
    lights: bool = False

    def __post_init__(self) -> None:
        for name in ("vehicles", "pedestrians"):
            if not 0 <= getattr(self, name) <= 200:
                raise ValueError(f"Traffic.{name} is {getattr(self, name)}; it must be in [0, 200]")


class LeadDriver:
    """Drives the car ahead along the vehicle's route; a pure function of seed, time and state.

    Args:
        config: Gaps and speeds.
        route: The vehicle's.
        seed: Of the episode.
        s_m: Where on the route the vehicle starts.
    """

    def __init__(self, config: LeadCar, route: Route, seed: int, s_m: float = 0.0) -> None:
        random = np.random.default_rng([seed, _LEAD_STREAM])
        gap_m = float(random.uniform(config.min_gap_m, config.max_gap_m))
        # As many as the longest episodes take; after them the last one stays.
        self._speeds = random.uniform(config.min_speed_mps, config.max_speed_mps, 128)
        self._chosen_at = np.arange(float(len(self._speeds)))
        self._change_s = config.change_s
        self._route = route
        self._pursuit = PurePursuitConfig()
        self.s_m = s_m + gap_m + LENGTH_M
        """Arc length of its middle."""

    @property
    def start(self) -> tuple[float, float, float]:
        """x, y, yaw [m, m, rad] where it begins, in the map frame."""
        return self._route.pose_at(self.s_m)

    def speed_mps(self, time_s: float) -> float:
        """What it aims at, by the time since the episode's start: from one speed to the next."""
        at = max(time_s, 0.0) / self._change_s
        return float(np.interp(at, self._chosen_at, self._speeds))

    def act(self, state: VehicleState, time_s: float) -> tuple[float, float]:
        """Steer and acceleration for the next tick, each in [-1, 1]; steer is + to the right.

        Args:
            state: Its own motion.
            time_s: Since the episode's start.
        """
        route = self._route
        self.s_m = route.locate(state.x_m, state.y_m, state.yaw_rad, near_s_m=self.s_m).s_m
        ahead = route.waypoints_ahead(state, self.s_m, _WAYPOINTS, _SPACING_M)
        return pure_pursuit(state, ahead, self._pursuit, self.speed_mps(time_s))


def gap_ahead(
    route: Route,
    s_m: float,
    others: NDArray[np.float64],
    half_length_m: float = LENGTH_M / 2.0,
    half_width_m: float = 1.0,
) -> float | None:
    """The free way along the route to the nearest of the others that stands or drives on it.

    Args:
        route: The vehicle's.
        s_m: Arc length of its middle.
        others: (n, 5) x, y, yaw, half length, half width of each, in the map frame.
        half_length_m: Of the vehicle.
        half_width_m: Of the vehicle.

    Returns:
        The gap from bumper to bumper, >= 0, or None if nobody is on the 50 m ahead.

    Raises:
        ValueError: others of another shape, or not finite.
    """
    if others.ndim != 2 or others.shape[1] != 5:
        raise ValueError(f"others have shape {others.shape}; expected (n, 5)")
    rows = others.tolist()
    if not all(map(math.isfinite, chain.from_iterable(rows))):
        raise ValueError("the place of another vehicle is not finite; check the simulator")
    # Most are far away.
    x, y, _ = route.pose_at(s_m)
    near = [row for row in rows if math.hypot(row[0] - x, row[1] - y) < _REACH_M + 10.0]
    if not near:
        return None
    at_m, beside_m = route.ahead(np.array(near)[:, :2], s_m, _REACH_M)
    best = math.inf
    for (_, _, yaw, length, width), at, beside in zip(
        near, at_m.tolist(), beside_m.tolist(), strict=True
    ):
        turn = yaw - route.pose_at(at)[2]
        along = abs(math.cos(turn)) * length + abs(math.sin(turn)) * width
        across = abs(math.sin(turn)) * length + abs(math.cos(turn)) * width
        if at > s_m and beside < across + half_width_m + _BESIDE_M:
            best = min(best, at - s_m - along - half_length_m)
    return None if best is math.inf else max(best, 0.0)
