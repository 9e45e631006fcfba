"""Traffic lights: actors whose approaches take turns, junction by junction, in simulated time."""

from __future__ import annotations

import math
import struct
from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

from carla_lite.roads.furniture import Controller, Signal
from carla_lite.scenery.solids import (
    LIGHTS_GREEN,
    LIGHTS_RED,
    LIGHTS_YELLOW,
    Material,
    Solids,
    Tag,
    solid,
)
from carla_lite.world.blueprints import SemanticTag
from carla_lite.world.errors import InvalidValueError
from carla_lite.world.geometry import BoundingBox, Rotation, Vector3, wrap_deg
from carla_lite.world.records import Record
from carla_lite.world.traffic_signs import SIGN_ID_BYTES, TrafficSign, pole

GREEN_S, YELLOW_S, RED_S = 10.0, 3.0, 2.0
"""CARLA's default times: green, yellow, then red for everyone before the next turn."""
MAX_TIME_S = 1e6
# A light's record after the id: green, yellow, red, elapsed (s), pole index, frozen, state.
_RECORD = struct.Struct("<4fI2B")
ELAPSED_AT = SIGN_ID_BYTES + 12
"""Where in a record's state the elapsed time is."""
ROUNDING_S = 1e-9
_HEAD_HALF_M = (0.18, 0.24, 0.62)
_HEAD_HEIGHT_M = 3.2
_HEAD_BGR = (25, 25, 25)


class LightState(IntEnum):
    """As CARLA numbers them."""

    RED = 0
    YELLOW = 1
    GREEN = 2
    OFF = 3
    UNKNOWN = 4


_LAMPS = {
    LightState.RED: LIGHTS_RED,
    LightState.YELLOW: LIGHTS_YELLOW,
    LightState.GREEN: LIGHTS_GREEN,
}


@dataclass(slots=True, eq=False)
class Turn:
    """Lights that are green together, and for how long; a controller of the map."""

    lights: list[TrafficLight]
    green_s: float = GREEN_S
    yellow_s: float = YELLOW_S
    red_s: float = RED_S

    def seconds(self, state: LightState) -> float:
        """How long the turn shows that state."""
        return (self.red_s, self.yellow_s, self.green_s)[state]

    def show(self, state: LightState) -> None:
        """Switches all of its lights."""
        for light in self.lights:
            light.state = state


_NEXT = {LightState.GREEN: LightState.YELLOW, LightState.YELLOW: LightState.RED}


@dataclass(slots=True, eq=False)
class LightGroup:
    """The lights of one junction, whose turns follow each other.

    A turn is green, yellow and red; then the next one begins. A client's `set_state` holds until
    the cycle next switches that light, as in CARLA.

    Attributes:
        turns: in their order.
        current: whose turn it is.
        state: what the lights of that turn show.
        frozen: whether time stands still for the group.
        number: its place among the groups.
        clock: float64 (1,), holds `elapsed_s`; compiled code lets it go on for all groups at once.
    """

    turns: list[Turn]
    current: int = 0
    state: LightState = LightState.GREEN
    frozen: bool = False
    number: int = 0
    clock: NDArray[np.float64] = field(default_factory=lambda: np.zeros(1))

    @property
    def elapsed_s(self) -> float:
        """Since the lights of the present turn began to show what they do."""
        return float(self.clock[0])

    @elapsed_s.setter
    def elapsed_s(self, seconds: float) -> None:
        self.clock[0] = seconds

    @property
    def until_s(self) -> float:
        """How long they show it in all."""
        return self.turns[self.current].seconds(self.state)

    @property
    def is_due(self) -> bool:
        """Whether its time to switch has come; sums of a tick's length miss the exact second."""
        return not self.frozen and self.elapsed_s + ROUNDING_S >= self.until_s

    @property
    def lights(self) -> list[TrafficLight]:
        """All of them."""
        return [light for turn in self.turns for light in turn.lights]

    def reset(self) -> None:
        """Begins the first turn anew."""
        for turn in self.turns:
            turn.show(LightState.RED)
        self.current, self.elapsed_s, self.state = 0, 0.0, LightState.GREEN
        self.turns[0].show(LightState.GREEN)

    def switch(self) -> None:
        """Shows what the time that has passed calls for."""
        # A client may set all times to zero: no more than one whole cycle per tick.
        for _ in range(3 * len(self.turns)):
            if self.elapsed_s + ROUNDING_S < self.until_s:
                return
            self.elapsed_s -= self.until_s
            if self.state is LightState.RED:
                self.current = (self.current + 1) % len(self.turns)
                self.state = LightState.GREEN
            else:
                self.state = _NEXT[self.state]
            self.turns[self.current].show(self.state)
        self.elapsed_s = 0.0

    def cycle_s(self) -> float:
        """How long all turns together take."""
        return sum(turn.green_s + turn.yellow_s + turn.red_s for turn in self.turns)


