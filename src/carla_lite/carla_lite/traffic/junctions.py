"""Who may drive through a junction: reservations of ways that do not cross.

A simplified form of the reservations of Dresner and Stone, "A Multiagent Approach to Autonomous
Intersection Management" (JAIR 2008): whoever holds a way keeps those that cross it free until he
has left the junction.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from carla_lite.traffic.roadmap import Way


@dataclass(slots=True)
class Desk:
    """Hands out the ways through all junctions of a map; drivers are known by number.

    Attributes:
        held: ways by junction and driver.
        strangers: bits of the lanes that others than scripted drivers occupy, by junction.
        claims: bits of the lanes that a driver who has waited too long gets next, by junction.
    """

    held: dict[int, dict[int, Way]] = field(default_factory=dict)
    strangers: dict[int, int] = field(default_factory=dict)
    claims: dict[int, int] = field(default_factory=dict)

    def begin_round(self, strangers: dict[int, int]) -> None:
        """Starts a round of requests."""
        self.strangers = strangers
        self.claims.clear()

    def is_free(self, driver: int, way: Way) -> bool:
        """Whether nobody else holds or occupies what crosses a way."""
        if self.strangers.get(way.junction_id, 0) & (way.conflicts | way.bits):
            return False
        holders = self.held.get(way.junction_id, {})
        return not any(
            other.bits & way.conflicts for key, other in holders.items() if key != driver
        )

    def request(self, driver: int, way: Way, *, impatient: bool = False) -> bool:
        """Grants a way if it is free, and no one more patient has claimed what crosses it.

        An impatient driver who has to wait claims his way, so that nobody new gets before him.
        """
        claimed = self.claims.get(way.junction_id, 0)
        if not claimed & way.conflicts and self.is_free(driver, way):
            self.held.setdefault(way.junction_id, {})[driver] = way
            return True
        if impatient and not claimed:
            self.claims[way.junction_id] = way.bits
        return False

    def release(self, driver: int, way: Way) -> None:
        """Gives a way back."""
        self.held.get(way.junction_id, {}).pop(driver, None)

    def forget(self, driver: int) -> None:
        """Gives back all that a driver holds."""
        for holders in self.held.values():
            holders.pop(driver, None)

    def heading_for(self, junction_id: int) -> dict[int, Way]:
        """The ways that are held in one junction, by driver."""
        return self.held.get(junction_id, {})
