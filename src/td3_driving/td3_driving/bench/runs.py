"""Training runs of a benchmark: each has a process and a file of JSON lines of its own.

A file's first line says what runs, the others are its evaluations, written as they come.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, ClassVar, Protocol

import numpy as np
import torch

Scores = Iterator[tuple[int, list[float]]]
"""Steps done, and the figures of an evaluation's episodes."""


class Run(Protocol):
    """A frozen dataclass of plain values that names a run."""

    __dataclass_fields__: ClassVar[dict[str, Any]]

    @property
    def steps(self) -> int:
        """That are to be done."""

    @property
    def every(self) -> int:
        """Steps between two evaluations."""

    @property
    def name(self) -> str:
        """Of its file, without ending."""


def read(file: Path) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """What ran, and its evaluations; a line that a crash cut off is left out."""
    lines = file.read_text().splitlines(keepends=True)
    entries = [json.loads(line) for line in lines if line.endswith("\n")]
    return (entries[0], entries[1:]) if entries else ({}, [])


def finished(run: Run, folder: Path) -> bool:
    """Whether the run's last evaluation is on disk."""
    file = folder / f"{run.name}.jsonl"
    if not file.exists():
        return False
    _, scores = read(file)
    return bool(scores) and scores[-1]["step"] > run.steps - run.every


def write(run: Run, folder: Path, figure: str, scores: Scores, **more: str) -> Path:
    """Writes a run's file while it trains; that of an interrupted run is written anew.

    Args:
        run: what runs.
        folder: of the file.
        figure: name of what an episode is scored by.
        scores: trains while it is iterated.
        more: of the first line.
    """
    # A learner of its own for each core: more threads would make all of them slower.
    torch.set_num_threads(1)
    file = folder / f"{run.name}.jsonl"
    begun, cpu = time.perf_counter(), time.process_time()
    with file.open("w") as stream:

        def put(values: dict[str, Any]) -> None:
            stream.write(json.dumps(values, allow_nan=False) + "\n")
            stream.flush()
            os.fsync(stream.fileno())

        put({**asdict(run), "torch": torch.__version__, **more})
        for step, values in scores:
            put(
                {
                    "step": step,
                    figure: [round(value, 3) for value in values],
                    "mean": round(float(np.mean(values)), 3),
                    "seconds": round(time.perf_counter() - begun, 3),
                    "cpu_s": round(time.process_time() - cpu, 3),
                }
            )
    return file


def run_all(module: str, runs: Sequence[Run], folder: Path, jobs: int) -> None:
    """Does the runs that are not finished, in that many processes of one thread each.

    Args:
        module: what a process runs, given a run as JSON and the folder.
        runs: in the order in which they are begun.
        folder: of their files.
        jobs: processes at a time.

    Raises:
        RuntimeError: some have failed, after all others are done; says which.
    """
    folder.mkdir(parents=True, exist_ok=True)
    left = [run for run in runs if not finished(run, folder)]
    print(f"{len(left)} of {len(runs)} runs to do, {jobs} at a time", file=sys.stderr)
    going: dict[str, subprocess.Popen[bytes]] = {}
    failed = []
    try:
        while left or going:
            while left and len(going) < jobs:
                run = left.pop(0)
                going[run.name] = _start(module, run, folder)
            time.sleep(0.2)
            for name in [name for name, process in going.items() if process.poll() is not None]:
                code = going.pop(name).returncode
                failed += [name] if code else []
                outcome = f"failed with exit code {code}" if code else "is done"
                print(f"{name} {outcome}; {len(left) + len(going)} to go", file=sys.stderr)
    finally:
        for process in going.values():
            process.kill()
            process.wait()
    if failed:
        raise RuntimeError(f"these runs failed, see above: {', '.join(failed)}")


def _start(module: str, run: Run, folder: Path) -> subprocess.Popen[bytes]:
    alone = {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
    command = [sys.executable, "-m", module, json.dumps(asdict(run)), str(folder)]
    # In a session of its own: Ctrl-C is the parent's, who ends the others.
    return subprocess.Popen(command, env={**os.environ, **alone}, start_new_session=True)


def finish(module: str, runs: Sequence[Run], folder: Path, jobs: int) -> int:
    """As run_all, for a command: tells what went wrong.

    Returns:
        The exit code: 1 if a run failed, 130 if it was interrupted.
    """
    try:
        run_all(module, runs, folder, jobs)
    except RuntimeError as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print(
            "interrupted; what is finished stays, the same command goes on with the rest",
            file=sys.stderr,
        )
        return 130
    return 0
