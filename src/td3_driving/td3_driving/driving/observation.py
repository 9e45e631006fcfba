"""The vector half of an observation."""

import math

import numpy as np
from numpy.typing import NDArray

from td3_driving.driving.validation import require_waypoints
from td3_driving.driving.vehicle import VehicleState

_SPEED_SCALE_MPS = 10.0
_WAYPOINT_SCALE_M = 20.0
# Far outside of normal driving (50 m ahead is 2.5): a spin must not drown the picture's features.
_CLIP = 5.0


def vector_dim(waypoint_count: int) -> int:
    """Length of the vector for a number of waypoints: 53 for 25."""
    return 3 + 2 * waypoint_count


def vector(
    state: VehicleState, last_steer: float, waypoints: NDArray[np.float32]
) -> NDArray[np.float32]:
    """What the agent knows besides the picture.

    Neither lateral offset nor heading error is in it: those are for the camera to see.

    Args:
        state: Motion of the vehicle.
        last_steer: The steering command in force, [-1, 1], positive to the right; without it the
            steering lag would make the task non-Markov.
        waypoints: (n, 2) in the body frame, in metres.

    Returns:
        (3 + 2 n,) float32: speed / 10 m/s, yaw rate in rad/s, last steer, then x, y of each
        waypoint / 20 m; each clipped to [-5, 5].

    Raises:
        ValueError: a non-finite steer or waypoint, or waypoints of another shape.
    """
    require_waypoints(waypoints)
    if not math.isfinite(last_steer):
        raise ValueError(f"last_steer is {last_steer}; pass the command that left the gate")
    result = np.empty(vector_dim(len(waypoints)), np.float32)
    result[0] = _clip(state.speed_mps / _SPEED_SCALE_MPS)
    result[1] = _clip(state.yaw_rate_radps)
    result[2] = _clip(last_steer)
    result[3:] = np.minimum(np.maximum(waypoints.ravel() / _WAYPOINT_SCALE_M, -_CLIP), _CLIP)
    return result


def shown_waypoints(observed: NDArray[np.float32]) -> NDArray[np.float32]:
    """The waypoints that a vector shows: (n, 2) float32 in the body frame, metres."""
    return observed[3:].reshape(-1, 2) * np.float32(_WAYPOINT_SCALE_M)


def _clip(value: float) -> float:
    return min(max(value, -_CLIP), _CLIP)
