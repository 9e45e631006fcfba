"""One driven episode, as arrays: what every metric is computed from."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from td3_driving.driving.termination import EpisodeEnd


class Infraction(NamedTuple):
    """Something that must not happen on a road.

    Args:
        kind: Which, as td3_driving.evaluation.leaderboard names them, or a name of its own.
        at_s: Seconds since the episode's start.
    """

    kind: str
    at_s: float


@dataclass(frozen=True, slots=True, eq=False)
class EpisodeRecord:
    """One driven episode; all arrays (T,) float, one entry per tick, T >= 1.

    Args:
        s_m: Arc length along the route.
        lateral_m: Offset from the route, positive to the left.
        heading_error_rad: Vehicle heading minus route heading.
        speed_mps: Forward speed.
        yaw_rate_radps: Positive when turning left.
        steer: Steering command, [-1, 1], positive to the right.
        x_m: Position in the map frame.
        y_m: Position in the map frame.
        yaw_rad: Heading in the map frame.
        tick_s: Simulation time between two entries.
        distance_m: Planned distance along the route.
        target_speed_mps: The speed that was asked for.
        reason: Why the episode ended.
        infractions: All of them, the one that ended the episode included.

    Raises:
        ValueError: arrays empty, of different lengths or not finite, or a number that isn't above
            0; the message names it.
    """

    s_m: NDArray[np.floating]
    lateral_m: NDArray[np.floating]
    heading_error_rad: NDArray[np.floating]
    speed_mps: NDArray[np.floating]
    yaw_rate_radps: NDArray[np.floating]
    steer: NDArray[np.floating]
    x_m: NDArray[np.floating]
    y_m: NDArray[np.floating]
    yaw_rad: NDArray[np.floating]
    tick_s: float
    distance_m: float
    target_speed_mps: float
    reason: EpisodeEnd
    infractions: tuple[Infraction, ...] = ()

    def __post_init__(self) -> None:
        for name in (field.name for field in fields(self)):
            values = getattr(self, name)
            if isinstance(values, np.ndarray):
                self._require_series(name, values)
        for name in ("tick_s", "distance_m", "target_speed_mps"):
            value = getattr(self, name)
            if not (np.isfinite(value) and value > 0):
                raise ValueError(f"EpisodeRecord.{name} is {value}; it must be above 0")

    def _require_series(self, name: str, values: NDArray[np.floating]) -> None:
        if values.shape != (len(self.s_m),) or len(values) == 0:
            raise ValueError(
                f"EpisodeRecord.{name} has shape {values.shape}; expected ({len(self.s_m)},) "
                "with at least one step"
            )
        if not np.isfinite(values).all():
            step = int(np.argmin(np.isfinite(values)))
            raise ValueError(f"EpisodeRecord.{name} is {values[step]} at step {step}")

    @property
    def driven_m(self) -> float:
        """Distance driven along the route; rolling backwards takes none away."""
        return max(0.0, float(self.s_m.max() - self.s_m[0]))

    @property
    def duration_s(self) -> float:
        """How long it was driven."""
        return self.tick_s * len(self.s_m)
