"""The front camera: its picture and where it sits."""

from __future__ import annotations

import math
from dataclasses import dataclass


class ConfigError(ValueError):
    """A setting is out of range."""


def require_within(name: str, value: float, low: float, high: float) -> None:
    """Refuses a setting outside of [low, high], and one that is not a number.

    Raises:
        ConfigError: names it, its value and the range.
    """
    # Written so that NaN fails too.
    if not low <= value <= high:
        raise ConfigError(f"{name} is {value!r}; it must lie in [{low:g}, {high:g}]")


@dataclass(frozen=True)
class CameraConfig:
    """The front camera: picture size, horizontal field of view, and pose on the vehicle.

    The pose is REP-103, from the vehicle's origin: x forward, y left, z up, pitch + nose down.
    """

    width: int = 160
    height: int = 120
    fov_deg: float = 90.0
    x_m: float = 1.5
    y_m: float = 0.0
    z_m: float = 1.8
    pitch_deg: float = 8.0

    def __post_init__(self) -> None:
        """Refuse what no camera can be.

        Raises:
            ConfigError: A value is out of range or not finite.
        """
        require_within("camera width", self.width, 16, 4096)
        require_within("camera height", self.height, 16, 4096)
        require_within("camera fov_deg", self.fov_deg, 10.0, 170.0)
        for name in ("x_m", "y_m", "z_m"):
            require_within(f"camera {name}", getattr(self, name), -20.0, 20.0)
        require_within("camera pitch_deg", self.pitch_deg, -90.0, 90.0)

    @property
    def focal_px(self) -> float:
        """Focal length in pixels: width / (2 tan(fov / 2))."""
        return self.width / (2.0 * math.tan(math.radians(self.fov_deg) / 2.0))
