"""What a road network is: the part of ASAM OpenDRIVE that driving needs, as plain data.

The classes mirror the file format, so that a procedural map and a parsed file look the same.
Geometry keeps the file's right-handed frame (y to the left, angles counter-clockwise); everything
derived from it (`lanes`, `signals`, `index`, `RoadNetwork.bounds`) is in CARLA's frame. What stands
beside the roads, signals and crosswalks, has its classes in `furniture`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from carla_lite.roads.furniture import Controller, Crosswalk, RoadObject, Signal, StopLine
    from carla_lite.roads.index import LaneIndex

LaneKind = Literal[
    "none", "driving", "shoulder", "sidewalk", "walking", "stop", "biking", "border", "restricted",
    "parking", "bidirectional", "median", "curb", "special1", "special2", "special3", "roadWorks",
    "tram", "rail", "entry", "exit", "offRamp", "onRamp", "connectingRamp", "slipLane",
    "mwyEntry", "mwyExit", "HOV", "bus", "taxi", "shared",
]  # fmt: skip
"""OpenDRIVE's lane types, the deprecated ones included."""
DRIVABLE: frozenset[LaneKind] = frozenset(
    {"driving", "bidirectional", "entry", "exit", "offRamp", "onRamp", "connectingRamp",
     "slipLane", "mwyEntry", "mwyExit", "HOV", "bus", "taxi", "shared"}
)  # fmt: skip
"""Lanes that cars may drive on; the lane index holds these."""
PAVED: frozenset[LaneKind] = DRIVABLE | {
    "shoulder", "stop", "biking", "border", "restricted", "parking", "special1", "special2",
    "special3", "roadWorks", "tram", "rail",
}  # fmt: skip
"""Lanes with the surface of the carriageway."""
WALKABLE: frozenset[LaneKind] = frozenset({"sidewalk", "walking", "curb"})
"""Raised lanes beside it."""

MarkKind = Literal[
    "none", "solid", "broken", "solid solid", "solid broken", "broken solid", "broken broken",
    "botts dots", "grass", "curb", "custom", "edge",
]  # fmt: skip
MarkColour = Literal[
    "standard", "white", "yellow", "red", "blue", "green", "orange", "violet", "black"
]
Contact = Literal["start", "end"]
DEFAULT_SPEED_LIMIT_MPS = 50 / 3.6


@dataclass(frozen=True)
class Poly3:
    """A cubic in ds = s - s_m, valid from `s_m` until the next record starts."""

    s_m: float
    a: float
    b: float = 0.0
    c: float = 0.0
    d: float = 0.0


@dataclass(frozen=True)
class Spiral:
    """A clothoid: its curvature goes evenly from `Geometry.curvature_per_m` to this one."""

    end_curvature_per_m: float


@dataclass(frozen=True)
class ParamPoly:
    """A curve u(p), v(p) of two cubics in the segment's own frame, u along its heading.

    The arc length along it is the road's s, whatever p is: `end` is the p where it has reached
    the segment's length, or where the file ends the curve.
    """

    u: tuple[float, float, float, float]
    v: tuple[float, float, float, float]
    end: float = 1.0


@dataclass(frozen=True)
class Geometry:
    """One plan-view segment: a line (curvature 0), an arc (positive turns left), or its `shape`."""

    s_m: float
    x_m: float
    y_m: float
    heading_rad: float
    length_m: float
    curvature_per_m: float = 0.0
    shape: Spiral | ParamPoly | None = None


@dataclass(frozen=True)
class LaneMark:
    """The painted line on a lane's outer border (of lane 0: on the lane reference line).

    `s_m` is where it starts, from the section's start (OpenDRIVE's sOffset).
    """

    kind: MarkKind = "none"
    colour: MarkColour = "white"
    width_m: float = 0.15
    s_m: float = 0.0


@dataclass(frozen=True)
class SpeedLimit:
    """A limit from `s_m` on: from the road's start or, on a lane, from the section's."""

    s_m: float
    limit_mps: float


@dataclass(frozen=True)
class Lane:
    """A lane of a section: id < 0 lies to the right, id > 0 to the left, 0 is the centre line.

    `widths`, `marks` and `speeds` start at the section (their s_m is OpenDRIVE's sOffset); lane 0
    has no width. `predecessor` and `successor` name lanes of the neighbouring road or section in s
    direction. `speeds` overrule the road's.
    """

    id: int
    kind: LaneKind = "none"
    widths: tuple[Poly3, ...] = ()
    marks: tuple[LaneMark, ...] = ()
    predecessor: int | None = None
    successor: int | None = None
    speeds: tuple[SpeedLimit, ...] = ()

    @property
    def mark(self) -> LaneMark:
        """The mark at the section's start."""
        return self.marks[0] if self.marks else LaneMark()


