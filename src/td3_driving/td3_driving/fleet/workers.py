"""A fleet that processes of its own drive: no lock of an interpreter stands between its worlds."""

from __future__ import annotations

import mmap
import os
import socket
import subprocess
import sys
from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, astuple
from multiprocessing.connection import Connection
from typing import Any

import msgpack
import numpy as np

from td3_driving.agent.parameters import AgentParameters
from td3_driving.agent.task import driving_task
from td3_driving.agent.types import Assignment
from td3_driving.driving.episodes import EpisodePlan
from td3_driving.driving.observation import vector_dim
from td3_driving.fleet.board import board_bytes, board_in
from td3_driving.fleet.fleet import NO_EPISODES, Fleet, LocalFleet, require_actions
from td3_driving.fleet.outcome import EpisodeOutcome, from_message

_ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
_PATIENCE_S = 10.0
"""For a worker to end by itself."""


class WorkerError(ChildProcessError):
    """A worker has failed or died."""


class WorkerFleet(Fleet):
    """A fleet in worker processes; world i belongs to worker i modulo their number.

    Small things go through a pipe as msgpack, pictures and vectors through memory that all share:
    nothing is pickled. Workers stay when the caller's terminal says Ctrl-C, and end with it.

    Args:
        parameters: Of the agent; they name the task.
        count: Worlds.
        workers: Processes, at most `count`.
        keep_maps: As of FleetWorlds, for each worker.
    """

    def __init__(
        self, parameters: AgentParameters, count: int, workers: int, keep_maps: int = 32
    ) -> None:
        if not 1 <= workers <= count:
            raise ValueError(f"{workers} workers for {count} worlds; use 1 to {count}")
        self._count, self._numbers = count, 0
        dim = vector_dim(driving_task(parameters).waypoint_count)
        self._begun: dict[int, tuple[int, Assignment]] = {}
        self._turns: deque[tuple[Sequence[int], list[int]]] = deque()
        self._processes: list[subprocess.Popen] = []
        self._pipes: list[Connection] = []
        # Without a name, so that nothing is left of it when the last process has ended.
        memory = os.memfd_create("fleet")
        try:
            os.ftruncate(memory, board_bytes(count, dim))
            self._block = mmap.mmap(memory, board_bytes(count, dim))
            self.board = board_in(memoryview(self._block), count, dim)
            for worker in range(workers):
                self._launch(memory)
                setup = {
                    "parameters": asdict(parameters), "worlds": count, "keep_maps": keep_maps,
                    "worker": worker, "workers": workers,
                }  # fmt: skip
                self._send(worker, setup)
        except BaseException:
            self.close()
            raise
        finally:
            os.close(memory)

    def __len__(self) -> int:
        """How many worlds there are."""
        return self._count

    @property
    def pids(self) -> list[int]:
        """The workers' processes."""
        return [process.pid for process in self._processes]

    def prepare(self, plans: Mapping[int, EpisodePlan]) -> None:
        """As Fleet."""
        for worker, indices in self._split(plans).items():
            self._send(worker, ["prepare", [(self._row(i), astuple(plans[i])) for i in indices]])

    def start(
        self,
        indices: Sequence[int],
        actions: np.ndarray,
        assignments: Mapping[int, Assignment] = NO_EPISODES,
    ) -> None:
        """As Fleet."""
        require_actions(indices, actions)
        self.board.actions[list(indices)] = actions
        for i, assignment in assignments.items():
            self._numbers += 1
            self._begun[i] = self._numbers, assignment
        deciding, beginning = self._split(indices), self._split(assignments)
        workers = sorted({*deciding, *beginning})
        self._turns.append((indices, workers))
        for worker in workers:
            rows = [self._row(i) for i in deciding.get(worker, ())]
            begun = [_begin(self._row(i), assignments[i]) for i in beginning.get(worker, ())]
            self._send(worker, ["turn", [rows, begun]])

    def finish(self) -> dict[int, EpisodeOutcome]:
        """As Fleet."""
        indices, workers = self._turns.popleft()
        answers = {worker: self._receive(worker) for worker in workers}
        over = {
            row * len(self._pipes) + worker: message
            for worker, answer in answers.items()
            for row, message in answer["over"]
        }
        return {
            i: from_message(over[i], *self._begun[i], self.board.images[i].copy())
            for i in indices
            if i in over
        }

    def close(self) -> None:
        """As Fleet; workers that don't end by themselves are killed."""
        for pipe in self._pipes:
            pipe.close()
        for process in self._processes:
            if _exit_code(process) is None:
                process.kill()
                process.wait()

    def _launch(self, memory: int) -> None:
        ours, theirs = socket.socketpair()
        self._pipes.append(Connection(ours.detach()))
        with theirs:
            # A process of its own rather than multiprocessing's: that one pickles what it hands
            # over, and imports the caller's main module again.
            self._processes.append(
                subprocess.Popen(
                    [sys.executable, "-m", f"{__package__}.worker", str(theirs.fileno()),
                     str(memory)],
                    pass_fds=(theirs.fileno(), memory),
                    env={**os.environ, **_ONE_THREAD, "PYTHONPATH": _path()},
                    stdin=subprocess.DEVNULL,
                    start_new_session=True,
                )
            )  # fmt: skip

    def _split(self, indices: Iterable[int]) -> dict[int, list[int]]:
        """World numbers by their worker."""
        parts: dict[int, list[int]] = {}
        for i in indices:
            parts.setdefault(i % len(self._pipes), []).append(i)
        return parts

    def _row(self, index: int) -> int:
        """A world's number among its worker's."""
        return index // len(self._pipes)

    def _send(self, worker: int, message: Any) -> None:
        try:
            self._pipes[worker].send_bytes(msgpack.packb(message))
        except OSError as error:  # a pipe without a reader
            raise self._dead(worker) from error

    def _receive(self, worker: int) -> dict[str, Any]:
        try:
            answer = msgpack.unpackb(self._pipes[worker].recv_bytes())
        except (EOFError, OSError) as error:
            raise self._dead(worker) from error
        if "error" in answer:
            raise WorkerError(f"worker {worker} failed: {answer['error']}\n{answer['where']}")
        return answer

    def _dead(self, worker: int) -> WorkerError:
        process = self._processes[worker]
        code = _exit_code(process)
        why = "killed, maybe for want of memory" if code == -9 else "its last words are above"
        return WorkerError(
            f"worker {worker} (process {process.pid}) has died with code {code}: {why}; try fewer "
            "--workers or --worlds"
        )


