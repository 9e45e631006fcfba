"""A worker: a process that drives some of a fleet's worlds for WorkerFleet, and knows no torch.

It ends when the other end of its pipe is closed, so that it never outlives whom it works for.
"""

from __future__ import annotations

import mmap
import sys
import traceback
from multiprocessing.connection import Connection
from typing import Any

import cv2
import msgpack

from td3_driving.agent.parameters import AgentParameters
from td3_driving.agent.task import driving_task
from td3_driving.agent.types import Assignment, Purpose
from td3_driving.driving.episodes import EpisodePlan
from td3_driving.driving.observation import vector_dim
from td3_driving.fleet.board import board_bytes, board_in
from td3_driving.fleet.fleet import LocalFleet
from td3_driving.fleet.outcome import to_message


def main(pipe: int, memory: int) -> None:
    """Serves until the pipe is closed.

    Args:
        pipe: File descriptor of a socket.
        memory: File descriptor of the board's memory.
    """
    cv2.setNumThreads(1)
    with Connection(pipe) as connection:
        setup = _receive(connection)
        task = driving_task(AgentParameters(**setup["parameters"]))
        worlds, dim = setup["worlds"], vector_dim(task.waypoint_count)
        block = mmap.mmap(memory, board_bytes(worlds, dim))
        board = board_in(memoryview(block), worlds, dim).part(setup["worker"], setup["workers"])
        with LocalFleet(task, len(board.steps), 1, setup["keep_maps"], board) as fleet:
            while True:
                _serve(fleet, connection)


def _serve(fleet: LocalFleet, connection: Connection) -> None:
    call, values = _receive(connection)
    try:
        answer = _answer(fleet, call, values)
    except Exception as error:
        # Whoever called decides what to do about it; here nothing is known of the run.
        answer = {"error": f"{type(error).__name__}: {error}", "where": traceback.format_exc()}
    if answer is not None:
        connection.send_bytes(msgpack.packb(answer))


def _answer(fleet: LocalFleet, call: str, values: list) -> dict[str, Any] | None:
    if call == "prepare":
        fleet.prepare({i: EpisodePlan(*plan) for i, plan in values})
        return None
    indices, begun = values
    fleet.start(
        indices,
        fleet.board.actions[indices],
        {
            i: Assignment(Purpose(purpose), EpisodePlan(*plan), driver)
            for i, purpose, plan, driver in begun
        },
    )
    return {"over": [[i, to_message(outcome)] for i, outcome in fleet.finish().items()]}


def _receive(connection: Connection) -> Any:
    return msgpack.unpackb(connection.recv_bytes())


if __name__ == "__main__":
    try:
        main(*map(int, sys.argv[1:]))
    except (EOFError, ConnectionError):
        # Whom it worked for is done with it, or gone.
        sys.exit(0)
