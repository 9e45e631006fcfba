"""From metres on the map to latitude and longitude, the way CARLA 0.9.16 does it."""

import math
import re
from dataclasses import dataclass

from carla_lite.world.geometry import Vector3

EARTH_RADIUS_M = 6378137.0
SCALE = 0.9996


@dataclass(frozen=True, slots=True)
class GeoReference:
    """Where the map's origin lies on earth.

    The projection is that of 0.9.16's client, as measured: transverse Mercator on a sphere with a
    fixed scale, whatever else the map's text says, in which +y counts as north although the
    compass has it south (a known mistake of that version, kept so that client and sensor agree).
    """

    latitude_deg: float
    longitude_deg: float

    @staticmethod
    def of_opendrive(text: str) -> "GeoReference":
        """Reads `+lat_0` and `+lon_0` of the geoReference; each is 0 when absent."""

        def origin(name: str) -> float:
            match = re.search(rf"\+{name}=(-?[0-9.]+(?:e[+-]?[0-9]+)?)", text)
            return float(match.group(1)) if match else 0.0

        return GeoReference(origin("lat_0"), origin("lon_0"))

    def locate(self, place: Vector3) -> tuple[float, float, float]:
        """Latitude, longitude (degrees) and altitude (m)."""
        east = place.x / (SCALE * EARTH_RADIUS_M)
        north = place.y / (SCALE * EARTH_RADIUS_M) + math.radians(self.latitude_deg)
        latitude = math.asin(math.sin(north) / math.cosh(east))
        longitude = math.atan2(math.sinh(east), math.cos(north))
        return math.degrees(latitude), self.longitude_deg + math.degrees(longitude), place.z