@dataclass(frozen=True)
class LaneSection:
    """The lanes of a road from `s_m` to the next section, ordered from the left to the right."""

    s_m: float
    lanes: tuple[Lane, ...]


@dataclass(frozen=True)
class RoadLink:
    """What lies beyond one end of a road; `contact` is None for a junction."""

    element: Literal["road", "junction"]
    id: int
    contact: Contact | None = None


@dataclass(frozen=True)
class Road:
    """A road along its reference line.

    `junction_id` is set for a junction's connecting roads. In left-hand traffic lanes with ids
    above 0 run along the road, and those below 0 against it.
    """

    id: int
    geometries: tuple[Geometry, ...]
    sections: tuple[LaneSection, ...]
    predecessor: RoadLink | None = None
    successor: RoadLink | None = None
    junction_id: int | None = None
    lane_offsets: tuple[Poly3, ...] = ()
    speeds: tuple[SpeedLimit, ...] = (SpeedLimit(0.0, DEFAULT_SPEED_LIMIT_MPS),)
    name: str = ""
    left_hand_traffic: bool = False

    def runs_along(self, lane_id: int) -> bool:
        """Whether the traffic of a lane goes in the direction of s."""
        return (lane_id <= 0) != self.left_hand_traffic

    @property
    def length_m(self) -> float:
        last = self.geometries[-1]
        return last.s_m + last.length_m


@dataclass(frozen=True)
class Connection:
    """One way through a junction: lanes (from, to) of the incoming and the connecting road."""

    id: int
    incoming_road: int
    connecting_road: int
    contact: Contact
    lane_links: tuple[tuple[int, int], ...]


@dataclass(frozen=True)
class Junction:
    """Ways through a crossing; `controllers` names the ids of those that run its lights."""

    id: int
    connections: tuple[Connection, ...]
    controllers: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class RoadNetwork:
    """A whole map.

    Attributes:
        spawn_points: float64 (N, 4), x, y, z in metres and yaw in degrees, CARLA's frame, on lane
            centres in driving direction, outside junctions. Read-only.
        signals: Lights and signs, in CARLA's frame.
        controllers: Which lights change together.
        crosswalks: Where people cross, in CARLA's frame.
        objects: What else the file says stands beside the road.
        geo_reference: PROJ text of where the map lies on earth; "" for the default.
        source: The OpenDRIVE text it was parsed from; None for a procedural map.
    """

    name: str
    roads: tuple[Road, ...]
    junctions: tuple[Junction, ...] = ()
    spawn_points: NDArray[np.float64] = field(default_factory=lambda: np.empty((0, 4)))
    signals: tuple[Signal, ...] = ()
    controllers: tuple[Controller, ...] = ()
    crosswalks: tuple[Crosswalk, ...] = ()
    objects: tuple[RoadObject, ...] = ()
    geo_reference: str = ""
    source: str | None = None

    @cached_property
    def bounds(self) -> tuple[float, float, float, float]:
        """(x_min, y_min, x_max, y_max) of all lanes in metres, CARLA's frame."""
        from carla_lite.roads.lanes import lane_strips

        points = np.concatenate([strip.outer for strip in lane_strips(self, step_m=2.0)])
        (x0, y0), (x1, y1) = points.min(axis=0), points.max(axis=0)
        return float(x0), float(y0), float(x1), float(y1)

    @cached_property
    def road_by_id(self) -> dict[int, Road]:
        """Roads by id."""
        return {road.id: road for road in self.roads}

    @cached_property
    def lane_index(self) -> LaneIndex:
        """Answers where a point is on the lanes and what comes next, fast."""
        from carla_lite.roads.index import LaneIndex

        return LaneIndex.build(self)

    @cached_property
    def stop_lines(self) -> tuple[StopLine, ...]:
        """Where drivers wait for a light, or at a stop or yield sign; one for each lane."""
        from carla_lite.roads.stops import stop_lines

        return stop_lines(self)

    def speed_limit_at(self, road_id: int, lane_id: int, s_m: float) -> float:
        """The limit in m/s on a lane; of a lane that is not there, the road's own."""
        from carla_lite.roads.lanes import speed_limit

        return speed_limit(self.road_by_id[road_id], lane_id, s_m)

    def to_opendrive(self) -> str:
        """OpenDRIVE text: of a parsed map its own, else 1.4, always the same bytes."""
        from carla_lite.roads.opendrive import to_opendrive

        return to_opendrive(self) if self.source is None else self.source
