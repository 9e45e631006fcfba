"""Endurance: very many ticks with vehicles and sensors that come and go and two clients."""

import contextlib
import json
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import IO, Any

from carla_lite.bench.process import ServerProcess, Usage, running_server

_SAMPLES_S = 1.0
_WARM_UP_SHARE = 0.2
_MAX_GROWTH_MB = 5.0
_LEFT_OVER_TICKS = 200  # the watcher stops so long before the ticker does


@dataclass(frozen=True, slots=True)
class Report:
    """What a soak found; `faults` is empty when all is well."""

    map_name: str
    ticks: int
    seconds: float
    ticker: dict[str, int]
    watcher: dict[str, int]
    rss_mb: list[float]
    sockets: list[int]
    threads: list[int]
    faults: list[str]


class SoakError(RuntimeError):
    """One of the clients did not come to its end."""


@contextlib.contextmanager
def _client(role: str, server: ServerProcess, ticks: int) -> "Iterator[subprocess.Popen[str]]":
    """A client in a process of its own, which does not outlive the block."""
    command = [sys.executable, "-m", "carla_lite.bench.soak_client", role]
    process = subprocess.Popen(
        [*command, str(server.port), str(ticks)], stdout=subprocess.PIPE, text=True
    )
    try:
        if _line(process.stdout) != "ready":
            raise SoakError(f"the client which should {role} did not start")
        yield process
    finally:
        process.kill()
        process.wait()


def _line(stream: IO[str] | None) -> str:
    assert stream is not None
    return stream.readline().strip()


def find_faults(ticks: int, tallies: dict[str, dict[str, int]], samples: list[Usage]) -> list[str]:
    """What is not as it should be: frames, or growth between the halves after the warm-up."""
    faults = [
        f"{role}: {count} frames {what}"
        for role, tally in tallies.items()
        for what in ("missing", "duplicated")
        if (count := tally[what])
    ]
    if tallies["ticker"]["ticks"] != ticks:
        faults.append(f"{tallies['ticker']['ticks']} ticks instead of {ticks}")
    steady = samples[int(len(samples) * _WARM_UP_SHARE) :]
    early, late = steady[: len(steady) // 2], steady[len(steady) // 2 :]
    if not early:
        return faults
    grown_mb = (max(s.rss_bytes for s in late) - max(s.rss_bytes for s in early)) / 1e6
    if grown_mb > _MAX_GROWTH_MB:
        faults.append(f"memory grew by {grown_mb:.1f} MB")
    for what in ("sockets", "threads"):
        before, after = (max(getattr(s, what) for s in half) for half in (early, late))
        if after > before:
            faults.append(f"{what} grew from {before} to {after}")
    return faults


def soak(ticks: int, map_name: str) -> Report:
    """Runs the soak.

    Args:
        ticks: how many; at least 1000, of which the first fifth counts as warm-up.
        map_name: where.

    Raises:
        SoakError: a client ended before its time; what it said stands in its standard error.
    """
    if ticks < 1000:
        raise ValueError(f"{ticks} ticks are too few; a soak takes 1000 or more")
    begin = time.perf_counter()
    with (
        running_server("--map", map_name) as server,
        _client("tick", server, ticks) as ticker,
        _client("watch", server, ticks - _LEFT_OVER_TICKS) as watcher,
    ):
        samples: list[Usage] = []
        while ticker.poll() is None and watcher.poll() in (None, 0):
            samples.append(server.usage())
            try:
                ticker.wait(min(_SAMPLES_S, 0.05 + ticks / 100_000))
            except subprocess.TimeoutExpired:
                continue
        seconds = time.perf_counter() - begin
        tallies: dict[str, Any] = {}
        for role, process in (("watcher", watcher), ("ticker", ticker)):
            said = _line(process.stdout)
            if process.wait(60.0) != 0 or not said:
                raise SoakError(f"the {role} ended with exit code {process.returncode}")
            tallies[role] = json.loads(said)
        samples.append(server.usage())
        return Report(
            map_name=server.map_name,
            ticks=ticks,
            seconds=seconds,
            ticker=tallies["ticker"],
            watcher=tallies["watcher"],
            rss_mb=[round(sample.rss_bytes / 1e6, 1) for sample in samples],
            sockets=[sample.sockets for sample in samples],
            threads=[sample.threads for sample in samples],
            faults=find_faults(ticks, tallies, samples[:-1]),
        )
