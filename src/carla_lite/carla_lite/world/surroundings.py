"""The scenery of a map as clients change it: objects hidden, street lamps switched."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

from carla_lite.scenery import EnvironmentObject, Scenery, Solids
from carla_lite.world.environment import Weather
from carla_lite.world.errors import InvalidValueError
from carla_lite.world.geometry import Vector3

DUSK_DEG = 0.0
"""Below this sun the street lamps come on by themselves."""
_MAX_INTENSITY = 1e6
_LAMP_INTENSITY = 3000.0
_LAMP_RGB = (255, 214, 150)


class LightGroup(IntEnum):
    """What a lamp belongs to, as CARLA numbers it."""

    NONE = 0
    VEHICLE = 1
    STREET = 2
    BUILDING = 3
    OTHER = 4


@dataclass(frozen=True, slots=True)
class StreetLamp:
    """One lamp; `is_on` None leaves it to dusk and dawn."""

    id: int
    location: Vector3
    intensity: float = _LAMP_INTENSITY
    group: LightGroup = LightGroup.STREET
    rgb: tuple[int, int, int] = _LAMP_RGB
    is_on: bool | None = None

    def checked(self) -> StreetLamp:
        """Itself, or InvalidValueError for numbers that no lamp has."""
        if not (math.isfinite(self.intensity) and 0.0 <= self.intensity <= _MAX_INTENSITY):
            raise InvalidValueError(
                f"intensity of light {self.id} is {self.intensity}; use 0 to {_MAX_INTENSITY:g}"
            )
        if not all(0 <= part <= 255 for part in self.rgb):
            raise InvalidValueError(f"colour {self.rgb} of light {self.id}; use 0 to 255")
        return self


class Surroundings:
    """What stands beside the roads of one episode.

    Attributes:
        scenery: as the map has it.
        solids: SOLID (N,), what of it is not hidden, with lamps as they are switched; read-only.
        lamps: the street lamps by id.
        day_night_cycle: whether lamps follow the sun as long as nobody switches them.
    """

    def __init__(self, scenery: Scenery) -> None:
        """Takes what stands on a map."""
        self.scenery = scenery
        self.solids: Solids = scenery.solids
        self.day_night_cycle = True
        lights = zip(self.scenery.lamp_ids, self.scenery.lamps.tolist(), strict=True)
        self.lamps = {lamp_id: StreetLamp(lamp_id, Vector3(*place)) for lamp_id, place in lights}
        self._hidden: frozenset[int] = frozenset()

    def objects(self, tag: int | None = None) -> list[EnvironmentObject]:
        """The map's objects, hidden ones included; all of them, or those of a tag."""
        return [thing for thing in self.scenery.objects if tag is None or thing.tag == tag]

    def is_hidden(self, object_id: int) -> bool:
        """Whether a client took it out of sight."""
        return object_id in self._hidden

    def show(self, object_ids: Collection[int], visible: bool) -> bool:
        """Hides objects or brings them back; unknown ids do nothing.

        Returns:
            Whether anything changed, so that `solids` is another array.
        """
        known = frozenset(object_ids) & {thing.id for thing in self.scenery.objects}
        hidden = self._hidden - known if visible else self._hidden | known
        if hidden == self._hidden:
            return False
        self._hidden = hidden
        self._rebuild()
        return True

    def _rebuild(self) -> None:
        """Makes `solids` anew from what is hidden and switched off."""
        solids = self.scenery.solids
        shining = {lamp.id for lamp in self.lamps.values() if self._shines(lamp)}
        dark = sorted(self.lamps.keys() - shining)
        if dark:
            solids = solids.copy()
            solids["lights"][np.isin(solids["id"], np.array(dark, np.uint32))] = 0
        if self._hidden:
            solids = solids[~np.isin(solids["id"], np.array(sorted(self._hidden), np.uint32))]
        solids.flags.writeable = False
        self.solids = solids

    def _shines(self, lamp: StreetLamp) -> bool:
        """Whether a lamp shines when it is dark."""
        return self.day_night_cycle if lamp.is_on is None else lamp.is_on

    def is_lit(self, lamp: StreetLamp, weather: Weather) -> bool:
        """Whether a lamp shines."""
        if lamp.is_on is not None:
            return lamp.is_on
        return self.day_night_cycle and weather.sun_altitude_angle < DUSK_DEG

    def shining(self) -> NDArray[np.float64]:
        """Float64 (L, 3), x, y, z in metres of the lamps that shine when it is dark."""
        lit = [lamp.location for lamp in self.lamps.values() if self._shines(lamp)]
        return np.array(lit, np.float64).reshape(-1, 3)

    def set_day_night_cycle(self, active: bool) -> None:
        """Whether lamps follow the sun as long as nobody switches them."""
        self.day_night_cycle = active
        self._rebuild()

    def switch(self, lamps: Iterable[StreetLamp]) -> None:
        """Changes lamps, all but their places; unknown ids do nothing.

        Raises:
            InvalidValueError: a number is out of range; then nothing changes.
        """
        for lamp in [lamp.checked() for lamp in lamps]:
            known = self.lamps.get(lamp.id)
            if known is not None:
                self.lamps[lamp.id] = StreetLamp(
                    lamp.id, known.location, lamp.intensity, lamp.group, lamp.rgb, lamp.is_on
                )
        self._rebuild()
