"""What the options of several commands are made of."""

from __future__ import annotations

import argparse
import importlib
from collections.abc import Callable
from typing import Any

Commands = Any
"""argparse's own type for what add_subparsers returns is private."""


def runner_of(module: str, function: str) -> Callable[[argparse.Namespace], int]:
    """Runs a command, imported only then."""

    def run(chosen: argparse.Namespace) -> int:
        return getattr(importlib.import_module(f"td3_driving.{module}"), function)(chosen)

    return run


def add_command(
    commands: Commands, name: str, module: str, summary: str, more: str, function: str = "run"
) -> argparse.ArgumentParser:
    """A command with a line of help, what more there is to say, and the function that runs it."""
    parser = commands.add_parser(
        name, help=summary, description=f"{summary[0].upper()}{summary[1:]}.\n\n{more}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    parser.set_defaults(run=runner_of(module, function))
    return parser


def host_and_port(text: str) -> tuple[str, int]:
    """The type of HOST:PORT."""
    host, _, port = text.rpartition(":")
    if not host or not port.isdigit() or not 0 < int(port) < 65536:
        raise argparse.ArgumentTypeError(f"{text!r} must be HOST:PORT, such as 127.0.0.1:2000")
    return host, int(port)


def map_seeds(text: str) -> range:
    """The type of FIRST:END."""
    first, colon, last = text.partition(":")
    if not colon or not first.isdigit() or not last.isdigit() or int(last) <= int(first):
        raise argparse.ArgumentTypeError(
            f"{text!r} must be FIRST:END with END above FIRST, such as 700000:700020"
        )
    return range(int(first), int(last))


def add_record(parser: argparse.ArgumentParser) -> None:
    """--record"""
    parser.add_argument(
        "--record", nargs="?", const="", metavar="DIR",
        help="write all topics into a bag, rosbag2's MCAP (default: bags/TIME)",
    )  # fmt: skip


def names_in(text: str) -> list[str]:
    """The type of a comma list."""
    return [name.strip() for name in text.split(",") if name.strip()]


def add_common(parser: argparse.ArgumentParser) -> None:
    """--simulator, --set and --json, which every command on the graph has."""
    parser.add_argument(
        "--simulator", type=host_and_port, metavar="HOST:PORT",
        help="a CARLA 0.9.16 server or carla-lite that runs already; otherwise one is started",
    )  # fmt: skip
    parser.add_argument(
        "--set", action="append", default=[], metavar="NODE.PARAMETER=VALUE",
        help="any parameter of any node, see config/*.yaml; may be repeated",
    )  # fmt: skip
    parser.add_argument("--json", action="store_true", help="last line of output: one JSON object")


def add_policy_option(parser: argparse.ArgumentParser, default: str | None = None) -> None:
    """--policy"""
    parser.add_argument(
        "--policy", default=default, required=default is None,
        metavar="FILE|RUN_DIR|random|pure_pursuit", help="who drives",
    )  # fmt: skip


def add_task_option(parser: argparse.ArgumentParser, summary: str) -> None:
    """--task"""
    parser.add_argument(
        "--task", metavar="TASK",
        help=f"{summary}: lane_keeping, route_following, car_following, urban, or a .yaml file",
    )  # fmt: skip


def add_kind_option(parser: argparse.ArgumentParser) -> None:
    """--kind"""
    parser.add_argument(
        "--kind", choices=("circuit", "town", "mixed"),
        help="of procedural maps (default: as the task says)",
    )  # fmt: skip
