"""What scripted drivers do at every tick: keep to their paths, their speed and their distance.

Following is the intelligent driver model (Treiber, Hennecke, Helbing, "Congested traffic states in
empirical observations and microscopic simulations", Phys. Rev. E 62, 2000). Steering is the path's
curvature plus what takes heading and side error away (Hoffmann et al., "Autonomous automobile
trajectory tracking for off-road driving", ACC 2007).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from carla_lite.traffic._drivers import decide
from carla_lite.world.bodies import Bodies

Floats = NDArray[np.float64]

PATH_POINTS = 160
"""Points of a path, a metre apart."""
LOOK_AHEAD_M = 92.0
"""How much of the path must lie ahead: what braking from 50 km/h and some reserve take."""
NOTHING_AHEAD_M = 1e9
_FORESIGHT_S, _CROSSING_S = 1.5, 4.5
"""How far ahead drivers think for people on foot: who might step in, and who crosses."""


@dataclass(frozen=True, eq=False)
class Fleet:
    """All scripted vehicles as arrays of N rows.

    Attributes:
        ids: uint32 (N,): actor ids.
        paths: float64 (N, `PATH_POINTS`, 3): x, y (m) and the speed allowed there (m/s).
        progress: float64 (N,): how far along its path each vehicle is.
        stop_at: float64 (N,): where on its path its front has to stop; inf for nowhere.
        sights: float64 (N, 3): the gap to what is ahead (m; `NOTHING_AHEAD_M` for nothing), its row
            among the bodies (-1 for none), how far right of its path the vehicle is (m).
    """

    ids: NDArray[np.uint32]
    paths: Floats
    progress: Floats
    stop_at: Floats
    sights: Floats

    @classmethod
    def of(cls, ids: list[int]) -> Fleet:
        """Arrays for vehicles with these ids, all zeros."""
        count = len(ids)
        return cls(
            np.array(ids, np.uint32),
            np.zeros((count, PATH_POINTS, 3)),
            np.zeros(count),
            np.full(count, np.inf),
            np.zeros((count, 3)),
        )

    def without(self, gone: NDArray[np.bool_]) -> Fleet:
        """The fleet less those rows."""
        kept = ~gone
        return Fleet(
            self.ids[kept],
            np.ascontiguousarray(self.paths[kept]),
            self.progress[kept],
            self.stop_at[kept],
            self.sights[kept],
        )

    def drive(self, bodies: Bodies, mine: NDArray[np.int32], crossing: NDArray[np.int32]) -> None:
        """Looks ahead and sets everyone's pedals and wheel.

        Args:
            bodies: of the world.
            mine: int32 (N,): rows of the fleet's vehicles among them.
            crossing: int32 (K,): rows of walkers who are crossing a street, and will go on.

        Raises:
            ValueError: the rows are not those of the fleet.
        """
        if not np.array_equal(bodies.rows["id"][mine], self.ids):
            raise ValueError("these rows of the bodies are not the fleet's; look them up again")
        foresight = np.full(bodies.count, _FORESIGHT_S)
        foresight[crossing] = _CROSSING_S
        decide(
            bodies.bytes,
            bodies.count,
            mine,
            self.paths,
            self.progress,
            self.stop_at,
            foresight,
            self.sights,
        )