@dataclass(slots=True, eq=False)
class TrafficLight(TrafficSign):
    """A traffic light; `turn` and `group` say with whom it switches.

    Attributes:
        state: what it shows.
        pole_index: its place among the lights of its group.
    """

    state: LightState = LightState.RED
    pole_index: int = 0
    turn: Turn = field(default_factory=lambda: Turn([]))
    group: LightGroup = field(default_factory=lambda: LightGroup([]))

    @property
    def semantic_tag(self) -> SemanticTag:
        """What it is in a segmentation."""
        return SemanticTag.TRAFFIC_LIGHT

    def set_times(
        self,
        green_s: float | None = None,
        yellow_s: float | None = None,
        red_s: float | None = None,
    ) -> None:
        """Changes how long its whole turn shows each state, as in CARLA.

        Raises:
            InvalidValueError: a time is negative, not finite or beyond `MAX_TIME_S`.
        """
        for name, seconds in (("green_s", green_s), ("yellow_s", yellow_s), ("red_s", red_s)):
            if seconds is None:
                continue
            if not 0.0 <= seconds <= MAX_TIME_S:  # also false for NaN
                raise InvalidValueError(
                    f"{name} of traffic light {self.id} cannot be {seconds}; "
                    f"use 0 to {MAX_TIME_S:g} seconds"
                )
            setattr(self.turn, name, seconds)

    def write_record(self, record: Record) -> None:
        """Adds the times and what it shows."""
        super(TrafficLight, self).write_record(record)
        self.write_cycle(record)

    def write_cycle(self, record: Record) -> None:
        """Writes what changes: the times and what it shows."""
        turn, group = self.turn, self.group
        packed = _RECORD.pack(
            turn.green_s,
            turn.yellow_s,
            turn.red_s,
            group.elapsed_s,
            self.pole_index,
            group.frozen,
            self.state,
        )
        record["state"][SIGN_ID_BYTES:] = np.frombuffer(packed, np.uint8)

    @property
    def lamps(self) -> int:
        """The lit lamps as bits of a solid's `lights`."""
        return _LAMPS.get(self.state, 0)


def form_groups(
    lights: dict[str, TrafficLight],
    signals: Iterable[Signal],
    controllers: Iterable[Controller],
    seed: int,
) -> list[LightGroup]:
    """Lets the lights of every junction take turns.

    The lights of one controller share a turn; a light without controller has one of its own.
    A junction's cycle begins at a random point that depends on the seed and its place among
    the junctions.

    Args:
        lights: by signal id.
        signals: those of the map.
        controllers: those of the map, in the order of their turns where `sequence` is the same.
        seed: of the beginnings.
    """
    order = {
        controller.id: index
        for index, controller in enumerate(sorted(controllers, key=lambda each: each.sequence))
    }
    # Keys are (junction or controller or signal), so that what belongs together meets.
    members: dict[tuple[str, str], dict[tuple[int, str], Turn]] = {}
    for signal in signals:
        light = lights.get(signal.id)
        if light is None:
            continue
        rank = order.get(signal.controller_id, len(order))
        junction = ("junction", str(signal.junction_id))
        alone = ("controller", signal.controller_id) if signal.controller_id else ("", signal.id)
        turns = members.setdefault(alone if signal.junction_id is None else junction, {})
        turn = turns.setdefault((rank, signal.controller_id or signal.id), Turn([]))
        turn.lights.append(light)
    groups = []
    for index, turns in enumerate(members.values()):
        group = LightGroup([turns[key] for key in sorted(turns)])
        for turn in group.turns:
            for light in turn.lights:
                light.turn, light.group = turn, group
        for pole_index, light in enumerate(group.lights):
            light.pole_index = pole_index
        group.reset()
        start = np.random.default_rng((4, seed, index)).uniform(0.0, group.cycle_s())
        group.elapsed_s += float(start)
        group.switch()
        groups.append(group)
    return groups


def head_box(signal: Signal) -> BoundingBox:
    """The box with the lamps, in the world's frame; x looks at the traffic."""
    facing = wrap_deg(signal.yaw_deg + 180.0)
    yaw = math.radians(facing)
    height = max(signal.z_m, _HEAD_HEIGHT_M)
    out = _HEAD_HALF_M[0]
    return BoundingBox(
        Vector3(signal.x_m + out * math.cos(yaw), signal.y_m + out * math.sin(yaw), height),
        Vector3(*_HEAD_HALF_M),
        Rotation(0.0, facing, 0.0),
    )


def light_solids(signal: Signal, owner: int) -> tuple[Solids, Solids]:
    """The post, which never changes, and the head, whose `lights` are the light's `lamps`."""
    box = head_box(signal)
    head = solid(
        box.location,
        box.extent,
        box.rotation.yaw,
        _HEAD_BGR,
        Tag.TRAFFIC_LIGHT,
        material=Material.SIGNAL,
        owner=owner,
    )
    return pole(signal, box.location.z + box.extent.z, owner), head
