"""Road networks: the model, procedural maps, lane geometry and OpenDRIVE text.

Points and angles that leave this package are in CARLA's frame (left-handed, x forward, y right,
z up, yaw in degrees, positive towards +y); only `Geometry` keeps OpenDRIVE's right-handed one.
"""

from carla_lite.roads.lanes import LaneStrip, lane_strips
from carla_lite.roads.maps import UnknownMapError, available_maps, make_map
from carla_lite.roads.model import (
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
)

__all__ = [
    "Connection",
    "Geometry",
    "Junction",
    "Lane",
    "LaneMark",
    "LaneSection",
    "LaneStrip",
    "Poly3",
    "Road",
    "RoadLink",
    "RoadNetwork",
    "UnknownMapError",
    "available_maps",
    "lane_strips",
    "make_map",
]
