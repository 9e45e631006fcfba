"""Cameras' view of solids: colours, depth and labels, sampled alike at the pixels' centres."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from carla_lite.render._picture import Backdrop
from carla_lite.render._solids import FACE_BYTES, LIGHT_FLOATS, SCRATCH_WORDS, Tracer
from carla_lite.render.look import Look
from carla_lite.render.solids_static import StaticSolids, checked_solids, padded_bounds
from carla_lite.render.view import View
from carla_lite.scenery.solids import Solids

_LANES = 8
_CHUNK = 4 * _LANES
_BAND_PIXELS = 1 << 16
"""Pictures are drawn in bands of rows, whose buffers stay in the processor's cache."""


class SolidRaster:
    """Draws solids into pictures of one size; not for use by two threads at once.

    Keeps the buffers of a band's visible surfaces from picture to picture. A solid that the camera
    is inside of is not seen; any other is, however near. The camera must be above the ground,
    z = 0.
    """

    def __init__(self, width: int, height: int) -> None:
        """
        Args:
            width, height: Of the pictures, at least 1 pixel.
        """
        self._shape = (height, width)
        # Whole vectors may be written wherever a row's pixels begin, and whole chunks read.
        stride = -(-width // _CHUNK) * _CHUNK + _LANES
        band = max(2, min(height, _BAND_PIXELS // stride))
        self._tracer = Tracer(
            width,
            height,
            np.zeros((band, stride), np.float32),
            np.zeros((band, stride), np.uint32),
            np.zeros(width + 2 * _CHUNK, np.int32),
        )
        self._static: StaticSolids | None = None
        self._room = 0
        self._look: Look | None = None
        self._light = np.zeros(LIGHT_FLOATS, np.float32)

    def draw(
        self,
        view: View,
        static: StaticSolids,
        moving: Solids,
        look: Look,
        pixels: NDArray[np.uint32],
        backdrop: Backdrop | None = None,
    ) -> None:
        """Draws ground and sky, and over them solids and the shadows of the moving ones.

        Args:
            view: The camera, of this raster's size.
            static: What stays on the map.
            moving: SOLID (K,), the other solids of this frame; the parts of one object share an id
                and follow one another.
            look: Light and haze.
            pixels: uint32 (height, width), C-contiguous BGRA, drawn into.
            backdrop: Ground and sky; the picture as it is if None.

        Raises:
            InvalidSolidsError: `moving` does not hold solids.
        """
        self._check(view, pixels, np.uint32)
        if look is not self._look:
            self._light[:] = _packed(look)
            self._look = look
        solids = self._reserved(static, moving)
        self._tracer.paint(
            view.focal_px, view.location, view.rotation, solids, self._light, backdrop, pixels
        )

    def measure(
        self, view: View, static: StaticSolids, moving: Solids, depth: NDArray[np.float32]
    ) -> None:
        """Writes how far everything is along the optical axis.

        Args:
            view, static, moving: As of `draw`.
            depth: float32 (height, width), C-contiguous, written: metres to solids and to the
                ground, infinity for the sky.

        Raises:
            InvalidSolidsError: `moving` does not hold solids.
        """
        self._check(view, depth, np.float32)
        solids = self._reserved(static, moving)
        self._tracer.measure(view.focal_px, view.location, view.rotation, solids, depth)

    def label(
        self,
        view: View,
        static: StaticSolids,
        moving: Solids,
        tags: NDArray[np.uint8],
        ids: NDArray[np.uint32],
    ) -> None:
        """Writes the tags and ids of the solids seen; pixels of ground and sky are left alone.

        Args:
            view, static, moving: As of `draw`.
            tags: uint8 (height, width), C-contiguous, drawn into.
            ids: uint32 (height, width), C-contiguous, drawn into.

        Raises:
            InvalidSolidsError: `moving` does not hold solids.
        """
        self._check(view, tags, np.uint8)
        self._check(view, ids, np.uint32)
        solids = self._reserved(static, moving)
        self._tracer.label(view.focal_px, view.location, view.rotation, solids, tags, ids)

    def _reserved(self, static: StaticSolids, moving: Solids) -> NDArray[np.uint8]:
        """Checks the moving solids, sees to room for all, and returns their bytes."""
        solids = checked_solids(moving)
        if static is not self._static or len(solids) > self._room:
            room = max(64, 2 * len(solids))
            moving_bounds = padded_bounds(room)
            total = static.bounds.shape[1] + moving_bounds.shape[1]
            self._tracer.reserve(
                static.solids.view(np.uint8),
                static.bounds,
                moving_bounds,
                np.empty(3 * total * FACE_BYTES, np.uint8),
                np.empty(SCRATCH_WORDS * total, np.uint32),
            )
            self._static, self._room = static, room
        return solids.view(np.uint8)

    def _check(self, view: View, out: NDArray[np.generic], dtype: type[np.generic]) -> None:
        if (view.height, view.width) != self._shape:
            raise ValueError(
                f"the view is {view.width} x {view.height}: this raster is made for "
                f"{self._shape[1]} x {self._shape[0]} pixels"
            )
        if not view.location[2] > 0.0:
            raise ValueError(
                f"the view is from z = {view.location[2]} m: raise it above the ground, z = 0"
            )
        if out.shape != self._shape or out.dtype != dtype or not out.flags.c_contiguous:
            raise ValueError(
                f"the output is {out.dtype} {out.shape}: use a C-contiguous "
                f"{dtype.__name__} array of {self._shape}"
            )


def _packed(look: Look) -> NDArray[np.float32]:
    """The order of `Light` in the compiled renderer."""
    return np.array(
        [
            *look.sun,
            *look.direct,
            *look.ambient,
            *look.mist,
            *look.horizon,
            look.haze_m,
            look.lamp_glow,
            look.shadow_length,
        ],
        np.float32,
    )
