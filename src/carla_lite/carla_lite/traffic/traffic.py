"""Scripted traffic in a world: what a server runs beside its clients."""

from __future__ import annotations

from random import Random

from carla_lite.traffic.pedestrians import Pedestrians
from carla_lite.traffic.vehicles import Vehicles
from carla_lite.world import World


class Traffic:
    """Vehicles and pedestrians that drive and walk by themselves.

    They are actors like any other, with `role_name` "traffic". A client may destroy one; then it is
    gone until the next map load, which brings all of them back.

    Everything depends on the seed, the map and what clients do, to the byte.

    Attributes:
        vehicles: those who drive in the present episode.
        pedestrians: those who walk in it.
    """

    def __init__(
        self,
        world: World,
        vehicles: int = 30,
        pedestrians: int = 10,
        seed: int = 0,
        *,
        reckless: bool = False,
    ) -> None:
        """Puts traffic into a world.

        Args:
            world: where.
            vehicles: how many; fewer where there is no room.
            pedestrians: how many; none where there are no sidewalks.
            seed: of who they are and where they go.
            reckless: whether pedestrians cross without looking.
        """
        self._world = world
        self._counts = vehicles, pedestrians
        self._seed = seed
        self._reckless = reckless
        self.populate()

    def populate(self) -> None:
        """Spawns everyone; a new episode calls for it."""
        self._episode_id = self._world.episode_id
        vehicles, pedestrians = self._counts
        self.vehicles = Vehicles(self._world, vehicles, Random(self._seed))
        # A number of one's own, so that the cars are the same with and without people.
        people = Random(self._seed + 1)
        self.pedestrians = Pedestrians(self._world, pedestrians, people, reckless=self._reckless)

    def replace(self, vehicles: int, pedestrians: int, seed: int) -> None:
        """Takes everyone away and begins anew, with other numbers and another seed.

        The lights' cycles begin anew too: what follows depends on the arguments, the map and where
        clients' actors are, but not on what was before.
        """
        for actor_id in (*self.vehicles.ids, *self.pedestrians.ids):
            self._world.destroy(actor_id)
        self._counts, self._seed = (vehicles, pedestrians), seed
        self._world.traffic_control.reset()
        self.populate()

    def step(self) -> None:
        """Decides what everyone does during the next tick; call it before each."""
        if self._world.episode_id != self._episode_id:
            self.populate()
        self.pedestrians.step(self._world.delta_s)
        self.vehicles.step(self._world.delta_s, self.pedestrians.crossing())
