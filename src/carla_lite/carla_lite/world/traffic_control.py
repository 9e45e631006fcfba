"""Everything that regulates traffic on a map: lights and signs, and whom they concern."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from carla_lite.roads import RoadNetwork
from carla_lite.roads.furniture import Signal, StopLine
from carla_lite.scenery.solids import Solids, Tag, empty
from carla_lite.world._traffic_control import heed, pass_time, write_clocks
from carla_lite.world.bodies import Bodies
from carla_lite.world.errors import UnknownActorError, WrongActorKindError
from carla_lite.world.geometry import BoundingBox, Rotation, Vector3
from carla_lite.world.light_stretches import Stretches
from carla_lite.world.records import RECORD, STATE_AT, Records
from carla_lite.world.speed_limits import SpeedLimits
from carla_lite.world.traffic_lights import (
    ELAPSED_AT,
    ROUNDING_S,
    LightGroup,
    LightState,
    TrafficLight,
    form_groups,
    light_solids,
)
from carla_lite.world.traffic_signs import (
    TrafficSign,
    place_of,
    sign_solids,
    trigger_of,
    type_id_of,
)

if TYPE_CHECKING:
    from carla_lite.world.population import Population

_ELAPSED_AT = STATE_AT + ELAPSED_AT


class TrafficControl:
    """The lights and signs of one episode.

    Attributes:
        signs: every sign and light as an actor by id, in the order of the map's signals.
        lights: the lights among them by signal id.
        groups: the lights of each junction.
        static_solids: poles and sign plates.
        obstacle_solids: the poles beside the lanes; as in CARLA, nobody bumps into what a map has
            put on a lane.
        head_solids: the lights' heads with what they show now.
    """

    def __init__(self, network: RoadNetwork, seed: int, first_id: int) -> None:
        """Puts up everything; actor ids count from `first_id`."""
        self._network = network
        self.signs: dict[int, TrafficSign] = {}
        self.lights: dict[str, TrafficLight] = {}
        lines: dict[str, list[StopLine]] = {}
        for line in network.stop_lines:
            lines.setdefault(line.signal_id, []).append(line)
        poles, heads, beside = [empty()], [empty()], [empty()]
        for signal in network.signals:
            type_id = type_id_of(signal)
            if type_id is None:
                continue
            actor_id = first_id + len(self.signs)
            trigger = trigger_of(signal, lines.get(signal.id, []))
            kind = TrafficLight if signal.kind == "light" else TrafficSign
            sign = kind(actor_id, type_id, place_of(signal), sign_id=signal.id, trigger=trigger)
            self.signs[actor_id] = sign
            if isinstance(sign, TrafficLight):
                self.lights[signal.id] = sign
                pole, head = light_solids(signal, actor_id)
                heads.append(head)
            else:
                pole = sign_solids(signal, actor_id)
            poles.append(pole)
            if not _is_on_lane(network, signal):
                beside.append(pole[pole["tag"] == Tag.POLE])
        self.groups = form_groups(self.lights, network.signals, network.controllers, seed)
        self.static_solids: Solids = np.concatenate(poles)
        self.obstacle_solids: Solids = np.concatenate(beside)
        self.head_solids: Solids = np.concatenate(heads)
        self._stretches = Stretches(network, list(self.lights))
        self._limits = SpeedLimits(network)
        self._ids = np.array([light.id for light in self.lights.values()], np.uint32)
        self._states = np.zeros(len(self.lights), np.uint8)
        self._records = np.zeros(len(self.lights), np.int32)
        # By group: how long it has shown what it does, and until when; negative while it is frozen.
        self._clocks, self._until = np.zeros(len(self.groups)), np.zeros(len(self.groups))
        self._group_of = np.zeros(len(self.lights), np.int32)
        self._row = {light.id: row for row, light in enumerate(self.lights.values())}
        for number, group in enumerate(self.groups):
            group.number = number
            self._clocks[number] = group.elapsed_s
            group.clock = self._clocks[number : number + 1]
            self._group_of[[self._row[light.id] for light in group.lights]] = number
        self._unwritten: list[LightGroup] = []
        self._refresh()

    def enter(self, population: Population) -> None:
        """Puts all signs into an empty population, which they never leave."""
        for sign in self.signs.values():
            population.add(sign)
        population.fixtures = self.head_solids
        # Whoever comes later, or goes, has a later record.
        self._records[:] = [light.record for light in self.lights.values()]

    # Commands

    def light(self, actor_id: int) -> TrafficLight:
        """The traffic light with this actor id.

        Raises:
            UnknownActorError: no sign or light has it.
            WrongActorKindError: it is another sign.
        """
        sign = self.signs.get(actor_id)
        if sign is None:
            raise UnknownActorError(actor_id)
        if not isinstance(sign, TrafficLight):
            raise WrongActorKindError(actor_id, sign.type_id, "traffic light")
        return sign

    def state_of(self, signal_id: str) -> LightState:
        """What the light of an OpenDRIVE signal shows."""
        return self.lights[signal_id].state

    def light_boxes(self, actor_id: int) -> list[BoundingBox]:
        """The boxes of a light's heads, in the world's frame."""
        heads = self.head_solids[self.head_solids["id"] == self.light(actor_id).id]
        return [_box_of(head) for head in heads]

    def boxes(self, tag: int | None) -> list[tuple[int, BoundingBox]]:
        """Actor ids and boxes, in the world's frame, of the heads and plates with a label.

        Args:
            tag: a CityObjectLabel; None for all of them.
        """
        faces = np.concatenate([self.head_solids, self.static_solids])
        wanted = (Tag.TRAFFIC_LIGHT, Tag.TRAFFIC_SIGN) if tag is None else (tag,)
        return [
            (int(face["id"]), _box_of(face))
            for face in faces
            if face["tag"] in wanted and face["tag"] != Tag.POLE
        ]

    def set_state(self, actor_id: int, state: LightState) -> None:
        """Switches a light, until its cycle switches it again."""
        light = self.light(actor_id)
        light.state = state
        self._refresh([light.group])

    def set_times(
        self,
        actor_id: int,
        green_s: float | None = None,
        yellow_s: float | None = None,
        red_s: float | None = None,
    ) -> None:
        """Changes how long a light and those of its turn show each state; None leaves it.

        Raises:
            InvalidValueError: a time is negative, not finite or too long.
        """
        light = self.light(actor_id)
        light.set_times(green_s, yellow_s, red_s)
        self._refresh([light.group])

    def freeze(self, frozen: bool, groups: list[LightGroup] | None = None) -> None:
        """Stops or restarts the cycles of some groups, or of all."""
        for group in self.groups if groups is None else groups:
            group.frozen = frozen
        self._refresh(groups)

    def reset(self, groups: list[LightGroup] | None = None) -> None:
        """Begins the cycles of some groups, or of all, anew."""
        for group in self.groups if groups is None else groups:
            group.reset()
        self._refresh(groups)

    # Time

    def advance(self, duration_s: float) -> None:
        """Lets the cycles go on."""
        if pass_time(self._clocks, self._until, duration_s, ROUNDING_S):
            due = [group for group in self.groups if group.is_due]
            for group in due:
                group.switch()
            self._refresh(due)

    def _refresh(self, groups: list[LightGroup] | None = None) -> None:
        """Hands changes of some groups, or of all, on to what vehicles, cameras and clients see."""
        changed = self.groups if groups is None else groups
        lamps = self.head_solids["lights"]
        for group in changed:
            self._until[group.number] = -1.0 if group.frozen else group.until_s
            for light in group.lights:
                row = self._row[light.id]
                self._states[row], lamps[row] = light.state, light.lamps
        self._unwritten += changed

    def write_records(self, records: Records) -> None:
        """Brings the lights' records up to date."""
        for group in self._unwritten:
            for light in group.lights:
                light.write_cycle(records.rows[light.record])
        self._unwritten.clear()
        write_clocks(
            records.bytes, RECORD.itemsize, _ELAPSED_AT, self._records, self._group_of, self._clocks
        )

    def tell(self, bodies: Bodies, frame: int) -> None:
        """Lets every vehicle know its speed limit, the light that concerns it and what it shows."""
        if not bodies.count:
            return
        stretches = self._stretches
        if len(stretches.points):
            heed(
                bodies.bytes,
                bodies.count,
                stretches.lines,
                stretches.points,
                stretches.half_widths,
                stretches.middles,
                stretches.light_of,
                self._ids,
                self._states,
            )
        self._limits.tell(bodies, frame)


def _box_of(solid: np.void) -> BoundingBox:
    """The box of one solid, in the world's frame."""
    cos, sin = solid["heading"].tolist()
    yaw = math.degrees(math.atan2(sin, cos))
    centre, half = solid["centre"].tolist(), solid["half"].tolist()
    return BoundingBox(Vector3(*centre), Vector3(*half), Rotation(0.0, yaw, 0.0))


def _is_on_lane(network: RoadNetwork, signal: Signal) -> bool:
    place = network.lane_index.nearest(signal.x_m, signal.y_m, reach_m=10.0)
    if place is None:
        return False
    index = network.lane_index
    width = index.width_m[index.start[place.lane] : index.start[place.lane + 1]].max()
    return place.distance_m < width / 2.0
