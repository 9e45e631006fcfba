"""What a row of the benchmark found."""

from dataclasses import dataclass

from carla_lite.bench.timing import Timing


@dataclass(frozen=True, slots=True)
class Result:
    """One row as measured.

    Attributes:
        name: the row's.
        goal: ticks per second wanted.
        map_name: where it drove.
        timing: of whole ticks, seen by the client.
        pictures: camera frames received, each checked for its frame number and size.
        server_ms: processor time of the server per tick.
        server_rss_mb: its resident memory at the end.
        pinned: whether the server was kept on one core.
    """

    name: str
    goal: float
    map_name: str
    timing: Timing
    pictures: int
    server_ms: float | None
    server_rss_mb: float | None
    pinned: bool
