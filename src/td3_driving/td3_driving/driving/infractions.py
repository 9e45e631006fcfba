"""What must not happen on a road, by the names of the CARLA leaderboard where it has one."""

from __future__ import annotations

from collections.abc import Sequence

COLLISIONS = ("collision_pedestrian", "collision_vehicle", "collision_static")
KINDS = (*COLLISIONS, "red_light", "off_lane", "wrong_way", "stuck")
"""Every kind that an episode may note."""

_SAME_EVENT_S = 2.0
"""What goes on without a longer pause is one infraction, as scraping along a wall."""


def collision_kind(type_id: str) -> str:
    """The kind of a collision with an actor of that blueprint, such as vehicle.audi.tt."""
    family = type_id.partition(".")[0]
    return {"vehicle": "collision_vehicle", "walker": "collision_pedestrian"}.get(
        family, "collision_static"
    )


class InfractionCounter:
    """Notes when each infraction begins; one that goes on is not noted again."""

    def __init__(self) -> None:
        self._last_s: dict[str, float] = {}

    def update(self, kinds: Sequence[str], stamp_s: float) -> list[str]:
        """Those of the kinds seen in this tick that begin with it.

        Args:
            kinds: All that are seen in this tick.
            stamp_s: Simulation time of the tick.
        """
        begun = []
        for kind in dict.fromkeys(kinds):
            if stamp_s - self._last_s.get(kind, float("-inf")) > _SAME_EVENT_S:
                begun.append(kind)
            self._last_s[kind] = stamp_s
        return begun
