"""A planned path: where the vehicle is along it, and what lies ahead."""

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import ArrayLike, NDArray

from td3_driving.driving.vehicle import VehicleState

# Uniform internal spacing: an arc length becomes an index by one division.
_STEP_M = 0.5
# At 20 Hz the vehicle moves well under 2 m between two look-ups; the rest is reserve.
_SEARCH_BACK_M = 5.0
_SEARCH_AHEAD_M = 15.0


def wrap_angle(angle_rad: float) -> float:
    """The same angle in (-pi, pi]."""
    return math.pi - (math.pi - angle_rad) % (2.0 * math.pi)


@dataclass(frozen=True, slots=True)
class RoutePosition:
    """A pose relative to a route.

    Args:
        s_m: Arc length from the route's start to the nearest point of the route.
        lateral_m: Offset from the route, positive to the left of it.
        heading_error_rad: Vehicle heading minus route heading, in (-pi, pi].
        remaining_m: Arc length from there to the route's end.
    """

    s_m: float
    lateral_m: float
    heading_error_rad: float
    remaining_m: float

    def speed_along_mps(self, state: VehicleState) -> float:
        """The component of the vehicle's velocity along the route."""
        return state.speed_mps * math.cos(
            self.heading_error_rad
        ) - state.lateral_speed_mps * math.sin(self.heading_error_rad)


