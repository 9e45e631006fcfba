"""Pictures of a road network and what stands on it: through a pinhole camera, and from above."""

from carla_lite.render.camera import CameraSettingsError, PinholeCamera
from carla_lite.render.scene import Quality, Scene
from carla_lite.render.topdown import topdown
from carla_lite.render.weather import Conditions, WeatherError

__all__ = [
    "CameraSettingsError",
    "Conditions",
    "PinholeCamera",
    "Quality",
    "Scene",
    "WeatherError",
    "topdown",
]
