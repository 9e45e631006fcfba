"""From metres on the map to latitude and longitude, the way CARLA's own client does it."""

import math
import re
from dataclasses import dataclass

from carla_lite.world.geometry import Vector3

EARTH_RADIUS_M = 6378137.0


@dataclass(frozen=True, slots=True)
class GeoReference:
    """Where the map's origin lies on earth.

    The projection is LibCarla's GeoLocation: a Mercator map scaled at the origin's latitude.
    """

    latitude_deg: float
    longitude_deg: float

    @staticmethod
    def of_opendrive(text: str) -> "GeoReference":
        """Reads `+lat_0` and `+lon_0` of the geoReference; each is 0 when absent."""

        def origin(name: str) -> float:
            match = re.search(rf"\+{name}=(-?[0-9.]+(?:e-?[0-9]+)?)", text)
            return float(match.group(1)) if match else 0.0

        return GeoReference(origin("lat_0"), origin("lon_0"))

    def locate(self, place: Vector3) -> tuple[float, float, float]:
        """Latitude, longitude (degrees) and altitude (m); the map's +y points south."""
        scale = math.cos(math.radians(self.latitude_deg)) * EARTH_RADIUS_M
        east = scale * math.radians(self.longitude_deg) + place.x
        north = scale * math.log(math.tan(math.radians(90.0 + self.latitude_deg) / 2.0)) - place.y
        latitude = math.degrees(2.0 * math.atan(math.exp(north / scale))) - 90.0
        return latitude, math.degrees(east / scale), place.z
