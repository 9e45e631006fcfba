"""The sensors' blueprints, as the real client lists them: CARLA 0.9.16's names and defaults."""

from __future__ import annotations

from typing import TYPE_CHECKING

import carla
import pytest

if TYPE_CHECKING:
    from conftest import Rig

_LENS = {
    "lens_circle_falloff": "5.0",
    "lens_circle_multiplier": "0.0",
    "lens_k": "-1.0",
    "lens_kcube": "0.0",
    "lens_x_size": "0.08",
    "lens_y_size": "0.08",
}
_CAMERA = {
    "role_name": "front",
    "sensor_tick": "0.0",
    "image_size_x": "800",
    "image_size_y": "600",
    "fov": "90.0",
    **_LENS,
}
_POSTPROCESSING = {
    "black_clip", "blade_count", "bloom_intensity", "blur_amount", "blur_radius",
    "calibration_constant", "chromatic_aberration_intensity", "chromatic_aberration_offset",
    "enable_postprocess_effects", "exposure_compensation", "exposure_max_bright",
    "exposure_min_bright", "exposure_mode", "exposure_speed_down", "exposure_speed_up",
    "focal_distance", "fstop", "gamma", "iso", "lens_flare_intensity", "min_fstop",
    "motion_blur_intensity", "motion_blur_max_distortion", "motion_blur_min_object_screen_size",
    "shoulder", "shutter_speed", "slope", "temp", "tint", "toe", "white_clip",
}  # fmt: skip
_SWEEP = {
    "role_name": "front",
    "sensor_tick": "0.0",
    "channels": "32",
    "range": "10.0",
    "points_per_second": "56000",
    "rotation_frequency": "10.0",
    "upper_fov": "10.0",
    "lower_fov": "-30.0",
    "horizontal_fov": "360.0",
}
_PLAIN = {"role_name": "default", "sensor_tick": "0.0", "noise_seed": "0"}

DEFAULTS = {
    "sensor.camera.depth": _CAMERA,
    "sensor.camera.semantic_segmentation": _CAMERA,
    "sensor.camera.instance_segmentation": _CAMERA,
    "sensor.lidar.ray_cast": {
        **_SWEEP,
        "atmosphere_attenuation_rate": "0.004",
        "dropoff_general_rate": "0.45",
        "dropoff_intensity_limit": "0.8",
        "dropoff_zero_intensity": "0.4",
        "noise_stddev": "0.0",
        "noise_seed": "0",
    },
    "sensor.lidar.ray_cast_semantic": _SWEEP,
    "sensor.other.radar": {
        **_PLAIN,
        "horizontal_fov": "30",
        "vertical_fov": "30",
        "range": "100",
        "points_per_second": "1500",
    },
    "sensor.other.imu": {
        **_PLAIN,
        **{f"noise_accel_stddev_{axis}": "0.0" for axis in "xyz"},
        **{f"noise_gyro_stddev_{axis}": "0.0" for axis in "xyz"},
        **{f"noise_gyro_bias_{axis}": "0.0" for axis in "xyz"},
    },
    "sensor.other.gnss": {
        **_PLAIN,
        **{f"noise_{part}_stddev": "0.0" for part in ("lat", "lon", "alt")},
        **{f"noise_{part}_bias": "0.0" for part in ("lat", "lon", "alt")},
    },
    "sensor.other.collision": {"role_name": "front"},
    "sensor.other.lane_invasion": {"role_name": "front"},
    "sensor.other.obstacle": {
        "role_name": "front",
        "sensor_tick": "0.0",
        "distance": "5.0",
        "hit_radius": "0.5",
        "only_dynamics": "false",
        "debug_linetrace": "false",
    },
}


@pytest.mark.parametrize("type_id", sorted(DEFAULTS))
def test_a_sensor_has_carlas_attributes_and_defaults(rig: Rig, type_id: str) -> None:
    blueprint = rig.blueprints.find(type_id)
    defaults = {attribute.id: attribute.recommended_values[0] for attribute in blueprint}
    assert defaults == DEFAULTS[type_id]
    assert all(attribute.is_modifiable for attribute in blueprint)
    sensor = rig.spawn(type_id, carla.Transform())
    assert sensor.attributes == defaults


def test_the_colour_camera_takes_carlas_postprocessing(rig: Rig) -> None:
    blueprint = rig.blueprints.find("sensor.camera.rgb")
    assert {attribute.id for attribute in blueprint} == {*_CAMERA, *_POSTPROCESSING}
    assert blueprint.get_attribute("exposure_mode").recommended_values == ["histogram", "manual"]
    sensor = rig.spawn(
        "sensor.camera.rgb", rig.vehicle().get_transform(), iso="200", exposure_mode="manual"
    )
    assert (sensor.attributes["iso"], sensor.attributes["exposure_mode"]) == ("200", "manual")


@pytest.mark.parametrize("kind", ["other.v2x", "other.rss"])
def test_sensors_that_are_not_there_are_missing_from_the_library(rig: Rig, kind: str) -> None:
    with pytest.raises(IndexError, match="not found"):
        rig.blueprints.find(f"sensor.{kind}")


def test_values_out_of_range_are_refused_by_name(rig: Rig) -> None:
    place = rig.vehicle().get_transform()
    for kind, name, value in (
        ("lidar.ray_cast", "channels", "0"),
        ("lidar.ray_cast", "points_per_second", "2000000000"),
        ("camera.depth", "image_size_x", "100000"),
        ("other.radar", "horizontal_fov", "180"),
        ("other.obstacle", "hit_radius", "nan"),
    ):
        with pytest.raises(RuntimeError, match=f"attribute {name} cannot be"):
            rig.spawn(f"sensor.{kind}", place, **{name: value})