class Route:
    """A directed path through the map frame.

    Args:
        points: (N, 2) x, y in metres, N >= 2, at any spacing; repeated points are dropped. A path
            may cross itself or run several laps of a circuit.

    Raises:
        ValueError: wrong shape, a non-finite point, or a path without length.
    """

    def __init__(self, points: ArrayLike) -> None:
        given = np.asarray(points, dtype=np.float64)
        if given.ndim != 2 or given.shape[1] != 2:
            raise ValueError(
                f"route points have shape {given.shape}; expected (N, 2): x, y in metres"
            )
        finite = np.isfinite(given).all(axis=1)
        if not finite.all():
            bad = int(np.argmin(finite))
            raise ValueError(f"route point {bad} is {given[bad].tolist()}, not finite")
        lengths = np.hypot(*np.diff(given, axis=0).T)
        given = given[np.concatenate(([True], lengths > 1e-6))] if len(given) else given
        if len(given) < 2:
            raise ValueError(
                "the route has no length: it needs two points that differ; "
                "were its start and goal the same?"
            )
        arc = np.concatenate(([0.0], np.cumsum(np.hypot(*np.diff(given, axis=0).T))))
        self.length_m = float(arc[-1])

        count = max(1, math.ceil(self.length_m / _STEP_M))
        self._step_m = self.length_m / count
        at = np.linspace(0.0, self.length_m, count + 1)
        self._points = np.column_stack([np.interp(at, arc, given[:, k]) for k in (0, 1)])
        self._chords = np.diff(self._points, axis=0)
        self._chord_m = np.maximum(np.hypot(self._chords[:, 0], self._chords[:, 1]), 1e-9)
        self._units = self._chords / self._chord_m[:, None]
        # For the search, which has many small parts: x and y each in one piece.
        self._xy = np.ascontiguousarray(self._points.T)
        self._ux, self._uy = np.ascontiguousarray(self._units.T)
        self._last: tuple[tuple[float, float, float, float | None] | None, RoutePosition | None]
        self._last = None, None
        # The tangent is taken over a metre to either side, so that a route sampled every 2 m turns
        # as smoothly as the road it stands for. Unwrapped, so that it never jumps at the seam.
        reach, i = round(1.0 / _STEP_M), np.arange(count + 1)
        tangent = (
            self._points[np.minimum(i + reach, count)] - self._points[np.maximum(i - reach, 0)]
        )
        self._heading_rad = np.unwrap(np.arctan2(tangent[:, 1], tangent[:, 0]))

    @property
    def points(self) -> NDArray[np.float64]:
        """(M, 2) the path at a uniform spacing of about half a metre; a copy."""
        return self._points.copy()

    def locate(
        self, x_m: float, y_m: float, yaw_rad: float, near_s_m: float | None = None
    ) -> RoutePosition:
        """The nearest point of the route.

        Args:
            x_m: Position in the map frame.
            y_m: Position in the map frame.
            yaw_rad: Heading in the map frame.
            near_s_m: Where the vehicle was a moment ago. The search then covers only 5 m behind to
                15 m ahead of it, so that a route that meets itself stays unambiguous. None: the
                whole route is searched.

        Returns:
            The position; before the start and past the end, ``s_m`` stays at that end and
            ``lateral_m`` is measured from the straight extension.
        """
        # In a fleet the world and the episode ask for the same place, one after the other.
        asked = (x_m, y_m, yaw_rad, near_s_m)
        last_asked, answer = self._last
        if answer is None or asked != last_asked:
            answer = self._locate(*asked)
            self._last = asked, answer
        return answer

    def _locate(
        self, x_m: float, y_m: float, yaw_rad: float, near_s_m: float | None
    ) -> RoutePosition:
        first, last = 0, len(self._chords)
        if near_s_m is not None:
            first = int((near_s_m - _SEARCH_BACK_M) / self._step_m)
            first = min(max(first, 0), last - 1)
            last = min(max(int((near_s_m + _SEARCH_AHEAD_M) / self._step_m) + 1, first + 1), last)
        dx, dy = x_m - self._xy[0, first:last], y_m - self._xy[1, first:last]
        ux, uy = self._ux[first:last], self._uy[first:last]
        along = np.minimum(np.maximum(dx * ux + dy * uy, 0.0), self._chord_m[first:last])
        gap_x, gap_y = dx - along * ux, dy - along * uy
        k = int((gap_x * gap_x + gap_y * gap_y).argmin())
        i = first + k

        fraction = float(along[k]) / float(self._chord_m[i])
        cross = float(ux[k]) * float(dy[k]) - float(uy[k]) * float(dx[k])
        beyond_an_end = (i == 0 and fraction == 0.0) or (
            i == len(self._chords) - 1 and fraction == 1.0
        )
        # Outside of a bend the nearest point is a vertex, off the chord's normal.
        lateral_m = cross if beyond_an_end else math.copysign(math.hypot(gap_x[k], gap_y[k]), cross)
        s_m = (i + fraction) * self._step_m
        heading = self._heading_at(i, fraction)
        return RoutePosition(s_m, lateral_m, wrap_angle(yaw_rad - heading), self.length_m - s_m)

    def waypoints_ahead(
        self, state: VehicleState, s_m: float, count: int = 25, spacing_m: float = 2.0
    ) -> NDArray[np.float32]:
        """Points of the route ahead, as the vehicle sees them.

        Args:
            state: Whose body frame the points are given in.
            s_m: The vehicle's arc length, as ``locate`` gives it.
            count: How many points.
            spacing_m: Their spacing along the route; the first lies one spacing ahead.

        Returns:
            (count, 2) float32 x (forward), y (left) in metres. Past the end of the route its last
            heading is extended straight.
        """
        at = (s_m + _spaced(count, spacing_m)) / self._step_m
        i = np.minimum(np.maximum(at.astype(np.intp), 0), len(self._chords) - 1)
        ahead = self._points[i] + (at - i)[:, None] * self._chords[i]
        dx, dy = ahead[:, 0] - state.x_m, ahead[:, 1] - state.y_m
        cos, sin = math.cos(state.yaw_rad), math.sin(state.yaw_rad)
        body = np.empty((count, 2), np.float32)
        body[:, 0] = cos * dx + sin * dy
        body[:, 1] = cos * dy - sin * dx
        return body

    def ahead(
        self, points: NDArray[np.float64], s_m: float, reach_m: float
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Where points lie along and beside the part of the route ahead.

        Args:
            points: (n, 2) x, y in the map frame.
            s_m: Where that part begins.
            reach_m: How long it is.

        Returns:
            (n,) arc length of the nearest of the route's points, about half a metre apart, and
            (n,) the distance from it.
        """
        first = min(max(int(s_m / self._step_m), 0), len(self._chords))
        last = min(int((s_m + reach_m) / self._step_m) + 1, len(self._chords))
        part = slice(first, max(last, first) + 1)
        dx, dy = points[:, :1] - self._xy[0, part], points[:, 1:] - self._xy[1, part]
        squared = dx * dx + dy * dy
        nearest = squared.argmin(axis=1)
        distance = np.sqrt(squared[np.arange(len(points)), nearest])
        return (first + nearest) * self._step_m, distance

    def pose_at(self, s_m: float, lateral_m: float = 0.0) -> tuple[float, float, float]:
        """x, y, yaw at an arc length (clipped to the route) and an offset to the left of it."""
        at = min(max(s_m, 0.0), self.length_m) / self._step_m
        i = min(int(at), len(self._chords) - 1)
        heading = self._heading_at(i, at - i)
        x, y = self._points[i] + (at - i) * self._chords[i]
        return (
            float(x) - lateral_m * math.sin(heading),
            float(y) + lateral_m * math.cos(heading),
            wrap_angle(heading),
        )

    def _heading_at(self, i: int, fraction: float) -> float:
        start, end = float(self._heading_rad[i]), float(self._heading_rad[i + 1])
        return start + fraction * (end - start)


@lru_cache(maxsize=16)
def _spaced(count: int, spacing_m: float) -> NDArray[np.float64]:
    """(count,) distances from one spacing on; not to be written to."""
    return np.float64(spacing_m) * np.arange(1.0, count + 1.0)
