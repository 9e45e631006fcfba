"""Everything that regulates traffic on a map: lights and signs, and whom they concern."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from carla_lite.roads import RoadNetwork
from carla_lite.roads.furniture import Signal, StopLine
from carla_lite.scenery.solids import Solids, Tag, empty
from carla_lite.world._traffic_control import heed
from carla_lite.world.bodies import VEHICLE, Bodies
from carla_lite.world.errors import UnknownActorError, WrongActorKindError
from carla_lite.world.geometry import BoundingBox, Rotation, Vector3
from carla_lite.world.light_stretches import Stretches
from carla_lite.world.records import Records
from carla_lite.world.traffic_lights import (
    ELAPSED,
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

_LIMIT_TICKS = 4
"""Speed limits are looked up this seldom."""


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
        self._ids = np.array([light.id for light in self.lights.values()], np.uint32)
        self._states = np.zeros(len(self.lights), np.uint8)
        places = {id(group): number for number, group in enumerate(self.groups)}
        self._group_of = np.array([places[id(light.group)] for light in self.lights.values()], int)
        limits = np.unique(network.lane_index.speed_mps)
        self._limit_kmh = float(limits[0]) * 3.6 if len(limits) == 1 else None
        self._is_street = np.array([r.junction_id is None for r in network.lane_index.lanes], bool)
        self._last_count = 0
        self._unwritten: list[LightGroup] = []
        self._records = np.zeros(len(self.lights), int)
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
        switched = [group for group in self.groups if group.advance(duration_s)]
        if switched:
            self._refresh(switched)

    def _refresh(self, groups: list[LightGroup] | None = None) -> None:
        """Hands changes of some groups, or of all, on to what vehicles, cameras and clients see."""
        lights = self.lights.values()
        self._states[:] = [light.state for light in lights]
        self.head_solids["lights"] = [light.lamps for light in lights]
        self._unwritten += self.groups if groups is None else groups

    def write_records(self, records: Records) -> None:
        """Brings the lights' records up to date."""
        rows = records.rows
        for group in self._unwritten:
            for light in group.lights:
                light.write_record(rows[light.record])
        self._unwritten.clear()
        if self.lights:
            elapsed = np.array([group.elapsed_s for group in self.groups], np.float32)
            written = elapsed[self._group_of].view(np.uint8).reshape(-1, 4)
            rows["state"][self._records, ELAPSED] = written

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
        if bodies.count != self._last_count or frame % _LIMIT_TICKS == 0:
            self._last_count = bodies.count
            self._tell_limits(bodies)

    def _tell_limits(self, bodies: Bodies) -> None:
        rows = bodies.rows
        if self._limit_kmh is not None:
            rows["speed_limit"] = self._limit_kmh
        if self._limit_kmh is not None or not len(self._is_street):
            return
        index = self._network.lane_index
        places = index.locate(np.column_stack([rows["x"], rows["y"]]), rows["yaw"])
        # In a junction the limit of the road before it goes on: ways touch each other there.
        found = (places.lane >= 0) & (rows["kind"] == VEHICLE) & self._is_street[places.lane]
        points = index.points_at(places.lane[found], places.along_m[found])
        rows["speed_limit"][found] = 3.6 * index.speed_mps[points]


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
