"""Parameters of the carla_bridge node, and what they mean to the simulator session."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from td3_driving.parameters import parameter
from td3_driving.ros.topics import DEFAULT_ROLE
from td3_driving.simulator import WEATHERS, CameraConfig, SessionConfig


@dataclass(frozen=True)
class BridgeParameters:
    """The carla_bridge node's parameters. Units and ranges stand with each field."""

    role_name: str = parameter(DEFAULT_ROLE, "names the vehicle and its frames")
    host: str = parameter("127.0.0.1", "where the CARLA server runs")
    port: int = parameter(2000, "RPC port of the CARLA server", "", 1, 65535)
    timeout_s: float = parameter(2.0, "time in which the server must answer", "s", 0.05, 300.0)
    map: str = parameter("", "map of resets that name none; empty: keep the present one")
    vehicle: str = parameter("vehicle.tesla.model3", "blueprint of the vehicle")

    weather: str = parameter(
        "", "a preset of CARLA's; empty: leave it as it is", choices=("", *WEATHERS)
    )
    spectator_follows: bool = parameter(False, "whether the server's spectator follows the vehicle")

    mode: str = parameter(
        "lock_step",
        "lock_step: a tick waits for the command of the newest frame; "
        "fixed_rate: ticks by wall time, with the newest command",
        choices=("lock_step", "fixed_rate"),
    )
    fixed_delta_s: float = parameter(0.05, "simulation time of one tick", "s", 0.001, 0.1)
    command_timeout_s: float = parameter(
        0.5, "fixed_rate: wall time without a new command after which it brakes", "s", 0.05, 10.0
    )

    camera_width: int = parameter(160, "width of the picture", "px", 16, 4096)
    camera_height: int = parameter(120, "height of the picture", "px", 16, 4096)
    camera_fov_deg: float = parameter(90.0, "horizontal field of view", "deg", 10.0, 170.0)
    camera_x_m: float = parameter(1.5, "camera ahead of the vehicle's origin", "m", -20.0, 20.0)
    camera_y_m: float = parameter(0.0, "camera left of the vehicle's origin", "m", -20.0, 20.0)
    camera_z_m: float = parameter(1.8, "camera above the vehicle's origin", "m", -20.0, 20.0)
    camera_pitch_deg: float = parameter(8.0, "camera's pitch, + looks down", "deg", -90.0, 90.0)

    route_length_m: float = parameter(
        400.0, "length of routes to no given goal", "m", 20.0, 100_000.0
    )
    route_spacing_m: float = parameter(1.0, "distance between points of the route", "m", 0.1, 10.0)

    retry_min_s: float = parameter(0.5, "wait before connecting again", "s", 0.05, 60.0)
    retry_max_s: float = parameter(5.0, "longest such wait, reached by doubling", "s", 0.05, 600.0)

    def contradictions(self) -> Iterator[str]:
        """One sentence for each."""
        if self.retry_min_s > self.retry_max_s:
            yield f"retry_min_s, {self.retry_min_s:g} s, is more than retry_max_s"
        if self.mode == "fixed_rate" and self.command_timeout_s <= self.fixed_delta_s:
            yield (
                f"command_timeout_s is {self.command_timeout_s:g} s, not more than fixed_delta_s, "
                f"{self.fixed_delta_s:g} s, so that it would brake between any two commands"
            )

    def session(self) -> SessionConfig:
        """The settings of the simulator session."""
        return SessionConfig(
            host=self.host,
            port=self.port,
            role_name=self.role_name,
            fixed_delta_s=self.fixed_delta_s,
            camera=CameraConfig(
                self.camera_width,
                self.camera_height,
                self.camera_fov_deg,
                self.camera_x_m,
                self.camera_y_m,
                self.camera_z_m,
                self.camera_pitch_deg,
            ),
            vehicle=self.vehicle,
            timeout_s=self.timeout_s,
            map_timeout_s=max(60.0, self.timeout_s),
            route_length_m=self.route_length_m,
            route_spacing_m=self.route_spacing_m,
            weather=self.weather,
            spectator_follows=self.spectator_follows,
        )
