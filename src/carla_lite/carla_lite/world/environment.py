"""The settings of an episode and its weather, field by field as CARLA 0.9.16 has them."""

import math
from dataclasses import astuple, dataclass

from carla_lite.render import Conditions
from carla_lite.world.errors import InvalidValueError

MIN_DELTA_S, MAX_DELTA_S = 1e-4, 10.0


@dataclass(frozen=True, slots=True)
class EpisodeSettings:
    """How time passes. `fixed_delta_s` None leaves the step to the server's --fps."""

    synchronous: bool = False
    no_rendering: bool = False
    fixed_delta_s: float | None = None
    substepping: bool = True
    max_substep_delta_s: float = 0.01
    max_substeps: int = 10
    max_culling_distance_m: float = 0.0
    deterministic_ragdolls: bool = True
    tile_stream_distance_m: float = 3000.0
    actor_active_distance_m: float = 2000.0
    spectator_as_ego: bool = True

    def checked(self) -> "EpisodeSettings":
        """Itself, or InvalidValueError for a time step the world cannot take."""
        delta = self.fixed_delta_s
        if delta is not None and not MIN_DELTA_S <= delta <= MAX_DELTA_S:
            raise InvalidValueError(
                f"fixed_delta_seconds is {delta}; "
                f"it must be between {MIN_DELTA_S:g} and {MAX_DELTA_S:g} s"
            )
        return self


@dataclass(frozen=True, slots=True)
class Weather:
    """Stored for clients that set and read it."""

    cloudiness: float = 5.0
    precipitation: float = 0.0
    precipitation_deposits: float = 0.0
    wind_intensity: float = 10.0
    sun_azimuth_angle: float = -1.0
    sun_altitude_angle: float = 45.0
    fog_density: float = 2.0
    fog_distance: float = 0.75
    fog_falloff: float = 0.1
    wetness: float = 0.0
    scattering_intensity: float = 1.0
    mie_scattering_scale: float = 0.03
    rayleigh_scattering_scale: float = 0.0331
    dust_storm: float = 0.0

    def checked(self) -> "Weather":
        """Itself, or InvalidValueError when a parameter is not finite."""
        if not all(math.isfinite(value) for value in astuple(self)):
            raise InvalidValueError(f"weather parameters must be finite, not {astuple(self)}")
        return self


def visible_conditions(weather: Weather) -> Conditions | None:
    """What cameras need of the weather; None for the default."""
    if weather == Weather():
        return None
    return Conditions(
        weather.cloudiness,
        weather.precipitation,
        weather.precipitation_deposits,
        weather.sun_azimuth_angle,
        weather.sun_altitude_angle,
        weather.fog_density,
        weather.fog_distance,
        weather.wetness,
        weather.dust_storm,
    )
