"""What a session needs to know before it connects."""

from __future__ import annotations

import math
from dataclasses import dataclass, field


class ConfigError(ValueError):
    """A setting is out of range."""


def _require(name: str, value: float, low: float, high: float) -> None:
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
        _require("camera width", self.width, 16, 4096)
        _require("camera height", self.height, 16, 4096)
        _require("camera fov_deg", self.fov_deg, 10.0, 170.0)
        for name in ("x_m", "y_m", "z_m"):
            _require(f"camera {name}", getattr(self, name), -20.0, 20.0)
        _require("camera pitch_deg", self.pitch_deg, -90.0, 90.0)

    @property
    def focal_px(self) -> float:
        """Focal length in pixels: width / (2 tan(fov / 2))."""
        return self.width / (2.0 * math.tan(math.radians(self.fov_deg) / 2.0))


@dataclass(frozen=True)
class SessionConfig:
    """Where the server is, and what to put in its world.

    Attributes:
        role_name: Names our vehicle; leftovers of that name are removed on connecting.
        fixed_delta_s: Simulation time of one tick.
        synchronous: True: we tick the world. False: someone else does, and we follow.
        timeout_s: How long any single answer of the server may take.
        map_timeout_s: The same for loading a map.
        route_length_m: Length of routes that are not told their goal.
        route_spacing_m: Distance between points of a route.
    """

    host: str = "127.0.0.1"
    port: int = 2000
    role_name: str = "ego_vehicle"
    fixed_delta_s: float = 0.05
    synchronous: bool = True
    camera: CameraConfig = field(default_factory=CameraConfig)
    vehicle: str = "vehicle.tesla.model3"
    timeout_s: float = 5.0
    map_timeout_s: float = 60.0
    route_length_m: float = 400.0
    route_spacing_m: float = 1.0

    def __post_init__(self) -> None:
        """Refuse what cannot work.

        Raises:
            ConfigError: A value is empty, out of range or not finite.
        """
        for name in ("host", "role_name", "vehicle"):
            if not getattr(self, name):
                raise ConfigError(f"{name} is empty")
        _require("port", self.port, 1, 65535)
        _require("fixed_delta_s", self.fixed_delta_s, 0.001, 0.1)
        _require("timeout_s", self.timeout_s, 0.05, 300.0)
        _require("map_timeout_s", self.map_timeout_s, self.timeout_s, 600.0)
        _require("route_spacing_m", self.route_spacing_m, 0.1, 10.0)
        _require("route_length_m", self.route_length_m, 2 * self.route_spacing_m, 100_000.0)
