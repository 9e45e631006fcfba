"""The groups of cases, each on a bench of its own, in a process of its own."""

from __future__ import annotations

import json
import os
import queue
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Collection, Iterator
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any, NamedTuple

from td3_driving.reliability.case import Case, Register, Result
from td3_driving.reliability.commands import COMMANDS
from td3_driving.reliability.disks import DISKS
from td3_driving.reliability.driving import DRIVING
from td3_driving.reliability.files import FILES
from td3_driving.reliability.learner import LEARNER
from td3_driving.reliability.simulators import SIMULATORS
from td3_driving.reliability.suite import Suite
from td3_driving.reliability.supervised import SUPERVISED, SupervisedTraining
from td3_driving.reliability.training import TRAINING, Workshop
from td3_driving.reliability.wild import WILD

CASE_WITHIN_S = 600.0
_FIRST_DOMAIN, _DOMAINS = 20, 12
"""Of the first group, and of a harness; another one on this machine has others, by its process."""


class Group(NamedTuple):
    """Cases, and what makes their bench from a folder and a ROS domain.

    Attributes:
        cases: in their order.
        bench: makes it.
        shared: whether one bench serves all cases; else each has one of its own, which ends
            whatever the case has left running.
    """

    cases: Register
    bench: Callable[[Path, int], AbstractContextManager[Any]]
    shared: bool


def _folder(folder: Path, _: int) -> AbstractContextManager[Path]:
    return nullcontext(folder)


def _domain(_: Path, domain: int) -> AbstractContextManager[int]:
    return nullcontext(domain)


GROUPS = {
    "driving": Group(DRIVING, Suite, shared=True),
    "commands": Group(COMMANDS, Suite, shared=True),
    "simulators": Group(SIMULATORS, Suite, shared=True),
    "training": Group(TRAINING, Workshop, shared=False),
    "supervised": Group(SUPERVISED, SupervisedTraining, shared=True),
    "wild": Group(WILD, _domain, shared=True),
    "files": Group(FILES, _folder, shared=False),
    "disks": Group(DISKS, _folder, shared=False),
    "learner": Group(LEARNER, _folder, shared=False),
}


def chosen(only: Collection[str] = ()) -> dict[str, list[Case]]:
    """The cases by group; all, or those named, by case or by group.

    Raises:
        ValueError: a name that is none.
    """
    known = {case.name for group in GROUPS.values() for case in group.cases.cases}
    unknown = sorted(set(only) - known - set(GROUPS))
    if unknown:
        raise ValueError(f"there is no case {', '.join(unknown)}; --list names them all")
    picked = {
        name: [case for case in group.cases.cases if not only or {case.name, name} & set(only)]
        for name, group in GROUPS.items()
    }
    return {name: cases for name, cases in picked.items() if cases}


def run(only: Collection[str] = ()) -> Iterator[Result]:
    """Runs cases, group by group, and yields each result as it comes.

    A group that ends before its time, or hangs, fails with all of its cases that are missing.
    """
    first = _FIRST_DOMAIN + os.getpid() % 4 * _DOMAINS
    for number, (name, cases) in enumerate(chosen(only).items()):
        missing = {case.name: case for case in cases}
        for result in _run_group(name, list(missing), first + number):
            missing.pop(result.name, None)
            yield result
        for case in missing.values():
            yield Result(case.name, name, case.promise, False, why="its group ended before it")


def _run_group(name: str, cases: list[str], domain: int) -> Iterator[Result]:
    command = [sys.executable, "-m", "td3_driving.reliability.groups", name, str(domain), *cases]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    lines: queue.Queue[str | None] = queue.Queue()
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as process:
        out = process.stdout
        assert out is not None

        def read() -> None:
            for line in out:
                lines.put(line)
            lines.put(None)

        threading.Thread(target=read, daemon=True).start()
        try:
            while (line := lines.get(timeout=CASE_WITHIN_S)) is not None:
                if line.startswith("{"):
                    yield Result.from_json(json.loads(line))
        except queue.Empty:
            return
        finally:
            process.terminate()


def _main(name: str, domain: int, only: list[str]) -> None:
    # Fast DDS reads it when the process begins to talk, not from a context's argument.
    os.environ["ROS_DOMAIN_ID"] = str(domain)
    group = GROUPS[name]
    cases = [case for case in group.cases.cases if case.name in only]
    with tempfile.TemporaryDirectory(prefix="td3-faults-") as folder:
        for several in [cases] if group.shared else [[case] for case in cases]:
            room = Path(folder) / several[0].name
            room.mkdir()
            with group.bench(room, domain) as bench:
                for case in several:
                    print(json.dumps(case.judge(bench, name).to_json()), flush=True)


def _end_with_parent() -> None:
    """SIGTERM ends the bench in order, and the end of the process that started us is one."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    parent = os.getppid()

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(0.5)
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=watch, daemon=True).start()


if __name__ == "__main__":
    from td3_driving.ros.middleware import prepare_middleware

    prepare_middleware()
    _end_with_parent()
    _main(sys.argv[1], int(sys.argv[2]), sys.argv[3:])
