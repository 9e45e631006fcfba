"""The options of the benchmarks."""

from __future__ import annotations

import argparse
from pathlib import Path

from td3_driving.cli.arguments import (
    Commands,
    add_command,
    add_common,
    add_policy_option,
)

VARIANTS = ("separate", "shared_critic", "shared_actor", "float16")


def whole_numbers(text: str) -> list[int]:
    """The type of a comma list of whole numbers."""
    numbers = text.split(",")
    if not all(number.isdecimal() for number in numbers):
        raise argparse.ArgumentTypeError(f"{text!r} must be whole numbers, such as 0,1,2")
    return [int(number) for number in numbers]


def variants(text: str) -> list[str]:
    """The type of a comma list of the ablation's variants."""
    names = text.split(",")
    for name in names:
        if name not in VARIANTS:
            raise argparse.ArgumentTypeError(f"{name!r} is none of {', '.join(VARIANTS)}")
    return names


def add_bench(commands: Commands) -> None:
    """bench"""
    parser = commands.add_parser("bench", help="measure speed", description="Measures speed.")
    subjects = parser.add_subparsers(required=True, metavar="SUBJECT", dest="subject")
    loop = add_command(
        subjects, "loop", "cli.bench", "ticks per second of the whole graph",
        "Lock-step ticks per second without learning, and the time from frame to command.",
    )  # fmt: skip
    add_policy_option(loop, default="pure_pursuit")
    loop.add_argument("--steps", type=int, default=3000, help="ticks to measure (default: 3000)")
    add_common(loop)
    latency = add_command(
        subjects, "latency", "bench.latency", "from observation to action while a learner works",
        "A td3_agent node takes observations over DDS and acts, while a learner in its process\n"
        "updates without pause; timed by whoever publishes the observations. One row per batch.",
    )  # fmt: skip
    latency.add_argument(
        "--batch", type=whole_numbers, default=[0, 32, 256], metavar="SIZES",
        help="comma list of transitions per update; 0: no learner (default: 0,32,256)",
    )  # fmt: skip
    latency.add_argument("--ticks", type=int, default=600, help="to be timed (default: 600)")
    latency.add_argument("--hz", type=float, default=20.0, help="ticks per second (default: 20)")
    latency.add_argument("--json", action="store_true", help="print the figures as JSON")
    learner = add_command(
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
    replay = add_command(
        subjects, "replay", "bench.replay", "bytes and samples per second of replay memories",
        "Ours beside stable-baselines3's, which stores whole stacks, in turns.",
    )  # fmt: skip
    replay.add_argument("--batch", type=int, default=256, help="transitions per sample")
    replay.add_argument("--samples", type=int, default=20, help="samples per turn")
    replay.add_argument("--rounds", type=int, default=9, help="turns of each memory")
    replay.add_argument("--json", action="store_true", help="print the figures as JSON")
    precision = add_command(
        subjects, "precision", "bench.precision", "gradient errors of each GPU precision",
        "Relative distance of gradients from float64's, on one batch and the same weights.",
    )  # fmt: skip
    precision.add_argument("--batch", type=int, default=256, help="transitions in the batch")
    precision.add_argument("--updates", type=int, default=1000, help="updates before it")
    precision.add_argument("--json", action="store_true", help="print the figures as JSON")
    ablation = add_command(
        subjects, "ablation", "bench.ablation", "learning curves of one CNN beside two",
        "Trains with separate CNNs, with one that the critic trains, and with one that the actor\n"
        "trains (or, on a GPU, in float16) in fleets of worlds, and draws completion on selection\n"
        "maps over training: ablation.png and ablation.json in --out. Finished runs are kept and\n"
        "not run again, so that several processes may share the work, each with its own seeds or\n"
        "variants, and a last command with all of them draws.",
    )  # fmt: skip
    ablation.add_argument(
        "--seeds", type=whole_numbers, default=[0, 1, 2], help="comma list (default: 0,1,2)"
    )
    ablation.add_argument(
        "--variants", type=variants, default=["separate", "shared_critic", "shared_actor"],
        metavar="NAMES", help="comma list of separate, shared_critic, shared_actor, float16 "
        "(default: the first three)",
    )  # fmt: skip
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
    ablation.add_argument(
        "--draw", action="store_true", help="train nothing, draw what is there, stopped runs too"
    )
    ablation.add_argument("--json", action="store_true", help="print the curves as JSON")
    learning = add_command(
        subjects, "learning", "bench.learning", "learning curves on the driving environment",
        "Our TD3, and stable-baselines3's at its defaults and with our settings: the same\n"
        "episodes of each seed, as many environment steps (decisions), scored noise-free on\n"
        "selection maps. Needs no ROS. What is finished is not run again.",
    )  # fmt: skip
    learning.add_argument("--task", default="lane_keeping", help="(default: lane_keeping)")
    learning.add_argument("--against", choices=("sb3", "none"), default="sb3")
    learning.add_argument("--steps", type=int, default=40_000, help="of each run (default: 40000)")
    learning.add_argument(
        "--seeds", type=whole_numbers, default=[0, 1, 2], help="comma list (default: 0,1,2)"
    )
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
    mujoco = add_command(
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
    mujoco.add_argument(
        "--seeds", type=whole_numbers, default=[0, 1, 2], help="comma list (default: 0,1,2)"
    )
    mujoco.add_argument("--learner", choices=("ours", "sb3", "both"), default="both")
    mujoco.add_argument("--device", choices=("cpu", "cuda"), default="cpu", help="of the learners")
    mujoco.add_argument(
        "--jobs", type=int, default=1, help="runs at a time, a thread each (default: 1)"
    )
    mujoco.add_argument(
        "--out", type=Path, default=Path("runs/mujoco"), help="folder (default: runs/mujoco)"
    )
    mujoco.add_argument("--json", action="store_true", help="print the figures as JSON")
    tables = add_command(
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
