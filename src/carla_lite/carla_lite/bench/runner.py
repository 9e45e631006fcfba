"""Runs rows: a fresh server for each, on one core, the client beside it."""

import contextlib
import os
from collections.abc import Iterator

from carla_lite.bench.process import running_server
from carla_lite.bench.result import Result
from carla_lite.bench.rows import Row, driving
from carla_lite.bench.timing import measure
from carla_lite.bench.worlds import Drives

WORLDS_ROW, WORLDS_GOAL = "world_84x84_grey", 15_000.0


def split_cores() -> tuple[set[int] | None, set[int] | None]:
    """One core for the server, and those for the client; None for any.

    The client takes a whole core to wait for the world's state and reads its streams on others, so
    it has the server's core, too, where there is only one more.
    """
    if not hasattr(os, "sched_setaffinity"):
        return None, None
    cores = sorted(os.sched_getaffinity(0))
    if len(cores) == 1:
        return None, None
    return {cores[0]}, set(cores[1:]) if len(cores) > 2 else None


@contextlib.contextmanager
def pinned_to(cores: set[int] | None) -> Iterator[None]:
    """Keeps this process, and the threads it starts meanwhile, on these cores."""
    if cores is None:
        yield
        return
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, cores)
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def run_worlds(map_name: str, seconds: float, warm_up_s: float) -> Result:
    """Measures worlds without sockets, in this process, on the core that servers have.

    Raises:
        UnknownMapError: no such map.
    """
    core, _ = split_cores()
    with pinned_to(core):
        drives = Drives(map_name)
        measure(drives.step, warm_up_s)
        timing = measure(drives.step, seconds)
    return Result(
        name=WORLDS_ROW,
        goal=WORLDS_GOAL,
        map_name=drives.map_name,
        timing=timing.divided(len(drives)),
        pictures=timing.ticks * len(drives),
        server_ms=None,
        server_rss_mb=None,
        pinned=core is not None,
    )


def run_row(row: Row, map_name: str, seconds: float, warm_up_s: float) -> Result:
    """Measures one row with a server of its own.

    Raises:
        ServerDidNotStartError: no such map, or worse.
        MissingFrameError: a frame did not come as it should.
    """
    server_cores, client_cores = split_cores()
    options = ["--map", map_name]
    if row.traffic:
        options += ["--traffic", str(row.traffic)]
    with (
        running_server(*options, cores=server_cores) as server,
        pinned_to(client_cores),
        driving(server, row) as drive,
    ):
        measure(drive.tick, warm_up_s)
        pictures, ticks, cpu_s = drive.pictures, drive.ticks, server.usage().cpu_s
        timing = measure(drive.tick, seconds)
        usage = server.usage()
        assert drive.ticks - ticks == timing.ticks
        return Result(
            row.name,
            row.goal,
            server.map_name,
            timing,
            drive.pictures - pictures,
            1e3 * (usage.cpu_s - cpu_s) / timing.ticks,
            usage.rss_bytes / 1e6,
            pinned=server_cores is not None,
        )
