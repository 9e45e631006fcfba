"""What stands beside the roads: solids, and where buildings, trees and poles are put."""

from carla_lite.scenery.solids import SOLID, Material, Shape, Solids, Tag, empty, solid

__all__ = ["SOLID", "Material", "Shape", "Solids", "Tag", "empty", "solid"]
