"""The `carla-lite` command: a server unless another command is named."""

import importlib
import sys
from collections.abc import Sequence

COMMANDS = {
    "serve": "runs the server (also without this word)",
    "bench": "measures ticks per second through the real client",
    "view": "shows a world live in the browser",
    "snapshot": "writes one picture of a map, without a server",
}
"""Each is a module of this package with a function `run(arguments) -> exit code`; only the one that
is called is imported."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command named by the first argument; returns the exit code."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    name = words.pop(0) if words and words[0] in COMMANDS else "serve"
    code: int = importlib.import_module(f"carla_lite.cli.{name}").run(words)
    return code
