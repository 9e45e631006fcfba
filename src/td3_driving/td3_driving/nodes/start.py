"""The executables of the nodes."""

from __future__ import annotations

import signal
from collections.abc import Callable
from importlib import import_module


def carla_bridge() -> int:
    """ros2 run td3_driving carla_bridge"""
    return _run("carla_bridge")


def perception() -> int:
    """ros2 run td3_driving perception"""
    return _run("perception")


def td3_agent() -> int:
    """ros2 run td3_driving td3_agent"""
    return _run("agent_process")


def control() -> int:
    """ros2 run td3_driving control"""
    return _run("control")


def recorder() -> int:
    """ros2 run td3_driving recorder"""
    return _run("recorder")


def supervisor() -> int:
    """ros2 run td3_driving supervisor"""
    return _run("supervisor")


def _run(module: str) -> int:
    try:
        return _main_of(module)()
    finally:
        # Under `ros2 launch` Ctrl-C comes twice; what is left is the interpreter's own end.
        signal.signal(signal.SIGINT, signal.SIG_IGN)


def _main_of(module: str) -> Callable[[], int]:
    """Takes seconds where torch is needed; the node listens to signals only after that."""
    try:
        return import_module(f"td3_driving.nodes.{module}").main
    except KeyboardInterrupt:
        return lambda: 0
