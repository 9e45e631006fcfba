"""td3-driving replay"""

from __future__ import annotations

import argparse
import json
import shlex
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from td3_driving.agent.build import load_driver
from td3_driving.agent.critic import Critic
from td3_driving.agent.parameters import AgentParameters
from td3_driving.agent.task import driving_task
from td3_driving.bags.errors import BagError
from td3_driving.bags.expectation import first_difference, write_expectation
from td3_driving.bags.figures import figures
from td3_driving.bags.following import Follower
from td3_driving.bags.mend import mend
from td3_driving.bags.reader import About, Bag
from td3_driving.bags.replay import Replayed, Replayer
from td3_driving.bags.report import write_report
from td3_driving.bags.ticks import RecordedTick, TickAssembler, read_ticks
from td3_driving.cli.settings import Settings, change, change_by_text, load_settings
from td3_driving.driving.gate import GateLimits
from td3_driving.driving.tasks import task_names
from td3_driving.ros import topics
from td3_driving.stopping import StopRequest, stop_on_signals

BASELINES = ("pure_pursuit", "random")


def run(chosen: argparse.Namespace) -> int:
    """Runs the command; returns its exit code: 1 if the actions are not those expected."""
    console = Console(stderr=True)
    if chosen.write_expect and chosen.expect is None:
        raise ValueError("--write-expect writes the file of --expect; name it")
    if chosen.mend:
        console.print(f"{chosen.bag}: mended, {mend(chosen.bag)} torn bytes cut off")
    # One thread: the order of sums, and so the last bit of an action, must not depend on how many.
    torch.set_num_threads(1)
    vehicle = None if chosen.role is None else topics.namespace_of(chosen.role)
    with Bag(chosen.bag, vehicle) as bag, stop_on_signals() as stop:
        settings = _settings(chosen, bag.about)
        parameters, driver = load_driver(AgentParameters(**settings["td3_agent"]))
        assembler = TickAssembler(bag.present)
        replayer = _replayer(settings, parameters, driver, _critic(chosen.policy))
        started = time.perf_counter()
        with _progress(bag.count(topics.FRAME)) as advance:
            replayed = replayer.replay(_until(stop, read_ticks(bag, assembler), advance))
        if stop.signal is not None:
            console.print("stopped; nothing was written")
            return 1
        seconds = time.perf_counter() - started
        told = _warnings(bag, assembler, replayed, driving_task(parameters).name, replayer.critic)
    if len(replayed.time_s) == 0:
        raise BagError(
            f"{chosen.bag} holds no episode from its first tick on with actions that answered it; "
            "was it recorded in the middle of one?"
        )
    values: dict[str, Any] = figures(replayed)
    values["times_real_time"] = round(replayed.duration_s / seconds, 1)
    values["notes"] = told
    _say(console, values, told)
    if chosen.report is not None:
        about = _about(chosen, parameters, bag.about, replayed, replayer.critic)
        page = write_report(chosen.report, replayed, about, told)
        console.print(f"report: {page}", soft_wrap=True)
    difference = _gate(chosen, replayed)
    if chosen.json:
        print(json.dumps({**values, "first_difference": difference}, allow_nan=False), flush=True)
    if difference is not None:
        print(f"the actions are not those of {chosen.expect}: {difference}", file=sys.stderr)
    return 0 if difference is None else 1


def _settings(chosen: argparse.Namespace, about: About) -> Settings:
    settings = load_settings()
    change(settings, "td3_agent", "mode", "evaluate")
    change(settings, "td3_agent", "policy", chosen.policy)
    if chosen.task is not None:
        change(settings, "td3_agent", "task", chosen.task)
    elif chosen.policy in BASELINES:
        # A policy's file says what it was trained for; a baseline does what the bag's driver did.
        if about.task in task_names():
            change(settings, "td3_agent", "task", about.task)
        if 1 <= about.action_repeat <= 20:
            change(settings, "td3_agent", "action_repeat", about.action_repeat)
    for assignment in chosen.set:
        change_by_text(settings, assignment)
    return settings


