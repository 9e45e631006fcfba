"""What stands beside the roads: solids, and where buildings, trees and poles are put."""

from carla_lite.scenery.furnish import EnvironmentObject, Scenery, furnish
from carla_lite.scenery.solids import SOLID, Material, Shape, Solids, Tag, empty, solid

__all__ = [
    "SOLID",
    "EnvironmentObject",
    "Material",
    "Scenery",
    "Shape",
    "Solids",
    "Tag",
    "empty",
    "furnish",
    "solid",
]
