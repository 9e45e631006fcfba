"""Cases of a training that is killed, stopped, starved or shared, by the command people use."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from functools import partial
from pathlib import Path
from typing import Any

from rclpy.context import Context
from rclpy.node import Node

from td3_driving.learning import checkpoint
from td3_driving.learning.checkpoint import Saved
from td3_driving.reliability.case import Figures, NotInjected, Register, require, until
from td3_driving.reliability.commands import listening
from td3_driving.reliability.suite import SIMULATOR, Suite
from td3_driving.ros import topics

TRAINING = Register()
case = TRAINING.case

SMALL = (
    "td3_agent.batch_size=4", "td3_agent.replay_capacity=2000", "td3_agent.learning_starts=50",
    "td3_agent.checkpoint_minutes=0.02", "td3_agent.selections=0", "td3_agent.episode_s=3.0",
    "td3_agent.episodes_per_map=1000", "carla_bridge.retry_max_s=1.0",
)  # fmt: skip
"""Short episodes, small updates, and a checkpoint every 1.2 s, between two episodes."""

WITHIN_S = 60.0
ENDS_WITHIN_S = 20.0
ACTION_REPEAT = 2


class Workshop:
    """A folder for runs, a ROS domain for them, and what was started; all of it gone at the end.

    Args:
        folder: of runs and logs.
        domain: of ROS.
    """

    def __init__(self, folder: Path, domain: int) -> None:
        self.folder, self.domain = folder, domain
        self._environment = {**os.environ, "ROS_DOMAIN_ID": str(domain), "OMP_NUM_THREADS": "1"}
        self._started: list[subprocess.Popen[bytes]] = []

    def __enter__(self) -> Workshop:
        return self

    def __exit__(self, *_: object) -> None:
        self.end_all()

    def end_all(self) -> None:
        """Ends whatever a case has left running, and the simulators with it."""
        for process in self._started:
            children = orphans(process.pid)
            end(process)
            until(partial(gone, children), 10.0, "the simulator ends with its parent")
        self._started.clear()

    def train(self, run: str, *options: str, steps: int = 100_000) -> subprocess.Popen[bytes]:
        """Starts a training into the run's folder."""
        command = [sys.executable, "-m", "td3_driving.cli.main", "train", "--run-dir"]
        command += [str(self.folder / run), "--steps", str(steps), "--seed", "1"]
        for change in SMALL:
            command += ["--set", change]
        command += options
        with (self.folder / f"{run}.log").open("ab") as log:
            process = subprocess.Popen(
                command, stdout=log, stderr=subprocess.STDOUT, env=self._environment
            )
        self._started.append(process)
        return process

    def log(self, run: str) -> str:
        """The end of what its processes wrote."""
        return (self.folder / f"{run}.log").read_text(errors="replace")[-600:]

    def newest(self, run: str) -> Saved | None:
        """The newest whole checkpoint, if there is one."""
        return checkpoint.newest(self.folder / run / "checkpoints")

    def number(self, run: str) -> int:
        """Of its newest checkpoint, whole or not; 0 for none."""
        found = (self.folder / run / "checkpoints").glob("checkpoint-*")
        return max((int(path.name.removeprefix("checkpoint-")) for path in found), default=0)

    def episodes(self, run: str) -> list[dict[str, Any]]:
        """The whole lines of metrics.jsonl."""
        file = self.folder / run / "metrics.jsonl"
        text = file.read_text() if file.exists() else ""
        return [json.loads(line) for line in text.splitlines()[:-1]]

    def wait_for_checkpoints(self, run: str, process: subprocess.Popen[bytes], more: int) -> None:
        """Waits for so many more checkpoints of a training that runs.

        Raises:
            NotInjected: it ended instead.
        """
        wanted = self.number(run) + more

        def reached() -> bool:
            if process.poll() is not None:
                raise NotInjected(f"the training ended with {process.returncode}: {self.log(run)}")
            return self.number(run) >= wanted

        until(reached, WITHIN_S, f"{more} more checkpoints")


def end(process: subprocess.Popen[bytes]) -> None:
    """Ends a training as people do, if it still runs; by force if that takes too long."""
    with process:
        process.send_signal(signal.SIGINT)
        try:
            process.wait(ENDS_WITHIN_S)
        except subprocess.TimeoutExpired:
            process.kill()


def orphans(parent: int) -> list[int]:
    """Processes of carla-lite whose parent is, or was, this one."""
    found = []
    for folder in Path("/proc").iterdir():
        try:
            parent_now = int((folder / "stat").read_text().rpartition(")")[2].split()[1])
            is_lite = "carla_lite" in (folder / "cmdline").read_text()
        except (OSError, ValueError):
            continue
        if folder.name.isdigit() and parent_now == parent and is_lite:
            found.append(int(folder.name))
    return found


def gone(pids: list[int]) -> bool:
    """Whether none of them runs any more."""
    return not any(Path(f"/proc/{pid}/cmdline").exists() and _runs(pid) for pid in pids)


def _runs(pid: int) -> bool:
    try:
        return "carla_lite" in Path(f"/proc/{pid}/cmdline").read_text()
    except OSError:
        return False


def require_ledger(saved: Saved) -> int:
    """Decisions produced, all of which are accounted for in a checkpoint."""
    ledger, replay = saved.extra["ledger"], saved.state["replay"]
    dropped = sum(ledger["dropped"].values())
    require(
        ledger["produced"] == replay["transitions"] + dropped + replay["open"]
        and dropped == replay["dropped"],
        f"the ledger says {ledger}, the replay {replay}",
    )
    return int(ledger["produced"])


