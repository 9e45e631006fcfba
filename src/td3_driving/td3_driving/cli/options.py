"""The options of each command. The commands themselves are imported when they are run."""

from __future__ import annotations

import argparse
import importlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

Commands = Any
"""argparse's own type for what add_subparsers returns is private."""


def _run(module: str, function: str) -> Callable[[argparse.Namespace], int]:
    def run(chosen: argparse.Namespace) -> int:
        return getattr(importlib.import_module(f"td3_driving.{module}"), function)(chosen)

    return run


def _command(
    commands: Commands, name: str, module: str, summary: str, more: str, function: str = "run"
) -> argparse.ArgumentParser:
    parser = commands.add_parser(
        name, help=summary, description=f"{summary[0].upper()}{summary[1:]}.\n\n{more}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    parser.set_defaults(run=_run(module, function))
    return parser


def _simulator(text: str) -> tuple[str, int]:
    host, _, port = text.rpartition(":")
    if not host or not port.isdigit() or not 0 < int(port) < 65536:
        raise argparse.ArgumentTypeError(f"{text!r} must be HOST:PORT, such as 127.0.0.1:2000")
    return host, int(port)


def _seeds(text: str) -> range:
    first, colon, last = text.partition(":")
    if not colon or not first.isdigit() or not last.isdigit() or int(last) <= int(first):
        raise argparse.ArgumentTypeError(
            f"{text!r} must be FIRST:END with END above FIRST, such as 700000:700020"
        )
    return range(int(first), int(last))


def _record(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--record", nargs="?", const="", metavar="DIR",
        help="write all topics into a bag, rosbag2's MCAP (default: bags/TIME)",
    )  # fmt: skip


def _names(text: str) -> list[str]:
    return [name.strip() for name in text.split(",") if name.strip()]


def _common(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--simulator", type=_simulator, metavar="HOST:PORT",
        help="a CARLA 0.9.16 server or carla-lite that runs already; otherwise one is started",
    )  # fmt: skip
    parser.add_argument(
        "--set", action="append", default=[], metavar="NODE.PARAMETER=VALUE",
        help="any parameter of any node, see config/*.yaml; may be repeated",
    )  # fmt: skip
    parser.add_argument("--json", action="store_true", help="last line of output: one JSON object")


def _policy(parser: argparse.ArgumentParser, default: str | None = None) -> None:
    parser.add_argument(
        "--policy", default=default, required=default is None,
        metavar="FILE|RUN_DIR|random|pure_pursuit", help="who drives",
    )  # fmt: skip


def _task(parser: argparse.ArgumentParser, summary: str) -> None:
    parser.add_argument(
        "--task", metavar="TASK",
        help=f"{summary}: lane_keeping, route_following, car_following, urban, or a .yaml file",
    )  # fmt: skip


def _kind(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--kind", choices=("circuit", "town", "mixed"),
        help="of procedural maps (default: as the task says)",
    )  # fmt: skip


def add_train(commands: Commands) -> argparse.ArgumentParser:
    """train"""
    parser = _command(
        commands, "train", "cli.train", "learn to drive",
        "Starts the simulator and the four nodes, and learns on-line. Ctrl-C saves, and --resume\n"
        "goes on. Without options: ten minutes of lane keeping from pixels, then a score on maps\n"
        "it never saw.",
    )  # fmt: skip
    budget = parser.add_mutually_exclusive_group()
    budget.add_argument("--steps", type=int, help="ticks of training in the whole run")
    budget.add_argument("--minutes", type=float, help="wall time of training (default: 10)")
    parser.add_argument("--seed", type=int, help="of everything random (default: 0)")
    _task(parser, "what to learn (default: lane_keeping)")
    parser.add_argument("--map", help="one fixed map, such as LiteTown_3 or Town02")
    _kind(parser)
    parser.add_argument("--run-dir", help="where the run is written (default: runs/TIME-seedN)")
    parser.add_argument(
        "--resume", action="store_true", help="go on with the run in --run-dir, or with the newest"
    )
    _record(parser)
    _common(parser)
    return parser


def add_pretrain(commands: Commands) -> None:
    """pretrain"""
    parser = _command(
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
        "--workers", type=int, help="processes that simulate and draw; 0 or 1: this one by threads "
        "(default: one less than processors; with --threads 0)",
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
    parser.add_argument("--selections", type=int, help="times policies are scored (default: 9)")
    parser.add_argument("--selection-episodes", type=int, help="of each score (default: 10)")
    parser.add_argument(
        "--test-episodes", type=int, default=0, help="score the best on test maps at the end"
    )
    parser.add_argument("--out", help="folder of the run (default: runs/TIME-TASK)")
    parser.add_argument("--json", action="store_true", help="last line of output: one JSON object")


def add_drive(commands: Commands) -> None:
    """drive"""
    parser = _command(
        commands, "drive", "cli.drive", "drive at real time, for people to watch",
        "Serves a page for browsers here: what camera and policy see, what it does and earns.\n"
        "Ends with Ctrl-C, or after --minutes.",
    )  # fmt: skip
    _policy(parser, default="")
    parser.add_argument("--minutes", type=float, help="how long (default: until Ctrl-C)")
    _page(parser)
    parser.add_argument("--no-page", action="store_true", help="serve no page")
    _task(parser, "what to drive (default: what the policy learned)")
    parser.add_argument("--map", help="one fixed map")
    _kind(parser)
    _record(parser)
    _common(parser)


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
    parser = _command(
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
    parser = _command(
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
        "--map-seeds", type=_seeds, default=range(700_000, 700_020), metavar="FIRST:END",
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
        "--baselines", type=_names, default=[], metavar="NAMES", help="comma list, see above"
    )
    parser.add_argument(
        "--controls", type=_names, default=[], metavar="NAMES", help="comma list, see above"
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
    _record(parser)
    _common(parser)


def add_doctor(commands: Commands) -> None:
    """doctor"""
    parser = _command(
        commands, "doctor", "cli.doctor", "check the set-up of a live agent",
        "Trains a few hundred steps through the whole graph, then checks how the learner is\n"
        "wired. Exit code 1 if a check fails.",
    )  # fmt: skip
    parser.add_argument("--steps", type=int, default=600, help="ticks to train (default: 600)")
    _common(parser)


def add_policy(commands: Commands) -> None:
    """policy"""
    parser = commands.add_parser(
        "policy", help="pack a policy for shipping, or read one",
        description="Packs policies for shipping, and says what a policy file holds.",
    )  # fmt: skip
    verbs = parser.add_subparsers(required=True, metavar="VERB", dest="verb")
    pack = _command(
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
    show = _command(
        verbs, "show", "cli.policy", "what a policy file says of itself", "Its model card.",
        "run_show",
    )  # fmt: skip
    show.add_argument("file", metavar="FILE|RUN_DIR|TASK", help="the policy")
    show.add_argument("--json", action="store_true", help="all of it, as one JSON object")


def add_bench(commands: Commands) -> None:
    """bench"""
    parser = commands.add_parser("bench", help="measure speed", description="Measures speed.")
    subjects = parser.add_subparsers(required=True, metavar="SUBJECT", dest="subject")
    loop = _command(
        subjects, "loop", "cli.bench", "ticks per second of the whole graph",
        "Lock-step ticks per second without learning, and the time from frame to command.",
    )  # fmt: skip
    _policy(loop, default="pure_pursuit")
    loop.add_argument("--steps", type=int, default=3000, help="ticks to measure (default: 3000)")
    _common(loop)
    learner = _command(
        subjects, "learner", "bench.learner", "milliseconds per gradient step, beside peers",
        "One gradient step from pixels: a critic update, every second time one of actor and\n"
        "targets, sampling included. Contenders take turns in one process.",
    )  # fmt: skip
    learner.add_argument(
        "--against", default="sb3", metavar="PEERS",
        help="comma list of sb3, leanrl, plain, ours-float16, ours-bfloat16 (default: sb3)",
    )  # fmt: skip
    learner.add_argument("--device", choices=("cpu", "cuda"), default="cpu")
    learner.add_argument(
        "--batch", type=int, default=256, help="transitions per step (default: 256)"
    )
    learner.add_argument("--steps", type=int, default=0, help="gradient steps per turn; even")
    learner.add_argument("--rounds", type=int, default=7, help="turns of each (default: 7)")
    learner.add_argument("--threads", type=int, default=2, help="of torch on a CPU (default: 2)")
    learner.add_argument("--json", action="store_true", help="print the figures as JSON")
    replay = _command(
        subjects, "replay", "bench.replay", "bytes and samples per second of replay memories",
        "Ours beside stable-baselines3's, which stores whole stacks, in turns.",
    )  # fmt: skip
    replay.add_argument("--batch", type=int, default=256, help="transitions per sample")
    replay.add_argument("--samples", type=int, default=20, help="samples per turn")
    replay.add_argument("--rounds", type=int, default=9, help="turns of each memory")
    replay.add_argument("--json", action="store_true", help="print the figures as JSON")
    precision = _command(
        subjects, "precision", "bench.precision", "gradient errors of each GPU precision",
        "Relative distance of gradients from float64's, on one batch and the same weights.",
    )  # fmt: skip
    precision.add_argument("--batch", type=int, default=256, help="transitions in the batch")
    precision.add_argument("--updates", type=int, default=1000, help="updates before it")
    precision.add_argument("--json", action="store_true", help="print the figures as JSON")
    ablation = _command(
        subjects, "ablation", "bench.ablation", "learning curves of one CNN beside two",
        "Trains with separate CNNs, with one that the critic trains, and with one that the actor\n"
        "trains, in fleets of worlds, and draws completion on selection maps over training:\n"
        "ablation.png and ablation.json in --out. Finished runs are kept and not run again.",
    )  # fmt: skip
    ablation.add_argument("--seeds", type=int, default=3, help="how many, from 0 (default: 3)")
    ablation.add_argument("--task", default="lane_keeping", help="(default: lane_keeping)")
    ablation.add_argument(
        "--steps", type=int, default=400_000,
        help="ticks of each run, of all worlds together (default: 400000)",
    )  # fmt: skip
    ablation.add_argument("--worlds", type=int, default=32, help="at a time (default: 32)")
    ablation.add_argument("--device", choices=("cpu", "cuda", "auto"), default="auto")
    ablation.add_argument(
        "--threads", type=int, default=0, help="that simulate and draw (default: all processors)"
    )
    ablation.add_argument("--batch-size", type=int, help="decisions per update (256; CPU: 64)")
    ablation.add_argument("--decisions-per-update", type=int, help="of all worlds (default: 4)")
    ablation.add_argument("--selections", type=int, help="scores of a run (default: 9)")
    ablation.add_argument("--selection-episodes", type=int, help="of each score (default: 10)")
    ablation.add_argument(
        "--out", type=Path, default=Path("runs/ablation"), help="folder (default: runs/ablation)"
    )
    ablation.add_argument("--json", action="store_true", help="print the curves as JSON")
    learning = _command(
        subjects, "learning", "bench.learning", "learning curves on the driving environment",
        "Our TD3, and stable-baselines3's at its defaults and with our settings: the same\n"
        "episodes of each seed, as many environment steps (decisions), scored noise-free on\n"
        "selection maps. Needs no ROS. What is finished is not run again.",
    )  # fmt: skip
    learning.add_argument("--task", default="lane_keeping", help="(default: lane_keeping)")
    learning.add_argument("--against", choices=("sb3", "none"), default="sb3")
    learning.add_argument("--steps", type=int, default=40_000, help="of each run (default: 40000)")
    learning.add_argument("--seeds", default="0,1,2", help="comma list (default: 0,1,2)")
    learning.add_argument("--every", type=int, default=4000, help="steps between evaluations")
    learning.add_argument("--episodes", type=int, default=20, help="of an evaluation")
    learning.add_argument("--device", choices=("cpu", "cuda"), default="cpu", help="of learners")
    learning.add_argument(
        "--batch", type=int, default=0, help="transitions per update (default: 32, on cuda 256)"
    )
    learning.add_argument("--jobs", type=int, default=1, help="runs at a time (default: 1)")
    learning.add_argument(
        "--out", type=Path, default=Path("runs/learning"), help="folder (default: runs/learning)"
    )
    learning.add_argument("--json", action="store_true", help="print the figures as JSON")
    mujoco = _command(
        subjects, "mujoco", "bench.mujoco", "learning curves on MuJoCo tasks, beside a peer's",
        "TD3 with the paper's rates on vectors, no pictures: ours and stable-baselines3's, with\n"
        "the same tasks, seeds, sizes and budget; ten noise-free episodes every 5000 steps. Each\n"
        "run writes its scores as they come; what is finished is not run again.",
    )  # fmt: skip
    mujoco.add_argument(
        "--env", default="", metavar="TASKS",
        help="comma list (default: InvertedPendulum-v5,Hopper-v5,HalfCheetah-v5,Walker2d-v5)",
    )  # fmt: skip
    mujoco.add_argument("--steps", type=int, default=300_000, help="of a task (default: 300000)")
    mujoco.add_argument("--seeds", default="0,1,2", help="comma list (default: 0,1,2)")
    mujoco.add_argument("--learner", choices=("ours", "sb3", "both"), default="both")
    mujoco.add_argument("--device", choices=("cpu", "cuda"), default="cpu", help="of the learners")
    mujoco.add_argument(
        "--jobs", type=int, default=1, help="runs at a time, a thread each (default: 1)"
    )
    mujoco.add_argument(
        "--out", type=Path, default=Path("runs/mujoco"), help="folder (default: runs/mujoco)"
    )
    mujoco.add_argument("--json", action="store_true", help="print the figures as JSON")
    tables = _command(
        subjects, "tables", "bench.tables", "redraw the tables of docs/benchmarks.md",
        "Each table is drawn from a record, a JSON file with the command, the machine and the\n"
        "rows that were measured. Change the record, then redraw.",
    )  # fmt: skip
    tables.add_argument(
        "records", nargs="*", type=Path, help="JSON files (default: all in docs/benchmarks)"
    )
    tables.add_argument(
        "--page", type=Path, default=Path("docs/benchmarks.md"),
        help="default: docs/benchmarks.md here",
    )  # fmt: skip
    tables.add_argument("--check", action="store_true", help="change nothing; exit code 1 if stale")
