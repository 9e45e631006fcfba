"""The options of each command. The commands themselves are imported when they are run."""

from __future__ import annotations

import argparse
from pathlib import Path

from td3_driving.cli.arguments import (
    Commands,
    add_command,
    add_common,
    add_kind_option,
    add_policy_option,
    add_record,
    add_task_option,
    map_seeds,
    names_in,
)


def add_train(commands: Commands) -> argparse.ArgumentParser:
    """train"""
    parser = add_command(
        commands, "train", "cli.train", "learn to drive",
        "Starts the simulator and the four nodes, and learns on-line. Ctrl-C saves, and --resume\n"
        "goes on. Without options: ten minutes of lane keeping from pixels, then a score on maps\n"
        "it never saw.",
    )  # fmt: skip
    budget = parser.add_mutually_exclusive_group()
    budget.add_argument("--steps", type=int, help="ticks of training in the whole run")
    budget.add_argument("--minutes", type=float, help="wall time of training (default: 10)")
    parser.add_argument("--seed", type=int, help="of everything random (default: 0)")
    add_task_option(parser, "what to learn (default: lane_keeping)")
    parser.add_argument("--map", help="one fixed map, such as LiteTown_3 or Town02")
    add_kind_option(parser)
    parser.add_argument("--run-dir", help="where the run is written (default: runs/TIME-seedN)")
    parser.add_argument(
        "--resume", action="store_true", help="go on with the run in --run-dir, or with the newest"
    )
    add_record(parser)
    add_common(parser)
    return parser


def add_pretrain(commands: Commands) -> None:
    """pretrain"""
    parser = add_command(
        commands, "pretrain", "cli.pretrain", "learn in a fleet of worlds, without ROS",
        "Many carla_lite worlds, in processes of their own, teach one policy; a GPU does the\n"
        "learning if there is one. What it sees, earns and may do is the graph's, so it drives\n"
        "there, too. "
        "Ctrl-C saves. With --steps on a CPU the same seed gives the same run.",
    )  # fmt: skip
    parser.add_argument("--task", help="name or .yaml file (default: lane_keeping)")
    parser.add_argument("--worlds", type=int, default=32, help="at a time (default: 32)")
    budget = parser.add_mutually_exclusive_group()
    budget.add_argument("--steps", type=int, help="ticks of training, of all worlds together")
    budget.add_argument("--minutes", type=float, help="wall time of training (default: 10)")
    parser.add_argument("--seed", type=int, help="of everything random (default: 0)")
    parser.add_argument(
        "--device", choices=("cpu", "cuda", "auto"), default="auto", help="of the learner "
        "(default: a GPU if there is one)",
    )  # fmt: skip
    parser.add_argument(
        "--workers", type=int, help="processes that simulate and draw; 0: this one by threads "
        "(default: one less than processors, but for one; with --threads 0)",
    )  # fmt: skip
    parser.add_argument(
        "--threads", type=int, default=0,
        help="that simulate and draw in this process, without workers (default: all processors)",
    )  # fmt: skip
    parser.add_argument(
        "--target-completion", type=float, default=0.0, metavar="PERCENT",
        help="stop when a policy completes so much on selection maps, such as 90",
    )  # fmt: skip
    parser.add_argument("--batch-size", type=int, help="decisions per update (256; CPU: 64)")
    parser.add_argument("--decisions-per-update", type=int, help="of all worlds (default: 4)")
    parser.add_argument("--precision", choices=("float32", "float16", "bfloat16"), help="on a GPU")
    parser.add_argument(
        "--compile", action=argparse.BooleanOptionalAction, help="the update, on a GPU: a third "
        "faster after some 20 s (default: for more than 5 minutes)",
    )  # fmt: skip
    parser.add_argument("--selections", type=int, help="times policies are scored (default: 9)")
    parser.add_argument("--selection-episodes", type=int, help="of each score (default: 10)")
    parser.add_argument(
        "--closing-episodes", type=int, default=-1, help="of the score, on other selection maps, "
        "that decides at the end between the best three (default: three times as many; 0: none)",
    )  # fmt: skip
    parser.add_argument(
        "--test-episodes", type=int, default=0, help="score the best on test maps at the end"
    )
    parser.add_argument("--out", help="folder of the run (default: runs/TIME-TASK)")
    parser.add_argument("--json", action="store_true", help="last line of output: one JSON object")


def add_drive(commands: Commands) -> None:
    """drive"""
    parser = add_command(
        commands, "drive", "cli.drive", "drive at real time, for people to watch",
        "Serves a page for browsers here: what camera and policy see, what it does and earns.\n"
        "Ends with Ctrl-C, or after --minutes.",
    )  # fmt: skip
    add_policy_option(parser, default="")
    parser.add_argument("--minutes", type=float, help="how long (default: until Ctrl-C)")
    _page(parser)
    parser.add_argument("--no-page", action="store_true", help="serve no page")
    add_task_option(parser, "what to drive (default: what the policy learned)")
    parser.add_argument("--map", help="one fixed map")
    add_kind_option(parser)
    add_record(parser)
    add_common(parser)


def _port(text: str) -> int:
    if not text.isdecimal() or int(text) > 65535:
        raise argparse.ArgumentTypeError(f"{text!r} must be in 0 to 65535")
    return int(text)