class Counter(Node):
    """Counts the ticks that the agent tells of."""

    def __init__(self, context: Context) -> None:
        super().__init__("counter", context=context, namespace=topics.DEFAULT_NAMESPACE)
        self.ticks = 0
        topics.EPISODE.subscription(self, self._on_episode)

    def _on_episode(self, _: object) -> None:
        self.ticks += 1


@case("SIGKILL twice while training: each resumes from the newest whole checkpoint")
def kill_while_training(shop: Workshop) -> Figures:
    """At moments that nobody chose; a checkpoint is written every 1.2 s, between episodes."""
    lost, before = [0], 0
    resume_s: list[float] = []
    options: tuple[str, ...] = ()
    for round_ in range(3):
        with listening(shop.domain, Counter) as counter:
            begun_s = time.monotonic()
            process = shop.train("killed", *options)
            shop.wait_for_checkpoints("killed", process, 1)
            if options:
                resume_s.append(time.monotonic() - begun_s)
            if round_ == 2:
                break
            time.sleep(0.4 + 0.3 * round_)
            children = orphans(process.pid)
            process.kill()
            process.wait(10.0)
            driven = before + counter.ticks // ACTION_REPEAT
        until(partial(gone, children), 5.0, "the simulator ends with its parent")
        saved = shop.newest("killed")
        require(saved is not None, "no whole checkpoint was left")
        assert saved is not None
        require(not saved.passed_over, f"a checkpoint was damaged: {dict(saved.passed_over)}")
        require_ledger(saved)
        before = int(saved.extra["decisions"])
        lost.append(driven - before)
        options = ("--resume",)
    return {"lost": max(lost), "resume_s": max(resume_s)}


@case("SIGINT, SIGTERM and SIGHUP at any moment: saved, exit code 0, no orphan")
def signals_while_training(shop: Workshop) -> Figures:
    """Also in the first second, before there is anything to save."""
    worst_s = 0.0
    for number, wait in ((signal.SIGINT, 1), (signal.SIGTERM, 2), (signal.SIGHUP, 1)):
        run = f"stopped-{number.name}"
        process = shop.train(run)
        shop.wait_for_checkpoints(run, process, wait)
        children = orphans(process.pid)
        require(children, "the training has no simulator to leave behind")
        sent_s = time.monotonic()
        process.send_signal(number)
        require(process.wait(30.0) == 0, f"exit code {process.returncode}: {shop.log(run)}")
        worst_s = max(worst_s, time.monotonic() - sent_s)
        require(gone(children), f"{number.name} left a simulator behind")
        saved = shop.newest(run)
        assert saved is not None
        require_ledger(saved)
    return {"stop_s": worst_s}


@case("a second trainer on the same run folder is refused by name, and the first goes on")
def two_trainers(shop: Workshop) -> Figures:
    """They would overwrite each other."""
    first = shop.train("shared")
    shop.wait_for_checkpoints("shared", first, 1)
    second = Workshop(shop.folder, shop.domain + 5).train("shared", "--resume")
    require(second.wait(WITHIN_S) == 2, f"exit code {second.returncode}, wanted 2")
    require("writes checkpoints into" in shop.log("shared"), "the refusal does not say why")
    before = len(shop.episodes("shared"))
    until(lambda: len(shop.episodes("shared")) > before, WITHIN_S, "the first drives on")
    first.send_signal(signal.SIGTERM)
    require(first.wait(30.0) == 0, f"exit code {first.returncode}")
    return {"episodes": len(shop.episodes("shared"))}


@case("the simulator killed while training: cut off, nothing learned from it, and trained on")
def simulator_killed_while_training(shop: Workshop) -> Figures:
    """It comes back on the same port."""
    folder = shop.folder / "simulator"
    folder.mkdir()
    suite = Suite(folder, shop.domain)
    try:
        simulator = ("--simulator", f"127.0.0.1:{suite.port}")
        process = shop.train("simulator-killed", *simulator)
        shop.wait_for_checkpoints("simulator-killed", process, 1)
        suite.kill(SIMULATOR)
        time.sleep(0.5)
        begun_s = time.monotonic()
        suite.restart_simulator()
        shop.wait_for_checkpoints("simulator-killed", process, 2)
        resume_s = time.monotonic() - begun_s
        process.send_signal(signal.SIGTERM)
        require(process.wait(30.0) == 0, f"exit code {process.returncode}")
    finally:
        suite.kill(SIMULATOR)
    saved = shop.newest("simulator-killed")
    assert saved is not None
    ended = [line["ended_by"] for line in shop.episodes("simulator-killed")]
    require(ended.count("fault") >= 1, "no episode ended by a fault")
    require(saved.extra["ledger"]["dropped"].get("fault", 0) >= 1, "the fault is not accounted for")
    return {"produced": require_ledger(saved), "resume_s": resume_s, "faults": ended.count("fault")}


@case("a learner 50 times slower than the world, free-running: the world does not wait for it")
def slow_learner(shop: Workshop) -> Figures:
    """Batches of 512 instead of 4."""
    slow = ("--set", "td3_agent.batch_size=512", "--set", "td3_agent.learning=free_running")
    process = shop.train("slow", *slow, steps=800)
    require(process.wait(120.0) == 0, f"exit code {process.returncode}: {shop.log('slow')}")
    saved = shop.newest("slow")
    assert saved is not None
    produced = require_ledger(saved)
    updates = saved.state["agent"]["updates"]
    require(updates < produced / 4, f"{updates} updates in {produced} decisions: it was not slow")
    return {"produced": produced, "updates": updates}
