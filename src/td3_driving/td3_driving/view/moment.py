"""What there is to watch: the newest of everything, and the course of the episode so far."""

from __future__ import annotations

import math
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

MOST_TRAIL = 4000
"""Points of a trail; of a longer one the oldest go."""
TRAIL_STEP_M = 0.5
MOST_ROUTE = 2000


@dataclass(frozen=True, slots=True, eq=False)
class Moment:
    """One moment of a drive. What is not known yet is None, zero or empty.

    Args:
        sequence: Grows with every change.
        camera: uint8 (H, W, 3) BGR.
        stack: uint8 (frames, rows, columns), newest frame last.
        x_m: Position in the map frame (REP-103).
        y_m: Position in the map frame.
        yaw_rad: Heading, counter-clockwise.
        speed_mps: Forward speed.
        steer: [-1, 1], + to the right, as applied.
        throttle: [0, 1], as applied.
        brake: [0, 1], as applied.
        action: Steer and acceleration, [-1, 1], as the agent decided them.
        waypoints: float (N, 2) x, y ahead in the body frame, metres.
        steering_values: float (2, N): steerings in [-1, 1], and what each is worth to the critic.
        guard: What the last guard did to the command: stale, clipped, ...
        episode: Number of the episode.
        step: Ticks since its reset.
        reward: Of the last tick.
        terms: Of the last tick's reward, by name.
        episode_return: Sum of rewards since the reset.
        completion: Share of the planned distance, [0, 1].
        lateral_m: Offset from the route, + to the left.
        heading_error_rad: Heading minus the route's.
        reason: Why the episode ended; empty while it goes on.
    """

    sequence: int = 0
    camera: np.ndarray | None = None
    stack: np.ndarray | None = None
    x_m: float = 0.0
    y_m: float = 0.0
    yaw_rad: float = 0.0
    speed_mps: float = 0.0
    steer: float = 0.0
    throttle: float = 0.0
    brake: float = 0.0
    action: tuple[float, float] | None = None
    waypoints: np.ndarray | None = None
    steering_values: np.ndarray | None = None
    guard: tuple[str, ...] = ()
    episode: int = 0
    step: int = 0
    reward: float = 0.0
    terms: Mapping[str, float] = field(default_factory=dict)
    episode_return: float = 0.0
    completion: float = 0.0
    lateral_m: float = 0.0
    heading_error_rad: float = 0.0
    reason: str = ""


@dataclass(frozen=True, slots=True, eq=False)
class Course:
    """Where an episode leads and where the vehicle has been.

    Args:
        number: Another for every route.
        route: float (N, 2) x, y in the map frame, metres; N = 0 while there is none.
        trail: float (M, 2), oldest first.
    """

    number: int
    route: np.ndarray
    trail: np.ndarray


def _is_finite(value: Any) -> bool:
    """Whether a number, or all numbers of a tuple or array, are finite; what is none, is."""
    if isinstance(value, np.ndarray):
        return value.dtype.kind != "f" or bool(np.isfinite(value).all())
    if isinstance(value, tuple):
        return all(_is_finite(each) for each in value)
    return not isinstance(value, float) or math.isfinite(value)


class Watch:
    """The newest moment and course; written by one thread, read by any."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._moment = Moment()
        self._number = 0
        self._route = np.empty((0, 2))
        self._trail: list[tuple[float, float]] = []

    @property
    def moment(self) -> Moment:
        """The newest; immutable."""
        return self._moment

    @property
    def course(self) -> Course:
        """The present one."""
        with self._lock:
            return Course(self._number, self._route, np.array(self._trail).reshape(-1, 2))

    def take(self, **news: Any) -> None:
        """Takes fields of Moment that have changed.

        Raises:
            ValueError: a number is not finite.
        """
        for name, value in news.items():
            values = value.values() if isinstance(value, Mapping) else (value,)
            if not all(_is_finite(each) for each in values):
                raise ValueError(f"{name} is {value}, not finite")
        with self._lock:
            self._moment = replace(self._moment, sequence=self._moment.sequence + 1, **news)

    def drive_to(self, x_m: float, y_m: float, yaw_rad: float, speed_mps: float) -> None:
        """Takes where the vehicle is now; the trail follows."""
        self.take(x_m=x_m, y_m=y_m, yaw_rad=yaw_rad, speed_mps=speed_mps)
        with self._lock:
            if not self._trail or np.hypot(
                x_m - self._trail[-1][0], y_m - self._trail[-1][1]
            ) >= TRAIL_STEP_M:  # fmt: skip
                self._trail.append((x_m, y_m))
                del self._trail[:-MOST_TRAIL]

    def begin(self, route: np.ndarray) -> None:
        """A new episode along a route, float (N, 2) in the map frame; a long one is thinned.

        Raises:
            ValueError: the route is not finite, or of another shape.
        """
        if route.ndim != 2 or route.shape[1] != 2 or not np.isfinite(route).all():
            raise ValueError(f"a route must be finite (N, 2), got shape {route.shape}")
        every = max(1, -(-len(route) // MOST_ROUTE))
        with self._lock:
            self._number += 1
            self._route = route[::every].copy()
            self._trail.clear()
