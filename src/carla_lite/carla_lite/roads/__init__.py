"""Road networks: the model, procedural maps, lane geometry, lane index and OpenDRIVE text.

Points and angles that leave this package are in CARLA's frame (left-handed, x forward, y right,
z up, yaw in degrees, positive towards +y); only `Geometry` keeps OpenDRIVE's right-handed one.
"""

from carla_lite.roads.furniture import (
    Controller,
    Crosswalk,
    RoadObject,
    Signal,
    SignalReference,
    StopLine,
)
from carla_lite.roads.index import LaneIndex, LaneRef, Place, Places
from carla_lite.roads.lanes import LaneStrip, lane_strips
from carla_lite.roads.maps import UnknownMapError, available_maps, make_map, open_map
from carla_lite.roads.model import (
    DRIVABLE,
    PAVED,
    WALKABLE,
    Connection,
    Geometry,
    Junction,
    Lane,
    LaneMark,
    LaneSection,
    Poly3,
    Road,
    RoadLink,
    RoadNetwork,
    SpeedLimit,
)
from carla_lite.roads.parsing import parse_opendrive
from carla_lite.roads.xml_tree import OpenDriveError

__all__ = [
    "DRIVABLE",
    "PAVED",
    "WALKABLE",
    "Connection",
    "Controller",
    "Crosswalk",
    "Geometry",
    "Junction",
    "Lane",
    "LaneIndex",
    "LaneMark",
    "LaneRef",
    "LaneSection",
    "LaneStrip",
    "OpenDriveError",
    "Place",
    "Places",
    "Poly3",
    "Road",
    "RoadLink",
    "RoadNetwork",
    "RoadObject",
    "Signal",
    "SignalReference",
    "SpeedLimit",
    "StopLine",
    "UnknownMapError",
    "available_maps",
    "lane_strips",
    "make_map",
    "open_map",
    "parse_opendrive",
]
