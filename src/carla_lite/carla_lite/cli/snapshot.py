"""`carla-lite snapshot`: one picture of a map, without a server."""

import argparse
from collections.abc import Sequence

from carla_lite.show.snapshot import add_snapshot_arguments, run_snapshot

_EXAMPLES = """\
examples:
  carla-lite snapshot town.png                                     a street of LiteTown01
  carla-lite snapshot map.png --map LiteTown_7 --view topdown      a whole map from above
  carla-lite snapshot rain.png --weather HardRainSunset --view chase --spawn 4
"""


def run(arguments: Sequence[str]) -> int:
    """Writes one picture; returns the exit code, 2 for what cannot be drawn."""
    parser = argparse.ArgumentParser(
        prog="carla-lite snapshot",
        description="Writes one picture of a map, without a server.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add_snapshot_arguments(parser)
    return run_snapshot(parser.parse_args(arguments))
