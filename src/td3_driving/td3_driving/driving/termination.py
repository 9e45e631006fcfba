"""When an episode ends, and whether that ends its value."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum

from td3_driving.driving.route import RoutePosition
from td3_driving.driving.validation import require_finite, require_positive
from td3_driving.driving.vehicle import VehicleState

_SLACK_S = 1e-6
"""Stamps are sums of time steps; without the slack the last tick is a matter of luck."""


class EpisodeEnd(str, Enum):
    """Why an episode ended. The first five terminate (their value is 0); the others truncate."""

    OFF_LANE = "off_lane"
    WRONG_WAY = "wrong_way"
    STUCK = "stuck"
    COLLISION = "collision"
    RED_LIGHT = "red_light"
    TIME_LIMIT = "time_limit"
    ROUTE_DONE = "route_done"
    FAULT = "fault"


TERMINAL_ENDS = ("collision", "red_light", "off_lane", "wrong_way", "stuck")
"""Names of the ends that a task may choose from, in the order in which they are looked for."""

AT_FAULT = frozenset({EpisodeEnd.COLLISION, EpisodeEnd.RED_LIGHT})
"""Ends that harm others."""

_TERMINAL = frozenset(map(EpisodeEnd, TERMINAL_ENDS))


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
        ends: Names of what terminates an episode, of TERMINAL_ENDS. Arriving and the time limit
            always end it.

    Raises:
        ValueError: a limit that isn't a positive finite number, or an unknown end.
    """

    lateral_limit_m: float = 2.0
    heading_limit_rad: float = math.pi / 2
    stuck_speed_mps: float = 0.3
    stuck_after_s: float = 5.0
    time_limit_s: float = 30.0
    distance_m: float | None = None
    arrival_m: float = 2.0
    ends: tuple[str, ...] = ("collision", "off_lane", "wrong_way", "stuck")

    def __post_init__(self) -> None:
        for name in self.ends:
            if name not in TERMINAL_ENDS:
                raise ValueError(f"end {name!r} is unknown; there are {', '.join(TERMINAL_ENDS)}")
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


@dataclass(frozen=True, slots=True)
class EndFacts:
    """What an end is judged by, after one tick.

    Args:
        speed_mps: Forward speed.
        lateral_m: Offset from the route, positive to the left.
        heading_error_rad: Vehicle heading minus route heading.
        standing_s: How long the vehicle has stood although its way was free.
        hits: Blueprints of what it hit in this tick.
        ran_red_light: Whether it drove over the line of a red light in this tick.
    """

    speed_mps: float
    lateral_m: float
    heading_error_rad: float
    standing_s: float = 0.0
    hits: tuple[str, ...] = ()
    ran_red_light: bool = False


def _collision(facts: EndFacts, rules: EndRules) -> str | None:
    if not facts.hits:
        return None
    return f"with {', '.join(dict.fromkeys(facts.hits))} at {facts.speed_mps:.1f} m/s"


def _red_light(facts: EndFacts, rules: EndRules) -> str | None:
    return f"at {facts.speed_mps:.1f} m/s" if facts.ran_red_light else None


def _off_lane(facts: EndFacts, rules: EndRules) -> str | None:
    if abs(facts.lateral_m) <= rules.lateral_limit_m:
        return None
    return f"{facts.lateral_m:+.2f} m from the route"


def _wrong_way(facts: EndFacts, rules: EndRules) -> str | None:
    if abs(facts.heading_error_rad) <= rules.heading_limit_rad:
        return None
    return f"{math.degrees(facts.heading_error_rad):+.0f} deg from the route"


def _stuck(facts: EndFacts, rules: EndRules) -> str | None:
    if facts.standing_s < rules.stuck_after_s - _SLACK_S:
        return None
    return f"{facts.standing_s:.1f} s without moving"


_ENDS: dict[str, Callable[[EndFacts, EndRules], str | None]] = {
    "collision": _collision,
    "red_light": _red_light,
    "off_lane": _off_lane,
    "wrong_way": _wrong_way,
    "stuck": _stuck,
}
"""Each says what broke its rule, for people, or None."""


def broken_rules(facts: EndFacts, rules: EndRules) -> dict[str, str]:
    """What happened in this tick that may end an episode: details by the end's name."""
    return {
        name: detail for name in TERMINAL_ENDS if (detail := _ENDS[name](facts, rules)) is not None
    }


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
        self.broken: dict[str, str] = {}
        """What happened in the last tick that ends an episode where its rules say so."""

    @property
    def driven_m(self) -> float:
        """Distance along the route since the start."""
        return self.s_m - self._start_s_m

    @property
    def elapsed_s(self) -> float:
        """Simulation time since the start."""
        return self._stamp_s - self._start_stamp_s

    def update(
        self,
        state: VehicleState,
        position: RoutePosition,
        hits: tuple[str, ...] = (),
        ran_red_light: bool = False,
        waiting: bool = False,
    ) -> Ending | None:
        """Look at one tick.

        Args:
            state: The vehicle after the tick.
            position: Its position on the route.
            hits: Blueprints of what it hit in this tick.
            ran_red_light: Whether it drove over the line of a red light.
            waiting: Whether it has reason to stand: a red light, or someone in the way.

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
        if waiting or state.speed_mps >= rules.stuck_speed_mps:
            self._moving_stamp_s = state.stamp_s
        facts = EndFacts(
            state.speed_mps,
            position.lateral_m,
            position.heading_error_rad,
            state.stamp_s - self._moving_stamp_s,
            hits,
            ran_red_light,
        )
        self.broken = broken_rules(facts, rules)
        arrived = position.remaining_m <= rules.arrival_m or (
            rules.distance_m is not None and self.driven_m >= rules.distance_m
        )
        for name, detail in self.broken.items():
            # Who has arrived may stand.
            if name in rules.ends and not (arrived and name == "stuck"):
                return Ending(EpisodeEnd(name), detail)
        if arrived:
            return Ending(EpisodeEnd.ROUTE_DONE, f"{self.driven_m:.0f} m driven")
        if self.elapsed_s >= rules.time_limit_s - _SLACK_S:
            return Ending(EpisodeEnd.TIME_LIMIT, f"{rules.time_limit_s:.0f} s")
        return None
