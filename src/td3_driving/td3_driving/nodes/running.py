"""Spins nodes until they are done or a signal says stop, and ends them cleanly either way."""

from __future__ import annotations

import sys
from collections.abc import Callable
from contextlib import ExitStack
from typing import Any, TypeVar

import rclpy
from rclpy.executors import Executor, SingleThreadedExecutor
from rclpy.lifecycle import TransitionCallbackReturn
from rclpy.node import Node
from rclpy.signals import SignalHandlerOptions

from td3_driving.nodes.managed import ManagedNode
from td3_driving.parameters import ParameterError
from td3_driving.ros.claim import Claim, NameTaken
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
    conclude: Callable[[N], None] = lambda node: None,
) -> int:
    """Runs one node as a process of its own.

    Args:
        make: Makes the node; called after rclpy has been initialised.
        done: Whether the node has nothing left to do; one that was shut down has not, either way.
        conclude: Called after the node, done or stopped by a signal, has been destroyed.

    Returns:
        The process's exit code: 0, or 2 if the node refused its parameters, or, where it was to
        start by itself, anything else; or if another process of this host is that node already.
    """
    with stop_on_signals() as stop, ExitStack() as claims:
        initialise_ros()
        executor = SingleThreadedExecutor()
        node: N | None = None
        try:
            node = made = make()
            if not _claimed(made, claims):
                return 2
            executor.add_node(made)
            if isinstance(made, ManagedNode) and made.autostart and not _started(made):
                return 2
            spin(executor, lambda: done(made) or _finalized(made), stop)
        except (ParameterError, OSError, ValueError, RuntimeError) as error:
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


def _claimed(node: Node, claims: ExitStack) -> bool:
    """Whether the node's name could be claimed; if not, it has said why."""
    name, domain = node.get_fully_qualified_name(), node.context.get_domain_id()
    try:
        claims.enter_context(Claim([name], domain))
    except NameTaken as taken:
        print(taken, file=sys.stderr)
        return False
    return True


def _started(node: ManagedNode[Any]) -> bool:
    """Whether the node could be brought up; if not, it has said why."""
    up = TransitionCallbackReturn.SUCCESS
    return node.trigger_configure() == up and node.trigger_activate() == up


def _finalized(node: Node) -> bool:
    return isinstance(node, ManagedNode) and node.finalized
