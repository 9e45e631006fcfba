"""One scripted driver: his vehicle, his route, his patience."""

from __future__ import annotations

import math
from dataclasses import dataclass

from carla_lite.traffic.routes import Crossing, Route

TURN_RAD = math.radians(40.0)
"""A way through a junction that turns by more is no longer straight on."""
_INDICATE_M = 30.0
_POSITION, _LOW_BEAM, _RIGHT_BLINKER, _LEFT_BLINKER = 1, 2, 16, 32


@dataclass(slots=True, eq=False)
class Driver:
    """One scripted driver.

    Attributes:
        actor_id: his vehicle.
        length_m: of the vehicle.
        route: where he is going.
        still_s: for how long he has been kept standing by anything but a red light.
        row: his place in the fleet.
        lights: what he has switched on, as CARLA's VehicleLightState.
    """

    actor_id: int
    length_m: float
    route: Route
    still_s: float = 0.0
    row: int = 0
    lights: int = 0

    def waiting_at(self) -> Crossing | None:
        """The next junction which he may not enter yet."""
        for crossing in self.route.crossings:
            if not crossing.granted:
                return crossing
        return None

    def lights_at(self, here_m: float, dark: bool) -> int:
        """What he should switch on: he indicates turns, and lights the road at night."""
        lights = _POSITION | _LOW_BEAM if dark else 0
        if self.route.crossings and self.route.crossings[0].line_m - here_m < _INDICATE_M:
            turn = self.route.crossings[0].way.turn
            if abs(turn) > TURN_RAD:
                lights |= _RIGHT_BLINKER if turn > 0.0 else _LEFT_BLINKER
        return lights
