"""The row without sockets: many worlds stepped by one thread, each with a small grey camera."""

import numpy as np

from carla_lite.world.batch import WorldBatch, make_worlds

_WORLDS = 16
_SPEED_MPS = 8.0
_STEPS_OF_A_DRIVE = 40  # two seconds along a lane, then from another spawn point


class Drives:
    """Cars which follow their lanes' first metres from every spawn point in turn."""

    def __init__(self, map_name: str) -> None:
        """Makes the worlds; raises UnknownMapError."""
        self.batch = WorldBatch(make_worlds([map_name] * _WORLDS), width=84, height=84)
        self._places = self.batch.worlds[0].spawn_points
        self._controls = np.tile((0.3, 0.0, 0.0), (_WORLDS, 1))
        self._steps = 0
        self.map_name = self.batch.worlds[0].map_name
        for index in range(_WORLDS):
            self._restart(index)

    def __len__(self) -> int:
        """How many worlds there are."""
        return len(self.batch)

    def _restart(self, index: int) -> None:
        place = self._places[(self._steps + 7 * index) % len(self._places)]
        self.batch.reset(index, place, _SPEED_MPS)

    def step(self) -> None:
        """One step of every world; now and then one of them begins a new drive."""
        self._steps += 1
        for index in range(_WORLDS):
            if (self._steps + index * _STEPS_OF_A_DRIVE // _WORLDS) % _STEPS_OF_A_DRIVE == 0:
                self._restart(index)
        self.batch.step(self._controls)
