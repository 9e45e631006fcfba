"""`carla-lite view`: a live page in the browser."""

import argparse
from collections.abc import Sequence

from carla_lite.show.view import add_view_arguments, run_view

_EXAMPLES = """\
examples:
  carla-lite view                          on the server of this machine; starts one if none runs
  carla-lite view --port 3000 --open       on another port, in the browser at once
  carla-lite view --map LiteTown02 --traffic 40
"""


def run(arguments: Sequence[str]) -> int:
    """Shows the page until Ctrl-C; returns the exit code, 2 when it could not start."""
    parser = argparse.ArgumentParser(
        prog="carla-lite view",
        description="Shows a world live in the browser: its map from above, and through cameras.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add_view_arguments(parser)
    return run_view(parser.parse_args(arguments))
