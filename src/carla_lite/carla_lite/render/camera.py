"""A pinhole camera over a painted ground."""

from __future__ import annotations

import math

import cv2
import numpy as np
from numpy.typing import NDArray

from carla_lite.render.cars import draw_cars
from carla_lite.render.ground import LEVELS, TEXEL_M, Ground
from carla_lite.render.rays import cast_rays, find_runs
from carla_lite.render.texels import look_up_ground, look_up_sky
from carla_lite.render.textures import (
    SKY_BOTTOM_RAD,
    SKY_HEIGHT,
    SKY_TOP_RAD,
    SKY_WIDTH,
    detail_tile,
)

MAX_SIDE_PX = 8192
_LEAST_HEIGHT_M = 0.05

Vector = tuple[float, float, float]


class CameraSettingsError(ValueError):
    """A camera setting or pose that no picture can be taken with."""


class PinholeCamera:
    """Renders pictures of one size and field of view; not for use by two threads at once.

    Poses are CARLA's: x forward, y right, z up, degrees, pitch positive upwards, yaw positive
    towards +y. The rays are kept between pictures and cast anew only when pitch, roll or height
    change.
    """

    def __init__(self, width: int, height: int, fov_deg: float) -> None:
        """
        Args:
            width, height: Picture size in pixels, 1 to 8192.
            fov_deg: Horizontal field of view, more than 0 and less than 180 degrees.

        Raises:
            CameraSettingsError: One of them is out of range.
        """
        for name, side in (("width", width), ("height", height)):
            if not 1 <= side <= MAX_SIDE_PX:
                raise CameraSettingsError(f"camera {name} is {side}: use 1 to {MAX_SIDE_PX} pixels")
        if not 0.0 < fov_deg < 180.0:
            raise CameraSettingsError(
                f"camera fov is {fov_deg}: use more than 0 and less than 180 degrees"
            )
        self.width, self.height, self.fov_deg = int(width), int(height), float(fov_deg)
        self.focal_px = 0.5 * self.width / math.tan(math.radians(self.fov_deg) / 2)
        self._rays = np.zeros((3, self.height, self.width), np.float32)
        self._code = np.zeros((4, self.height, self.width), np.uint8)
        self._runs = np.zeros((0, 4), np.int64)
        self._cast_for: tuple[float, ...] | None = None
        # The panorama whose columns are nearest to the pixels.
        per_pixel = SKY_WIDTH / (2 * math.pi) / self.focal_px
        self._sky_level = min(3, max(0, round(math.log2(per_pixel))))

    def render(
        self,
        ground: Ground,
        location_m: Vector,
        rotation_deg: Vector,
        boxes: NDArray[np.float32] | None = None,
        out: NDArray[np.uint8] | None = None,
    ) -> NDArray[np.uint8]:
        """Takes a colour picture.

        Args:
            ground: The map.
            location_m: x, y, z of the camera.
            rotation_deg: pitch, yaw, roll.
            boxes: float32 (K, 10) vehicles: centre x, y, z, half extents x, y, z, yaw in degrees,
                colour b, g, r.
            out: uint8 (height, width, 4), C-contiguous, to draw into; a new one if None.

        Returns:
            uint8 (height, width, 4), BGRA, alpha 255.

        Raises:
            CameraSettingsError: The pose is not finite or an array has another shape or dtype.
        """
        location, rotation = _checked_pose(location_m, rotation_deg)
        if out is None:
            out = np.empty((self.height, self.width, 4), np.uint8)
        self._check_out(out, (self.height, self.width, 4))
        pixels = out.view(np.uint32)[..., 0]
        height = max(location[2], _LEAST_HEIGHT_M)
        matrix = self._cast(rotation[0], rotation[2], height, ground.look.haze_m)
        yaw = math.radians(rotation[1] % 360.0)
        flat, rays = pixels.reshape(-1), self._rays.reshape(3, -1)
        look_up_sky(flat, rays, self._runs, ground.skies[self._sky_level], yaw)
        look_up_ground(
            flat,
            rays,
            self._code.reshape(4, -1),
            self._runs,
            ground.texels,
            ground.levels,
            detail_tile(),
            ground.colours,
            (location[0] - ground.origin_m[0], location[1] - ground.origin_m[1], yaw),
            TEXEL_M,
        )
        if boxes is not None and len(boxes):
            draw_cars(
                pixels,
                self._code,
                _checked_boxes(boxes),
                (location[0], location[1], height),
                yaw,
                matrix,
                self.focal_px,
                ground.look,
            )
        return out

    def render_grey(
        self,
        ground: Ground,
        location_m: Vector,
        rotation_deg: Vector,
        boxes: NDArray[np.float32] | None = None,
        out: NDArray[np.uint8] | None = None,
    ) -> NDArray[np.uint8]:
        """Takes a grey picture: `render`'s luma, uint8 (height, width). Arguments as there."""
        if out is None:
            out = np.empty((self.height, self.width), np.uint8)
        self._check_out(out, (self.height, self.width))
        picture = self.render(ground, location_m, rotation_deg, boxes)
        cv2.cvtColor(picture, cv2.COLOR_BGRA2GRAY, dst=out)
        return out

    def _cast(
        self, pitch_deg: float, roll_deg: float, height_m: float, haze_m: float
    ) -> NDArray[np.float64]:
        """Brings the look-up table up to date; returns the rotation from camera to yaw frame."""
        cp, sp = math.cos(math.radians(pitch_deg)), math.sin(math.radians(pitch_deg))
        cr, sr = math.cos(math.radians(roll_deg)), math.sin(math.radians(roll_deg))
        matrix = np.array(
            [[cp, sp * sr, -sp * cr], [0.0, cr, sr], [sp, -cp * sr, cp * cr]], np.float64
        )
        key = (pitch_deg, roll_deg, height_m, haze_m)
        if key != self._cast_for:
            shrink = 2**self._sky_level
            sky_scale = (
                SKY_WIDTH / shrink / (2 * math.pi),
                SKY_HEIGHT / shrink / float(SKY_TOP_RAD - SKY_BOTTOM_RAD),
                float(SKY_TOP_RAD),
                float(SKY_HEIGHT // shrink),
            )
            cast_rays(
                self._rays,
                self._code,
                self.focal_px,
                matrix,
                height_m,
                TEXEL_M,
                LEVELS,
                haze_m,
                sky_scale,
            )
            self._runs = find_runs(self._code.reshape(4, -1))
            self._cast_for = key
        return matrix

    @staticmethod
    def _check_out(out: NDArray[np.uint8], shape: tuple[int, ...]) -> None:
        if out.shape != shape or out.dtype != np.uint8 or not out.flags.c_contiguous:
            raise CameraSettingsError(
                f"out is {out.dtype} {out.shape}: use a C-contiguous uint8 array of {shape}"
            )


def _checked_pose(location_m: Vector, rotation_deg: Vector) -> tuple[Vector, Vector]:
    if not all(map(math.isfinite, (*location_m, *rotation_deg))):
        raise CameraSettingsError(
            f"camera pose {tuple(location_m)}, {tuple(rotation_deg)} is not finite: "
            "use finite metres and degrees"
        )
    x, y, z = (float(v) for v in location_m)
    pitch, yaw, roll = (float(v) for v in rotation_deg)
    return (x, y, z), (pitch, yaw, roll)


def _checked_boxes(boxes: NDArray[np.float32]) -> NDArray[np.float32]:
    if boxes.ndim != 2 or boxes.shape[1] != 10 or not np.isfinite(boxes).all():
        raise CameraSettingsError(
            f"boxes of shape {boxes.shape}: use finite rows of (x, y, z, half extents x, y, z, "
            "yaw, b, g, r)"
        )
    return np.ascontiguousarray(boxes, np.float32)
