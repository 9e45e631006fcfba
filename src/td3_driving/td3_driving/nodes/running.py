"""Spins nodes until they are done or a signal says stop, and ends them cleanly either way."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import TypeVar

import rclpy
from rclpy.executors import Executor, SingleThreadedExecutor
from rclpy.node import Node
from rclpy.signals import SignalHandlerOptions

from td3_driving.parameters import ParameterError
from td3_driving.ros.middleware import prepare_middleware
from td3_driving.stopping import StopRequest, stop_on_signals

N = TypeVar("N", bound=Node)


def initialise_ros() -> None:
    """rclpy without its signal handlers, which would end the process in the middle of a step."""
    prepare_middleware()
    rclpy.init(signal_handler_options=SignalHandlerOptions.NO)


def spin(executor: Executor, done: Callable[[], bool], stop: StopRequest) -> None:
    """Spins until `done`, or until a signal asked for a stop."""
    while not done() and stop.signal is None:
        executor.spin_once(timeout_sec=0.2)


def run_node(
    make: Callable[[], N],
    done: Callable[[N], bool] = lambda node: False,
    refusals: tuple[type[Exception], ...] = (),
    conclude: Callable[[N], None] = lambda node: None,
) -> int:
    """Runs one node as a process of its own.

    Args:
        make: Makes the node; called after rclpy has been initialised.
        done: Whether the node has nothing left to do.
        refusals: Further errors by which the node refuses to be made as asked.
        conclude: Called after the node, done or stopped by a signal, has been destroyed.

    Returns:
        The process's exit code: 0, or 2 for parameters that are refused.
    """
    refused: tuple[type[Exception], ...] = (
        ParameterError,
        OSError,
        ValueError,
        RuntimeError,
        *refusals,
    )
    with stop_on_signals() as stop:
        initialise_ros()
        executor = SingleThreadedExecutor()
        node: N | None = None
        try:
            node = made = make()
            executor.add_node(made)
            spin(executor, lambda: done(made), stop)
        except refused as error:
            if node is not None:
                raise
            print(error, file=sys.stderr)
            return 2
        finally:
            if node is not None:
                node.destroy_node()
            executor.shutdown()
            rclpy.try_shutdown()
        conclude(made)
    return 0
