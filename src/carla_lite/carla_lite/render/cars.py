"""Vehicles in a picture: soft shadows on the ground, then shaded bodies by ray casting.

A vehicle is drawn as two boxes, body and cabin, inside the box it is given as.
"""

from __future__ import annotations

import math
from typing import Any

import numba
import numpy as np
from numpy.typing import NDArray

from carla_lite.render.look import Look
from carla_lite.render.rays import SKY

_jit = numba.njit(cache=True, nogil=True, error_model="numpy")
_inline = numba.njit(cache=True, nogil=True, error_model="numpy", inline="always")

_OPAQUE = 0xFF000000
_NEAR_M = 0.2
_FAR_M = 300.0
_SAMPLES = ((-0.125, -0.375), (0.375, -0.125), (-0.375, 0.125), (0.125, 0.375))


def draw_cars(
    pixels: NDArray[np.uint32],
    code: NDArray[np.uint8],
    boxes: NDArray[np.float32],
    location_m: tuple[float, float, float],
    yaw_rad: float,
    matrix: NDArray[np.float64],
    focal_px: float,
    look: Look,
) -> None:
    """Draws vehicles into a picture of ground and sky, the farthest first.

    Args:
        pixels: uint32 (H, W) BGRA, drawn into.
        code: Of the camera's look-up table, see `rays.cast_rays`.
        boxes: float32 (K, 10), see `PinholeCamera.render`.
        location_m, yaw_rad: Of the camera.
        matrix: float64 (3, 3), camera to yaw frame.
        focal_px: Focal length.
        look: Where the sun stands and how far one sees.
    """
    cos, sin = math.cos(yaw_rad), math.sin(yaw_rad)
    dx, dy = boxes[:, 0] - location_m[0], boxes[:, 1] - location_m[1]
    local = boxes.astype(np.float64)
    local[:, 0], local[:, 1] = cos * dx + sin * dy, cos * dy - sin * dx
    local[:, 2] -= location_m[2]
    local[:, 6] = np.radians(boxes[:, 6]) - yaw_rad
    distance = np.hypot(local[:, 0], local[:, 1])
    order = np.argsort(-distance, kind="stable")
    local = local[order[distance[order] < _FAR_M]]
    sun = look.sun_yaw_rad - yaw_rad
    light = (math.cos(sun), math.sin(sun), look.shadow_length, look.haze_m)
    mist = np.array(look.mist)
    _draw(pixels, code, local, location_m[2], matrix, focal_px, light, mist)


@_inline
def _ray(u: Any, v: Any, matrix: Any, focal_px: Any, columns: Any, rows: Any) -> Any:
    """Direction of a point of the picture in the yaw frame, one unit along the optical axis."""
    right, up = (u - 0.5 * columns) / focal_px, (0.5 * rows - v) / focal_px
    return (
        matrix[0, 0] + matrix[0, 1] * right + matrix[0, 2] * up,
        matrix[1, 0] + matrix[1, 1] * right + matrix[1, 2] * up,
        matrix[2, 0] + matrix[2, 1] * right + matrix[2, 2] * up,
    )


@_jit
def _draw(
    pixels: NDArray[np.uint32],
    code: NDArray[np.uint8],
    boxes: NDArray[np.float64],
    height_m: float,
    matrix: NDArray[np.float64],
    focal_px: float,
    light: tuple[float, float, float, float],
    mist: NDArray[np.float64],
) -> None:
    for k in range(len(boxes)):
        _shadow(pixels, code, boxes[k], height_m, matrix, focal_px, light)
    for k in range(len(boxes)):
        _body(pixels, boxes[k], matrix, focal_px, light, mist)


