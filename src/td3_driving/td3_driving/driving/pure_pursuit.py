"""A classical path follower: the baseline, and the check that route, frames and signs are right.

Coulter 1992, "Implementation of the Pure Pursuit Path Tracking Algorithm", CMU-RI-TR-92-01.
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from td3_driving.driving.validation import require_finite, require_positive, require_waypoints
from td3_driving.driving.vehicle import VehicleState


@dataclass(frozen=True, slots=True)
class PurePursuitConfig:
    """The vehicle and how it is driven.

    Args:
        wheelbase_m: Distance between the axles.
        max_wheel_angle_rad: Angle of the front wheels at full steering.
        target_speed_mps: Speed on a straight road.
        max_lateral_mps2: Lateral acceleration that a bend may ask for.
        comfortable_brake_mps2: Deceleration planned for in front of a bend.
        lookahead_s: The aimed-at point is this far ahead in time,
        min_lookahead_m: but at least this far ahead in space.
        speed_gain: Acceleration command per m/s of speed error.
    """

    wheelbase_m: float = 2.87
    max_wheel_angle_rad: float = math.radians(70.0)
    target_speed_mps: float = 7.5
    max_lateral_mps2: float = 3.0
    comfortable_brake_mps2: float = 2.0
    lookahead_s: float = 0.6
    min_lookahead_m: float = 3.5
    speed_gain: float = 0.6

    def __post_init__(self) -> None:
        require_finite(self)
        require_positive(self, *self.__slots__)


def pure_pursuit(
    state: VehicleState,
    waypoints: NDArray[np.float32],
    config: PurePursuitConfig | None = None,
    target_speed_mps: float | None = None,
) -> tuple[float, float]:
    """Steer along the arc to a point ahead, slowly enough for the bends in sight.

    Args:
        state: Motion of the vehicle; its origin is taken as the middle of the rear axle.
        waypoints: (n, 2) in the body frame, n >= 3, nearest first, in metres.
        config: None: the defaults.
        target_speed_mps: In place of the configuration's.

    Returns:
        (steer, acceleration), each in [-1, 1]; steer is positive to the right.

    Raises:
        ValueError: fewer than 3 waypoints, non-finite ones, or all in one place.
    """
    config = config or PurePursuitConfig()
    require_waypoints(waypoints)
    path = np.zeros((len(waypoints) + 1, 2))
    path[1:] = waypoints
    chords = path[1:] - path[:-1]
    lengths = np.hypot(chords[:, 0], chords[:, 1])
    if len(waypoints) < 3 or lengths[1:].max() < 1e-6:
        raise ValueError(
            f"pure pursuit needs 3 or more waypoints that differ, got {len(waypoints)}; waypoint "
            "mode 'none' hides the route, which leaves it nothing to follow"
        )
    distance = np.zeros(len(path))
    lengths.cumsum(out=distance[1:])
    lookahead = max(config.min_lookahead_m, config.lookahead_s * state.speed_mps)
    x = float(np.interp(lookahead, distance, path[:, 0]))
    y = float(np.interp(lookahead, distance, path[:, 1]))
    curvature = 2.0 * y / max(x * x + y * y, 1e-6)
    wheel_rad = math.atan(config.wheelbase_m * curvature)
    steer = min(max(-wheel_rad / config.max_wheel_angle_rad, -1.0), 1.0)

    speed_limit = _speed_limit(chords[1:], lengths[1:], distance[2:-1], abs(curvature), config)
    target = config.target_speed_mps if target_speed_mps is None else target_speed_mps
    acceleration = config.speed_gain * (min(target, speed_limit) - state.speed_mps)
    return steer, min(max(acceleration, -1.0), 1.0)


def _speed_limit(
    chords: NDArray[np.float64],
    lengths: NDArray[np.float64],
    distance: NDArray[np.float64],
    curvature_here: float,
    config: PurePursuitConfig,
) -> float:
    """The speed from which every bend ahead can still be reached slowly enough.

    Args:
        chords: (n, 2) between consecutive waypoints.
        lengths: (n,) of the chords.
        distance: (n - 1,) from the vehicle to the waypoints between two chords.
        curvature_here: Of the arc being driven, 1/m.
        config: Limits.
    """
    heading = np.arctan2(chords[:, 1], chords[:, 0])
    turn = np.abs(heading[1:] - heading[:-1])
    if turn.max() >= math.pi:
        turn = np.abs(np.diff(np.unwrap(heading)))
    curvature = turn / np.maximum(0.5 * (lengths[1:] + lengths[:-1]), 1e-6)
    in_bend = config.max_lateral_mps2 / np.maximum(curvature, 1e-6)
    before_bend = in_bend + 2.0 * config.comfortable_brake_mps2 * distance
    here = config.max_lateral_mps2 / max(curvature_here, 1e-6)
    return math.sqrt(min(float(before_bend.min()), here))
