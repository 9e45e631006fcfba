"""The options of the commands on bags."""

from __future__ import annotations

import argparse
from pathlib import Path

from td3_driving.cli.arguments import (
    Commands,
    add_command,
    add_policy_option,
    add_task_option,
)


def add_replay(commands: Commands) -> None:
    """replay"""
    parser = add_command(
        commands, "replay", "cli.replay", "let a policy look at a recorded drive, off-line",
        "The recorded sensors go through the same perception and the same policy, as fast as they\n"
        "can: how far its actions are from what was driven, what the guard would have changed,\n"
        "and with a run's folder what its critic thinks of it. The same bag and policy give the\n"
        "same actions bit for bit: --expect makes a test of that; exit code 1: they differ.",
    )  # fmt: skip
    parser.add_argument("bag", type=Path, metavar="BAG", help="its folder, or its .mcap file")
    add_policy_option(parser)
    add_task_option(parser, "as which it is seen (default: the policy's; for baselines, the bag's)")
    parser.add_argument(
        "--report", type=Path, metavar="DIR",
        help="write replay.html, one file to open or send, and replay.json",
    )  # fmt: skip
    parser.add_argument(
        "--expect", type=Path, metavar="FILE", help="compare the actions with those in the file"
    )
    parser.add_argument(
        "--write-expect", action="store_true", help="write that file instead of comparing"
    )
    parser.add_argument("--role", help="whose drive, where the bag holds several vehicles'")
    parser.add_argument(
        "--mend", action="store_true",
        help="first give a bag whose recorder was killed the end that it lacks, in place",
    )  # fmt: skip
    parser.add_argument(
        "--set", action="append", default=[], metavar="NODE.PARAMETER=VALUE",
        help="of td3_agent, perception or control, as they were set for the drive",
    )  # fmt: skip
    parser.add_argument("--json", action="store_true", help="last line of output: one JSON object")


def add_from_bag(parser: argparse.ArgumentParser) -> None:
    """Options of train."""
    parser.add_argument(
        "--from-bag", nargs="+", type=Path, default=[], metavar="BAG",
        help="begin with the experience of recorded drives; they count as decisions made",
    )  # fmt: skip
    parser.add_argument(
        "--pretrain-updates", type=_count, default=0, metavar="N",
        help="updates from that experience before driving (default: 0)",
    )  # fmt: skip


def _count(text: str) -> int:
    if not text.isdecimal() or int(text) > 10**9:
        raise argparse.ArgumentTypeError(f"{text!r} must be a whole number, 0 or more")
    return int(text)
