"""What the weather does to the look of a map: sun and night, clouds, rain, fog and dust."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields, replace

from carla_lite.render.look import Colour, Gain, Look, blend, direction

_NIGHT_ZENITH: Colour = (34.0, 18.0, 12.0)
_NIGHT_HORIZON: Colour = (52.0, 34.0, 26.0)
_NIGHT_LIGHT: Gain = (0.22, 0.17, 0.14)
_MOONLIGHT: Gain = (0.07, 0.06, 0.04)
_SUNSET: Colour = (80.0, 140.0, 235.0)
_LOW_SUN: Gain = (0.45, 0.75, 1.0)
_DUST: Colour = (120.0, 165.0, 195.0)
_LEAST_SHADOW_ALTITUDE_DEG = 8.0
"""Shadows grow no longer than with the sun this high."""


class WeatherError(ValueError):
    """Conditions that no picture can be taken under."""


@dataclass(frozen=True, slots=True)
class Conditions:
    """The weather as cameras see it, in the units of `carla.WeatherParameters`.

    Attributes:
        cloudiness, precipitation, precipitation_deposits, fog_density, wetness, dust_storm: 0 to
            100; what is beyond counts as the limit.
        sun_azimuth_angle: Degrees; 0 puts the sun over +x, 90 over +y, as CARLA's yaw turns.
        sun_altitude_angle: Degrees above the horizon; at night below 0.
        fog_distance: Metres from the camera at which fog begins.
    """

    cloudiness: float = 0.0
    precipitation: float = 0.0
    precipitation_deposits: float = 0.0
    sun_azimuth_angle: float = 0.0
    sun_altitude_angle: float = 45.0
    fog_density: float = 0.0
    fog_distance: float = 0.0
    wetness: float = 0.0
    dust_storm: float = 0.0

    def __post_init__(self) -> None:
        """Raises WeatherError when a value is not finite."""
        for field in fields(self):
            if not math.isfinite(getattr(self, field.name)):
                raise WeatherError(
                    f"{field.name} is {getattr(self, field.name)}: use a finite number"
                )


def under(look: Look, conditions: Conditions) -> Look:
    """A map's look, as `Look.random` draws it, under other weather.

    Colours of materials stay; sun, sky, light, haze and wetness are those of the conditions.
    """
    cloudy, rain = _share(conditions.cloudiness), _share(conditions.precipitation)
    fog, dust = _share(conditions.fog_density), _share(conditions.dust_storm)
    puddles = _share(conditions.precipitation_deposits)
    altitude = max(-90.0, min(90.0, conditions.sun_altitude_angle))
    day = _smooth(-9.0, 9.0, altitude)
    low = 1.0 - _smooth(2.0, 22.0, altitude)
    overcast = max(_smooth(0.45, 1.0, cloudy), 0.8 * rain, 0.7 * dust, _smooth(0.0, 0.4, fog))

    sunlight = _smooth(-3.0, 12.0, altitude) * (1.0 - 0.9 * overcast)
    direct = _scaled(blend(look.direct, _product(look.direct, _LOW_SUN), low), sunlight)
    daylight = _scaled(look.ambient, (1.0 + 0.22 * overcast) * (1.0 - 0.25 * rain))
    ambient = blend(_NIGHT_LIGHT, daylight, day)
    if day < 0.5:
        direct = blend(_MOONLIGHT, direct, 2.0 * day)

    grey = sum(look.horizon) / 3.0
    dull = (0.80 * grey, 0.77 * grey, 0.75 * grey)
    zenith = blend(look.zenith, _scaled(dull, 0.85), 0.9 * overcast)
    horizon = blend(look.horizon, dull, overcast)
    evening = low * day * (1.0 - 0.8 * overcast)
    horizon = blend(horizon, _SUNSET, 0.65 * evening)
    zenith = _scaled(zenith, 1.0 - 0.45 * evening)
    cloud = blend(blend(look.cloud, dull, 0.9 * overcast), _SUNSET, 0.3 * evening)
    cloud = _scaled(cloud, 1.0 - 0.25 * rain)
    zenith, horizon = blend(zenith, _DUST, 0.8 * dust), blend(horizon, _DUST, 0.9 * dust)
    zenith, horizon = blend(_NIGHT_ZENITH, zenith, day), blend(_NIGHT_HORIZON, horizon, day)
    cloud = blend(_scaled(_NIGHT_HORIZON, 0.9), cloud, day)
    bright = (ambient[0] + direct[0], ambient[1] + direct[1], ambient[2] + direct[2])
    trees = _product(look.trees, bright)
    hidden = max(_smooth(0.0, 0.3, fog), dust, 0.5 * rain)
    mist = blend(blend(trees, horizon, 0.5), horizon, hidden)

    clear = 1.0 / look.haze_m + rain / 400.0 + dust / 60.0
    # Fog of density 100 hides what is 12 m away, of density 10 what is 130 m away.
    thick = fog / (0.12 * 100.0 + max(0.0, conditions.fog_distance) * fog) if fog > 0.02 else 0.0
    moon = day < 0.5
    yaw = math.radians(conditions.sun_azimuth_angle % 360.0)
    height = max(abs(altitude) if moon else altitude, _LEAST_SHADOW_ALTITUDE_DEG)
    return replace(
        look,
        zenith=zenith,
        horizon=horizon,
        cloud=cloud,
        trees=trees,
        mist=mist,
        cloudiness=max(cloudy, 0.9 * rain),
        haze_m=1.0 / (clear + thick),
        sun=direction(yaw + (math.pi if moon else 0.0), math.radians(height)),
        shadow_length=1.0 / math.tan(math.radians(max(height, 25.0))),
        direct=direct,
        ambient=ambient,
        night=day < 0.5,
        lamp_glow=1.0 - day,
        wet=max(_share(conditions.wetness), 0.8 * rain, puddles),
        fog=max(_smooth(0.02, 0.5, fog), 0.9 * dust, 0.3 * rain),
        rain=rain,
        sunshine=look.sunshine * sunlight if altitude > -2.0 else 0.0,
    )


def _share(percent: float) -> float:
    return max(0.0, min(1.0, percent / 100.0))


def _smooth(low: float, high: float, value: float) -> float:
    """0 below `low`, 1 above `high`, smooth between."""
    x = max(0.0, min(1.0, (value - low) / (high - low)))
    return x * x * (3.0 - 2.0 * x)


def _product(a: Gain, b: Gain) -> Gain:
    return a[0] * b[0], a[1] * b[1], a[2] * b[2]


def _scaled(a: Gain, factor: float) -> Gain:
    return a[0] * factor, a[1] * factor, a[2] * factor
