"""Says by its exit code whether the container's nodes are well: 0 yes, 1 no, and why on stdout.

Well means that within the given time somebody reports on /diagnostics, and nobody an error.
"""

from __future__ import annotations

import argparse
import sys
import time

import rclpy
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
from rclpy.node import Node

from td3_driving.ros.middleware import prepare_middleware
from td3_driving.ros.topics import DIAGNOSTICS


def judge(reports: dict[str, DiagnosticStatus]) -> str:
    """What is wrong with the newest report of each node; empty if nothing is."""
    if not reports:
        return "nobody reports on /diagnostics: are the nodes running, in this ROS domain?"
    return "; ".join(
        f"{name}: {status.message}"
        for name, status in sorted(reports.items())
        if status.level >= DiagnosticStatus.ERROR
    )


def listen(seconds: float) -> dict[str, DiagnosticStatus]:
    """The newest report of each name: of all that come within 1.5 s of the first one."""
    reports: dict[str, DiagnosticStatus] = {}
    node = Node("health", enable_rosout=False, start_parameter_services=False)

    def take(message: DiagnosticArray) -> None:
        reports.update({status.name: status for status in message.status})

    DIAGNOSTICS.subscription(node, take)
    end = time.monotonic() + seconds
    while (left := end - time.monotonic()) > 0.0:
        waiting = not reports
        rclpy.spin_once(node, timeout_sec=left)
        if waiting and reports:
            # Every node reports once a second.
            end = min(end, time.monotonic() + 1.5)
    node.destroy_node()
    return reports


def main() -> int:
    """Listens, says what is wrong, and gives the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=8.0, help="to listen (default: 8)")
    seconds = parser.parse_args().seconds
    prepare_middleware()
    rclpy.init()
    try:
        wrong = judge(listen(seconds))
    finally:
        rclpy.try_shutdown()
    print(wrong or "well")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
