"""The sensors which can be spawned, with CARLA's attribute names and defaults."""

from carla_lite.world.blueprints import Attribute, AttributeKind, Blueprint

RGB_CAMERA = "sensor.camera.rgb"
DEPTH_CAMERA = "sensor.camera.depth"
SEMANTIC_CAMERA = "sensor.camera.semantic_segmentation"
INSTANCE_CAMERA = "sensor.camera.instance_segmentation"
LIDAR = "sensor.lidar.ray_cast"
SEMANTIC_LIDAR = "sensor.lidar.ray_cast_semantic"
RADAR = "sensor.other.radar"
IMU = "sensor.other.imu"
GNSS = "sensor.other.gnss"
COLLISION = "sensor.other.collision"
OBSTACLE = "sensor.other.obstacle"
LANE_INVASION = "sensor.other.lane_invasion"

CAMERAS = frozenset((RGB_CAMERA, DEPTH_CAMERA, SEMANTIC_CAMERA, INSTANCE_CAMERA))
"""What looks through a lens, and so rests in no-rendering mode."""

LISTED_ONLY = frozenset(
    (
        "sensor.camera.cosmos_visualization",
        "sensor.camera.dvs",
        "sensor.camera.normals",
        "sensor.camera.optical_flow",
    )
)
"""Found in the library by programs that offer every sensor of CARLA's; spawning one fails."""

MAX_IMAGE_WIDTH, MAX_IMAGE_HEIGHT = 4096, 2304
MAX_POINTS_PER_S = 10_000_000
MAX_CHANNELS = 256
_MAX_PERIOD_S = 3600.0
_MIN_RANGE_M, _MAX_RANGE_M = 0.01, 10_000.0

# Kept so that programs which set them run unchanged; a pinhole camera has no use for them.
_LENS = {
    "lens_circle_falloff": "5.0",
    "lens_circle_multiplier": "0.0",
    "lens_k": "-1.0",
    "lens_kcube": "0.0",
    "lens_x_size": "0.08",
    "lens_y_size": "0.08",
}
_POSTPROCESSING = {
    "black_clip": "0.0",
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
    "lens_flare_intensity": "0.1",
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


def _number(name: str, default: str, lowest: float = -1e6, highest: float = 1e6) -> Attribute:
    return Attribute(name, AttributeKind.FLOAT, default, (default,), lowest=lowest, highest=highest)


def _count(name: str, default: str, lowest: int, highest: int) -> Attribute:
    return Attribute(name, AttributeKind.INT, default, (default,), lowest=lowest, highest=highest)


def _flag(name: str, default: str) -> Attribute:
    return Attribute(name, AttributeKind.BOOL, default, (default,))


def _noise(*names: str) -> tuple[Attribute, ...]:
    return tuple(
        _number(f"noise_{name}", "0.0", *(() if "bias" in name else (0.0,))) for name in names
    )


_ROLE = Attribute(
    "role_name",
    AttributeKind.STRING,
    "front",
    ("front", "back", "left", "right", "front_left", "front_right", "back_left", "back_right"),
)
_PLAIN_ROLE = Attribute("role_name", AttributeKind.STRING, "default", ("default",))
_TICK = _number("sensor_tick", "0.0", 0.0, _MAX_PERIOD_S)
_SEED = _count("noise_seed", "0", -(2**31), 2**31 - 1)

_CAMERA = (
    _ROLE,
    _TICK,
    _count("image_size_x", "800", 1, MAX_IMAGE_WIDTH),
    _count("image_size_y", "600", 1, MAX_IMAGE_HEIGHT),
    _number("fov", "90.0", 5.0, 170.0),
    *(_number(name, default) for name, default in _LENS.items()),
)
_SWEEP = (
    _ROLE,
    _TICK,
    _count("channels", "32", 1, MAX_CHANNELS),
    _number("range", "10.0", _MIN_RANGE_M, _MAX_RANGE_M),
    _count("points_per_second", "56000", 0, MAX_POINTS_PER_S),
    _number("rotation_frequency", "10.0", 0.0, 1e4),
    _number("upper_fov", "10.0", -90.0, 90.0),
    _number("lower_fov", "-30.0", -90.0, 90.0),
    _number("horizontal_fov", "360.0", 0.1, 360.0),
)

SENSORS = (
    Blueprint(
        RGB_CAMERA,
        (
            *_CAMERA,
            _flag("enable_postprocess_effects", "true"),
            Attribute(
                "exposure_mode", AttributeKind.STRING, "histogram", ("histogram", "manual"),
                restricted=True,
            ),
            _count("blade_count", "5", 4, 16),
            *(_number(name, default) for name, default in _POSTPROCESSING.items()),
        ),
    ),
    Blueprint(DEPTH_CAMERA, _CAMERA),
    Blueprint(SEMANTIC_CAMERA, _CAMERA),
    Blueprint(INSTANCE_CAMERA, _CAMERA),
    Blueprint(
        LIDAR,
        (
            *_SWEEP,
            _number("atmosphere_attenuation_rate", "0.004", 0.0),
            _SEED,
            _number("dropoff_general_rate", "0.45", 0.0, 1.0),
            _number("dropoff_intensity_limit", "0.8", 0.0, 1.0),
            _number("dropoff_zero_intensity", "0.4", 0.0, 1.0),
            *_noise("stddev"),
        ),
    ),
    Blueprint(SEMANTIC_LIDAR, _SWEEP),
    Blueprint(
        RADAR,
        (
            _PLAIN_ROLE,
            _TICK,
            _number("horizontal_fov", "30", 0.0, 179.0),
            _number("vertical_fov", "30", 0.0, 179.0),
            _number("range", "100", _MIN_RANGE_M, _MAX_RANGE_M),
            _count("points_per_second", "1500", 0, MAX_POINTS_PER_S),
            _SEED,
        ),
    ),
    Blueprint(
        IMU,
        (
            _PLAIN_ROLE,
            _TICK,
            _SEED,
            *_noise(
                "accel_stddev_x", "accel_stddev_y", "accel_stddev_z",
                "gyro_stddev_x", "gyro_stddev_y", "gyro_stddev_z",
                "gyro_bias_x", "gyro_bias_y", "gyro_bias_z",
            ),
        ),
    ),
    Blueprint(
        GNSS,
        (
            _PLAIN_ROLE,
            _TICK,
            _SEED,
            *_noise(
                "lat_stddev", "lat_bias", "lon_stddev", "lon_bias", "alt_stddev", "alt_bias"
            ),
        ),
    ),
    Blueprint(COLLISION, (_ROLE,)),
    Blueprint(
        OBSTACLE,
        (
            _ROLE,
            _TICK,
            _number("distance", "5.0", 0.0, _MAX_RANGE_M),
            _number("hit_radius", "0.5", 0.0, 100.0),
            _flag("only_dynamics", "false"),
            _flag("debug_linetrace", "false"),
        ),
    ),
    Blueprint(LANE_INVASION, (_ROLE,)),
    *(Blueprint(type_id, _CAMERA) for type_id in sorted(LISTED_ONLY)),
)  # fmt: skip