def make_fleet(
    parameters: AgentParameters, count: int, workers: int, threads: int = 0, keep_maps: int = 32
) -> Fleet:
    """A fleet of worker processes; without any in this process, by threads.

    Args:
        parameters: Of the agent; they name the task.
        count: Worlds.
        workers: Processes.
        threads: As of FleetWorlds, in this process.
        keep_maps: As of FleetWorlds, wherever worlds are.
    """
    if not workers:
        return LocalFleet(driving_task(parameters), count, threads, keep_maps)
    return WorkerFleet(parameters, count, min(workers, count), keep_maps)


def default_workers(worlds: int) -> int:
    """A processor for each, but for the learner's; no more than worlds."""
    return min(max(len(os.sched_getaffinity(0)) - 1, 1), worlds)


def _exit_code(process: subprocess.Popen) -> int | None:
    """Waits a while for its end; None: it goes on."""
    try:
        return process.wait(_PATIENCE_S)
    except subprocess.TimeoutExpired:
        return None


def _begin(row: int, assignment: Assignment) -> tuple[int, str, tuple, str]:
    return row, assignment.purpose.value, astuple(assignment.plan), assignment.driver


def _path() -> str:
    """This process's modules are the worker's."""
    return os.pathsep.join(path for path in sys.path if path)
