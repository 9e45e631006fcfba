"""When an episode ends, and whether that ends its value."""

import math
from dataclasses import dataclass
from enum import Enum

from td3_driving.driving.route import RoutePosition
from td3_driving.driving.validation import require_finite, require_positive
from td3_driving.driving.vehicle import VehicleState


class EpisodeEnd(str, Enum):
    """Why an episode ended. The first four terminate (their value is 0); the others truncate."""

    OFF_LANE = "off_lane"
    WRONG_WAY = "wrong_way"
    STUCK = "stuck"
    COLLISION = "collision"
    TIME_LIMIT = "time_limit"
    ROUTE_DONE = "route_done"
    FAULT = "fault"


_TERMINAL = frozenset(
    {EpisodeEnd.OFF_LANE, EpisodeEnd.WRONG_WAY, EpisodeEnd.STUCK, EpisodeEnd.COLLISION}
)


@dataclass(frozen=True, slots=True)
class Ending:
    """The end of an episode.

    Args:
        reason: Which rule ended it.
        detail: For people: the value that broke the rule, or what failed.
    """

    reason: EpisodeEnd
    detail: str = ""

    @property
    def terminated(self) -> bool:
        """Whether nothing is worth anything after it; False means truncated, which bootstraps."""
        return self.reason in _TERMINAL

    @property
    def truncated(self) -> bool:
        """The opposite of ``terminated``."""
        return not self.terminated


@dataclass(frozen=True, slots=True)
class EndRules:
    """Limits beyond which an episode ends.

    Args:
        lateral_limit_m: Largest offset from the route.
        heading_limit_rad: Largest heading error.
        stuck_speed_mps: Slower than this counts as standing.
        stuck_after_s: Longest stand.
        time_limit_s: Longest episode.
        distance_m: Distance along the route that completes it; None: the route's whole length.
        arrival_m: Distance before the route's end that counts as having arrived there.

    Raises:
        ValueError: a limit that isn't a positive finite number.
    """

    lateral_limit_m: float = 2.0
    heading_limit_rad: float = math.pi / 2
    stuck_speed_mps: float = 0.3
    stuck_after_s: float = 5.0
    time_limit_s: float = 30.0
    distance_m: float | None = None
    arrival_m: float = 2.0

    def __post_init__(self) -> None:
        require_finite(self)
        require_positive(
            self,
            "lateral_limit_m",
            "heading_limit_rad",
            "stuck_speed_mps",
            "stuck_after_s",
            "time_limit_s",
            "arrival_m",
            *(("distance_m",) if self.distance_m is not None else ()),
        )


class EpisodeMonitor:
    """Watches one episode for its end.

    A fault ends an episode from outside: ``Ending(EpisodeEnd.FAULT, "camera silent for 1.2 s")``.

    Args:
        rules: The limits.
        state: The vehicle at the start.
        position: Its position on the route at the start.
    """

    def __init__(self, rules: EndRules, state: VehicleState, position: RoutePosition) -> None:
        self._rules = rules
        self._start_stamp_s = state.stamp_s
        self._start_s_m = position.s_m
        self._moving_stamp_s = state.stamp_s
        self._stamp_s = state.stamp_s
        self.s_m = position.s_m
        """Arc length of the last position: what ``Route.locate`` wants as ``near_s_m``."""

    @property
    def driven_m(self) -> float:
        """Distance along the route since the start."""
        return self.s_m - self._start_s_m

    def update(
        self, state: VehicleState, position: RoutePosition, collided: bool = False
    ) -> Ending | None:
        """Look at one tick.

        Args:
            state: The vehicle after the tick.
            position: Its position on the route.
            collided: Whether it hit anything in this tick.

        Returns:
            The end, or None while the episode goes on. An infraction comes before a success.

        Raises:
            ValueError: a stamp older than the one before: ticks were mixed up.
        """
        if state.stamp_s < self._stamp_s:
            raise ValueError(
                f"stamp {state.stamp_s} s after {self._stamp_s} s: time ran backwards within an "
                "episode; was the simulator restarted without a reset?"
            )
        rules = self._rules
        self._stamp_s = state.stamp_s
        self.s_m = position.s_m
        if state.speed_mps >= rules.stuck_speed_mps:
            self._moving_stamp_s = state.stamp_s
        standing_s = state.stamp_s - self._moving_stamp_s
        # Stamps are sums of time steps; without the slack the last tick is a matter of luck.
        slack_s = 1e-6

        if collided:
            return Ending(EpisodeEnd.COLLISION, f"at {state.speed_mps:.1f} m/s")
        if abs(position.lateral_m) > rules.lateral_limit_m:
            return Ending(EpisodeEnd.OFF_LANE, f"{position.lateral_m:+.2f} m from the route")
        if abs(position.heading_error_rad) > rules.heading_limit_rad:
            degrees = math.degrees(position.heading_error_rad)
            return Ending(EpisodeEnd.WRONG_WAY, f"{degrees:+.0f} deg from the route")
        if position.remaining_m <= rules.arrival_m or (
            rules.distance_m is not None and self.driven_m >= rules.distance_m
        ):
            return Ending(EpisodeEnd.ROUTE_DONE, f"{self.driven_m:.0f} m driven")
        if standing_s >= rules.stuck_after_s - slack_s:
            return Ending(EpisodeEnd.STUCK, f"{standing_s:.1f} s without moving")
        if state.stamp_s - self._start_stamp_s >= rules.time_limit_s - slack_s:
            return Ending(EpisodeEnd.TIME_LIMIT, f"{rules.time_limit_s:.0f} s")
        return None
