"""How long ticks took."""

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Timing:
    """Ticks per second and the spread of single ticks in milliseconds."""

    ticks: int
    seconds: float
    rate: float
    mean_ms: float
    p50_ms: float
    p95_ms: float
    p99_ms: float

    @classmethod
    def of(cls, laps_s: Sequence[float], seconds: float) -> "Timing":
        """From each tick's duration and that of all together, whatever lies between included."""
        ordered = sorted(laps_s)

        def percentile_ms(share: float) -> float:
            return 1e3 * ordered[max(0, math.ceil(share * len(ordered)) - 1)]  # nearest rank

        return cls(
            ticks=len(ordered),
            seconds=seconds,
            rate=len(ordered) / seconds,
            mean_ms=1e3 * seconds / len(ordered),
            p50_ms=percentile_ms(0.50),
            p95_ms=percentile_ms(0.95),
            p99_ms=percentile_ms(0.99),
        )

    def divided(self, count: int) -> "Timing":
        """The same when each of these ticks was `count` ticks in one."""
        return Timing(
            ticks=self.ticks * count,
            seconds=self.seconds,
            rate=self.rate * count,
            mean_ms=self.mean_ms / count,
            p50_ms=self.p50_ms / count,
            p95_ms=self.p95_ms / count,
            p99_ms=self.p99_ms / count,
        )


def measure(tick: Callable[[], object], seconds: float) -> Timing:
    """Calls `tick` again and again for so long, at least once."""
    clock = time.perf_counter
    laps: list[float] = []
    begin = last = clock()
    while last - begin < seconds or not laps:
        tick()
        now = clock()
        laps.append(now - last)
        last = now
    return Timing.of(laps, last - begin)