@_inline
def _window(
    x0: Any,
    y0: Any,
    z0: Any,
    cos: Any,
    sin: Any,
    ex: Any,
    ey: Any,
    low: Any,
    high: Any,
    matrix: Any,
    focal_px: Any,
    columns: Any,
    rows: Any,
) -> Any:
    """Pixel bounds (u0, u1, v0, v1; empty if behind) of a box given in the yaw frame."""
    u0, u1, v0, v1 = 1e9, -1e9, 1e9, -1e9
    behind = 0
    for i in range(8):
        bx = ex if i & 1 else -ex
        by = ey if i & 2 else -ey
        x, y = x0 + cos * bx - sin * by, y0 + sin * bx + cos * by
        z = z0 + (high if i & 4 else low)
        # The matrix is orthonormal: its transpose leads from the yaw frame to the camera.
        depth = matrix[0, 0] * x + matrix[1, 0] * y + matrix[2, 0] * z
        if depth < _NEAR_M:
            behind += 1
            continue
        right = matrix[0, 1] * x + matrix[1, 1] * y + matrix[2, 1] * z
        up = matrix[0, 2] * x + matrix[1, 2] * y + matrix[2, 2] * z
        u, v = 0.5 * columns + focal_px * right / depth, 0.5 * rows - focal_px * up / depth
        u0, u1, v0, v1 = min(u0, u), max(u1, u), min(v0, v), max(v1, v)
    if behind == 8:
        return 0, 0, 0, 0
    if behind:
        # Part of it is behind the camera: its picture may reach any border.
        return 0, columns, 0, rows
    return (
        int(max(0.0, min(float(columns), u0 - 1))),
        int(max(0.0, min(float(columns), u1 + 2))),
        int(max(0.0, min(float(rows), v0 - 1))),
        int(max(0.0, min(float(rows), v1 + 2))),
    )


@_jit
def _shadow(
    pixels: NDArray[np.uint32],
    code: NDArray[np.uint8],
    box: NDArray[np.float64],
    height_m: float,
    matrix: NDArray[np.float64],
    focal_px: float,
    light: tuple[float, float, float, float],
) -> None:
    """Darkens the ground under a box and a little away from the sun, with a soft edge."""
    rows, columns = pixels.shape
    cos, sin = math.cos(box[6]), math.sin(box[6])
    reach = light[2] * box[5]
    x0, y0 = box[0] - light[0] * reach, box[1] - light[1] * reach
    soft = 0.35
    # The shift from the foot to the tip of the shadow, in the box's own axes.
    along = abs(cos * light[0] + sin * light[1]) * reach
    aside = abs(cos * light[1] - sin * light[0]) * reach
    ex, ey = box[3] + 0.6 * along, box[4] + 0.6 * aside
    u0, u1, v0, v1 = _window(
        x0, y0, -height_m, cos, sin, ex + soft, ey + soft, 0.0, 0.0, matrix, focal_px, columns, rows
    )
    for v in range(v0, v1):
        for u in range(u0, u1):
            if code[0, v, u] == SKY:
                continue
            x, y, z = _ray(u + 0.5, v + 0.5, matrix, focal_px, columns, rows)
            dx, dy = -height_m / z * x - x0, -height_m / z * y - y0
            ox = max(0.0, abs(cos * dx + sin * dy) - ex + soft)
            oy = max(0.0, abs(cos * dy - sin * dx) - ey + soft)
            edge = math.hypot(ox, oy) / (2 * soft)
            if edge < 1.0:
                fall = 1.0 - edge * edge * (3.0 - 2.0 * edge)
                gain = int(256.0 * (1.0 - 0.55 * fall * (1.0 - code[2, v, u] / 256.0)))
                old = np.int64(pixels[v, u])
                blue, green = ((old & 255) * gain) >> 8, (((old >> 8) & 255) * gain) >> 8
                red = (((old >> 16) & 255) * gain) >> 8
                pixels[v, u] = np.uint32(blue | (green << 8) | (red << 16) | _OPAQUE)


@_inline
def _hit(
    ox: Any, oy: Any, oz: Any, dx: Any, dy: Any, dz: Any, ex: Any, ey: Any, low: Any, high: Any
) -> Any:
    """Slab test: distance along the ray and the axis of the face (0, 1, 2), or (inf, 0)."""
    near, far, axis = -1e30, 1e30, 0
    for i in range(3):
        o, d = (ox, dx) if i == 0 else ((oy, dy) if i == 1 else (oz, dz))
        a, b = (-ex, ex) if i == 0 else ((-ey, ey) if i == 1 else (low, high))
        if abs(d) < 1e-12:
            d = 1e-12
        t0, t1 = (a - o) / d, (b - o) / d
        if t0 > t1:
            t0, t1 = t1, t0
        if t0 > near:
            near, axis = t0, i
        far = min(far, t1)
    if near > far or near < _NEAR_M:
        return 1e30, 0
    return near, axis


