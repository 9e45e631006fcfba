"""What a road network is: the part of ASAM OpenDRIVE 1.4 that driving needs, as plain data.

The classes mirror the file format, so that a procedural map and a parsed file look the same.
Geometry keeps the file's right-handed frame (y to the left, angles counter-clockwise); everything
derived from it (`lanes`, `RoadNetwork.spawn_points`, `RoadNetwork.bounds`) is in CARLA's frame.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from numpy.typing import NDArray

LaneKind = Literal["none", "driving", "shoulder", "sidewalk"]
MarkKind = Literal["none", "solid", "broken"]
MarkColour = Literal["white", "yellow"]
Contact = Literal["start", "end"]


@dataclass(frozen=True)
class Poly3:
    """A cubic in ds = s - s_m, valid from `s_m` until the next record starts."""

    s_m: float
    a: float
    b: float = 0.0
    c: float = 0.0
    d: float = 0.0


@dataclass(frozen=True)
class Geometry:
    """One plan-view segment of constant curvature: a line (0) or an arc (positive turns left)."""

    s_m: float
    x_m: float
    y_m: float
    heading_rad: float
    length_m: float
    curvature_per_m: float = 0.0


@dataclass(frozen=True)
class LaneMark:
    """The painted line on a lane's outer border (of lane 0: on the lane reference line)."""

    kind: MarkKind = "none"
    colour: MarkColour = "white"
    width_m: float = 0.15


@dataclass(frozen=True)
class Lane:
    """A lane of a section: id < 0 runs along the road, id > 0 against it, 0 is the centre line.

    `widths` start at the section (their s_m is OpenDRIVE's sOffset); lane 0 has none.
    `predecessor` and `successor` name lanes of the neighbouring road or section in s direction.
    """

    id: int
    kind: LaneKind = "none"
    widths: tuple[Poly3, ...] = ()
    mark: LaneMark = LaneMark()
    predecessor: int | None = None
    successor: int | None = None


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
    """A road along its reference line; `junction_id` is set for a junction's connecting roads."""

    id: int
    geometries: tuple[Geometry, ...]
    sections: tuple[LaneSection, ...]
    predecessor: RoadLink | None = None
    successor: RoadLink | None = None
    junction_id: int | None = None
    lane_offsets: tuple[Poly3, ...] = ()
    speed_limit_mps: float = 50 / 3.6

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
    id: int
    connections: tuple[Connection, ...]


@dataclass(frozen=True, eq=False)
class RoadNetwork:
    """A whole map.

    Attributes:
        spawn_points: float64 (N, 4), x, y, z in metres and yaw in degrees, CARLA's frame, on lane
            centres in driving direction, outside junctions. Read-only.
    """

    name: str
    roads: tuple[Road, ...]
    junctions: tuple[Junction, ...] = ()
    spawn_points: NDArray[np.float64] = field(default_factory=lambda: np.empty((0, 4)))

    @property
    def bounds(self) -> tuple[float, float, float, float]:
        """(x_min, y_min, x_max, y_max) of all lanes in metres, CARLA's frame."""
        from carla_lite.roads.lanes import lane_strips

        points = np.concatenate([strip.outer for strip in lane_strips(self, step_m=2.0)])
        (x0, y0), (x1, y1) = points.min(axis=0), points.max(axis=0)
        return float(x0), float(y0), float(x1), float(y1)

    def to_opendrive(self) -> str:
        """OpenDRIVE 1.4 text; the same network always gives the same bytes."""
        from carla_lite.roads.opendrive import to_opendrive

        return to_opendrive(self)
