"""What the simulator applies to the vehicle, seen from outside of the graph, all the time."""

from __future__ import annotations

import math
import threading
import time
from typing import NamedTuple

from carla_lite.show.link import Link, LinkError

PERIOD_S = 0.01
"""Between two looks: how exactly a moment is known."""

_LINK_TIMEOUT_S = 20.0


class Sample(NamedTuple):
    """One look: monotonic time [s], frame, and what is applied to the vehicle at which speed."""

    at_s: float
    frame: int
    throttle: float
    steer: float
    brake: float
    speed_mps: float

    @property
    def is_braked(self) -> bool:
        """Whether the full brake is applied, and nothing else."""
        return self.brake == 1.0 and self.throttle == 0.0

    @property
    def is_sound(self) -> bool:
        """Whether it is finite and within CARLA's limits."""
        values = (self.throttle, self.steer, self.brake)
        return all(map(math.isfinite, values)) and all(abs(value) <= 1.0 for value in values)


class Watch:
    """Looks at the simulator on a thread of its own, and remembers."""

    def __init__(self, port: int, role: str = "ego_vehicle") -> None:
        self._port, self._role = port, role
        self._samples: list[Sample] = []
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._look, name="watch", daemon=True)

    def start(self) -> None:
        """Begins to look."""
        self._thread.start()

    def stop(self) -> None:
        """Ends."""
        self._stopping.set()
        self._thread.join(5.0)

    def since(self, at_s: float) -> list[Sample]:
        """All looks since a moment, oldest first."""
        return [sample for sample in list(self._samples) if sample.at_s >= at_s]

    def drives(self, since_s: float, for_s: float = 0.5) -> bool:
        """Whether the vehicle has been moving for so long, all of it after a moment, driven."""
        now_s = time.monotonic()
        recent = self.since(now_s - for_s)
        frames = {sample.frame for sample in recent}
        moving = all(sample.speed_mps > 1.0 and not sample.is_braked for sample in recent)
        pushed = any(sample.throttle > 0.0 for sample in recent)
        return now_s - for_s > since_s and len(frames) >= 4 and moving and pushed

    def braked_after(self, at_s: float) -> float | None:
        """How long after a moment the full brake was first applied; None if it never was."""
        return next((s.at_s - at_s for s in self.since(at_s) if s.is_braked), None)

    def all_sound(self) -> bool:
        """Whether nothing that was ever applied was other than finite and within limits."""
        return all(sample.is_sound for sample in list(self._samples))

    def _look(self) -> None:
        link = Link("127.0.0.1", self._port, _LINK_TIMEOUT_S)
        while not self._stopping.wait(PERIOD_S):
            asked_s = time.monotonic()
            try:
                frame, vehicles = link.call("lite_applied")
            except LinkError:
                continue
            for role, throttle, steer, brake, speed in vehicles:
                if role == self._role:
                    at_s = (asked_s + time.monotonic()) / 2
                    self._samples.append(Sample(at_s, frame, throttle, steer, brake, speed))
        link.close()