def _replayer(
    settings: Settings, parameters: AgentParameters, driver: Any, critic: Critic | None
) -> Replayer:
    seeing, control = settings["perception"], settings["control"]
    crop = tuple(seeing[f"crop_{side}"] for side in ("top", "bottom", "left", "right"))
    limits = GateLimits(
        control["stale_after_s"], control["steer_rate_per_s"], control["max_steer"],
        control["max_throttle"], control["recovery_commands"],
    )  # fmt: skip
    follower = Follower(driving_task(parameters), crop)
    return Replayer(driver, follower, limits, settings["carla_bridge"]["fixed_delta_s"], critic)


def _critic(policy: str) -> Critic | None:
    folder = Path(policy).expanduser()
    return Critic.of_run(folder) if folder.is_dir() else None


def _until(
    stop: StopRequest, ticks: Iterator[RecordedTick], advance: Any
) -> Iterator[RecordedTick]:
    for tick in ticks:
        if stop.signal is not None:
            return
        yield tick
        advance()


@contextmanager
def _progress(total: int) -> Iterator[Any]:
    columns = (TextColumn("replaying"), BarColumn(), TextColumn("{task.completed}/{task.total}"),
               TimeRemainingColumn())  # fmt: skip
    with Progress(*columns, console=Console(stderr=True)) as progress:
        bar, done = progress.add_task("", total=total), 0

        def advance() -> None:
            nonlocal done
            done += 1
            if done % 50 == 0 or done == total:
                progress.update(bar, completed=done)

        yield advance


def _warnings(
    bag: Bag, assembler: TickAssembler, replayed: Replayed, task: str, critic: Critic | None
) -> list[str]:
    told = []
    if bag.about.task and bag.about.task != task:
        told.append(f"The drive was {bag.about.task}, the policy's task is {task}.")
    counts = {
        "messages were refused": assembler.invalid,
        "stamps lacked a picture, a frame or an odometry": assembler.incomplete,
        "ticks are missing within episodes": replayed.missing,
        "ticks could not be followed": replayed.refused,
    }
    told += [f"{count} {what}." for what, count in counts.items() if count]
    if replayed.pictures_differ:
        told.append(
            f"In {replayed.pictures_differ} ticks perception had published another stack: it was "
            "set otherwise (--set perception.crop_top=...), or the policy's action repeat differs."
        )
    if critic is None:
        told.append("No values: a policy file has no critic; a run's folder with checkpoints has.")
    return told


def _about(
    chosen: argparse.Namespace, parameters: AgentParameters, about: About, replayed: Replayed,
    critic: Critic | None,
) -> dict[str, str]:  # fmt: skip
    return {
        "bag": chosen.bag.name, "policy": chosen.policy, "driven by": about.policy or "not said",
        "task": driving_task(parameters).name,
        "critic": critic.name if critic is not None else "none",
        "actions": replayed.sha256, "command": f"td3-driving {shlex.join(sys.argv[1:])}",
    }  # fmt: skip


def _say(console: Console, values: dict[str, Any], told: list[str]) -> None:
    error = values["action_error"]["all"]
    words = "the same actions" if values["identical"] else (
        f"action error {error['mean']:.4f} (mean), {error['p95']:.4f} (95 %), "
        f"{error['max']:.4f} (largest)"
    )  # fmt: skip
    console.print(
        f"{values['decisions']} decisions, {values['duration_s']:.0f} s of driving, "
        f"{values['times_real_time']:.0f} times as fast as they were: {words}",
        highlight=False, soft_wrap=True,
    )  # fmt: skip
    for line in told:
        console.print(line, highlight=False, soft_wrap=True)


def _gate(chosen: argparse.Namespace, replayed: Replayed) -> str | None:
    """Writes or compares what is expected; where it first differs."""
    if chosen.expect is None:
        return None
    if chosen.write_expect:
        about = {"bag": chosen.bag.name, "policy": chosen.policy}
        write_expectation(chosen.expect, replayed, about)
        return None
    return first_difference(chosen.expect, replayed)
