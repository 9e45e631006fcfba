"""How a map looks: colours, wear and light, drawn at random so that no two maps are alike."""

from __future__ import annotations

import colorsys
import math
from dataclasses import dataclass, replace

import numpy as np

Colour = tuple[float, float, float]
"""Blue, green, red in 0..255."""
Gain = tuple[float, float, float]
"""Factors for blue, green and red, 0..1."""
Direction = tuple[float, float, float]


def _bgr(hue: float, saturation: float, value: float) -> Colour:
    r, g, b = colorsys.hsv_to_rgb(hue, saturation, value)
    return 255 * b, 255 * g, 255 * r


def blend(a: Colour, b: Colour, share: float) -> Colour:
    """The colour that is `share` of the way from one to another."""
    keep = 1.0 - share
    return keep * a[0] + share * b[0], keep * a[1] + share * b[1], keep * a[2] + share * b[2]


def direction(yaw_rad: float, altitude_rad: float) -> Direction:
    """Unit vector of a yaw (CARLA's: 0 along x, positive towards y) and a height above ground."""
    flat = math.cos(altitude_rad)
    return flat * math.cos(yaw_rad), flat * math.sin(yaw_rad), math.sin(altitude_rad)


@dataclass(frozen=True)
class Look:
    """Colours of the materials in full light, and the light of the day (CARLA's frame).

    `Look.random` is a fine day; `weather.under` gives it other weather.

    Attributes:
        mist: What far ground fades into; by fine weather the colour of the distant trees.
        paint_wear: 0 for fresh paint; at 1 a good third of it is worn.
        track_depth: How much darker wheel tracks are, in grey levels of 128.
        cloudiness: 0 to 1.
        haze_m: Distance at which 63 % of the haze has built up.
        shadow_length: Metres of shadow per metre of height.
        sun: Unit vector towards the sun, at night towards the moon.
        direct: Light of the sun on a surface that faces it; what it does not reach has `ambient`.
        ambient: Light of the sky. On a surface that faces the sun both together give at most 1.
        night: Whether lamps are on.
        lamp_glow: Brightness of lit lamps and windows, 0 by day to 1 at night.
        wet: 0 for dry ground, 1 for ground under water.
        fog: How far up the mist hides the sky, 0 by fine weather to 1.
        rain: 0 to 1.
        sunshine: Brightness of the sun's disc in the sky, 0 to 1.
    """

    asphalt: Colour
    sidewalk: Colour
    kerb: Colour
    grass: Colour
    dry_grass: Colour
    white: Colour
    yellow: Colour
    zenith: Colour
    horizon: Colour
    cloud: Colour
    trees: Colour
    mist: Colour
    paint_wear: float
    track_depth: float
    cloudiness: float
    haze_m: float
    shadow_length: float
    sun: Direction
    direct: Gain = (0.42, 0.45, 0.47)
    ambient: Gain = (0.58, 0.55, 0.53)
    night: bool = False
    lamp_glow: float = 0.0
    wet: float = 0.0
    fog: float = 0.0
    rain: float = 0.0
    sunshine: float = 0.6

    @staticmethod
    def random(rng: np.random.Generator) -> Look:
        """The look of a map on some fine day."""
        u = rng.uniform
        sun, warm = u(0.86, 1.1), u(-0.04, 0.05)

        def lit(colour: Colour) -> Colour:
            b, g, r = (min(250.0, c * sun) for c in colour)
            return b * (1 - warm), g, min(250.0, r * (1 + warm))

        trees = lit(_bgr(u(0.24, 0.33), u(0.35, 0.5), u(0.24, 0.34)))
        stone = u(0.56, 0.68)
        sky_hue = u(0.56, 0.60)
        horizon = _bgr(sky_hue, u(0.06, 0.16), u(0.86, 0.95))
        look = Look(
            asphalt=lit(_bgr(u(0.05, 0.65), u(0.0, 0.06), u(0.30, 0.45))),
            sidewalk=lit(_bgr(u(0.06, 0.13), u(0.03, 0.12), stone)),
            kerb=lit(_bgr(0.1, 0.03, stone + u(0.05, 0.12))),
            grass=lit(_bgr(u(0.22, 0.30), u(0.45, 0.62), u(0.34, 0.46))),
            dry_grass=lit(_bgr(u(0.13, 0.19), u(0.38, 0.5), u(0.45, 0.58))),
            white=lit(_bgr(0.12, 0.03, u(0.76, 0.96))),
            yellow=lit(_bgr(u(0.115, 0.135), u(0.6, 0.82), u(0.74, 0.92))),
            zenith=_bgr(sky_hue, u(0.45, 0.65), u(0.72, 0.88)),
            horizon=horizon,
            cloud=_bgr(sky_hue, 0.03, u(0.90, 0.98)),
            trees=trees,
            mist=blend(trees, horizon, 0.5),
            paint_wear=u(0.1, 1.2),
            track_depth=u(3.0, 12.0),
            cloudiness=u(0.15, 0.75),
            haze_m=u(160.0, 420.0),
            shadow_length=1.0,
            sun=(0.0, 0.0, 1.0),
        )
        yaw_rad, shadow_length = u(-np.pi, np.pi), u(0.35, 0.9)
        # Shadows are shorter than the sun's height would have them, so that streets stay light.
        sun_at = direction(yaw_rad, math.atan2(1.0, shadow_length))
        return replace(look, shadow_length=shadow_length, sun=sun_at)
