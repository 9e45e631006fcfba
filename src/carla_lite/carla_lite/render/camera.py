"""A pinhole camera in a scene."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from carla_lite.render._picture import grey, rain
from carla_lite.render.scene import Scene
from carla_lite.render.solids_raster import SolidRaster
from carla_lite.render.view import Vector, View, rotation_matrix
from carla_lite.scenery import Solids, empty

MAX_SIDE_PX = 8192
_LEAST_HEIGHT_M, _MOST_M = 0.05, 1e7
_NONE = empty()


class CameraSettingsError(ValueError):
    """A camera setting or pose that no picture can be taken with."""


class PinholeCamera:
    """Takes pictures of one size and field of view; not for use by two threads at once.

    Poses are CARLA's: x forward, y right, z up, degrees, pitch positive upwards, yaw positive
    towards +y. A camera lower than 5 cm is lifted to that height.
    """

    def __init__(self, width: int, height: int, fov_deg: float) -> None:
        """
        Args:
            width, height: Picture size in pixels, 1 to 8192.
            fov_deg: Horizontal field of view, more than 0 and at most 179 degrees.

        Raises:
            CameraSettingsError: One of them is out of range.
        """
        for name, side in (("width", width), ("height", height)):
            if not 1 <= side <= MAX_SIDE_PX:
                raise CameraSettingsError(f"camera {name} is {side}: use 1 to {MAX_SIDE_PX} pixels")
        if not 0.01 <= fov_deg <= 179.0:
            raise CameraSettingsError(f"camera fov is {fov_deg}: use 0.01 to 179 degrees")
        self.width, self.height, self.fov_deg = int(width), int(height), float(fov_deg)
        self.focal_px = 0.5 * self.width / math.tan(math.radians(self.fov_deg) / 2)
        self._raster = SolidRaster(self.width, self.height)
        self._colours: NDArray[np.uint8] | None = None

    def render(
        self,
        scene: Scene,
        location_m: Vector,
        rotation_deg: Vector,
        solids: Solids | None = None,
        out: NDArray[np.uint8] | None = None,
        *,
        time_s: float = 0.0,
    ) -> NDArray[np.uint8]:
        """Takes a colour picture.

        Args:
            scene: The map.
            location_m: x, y, z of the camera.
            rotation_deg: pitch, yaw, roll.
            solids: SOLID (K,), what moves in this frame; nothing if None.
            out: uint8 (height, width, 4), C-contiguous, to draw into; a new one if None.
            time_s: Of the world; rain falls by it.

        Returns:
            uint8 (height, width, 4), BGRA, alpha 255.

        Raises:
            CameraSettingsError: Pose or time is not finite or `out` has another shape or dtype.
            InvalidSolidsError: `solids` does not hold solids.
        """
        view = self._view(location_m, rotation_deg)
        if out is None:
            out = np.empty((self.height, self.width, 4), np.uint8)
        else:
            _check_out(out, (self.height, self.width, 4), np.uint8)
        pixels = out.view(np.uint32)[..., 0]
        moving = _NONE if solids is None else solids
        look = scene.look
        self._raster.draw(view, scene.static, moving, look, pixels, scene.backdrop)
        if look.rain > 0.0:
            if not math.isfinite(time_s):
                raise CameraSettingsError(f"the time is {time_s}: use finite seconds")
            rain(pixels, look.rain, look.mist, time_s)
        return out

    def render_grey(
        self,
        scene: Scene,
        location_m: Vector,
        rotation_deg: Vector,
        solids: Solids | None = None,
        out: NDArray[np.uint8] | None = None,
        *,
        time_s: float = 0.0,
    ) -> NDArray[np.uint8]:
        """Takes a grey picture: `render`'s luma, uint8 (height, width). Arguments as there."""
        if out is None:
            out = np.empty((self.height, self.width), np.uint8)
        else:
            _check_out(out, (self.height, self.width), np.uint8)
        self._colours = self.render(
            scene, location_m, rotation_deg, solids, self._colours, time_s=time_s
        )
        grey(self._colours.view(np.uint32)[..., 0], out)
        return out

    def render_depth(
        self,
        scene: Scene,
        location_m: Vector,
        rotation_deg: Vector,
        solids: Solids | None = None,
        out: NDArray[np.float32] | None = None,
    ) -> NDArray[np.float32]:
        """Measures depth: metres along the optical axis, infinity for the sky.

        Args:
            scene, location_m, rotation_deg, solids: As of `render`.
            out: float32 (height, width), C-contiguous, to write into; a new one if None.

        Returns:
            float32 (height, width).
        """
        view = self._view(location_m, rotation_deg)
        if out is None:
            out = np.empty((self.height, self.width), np.float32)
        else:
            _check_out(out, (self.height, self.width), np.float32)
        self._raster.measure(view, scene.static, _NONE if solids is None else solids, out)
        return out

    def render_labels(
        self,
        scene: Scene,
        location_m: Vector,
        rotation_deg: Vector,
        solids: Solids | None = None,
    ) -> tuple[NDArray[np.uint8], NDArray[np.uint32]]:
        """Names what each pixel's centre shows.

        Args:
            scene, location_m, rotation_deg, solids: As of `render`.

        Returns:
            uint8 (height, width), `scenery.Tag`s, and uint32 (height, width), the ids of the actors
            and environment objects seen, 0 for ground and sky.
        """
        view = self._view(location_m, rotation_deg)
        tags = np.empty((self.height, self.width), np.uint8)
        ids = np.zeros((self.height, self.width), np.uint32)
        scene.backdrop.label(tags, view.focal_px, view.location, view.rotation)
        moving = _NONE if solids is None else solids
        self._raster.label(view, scene.static, moving, tags, ids)
        return tags, ids

    def _view(self, location_m: Vector, rotation_deg: Vector) -> View:
        x, y, z = location_m
        pitch, yaw, roll = rotation_deg
        # A sum is finite only if all of it is.
        if not math.isfinite(x + y + z + pitch + yaw + roll):
            raise CameraSettingsError(
                f"camera pose {tuple(location_m)}, {tuple(rotation_deg)} is not finite: "
                "use finite metres and degrees"
            )
        x, y = max(-_MOST_M, min(_MOST_M, x)), max(-_MOST_M, min(_MOST_M, y))
        z = max(_LEAST_HEIGHT_M, min(_MOST_M, z))
        matrix = rotation_matrix(pitch, yaw, roll)
        return View(self.width, self.height, self.focal_px, (x, y, z), matrix)


def _check_out(out: NDArray[np.generic], shape: tuple[int, ...], dtype: type[np.generic]) -> None:
    if out.shape != shape or out.dtype != dtype or not out.flags.c_contiguous:
        raise CameraSettingsError(
            f"out is {out.dtype} {out.shape}: use a C-contiguous {dtype.__name__} array of {shape}"
        )
