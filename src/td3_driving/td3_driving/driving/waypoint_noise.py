"""What the vehicle knows of its route: all of it, a GPS's idea of it, or nothing."""

import math
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from td3_driving.driving.validation import require_positive, require_waypoints

WaypointMode = Literal["full", "noisy", "none"]


@dataclass(frozen=True, slots=True)
class WaypointNoiseConfig:
    """How waypoints are shown to the agent.

    Args:
        mode: ``full`` exact; ``noisy`` with a GPS's drifting bias; ``none`` zeros, pixels only.
        sigma_m: Standard deviation of the position bias, per map axis.
        sigma_heading_rad: Standard deviation of the heading bias.
        tau_s: Correlation time of the drift.

    Raises:
        ValueError: an unknown mode, or a value that isn't positive.
    """

    mode: WaypointMode = "full"
    sigma_m: float = 1.2
    sigma_heading_rad: float = math.radians(3.0)
    tau_s: float = 10.0

    def __post_init__(self) -> None:
        if self.mode not in get_args(WaypointMode):
            raise ValueError(f"waypoint mode {self.mode!r} is unknown; use full, noisy or none")
        require_positive(self, "sigma_m", "sigma_heading_rad", "tau_s")


class WaypointNoise:
    """An Ornstein-Uhlenbeck bias on position (map axes) and heading, in exact discretisation.

    Args:
        config: Mode and size of the bias.
        seed: As ``reset``'s.
    """

    def __init__(self, config: WaypointNoiseConfig, seed: int = 0) -> None:
        self._config = config
        self._sigma = np.array([config.sigma_m, config.sigma_m, config.sigma_heading_rad])
        self.reset(seed)

    def reset(self, seed: int) -> None:
        """Start an episode: the bias is drawn anew from its stationary distribution."""
        self._random = np.random.default_rng(seed)
        self._bias = self._sigma * self._random.standard_normal(3)

    def apply(
        self, waypoints: NDArray[np.float32], yaw_rad: float, dt_s: float
    ) -> NDArray[np.float32]:
        """Let the bias drift, then look at the waypoints through it.

        Args:
            waypoints: (n, 2) exact, in the body frame, in metres.
            yaw_rad: The vehicle's heading: the bias keeps its direction in the map as it turns.
            dt_s: Time since the last call.

        Returns:
            (n, 2) float32, a new array.

        Raises:
            ValueError: wrong shape, or a non-finite waypoint.
        """
        require_waypoints(waypoints)
        if self._config.mode == "full":
            return waypoints.astype(np.float32)
        if self._config.mode == "none":
            return np.zeros(waypoints.shape, np.float32)
        keep = math.exp(-dt_s / self._config.tau_s)
        fresh = self._sigma * self._random.standard_normal(3)
        self._bias = keep * self._bias + math.sqrt(1.0 - keep * keep) * fresh

        cos, sin = math.cos(yaw_rad), math.sin(yaw_rad)
        east, north, turn = self._bias
        shift = np.array([cos * east + sin * north, cos * north - sin * east])
        cos, sin = math.cos(turn), math.sin(turn)
        return (waypoints @ np.array([[cos, sin], [-sin, cos]]) + shift).astype(np.float32)
