"""Equips the junctions and streets of procedural towns: lights, signs and crosswalks."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from carla_lite.roads.furniture import Controller, Crosswalk, Signal, SignalReference
from carla_lite.roads.model import Junction, Road
from carla_lite.roads.placing import make_crosswalk, place
from carla_lite.roads.profiles import LANE_WIDTH_M, SHOULDER_WIDTH_M
from carla_lite.roads.stops import before_crosswalk
from carla_lite.roads.streets import Arm

Control = Literal["lights", "stop", "yield", "none"]

CROSSWALK_DEPTH_M = 3.0
"""Along the street."""
_CROSSWALK_TO_END_M = 2.0
_BEYOND_KERB_M = 0.6
_LIMIT_SIGN_M = 12.0
_POLE_BEFORE_END_M = 0.4
_LIGHT, _STOP, _YIELD, _LIMIT = "1000001", "206", "205", "274"
_NO_LANES = ((0, 0),)


@dataclass
class Equipment:
    """What a town has been equipped with so far."""

    signals: list[Signal] = field(default_factory=list)
    controllers: list[Controller] = field(default_factory=list)
    crosswalks: list[Crosswalk] = field(default_factory=list)

    def parts(self) -> dict[str, Any]:
        """What to hand to a `RoadNetwork`."""
        return {name: tuple(value) for name, value in vars(self).items()}

    def equip_junction(
        self,
        junction: Junction,
        arms: Sequence[Arm],
        streets: Mapping[int, Road],
        control: Control,
        crossed: Sequence[bool],
    ) -> Junction:
        """Lights for every arm, one after the other, or a sign for the arm that gives way.

        Args:
            junction: The junction.
            arms: Its arms, counter-clockwise.
            streets: Their roads by id.
            control: Who may go. "stop" and "yield" need three arms or more.
            crossed: For each arm, whether a crosswalk lies at its end.

        Returns:
            The junction with its controllers.
        """
        for number, (arm, wanted) in enumerate(zip(arms, crossed, strict=True)):
            if wanted:
                self._add_crosswalk(20_000 + 10 * junction.id + number, arm, streets[arm.road])
        if control == "lights":
            ids = [self._add_light(junction, i, arm, streets) for i, arm in enumerate(arms)]
            self.controllers += [
                Controller(str(50_000 + int(i)), (i,), f"ctrl{i}", sequence)
                for sequence, i in enumerate(ids)
            ]
            return replace(junction, controllers=tuple(str(50_000 + int(i)) for i in ids))
        if control != "none":
            number, arm = _minor(arms)
            sign = (_STOP, "Sign_Stop") if control == "stop" else (_YIELD, "Sign_Yield")
            self._add_signal(junction, number, arm, streets, *sign)
        return junction

    def add_limit_signs(self, street: Road, lanes: int) -> None:
        """A sign with the limit for each direction, where the street is long enough to read it."""
        limit_kmh = round(street.speeds[0].limit_mps * 3.6)
        if street.length_m < 2.5 * _LIMIT_SIGN_M:
            return
        for number, sign in enumerate((-1, 1)):
            s_m = _LIMIT_SIGN_M if sign < 0 else street.length_m - _LIMIT_SIGN_M
            ids = (-lanes, -1) if sign < 0 else (1, lanes)
            signal = _beside(street, s_m, sign, lanes, (ids,))
            self.signals.append(
                replace(
                    signal,
                    id=str(40_000 + 2 * street.id + number),
                    type=_LIMIT,
                    subtype=str(limit_kmh),
                    value=float(limit_kmh),
                    unit="km/h",
                    name=f"Speed_{limit_kmh}",
                    z_m=2.2,
                    height_m=0.6,
                    width_m=0.6,
                )
            )

    def _add_crosswalk(self, number: int, arm: Arm, street: Road) -> None:
        s_m = _CROSSWALK_TO_END_M if arm.at_start else street.length_m - _CROSSWALK_TO_END_M
        half = arm.lanes * LANE_WIDTH_M + SHOULDER_WIDTH_M
        depth = CROSSWALK_DEPTH_M / 2
        outline = ((-half, -depth), (half, -depth), (half, depth), (-half, depth))
        self.crosswalks.append(make_crosswalk(str(number), street, s_m, 0.0, math.pi / 2, outline))

    def _add_light(
        self, junction: Junction, number: int, arm: Arm, streets: Mapping[int, Road]
    ) -> str:
        signal = self._add_signal(junction, number, arm, streets, _LIGHT, "Signal_3Light_Post01")
        self.signals[-1] = replace(
            signal,
            dynamic=True,
            height_m=1.16,
            width_m=0.52,
            controller_id=str(50_000 + int(signal.id)),
        )
        return signal.id

    def _add_signal(
        self,
        junction: Junction,
        number: int,
        arm: Arm,
        streets: Mapping[int, Road],
        code: str,
        name: str,
    ) -> Signal:
        """A signal at the stop line of an arm, which holds on the ways that leave from there."""
        street = streets[arm.road]
        end_m = before_crosswalk(street, "start" if arm.at_start else "end", self.crosswalks)
        s_m = end_m + (-_POLE_BEFORE_END_M if arm.at_start else _POLE_BEFORE_END_M)
        ways = (c.connecting_road for c in junction.connections if c.incoming_road == arm.road)
        signal = replace(
            _beside(street, s_m, arm.in_sign, arm.lanes, _NO_LANES),
            id=str(10 * junction.id + number),
            type=code,
            name=name,
            z_m=0.0 if code == _LIGHT else 2.2,
            height_m=0.6,
            width_m=0.6,
            junction_id=junction.id,
            references=tuple(SignalReference(way, 0.0, 0.0, "-", ((-1, -1),)) for way in ways),
        )
        self.signals.append(signal)
        return signal


def _beside(
    street: Road, s_m: float, sign: int, lanes: int, valid: tuple[tuple[int, int], ...]
) -> Signal:
    """A nameless signal to the right of the traffic on the lanes of that sign, beyond the kerb."""
    t_m = sign * (lanes * LANE_WIDTH_M + SHOULDER_WIDTH_M + _BEYOND_KERB_M)
    turn = 0.0 if sign < 0 else math.pi
    x, y, yaw = place(street, s_m, t_m, turn)
    where = SignalReference(street.id, s_m, t_m, "-" if sign < 0 else "+", valid)
    return Signal("", where, "", x_m=x, y_m=y, yaw_deg=yaw, heading_offset_rad=turn)


def _minor(arms: Sequence[Arm]) -> tuple[int, Arm]:
    """The arm that is no part of the straightest way through, and its number."""
    pairs = [(abs(a.turn_to(b)), i, j) for i, a in enumerate(arms) for j, b in enumerate(arms[:i])]
    _, i, j = min(pairs)
    number = next(n for n in range(len(arms)) if n not in (i, j))
    return number, arms[number]
