"""The sensors which can be spawned, with CARLA's attribute names and defaults."""

from carla_lite.world.blueprints import Attribute, AttributeKind, Blueprint

RGB_CAMERA = "sensor.camera.rgb"
COLLISION = "sensor.other.collision"
LANE_INVASION = "sensor.other.lane_invasion"
IMU = "sensor.other.imu"
GNSS = "sensor.other.gnss"

MAX_IMAGE_WIDTH, MAX_IMAGE_HEIGHT = 4096, 2304
_MAX_PERIOD_S = 3600.0

# Kept so that programs which set them run unchanged; a flat picture has no use for them.
_POSTPROCESSING = {
    "black_clip": "0.0",
    "blade_count": "5",
    "bloom_intensity": "0.675",
    "blur_amount": "1.0",
    "blur_radius": "0.0",
    "calibration_constant": "16.0",
    "chromatic_aberration_intensity": "0.0",
    "chromatic_aberration_offset": "0.0",
    "exposure_compensation": "0.0",
    "exposure_max_bright": "12.0",
    "exposure_min_bright": "10.0",
    "exposure_speed_down": "1.0",
    "exposure_speed_up": "3.0",
    "focal_distance": "1000.0",
    "fstop": "1.4",
    "gamma": "2.2",
    "iso": "100.0",
    "lens_circle_falloff": "5.0",
    "lens_circle_multiplier": "0.0",
    "lens_flare_intensity": "0.1",
    "lens_k": "-1.0",
    "lens_kcube": "0.0",
    "lens_x_size": "0.08",
    "lens_y_size": "0.08",
    "min_fstop": "1.2",
    "motion_blur_intensity": "0.45",
    "motion_blur_max_distortion": "0.35",
    "motion_blur_min_object_screen_size": "0.1",
    "shoulder": "0.26",
    "shutter_speed": "200.0",
    "slope": "0.88",
    "temp": "6500.0",
    "tint": "0.0",
    "toe": "0.55",
    "white_clip": "0.04",
}


def _number(name: str, default: str, lowest: float, highest: float) -> Attribute:
    return Attribute(name, AttributeKind.FLOAT, default, lowest=lowest, highest=highest)


def _side(name: str, default: str, highest: int) -> Attribute:
    return Attribute(name, AttributeKind.INT, default, lowest=1, highest=highest)


def _noise(*names: str) -> tuple[Attribute, ...]:
    return (
        *(_number(f"noise_{name}", "0.0", -1e6 if "bias" in name else 0.0, 1e6) for name in names),
        Attribute("noise_seed", AttributeKind.INT, "0", lowest=0, highest=2**31 - 1),
    )


_ROLE = Attribute(
    "role_name",
    AttributeKind.STRING,
    "front",
    ("front", "back", "left", "right", "front_left", "front_right", "back_left", "back_right"),
)
_TICK = _number("sensor_tick", "0.0", 0.0, _MAX_PERIOD_S)

SENSORS = (
    Blueprint(
        RGB_CAMERA,
        (
            _ROLE,
            _TICK,
            _side("image_size_x", "800", MAX_IMAGE_WIDTH),
            _side("image_size_y", "600", MAX_IMAGE_HEIGHT),
            _number("fov", "90.0", 5.0, 170.0),
            Attribute("enable_postprocess_effects", AttributeKind.BOOL, "true"),
            Attribute(
                "exposure_mode", AttributeKind.STRING, "histogram", ("histogram", "manual"),
                restricted=True,
            ),
            *(_number(name, default, -1e6, 1e6) for name, default in _POSTPROCESSING.items()),
        ),
    ),
    Blueprint(COLLISION, (_ROLE,)),
    Blueprint(LANE_INVASION, (_ROLE,)),
    Blueprint(
        IMU,
        (
            _ROLE,
            _TICK,
            *_noise(
                "accel_stddev_x", "accel_stddev_y", "accel_stddev_z",
                "gyro_bias_x", "gyro_bias_y", "gyro_bias_z",
                "gyro_stddev_x", "gyro_stddev_y", "gyro_stddev_z",
            ),
        ),
    ),
    Blueprint(
        GNSS,
        (
            _ROLE,
            _TICK,
            *_noise(
                "alt_bias", "alt_stddev", "lat_bias", "lat_stddev", "lon_bias", "lon_stddev"
            ),
        ),
    ),
)  # fmt: skip
