"""Signals, controllers, crosswalks, stop lines and objects of a road network, as plain data.

Road coordinates (s, t, lane ids, orientation) are OpenDRIVE's, t to the left; world coordinates
(x, y, yaw) are CARLA's.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Orientation = Literal["+", "-", "none"]
"""Whom a signal is for, as CARLA reads and writes it: lanes above 0, lanes below 0, or both."""
SignalKind = Literal["light", "stop", "yield", "speed_limit", "crosswalk", "other"]
SIGNAL_TYPES: dict[str, SignalKind] = {
    "1000001": "light",
    "1000009": "light",
    "1000010": "light",
    "1000011": "light",
    "206": "stop",
    "205": "yield",
    "274": "speed_limit",
    "350": "crosswalk",
}
"""OpenDRIVE's own codes of lights for cars and Germany's of signs, which CARLA's maps use."""


@dataclass(frozen=True)
class SignalReference:
    """That a signal holds at a place of a road, for some of its lanes.

    `lanes` are (from, to) ranges of lane ids, both included; empty for all that its orientation
    names. (0, 0) is for none: in CARLA's maps a light only stands there, and holds by references.
    """

    road_id: int
    s_m: float
    t_m: float
    orientation: Orientation = "+"
    lanes: tuple[tuple[int, int], ...] = ()

    def holds_for(self, lane_id: int) -> bool:
        """Whether traffic on that lane has to heed the signal."""
        if self.lanes:
            return any(a <= lane_id <= b or b <= lane_id <= a for a, b in self.lanes)
        return self.orientation == "none" or (lane_id < 0) == (self.orientation == "-")


@dataclass(frozen=True)
class Signal:
    """A traffic light or sign.

    Attributes:
        id: Its id in the map; clients know it as the landmark's id and `get_opendrive_id()`.
        place: Where it stands (its road, s, t, whom it faces, for which lanes).
        type: Type code, such as "1000001" for a light with three lamps; `kind` is its meaning.
        subtype: Subtype code; "-1" for none.
        value: Such as a limit; None for none.
        unit: Of the value, such as "km/h"; "" for none.
        x_m, y_m, yaw_deg: Its foot on the ground in CARLA's frame, and the yaw of the traffic that
            heeds it, as CARLA's landmarks have it; its face looks the other way.
        z_m: Height of the sign above the road.
        height_m, width_m: Size of the sign.
        references: Other places where the same signal holds.
        controller_id: Of the controller that switches it; "" for none.
        junction_id: Of the junction that it guards, or None.
    """

    id: str
    place: SignalReference
    type: str
    subtype: str = "-1"
    value: float | None = None
    unit: str = ""
    x_m: float = 0.0
    y_m: float = 0.0
    yaw_deg: float = 0.0
    z_m: float = 0.0
    height_m: float = 0.0
    width_m: float = 0.0
    name: str = ""
    country: str = "OpenDRIVE"
    dynamic: bool = False
    heading_offset_rad: float = 0.0
    references: tuple[SignalReference, ...] = ()
    controller_id: str = ""
    junction_id: int | None = None

    @property
    def kind(self) -> SignalKind:
        """What its type means."""
        return SIGNAL_TYPES.get(self.type, "other")

    @property
    def places(self) -> tuple[SignalReference, ...]:
        """Everywhere it holds."""
        return (self.place, *self.references)


@dataclass(frozen=True)
class Controller:
    """Lights that change together; those of one junction take turns by `sequence`."""

    id: str
    signal_ids: tuple[str, ...]
    name: str = ""
    sequence: int = 0


@dataclass(frozen=True)
class StopLine:
    """A line across one lane where drivers wait.

    Attributes:
        signal_id: Of the light or sign that tells them to.
        kind: Its meaning.
        road_id, section, lane_id: The lane that ends there, or on which the signal stands.
        s_m: Where, on that road.
        start, end: (x, y) of the line's ends in CARLA's frame, from the lane's inner to its outer
            border.
        width_m: How thick it is painted.
    """

    signal_id: str
    kind: SignalKind
    road_id: int
    section: int
    lane_id: int
    s_m: float
    start: tuple[float, float]
    end: tuple[float, float]
    width_m: float = 0.4


@dataclass(frozen=True)
class Crosswalk:
    """A zebra crossing.

    Attributes:
        id: Of the object in the map.
        road_id, s_m, t_m, heading_rad: Its pivot on a road, and which way u looks from the road's
            heading, counter-clockwise.
        outline: (u, v) of its corners in OpenDRIVE's frame about the pivot, u across the road, the
            way that people walk.
        corners: (x, y) of the same corners in CARLA's frame; a closed polygon, the last corner is
            not the first again.
        centre, axis: (x, y) of its middle and the unit vector along which people walk.
        length_m, width_m: Extent along and across that way.
    """

    id: str
    road_id: int
    s_m: float
    t_m: float
    heading_rad: float
    outline: tuple[tuple[float, float], ...]
    corners: tuple[tuple[float, float], ...]
    centre: tuple[float, float]
    axis: tuple[float, float]
    length_m: float
    width_m: float


@dataclass(frozen=True)
class RoadObject:
    """Something beside or on a road: a building, a tree, a pole, a parking space.

    Attributes:
        type: OpenDRIVE's, such as "building"; "none" where the file says nothing.
        x_m, y_m, yaw_deg: Its middle in CARLA's frame.
        z_m: Height of its foot above the ground.
        length_m, width_m, height_m: Its box, length along its own heading.
        corners: (x, y) of its outline in CARLA's frame; empty where the file gives none.
    """

    id: str
    type: str
    name: str
    x_m: float
    y_m: float
    yaw_deg: float
    z_m: float
    length_m: float
    width_m: float
    height_m: float
    corners: tuple[tuple[float, float], ...] = ()