def _page(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--port", type=_port, help="of the page; 0: any (default: 8770, or any if that is taken)"
    )
    parser.add_argument(
        "--host", default="127.0.0.1", help="to serve on; 0.0.0.0 lets others look (default: "
        "this machine alone)",
    )  # fmt: skip
    parser.add_argument(
        "--video", metavar="FILE", help="also write what is to be seen: .mp4, .webm or .avi"
    )


def add_view(commands: Commands) -> None:
    """view"""
    parser = add_command(
        commands, "view", "cli.view", "watch a graph that runs, in a browser",
        "Subscribes to the graph's topics and serves a page that shows them. Disturbs nobody, and\n"
        "may come and go. Ends with Ctrl-C, or after --minutes.",
    )  # fmt: skip
    parser.add_argument(
        "--role", default="ego_vehicle", help="name of the vehicle (default: ego_vehicle)"
    )
    _page(parser)
    parser.add_argument("--minutes", type=float, help="how long (default: until Ctrl-C)")


def add_evaluate(commands: Commands) -> None:
    """evaluate"""
    parser = add_command(
        commands, "evaluate", "cli.evaluate", "score policies on maps that they never saw",
        "Each episode starts at rest, on a map of seed 700000 or above, which training and the\n"
        "choice of policies never use, and ends by the task's rules. All drivers drive the same\n"
        "episodes. Ctrl-C keeps what was scored.\n\n"
        "Baselines: pure_pursuit (on the exact route), pure_pursuit_seen (on the waypoints that\n"
        "the task shows), random, untrained. Controls take something from every trained policy:\n"
        "blank (a black camera), vector_only (the same, named for the claim), mirrored,\n"
        "other_picture (pictures of half a minute ago), no_waypoints.",
    )  # fmt: skip
    parser.add_argument(
        "--policy", nargs="+", required=True, metavar="POLICY",
        help="who drives: files, run folders, names of shipped policies, or baselines; several "
        "are also averaged, with an interval over training seeds",
    )  # fmt: skip
    parser.add_argument("--task", default="", help="name or .yaml file (default: the policy's)")
    parser.add_argument(
        "--map-seeds", type=map_seeds, default=range(700_000, 700_020), metavar="FIRST:END",
        help="seeds of the maps, END not included (default: 700000:700020)",
    )  # fmt: skip
    parser.add_argument(
        "--kind", choices=("task", "circuit", "town", "mixed"), default="task",
        help="of maps (default: the task's)",
    )  # fmt: skip
    parser.add_argument("--map", default="", help="one fixed map instead, such as Town02")
    parser.add_argument(
        "--episodes", type=int, default=20, help="how many for each driver (default: 20)"
    )
    parser.add_argument(
        "--baselines", type=names_in, default=[], metavar="NAMES", help="comma list, see above"
    )
    parser.add_argument(
        "--controls", type=names_in, default=[], metavar="NAMES", help="comma list, see above"
    )
    parser.add_argument(
        "--report", type=Path, metavar="DIR",
        help="write report.html, one file to open or send, and report.json",
    )  # fmt: skip
    parser.add_argument(
        "--video", choices=("worst", "best", "none"), default="worst",
        help="which episode of the first driver the report shows as a film (default: worst)",
    )  # fmt: skip
    parser.add_argument(
        "--in-process", action="store_true",
        help="drive in carla_lite worlds of this process, without ROS: faster",
    )  # fmt: skip
    parser.add_argument(
        "--seed", type=int, default=0, help="of what is random in drivers (default: 0)"
    )
    add_record(parser)
    add_common(parser)


def add_doctor(commands: Commands) -> None:
    """doctor"""
    parser = add_command(
        commands, "doctor", "cli.doctor", "check the set-up of a live agent",
        "Trains a few hundred steps through the whole graph, then checks how the learner is\n"
        "wired. Exit code 1 if a check fails.",
    )  # fmt: skip
    parser.add_argument("--steps", type=int, default=600, help="ticks to train (default: 600)")
    add_common(parser)


def add_policy(commands: Commands) -> None:
    """policy"""
    parser = commands.add_parser(
        "policy", help="pack a policy for shipping, or read one",
        description="Packs policies for shipping, and says what a policy file holds.",
    )  # fmt: skip
    verbs = parser.add_subparsers(required=True, metavar="VERB", dest="verb")
    pack = add_command(
        verbs, "pack", "cli.policy", "write a run's policy as one file to ship, with a model card",
        "Weights are stored in half precision, if no action changes by more than 0.001. Scores\n"
        "come from the run's summary.json, or from what evaluate --json wrote.",
        "run_pack",
    )  # fmt: skip
    pack.add_argument("file", metavar="FILE|RUN_DIR", help="the policy")
    pack.add_argument("--task", required=True, help="that it was trained for")
    pack.add_argument("--out", help="to write (default: policies/TASK.safetensors)")
    pack.add_argument(
        "--scores", action="append", default=[], metavar="JSON",
        help="files with its scores, and of controls beside it; may be repeated",
    )  # fmt: skip
    pack.add_argument(
        "--trained-by", default="", metavar="COMMAND", help="if the run does not say it"
    )
    pack.add_argument("--float32", action="store_true", help="store weights in single precision")
    show = add_command(
        verbs, "show", "cli.policy", "what a policy file says of itself", "Its model card.",
        "run_show",
    )  # fmt: skip
    show.add_argument("file", metavar="FILE|RUN_DIR|TASK", help="the policy")
    show.add_argument("--json", action="store_true", help="all of it, as one JSON object")
