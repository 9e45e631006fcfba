"""Maps made ready before a world loads them, which takes seconds for a large one."""

from __future__ import annotations

from typing import NamedTuple

from carla_lite.render import Quality, Scene
from carla_lite.roads import RoadNetwork
from carla_lite.scenery import Scenery, furnish


class PreparedMap(NamedTuple):
    """A map that is furnished, and perhaps painted.

    Attributes:
        network: its roads.
        scenery: what stands beside them.
        scene: with its ground; the world that loads the map changes the rest. None when it is to
            be painted once a sensor looks.
    """

    network: RoadNetwork
    scenery: Scenery
    scene: Scene | None


def prepare(network: RoadNetwork, seed: int, quality: Quality) -> PreparedMap:
    """Works out what a world needs of a map; may run on any thread.

    Args:
        network: the roads.
        seed: of the world.
        quality: of the world's pictures.
    """
    # These are worked out once and kept.
    _ = network.lane_index, network.stop_lines
    scenery = furnish(network, seed)
    return PreparedMap(network, scenery, Scene.build(network, None, seed, quality=quality))