@_jit
def _body(
    pixels: NDArray[np.uint32],
    box: NDArray[np.float64],
    matrix: NDArray[np.float64],
    focal_px: float,
    light: tuple[float, float, float, float],
    mist: NDArray[np.float64],
) -> None:
    rows, columns = pixels.shape
    cos, sin = math.cos(box[6]), math.sin(box[6])
    ex, ey, ez = box[3], box[4], box[5]
    u0, u1, v0, v1 = _window(
        box[0], box[1], box[2], cos, sin, ex, ey, -ez, ez, matrix, focal_px, columns, rows
    )
    # Camera and sun in the box's own axes.
    ox, oy, oz = -(cos * box[0] + sin * box[1]), sin * box[0] - cos * box[1], -box[2]
    sun_x, sun_y = cos * light[0] + sin * light[1], cos * light[1] - sin * light[0]
    waist, floor = 0.12 * ez, -0.72 * ez
    shift, cabin_x, cabin_y = -0.10 * ex, 0.56 * ex, 0.86 * ey
    fog = 1.0 - math.exp(-math.sqrt(ox * ox + oy * oy) / light[3])
    for v in range(v0, v1):
        for u in range(u0, u1):
            b, g, r, cover = 0.0, 0.0, 0.0, 0
            for sample in _SAMPLES:
                x, y, dz = _ray(
                    u + 0.5 + sample[0], v + 0.5 + sample[1], matrix, focal_px, columns, rows
                )
                dx, dy = cos * x + sin * y, cos * y - sin * x
                t, axis = _hit(ox, oy, oz, dx, dy, dz, ex, ey, floor, waist)
                tc, axis_c = _hit(ox - shift, oy, oz, dx, dy, dz, cabin_x, cabin_y, waist, ez)
                tw, _ = _hit(ox, oy, oz, dx, dy, dz, 0.86 * ex, 0.94 * ey, -ez, floor)
                cabin = tc < t
                wheels = tw < min(t, tc)
                t = min(t, tc, tw)
                if t > 1e29:
                    continue
                axis = axis_c if cabin else axis
                hx, hy, hz = ox + t * dx, oy + t * dy, oz + t * dz
                # Lambert with a bright sky: the top is lit most, sides by the sun's direction.
                if axis == 2:
                    shade = 1.05
                elif axis == 0:
                    shade = 0.66 + 0.26 * (sun_x if hx > 0 else -sun_x)
                else:
                    shade = 0.66 + 0.26 * (sun_y if hy > 0 else -sun_y)
                cb, cg, cr = box[7] * shade, box[8] * shade, box[9] * shade
                if wheels:
                    cb, cg, cr = 18.0, 18.0, 18.0
                    if abs(abs(hx) - 0.62 * ex) > 0.2 * ex and abs(hy) > 0.9 * ey:
                        cb, cg, cr = 30.0, 30.0, 30.0
                elif cabin and axis != 2 and waist + 0.08 * ez < hz < 0.84 * ez:
                    glass = 40.0 + 60.0 * (hz - waist) / ez
                    cb, cg, cr = glass * 1.15, glass * 1.05, glass * 0.95
                elif not cabin and axis == 0 and abs(hy) > 0.62 * ey and hz > -0.22 * ez:
                    if hx < 0:
                        cb, cg, cr = 30.0, 25.0, 190.0
                    else:
                        cb, cg, cr = 215.0, 230.0, 235.0
                elif not cabin and axis == 0 and hz < -0.42 * ez:
                    cb, cg, cr = 0.4 * cb + 12, 0.4 * cg + 12, 0.4 * cr + 12
                b += cb
                g += cg
                r += cr
                cover += 1
            if cover == 0:
                continue
            old = np.int64(pixels[v, u])
            share, keep = (1.0 - fog) / 4.0, 1.0 - cover / 4.0
            b = b * share + mist[0] * fog * cover / 4.0 + keep * (old & 255)
            g = g * share + mist[1] * fog * cover / 4.0 + keep * ((old >> 8) & 255)
            r = r * share + mist[2] * fog * cover / 4.0 + keep * ((old >> 16) & 255)
            b, g, r = min(255.0, b), min(255.0, g), min(255.0, r)
            pixels[v, u] = np.uint32(int(b) | (int(g) << 8) | (int(r) << 16) | _OPAQUE)
