"""Maps with all that is worked out once for each: roads, scenery, painted ground, routes."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import NamedTuple

import numpy as np

from carla_lite.roads import RoadNetwork
from carla_lite.traffic import Traffic as ScriptedTraffic
from carla_lite.world import World
from td3_driving.driving.frames import mirror_points, pose_from_carla
from td3_driving.driving.routing import Place, RoutePlanner


class PreparedMap(NamedTuple):
    """A map that is ready to be driven on."""

    original: World
    """Make `twin`s of it, which share what never changes; it stays as it is."""
    planner: RoutePlanner


class MapStore:
    """Prepares maps on threads of its own, before they are needed, and keeps the newest ones.

    Args:
        keep: Maps to keep; about 15 MB each.
        threads: How many are prepared at the same time.
        traffic: Whether scripted traffic will drive and walk on them.
    """

    def __init__(self, keep: int = 32, threads: int = 1, traffic: bool = False) -> None:
        self._keep, self._traffic = keep, traffic
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="maps")
        self._maps: OrderedDict[str, Future[PreparedMap]] = OrderedDict()

    def prepare(self, names: Iterable[str]) -> None:
        """Lets maps be prepared that will soon be asked for."""
        for name in names:
            self._future(name)

    def get(self, name: str) -> PreparedMap:
        """A map, when it is ready.

        Raises:
            UnknownMapError: there is none of that name.
        """
        return self._future(name).result()

    def close(self) -> None:
        """Ends the threads."""
        self._pool.shutdown(cancel_futures=True)

    def _future(self, name: str) -> Future[PreparedMap]:
        if name not in self._maps:
            self._maps[name] = self._pool.submit(_prepare, name, self._traffic)
        self._maps.move_to_end(name)
        while len(self._maps) > self._keep:
            self._maps.popitem(last=False)[1].cancel()
        return self._maps[name]


def _prepare(name: str, traffic: bool) -> PreparedMap:
    world = World(name)
    planner = planner_of(world.network)
    twin = world.twin()  # works out all that twins share
    if traffic:
        ScriptedTraffic(twin, 0, 0)  # the same for what it knows of a map
    return PreparedMap(world, planner)


def planner_of(network: RoadNetwork, spacing_m: float = 1.0) -> RoutePlanner:
    """A planner for roads; the same as of the map that the CARLA client makes of them."""
    index = network.lane_index
    keys = [(lane.road_id, lane.section, lane.lane_id) for lane in index.lanes]
    # As the protocol carries spawn points: in single precision.
    spawns = network.spawn_points.astype(np.float32).astype(np.float64).tolist()
    return RoutePlanner(
        network.name,
        {key: mirror_points(index.line(row)) for row, key in enumerate(keys)},
        [(keys[row], keys[after]) for row in range(len(keys)) for after in index.successors[row]],
        [
            Place(keys[_lane_row(network, x, y)], pose_from_carla(x, y, z, 0.0, yaw, 0.0))
            for x, y, z, yaw in spawns
        ],
        spacing_m,
    )


def _lane_row(network: RoadNetwork, x_m: float, y_m: float) -> int:
    place = network.lane_index.nearest(x_m, y_m)
    assert place is not None, "spawn points lie on lanes"
    return place.lane
