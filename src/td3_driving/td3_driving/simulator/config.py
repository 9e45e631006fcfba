"""What a session needs to know before it connects."""

from __future__ import annotations

from dataclasses import dataclass, field

from td3_driving.driving.camera import CameraConfig, ConfigError, require_within

WEATHERS = (
    "ClearNoon", "CloudyNoon", "WetNoon", "WetCloudyNoon", "SoftRainNoon", "MidRainyNoon",
    "HardRainNoon", "ClearSunset", "CloudySunset", "WetSunset", "WetCloudySunset",
    "SoftRainSunset", "MidRainSunset", "HardRainSunset", "ClearNight", "CloudyNight", "WetNight",
    "WetCloudyNight", "SoftRainNight", "MidRainyNight", "HardRainNight", "DustStorm",
)  # fmt: skip
"""CARLA's presets by their names."""


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
        weather: One of WEATHERS; empty leaves it as it is.
        spectator_follows: Whether the server's spectator follows the vehicle.
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
    weather: str = ""
    spectator_follows: bool = False

    def __post_init__(self) -> None:
        """Refuse what cannot work.

        Raises:
            ConfigError: A value is empty, out of range or not finite.
        """
        for name in ("host", "role_name", "vehicle"):
            if not getattr(self, name):
                raise ConfigError(f"{name} is empty")
        if self.weather and self.weather not in WEATHERS:
            raise ConfigError(
                f"weather is {self.weather!r}; it must be one of {WEATHERS}, or empty"
            )
        require_within("port", self.port, 1, 65535)
        require_within("fixed_delta_s", self.fixed_delta_s, 0.001, 0.1)
        require_within("timeout_s", self.timeout_s, 0.05, 300.0)
        require_within("map_timeout_s", self.map_timeout_s, self.timeout_s, 600.0)
        require_within("route_spacing_m", self.route_spacing_m, 0.1, 10.0)
        require_within("route_length_m", self.route_length_m, 2 * self.route_spacing_m, 100_000.0)
