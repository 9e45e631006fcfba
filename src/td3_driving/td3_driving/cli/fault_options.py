"""The options of the command that injects faults."""

from __future__ import annotations

from td3_driving.cli.arguments import (
    Commands,
    add_command,
)


def add_faults(commands: Commands) -> None:
    """faults"""
    parser = add_command(
        commands, "faults", "cli.faults", "inject faults into the real graph, and keep the score",
        "Kills, stops and starves nodes and simulator, spoils sensors, messages, disks and\n"
        "files, and checks what is promised of each. About ten minutes on two cores that are idle\n"
        "otherwise. Exit code 1 if a case fails, or if its fault was not really injected.",
    )  # fmt: skip
    parser.add_argument(
        "--only", action="append", default=[], metavar="CASE|GROUP", help="may be repeated"
    )
    parser.add_argument("--list", action="store_true", help="name the cases, and run none")
    parser.add_argument("--out", metavar="FILE", help="write all results there, as JSON")
    parser.add_argument("--page", metavar="FILE", help="put the table into docs/reliability.md")
    parser.add_argument("--json", action="store_true", help="last line of output: one JSON object")
