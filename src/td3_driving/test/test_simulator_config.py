"""A session refuses settings and requests that cannot work, and says which."""

import math

import pytest

from td3_driving.simulator import CameraConfig, Command, ConfigError, ResetRequest, SessionConfig


@pytest.mark.parametrize(
    ("kind", "name", "value"),
    [
        (SessionConfig, "port", 0),
        (SessionConfig, "port", 70000),
        (SessionConfig, "host", ""),
        (SessionConfig, "role_name", ""),
        (SessionConfig, "vehicle", ""),
        (SessionConfig, "weather", "Sunny"),
        (SessionConfig, "fixed_delta_s", 0.2),
        (SessionConfig, "fixed_delta_s", math.nan),
        (SessionConfig, "timeout_s", math.inf),
        (SessionConfig, "map_timeout_s", 1.0),
        (SessionConfig, "route_spacing_m", 0.0),
        (SessionConfig, "route_length_m", 1.5),
        (CameraConfig, "width", 0),
        (CameraConfig, "height", 5000),
        (CameraConfig, "fov_deg", 180.0),
        (CameraConfig, "x_m", math.nan),
        (CameraConfig, "pitch_deg", 91.0),
    ],
)
def test_a_setting_out_of_range_is_named(kind: type, name: str, value: object) -> None:
    with pytest.raises(ConfigError, match=name):
        kind(**{name: value})


@pytest.mark.parametrize(
    ("kind", "name", "value"),
    [
        (Command, "steer", math.nan),
        (Command, "throttle", -0.1),
        (Command, "brake", 1.1),
        (ResetRequest, "seed", -1),
        (ResetRequest, "start_speed_mps", -1.0),
        (ResetRequest, "start_speed_mps", math.inf),
        (ResetRequest, "start_lateral_m", math.nan),
        (ResetRequest, "start_heading_rad", 4.0),
        (ResetRequest, "route_length_m", 0.0),
    ],
)
def test_a_value_that_must_not_reach_the_simulator_is_refused(
    kind: type, name: str, value: float
) -> None:
    with pytest.raises(ValueError, match=name):
        kind(**{name: value})


def test_the_focal_length_follows_from_the_field_of_view() -> None:
    assert CameraConfig(width=160, fov_deg=90.0).focal_px == pytest.approx(80.0)
