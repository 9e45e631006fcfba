"""`carla-lite bench`: how fast this machine ticks."""

import argparse
import json
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict
from functools import partial
from typing import TYPE_CHECKING

from carla_lite.roads import UnknownMapError

if TYPE_CHECKING:
    from carla_lite.bench.result import Result

_EXAMPLES = """\
examples:
  carla-lite bench                        every row, some seconds each
  carla-lite bench --only no_camera       one row
  carla-lite bench --json > bench.json    for programs
  carla-lite bench --soak 200000          so many ticks with two clients, vehicles and sensors that
                                          come and go: frames, memory, sockets and threads

A row starts a server on one core and drives a car beside it with the real `carla`
client: every tick sends a new command and waits for the world's state and for every camera's
picture of that very frame. A picture which is missing, late or of another frame ends the row.
"""
_NO_CLIENT = "carla-lite bench drives the server with the real client: pip install carla==0.9.16"


def _ticks(text: str) -> int:
    ticks = int(text)
    if ticks < 1000:
        raise argparse.ArgumentTypeError(f"{ticks} ticks are too few; a soak takes 1000 or more")
    return ticks


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="carla-lite bench",
        description="Measures ticks per second through the real client.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--only", action="append", metavar="ROW", help="this row; may be repeated")
    parser.add_argument("--map", default="LiteTown01", help="default: %(default)s")
    parser.add_argument("--seconds", type=float, default=5.0, help="per row (default: 5)")
    parser.add_argument("--warm-up", type=float, default=2.0, help="before each, s (default: 2)")
    parser.add_argument("--soak", type=_ticks, metavar="TICKS", help="endurance instead of speed")
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    return parser


_HEAD = (
    f"{'row':<24}{'goal/s':>8}{'ticks/s':>9}{'mean ms':>9}{'p50':>8}{'p95':>8}{'p99':>8}"
    f"{'server ms':>11}{'pictures':>10}{'MB':>6}"
)


def _line(result: "Result") -> str:
    t = result.timing
    server_ms = f"{result.server_ms:.3f}" if result.server_ms is not None else "-"
    rss_mb = f"{result.server_rss_mb:.0f}" if result.server_rss_mb is not None else "-"
    return (
        f"{result.name:<24}{result.goal:>8.0f}{t.rate:>9.0f}{t.mean_ms:>9.3f}{t.p50_ms:>8.3f}"
        f"{t.p95_ms:>8.3f}{t.p99_ms:>8.3f}{server_ms:>11}{result.pictures:>10}{rss_mb:>6}"
    )


def run(arguments: Sequence[str]) -> int:
    """Measures; returns the exit code."""
    parser = _parser()
    options = parser.parse_args(arguments)
    try:
        from carla_lite.bench.process import ServerDidNotStartError
        from carla_lite.bench.rows import ROWS, MissingFrameError
        from carla_lite.bench.runner import WORLDS_ROW, run_row, run_worlds
    except ModuleNotFoundError as error:
        if error.name != "carla":
            raise
        print(_NO_CLIENT, file=sys.stderr)
        return 2
    if options.soak is not None:
        return _soak(options.soak, options.map, as_json=options.json)
    jobs: dict[str, Callable[..., Result]] = {row.name: partial(run_row, row) for row in ROWS}
    jobs[WORLDS_ROW] = run_worlds
    for name in options.only or ():
        if name not in jobs:
            parser.error(f"no row is called {name}; there are {', '.join(jobs)}")
    results: list[Result] = []
    for job in [jobs[name] for name in options.only or jobs]:
        try:
            result = job(options.map, options.seconds, options.warm_up)
        except (ServerDidNotStartError, UnknownMapError) as error:
            print(f"carla-lite bench: {error}", file=sys.stderr)
            return 2
        except MissingFrameError as error:
            print(f"carla-lite bench: {error}", file=sys.stderr)
            return 1
        results.append(result)
        if not options.json:
            if len(results) == 1:
                cores = "the server on one core" if result.pinned else "not pinned"
                print(f"map {result.map_name}, {options.seconds:g} s per row, {cores}")
                print(_HEAD)
            print(_line(result), flush=True)
    if options.json:
        print(json.dumps([asdict(result) for result in results], indent=2))
    return 0


def _soak(ticks: int, map_name: str, *, as_json: bool) -> int:
    from carla_lite.bench.soak import soak

    report = soak(ticks, map_name)
    if as_json:
        print(json.dumps(asdict(report)))
    else:
        rate = report.ticks / report.seconds
        print(
            f"map {report.map_name}: {report.ticks} ticks in {report.seconds:.0f} s, {rate:.0f}/s"
        )
        for role, tally in (("ticking client", report.ticker), ("looking client", report.watcher)):
            print(
                f"{role}: " + ", ".join(f"{n} {key}".replace("_", " ") for key, n in tally.items())
            )
        for what, values in (
            ("memory MB", report.rss_mb),
            ("sockets", report.sockets),
            ("threads", report.threads),
        ):
            print(f"{what}: first {values[0]}, most {max(values)}, last {values[-1]}")
        print("verdict: " + ("; ".join(report.faults) or "all frames came once, nothing grew"))
    return 1 if report.faults else 0
