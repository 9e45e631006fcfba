"""Pictures of a road network: a painted ground seen through a pinhole camera, and from above."""

from carla_lite.render.camera import CameraSettingsError, PinholeCamera
from carla_lite.render.ground import Ground
from carla_lite.render.topdown import topdown

__all__ = ["CameraSettingsError", "Ground", "PinholeCamera", "topdown"]
