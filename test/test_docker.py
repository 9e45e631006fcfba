"""The containers: what their files promise, and the health check against real nodes."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest
import rclpy
import yaml
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
from rclpy.context import Context
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node

from td3_driving.launching.arguments import ARGUMENTS
from td3_driving.ros.middleware import middleware_environment
from td3_driving.ros.topics import DIAGNOSTICS

DOMAIN = 27
FOLDER = Path(__file__).parents[1] / "docker"
DOCKERFILE = (FOLDER / "Dockerfile").read_text()
SERVICES: dict[str, Any] = yaml.safe_load((FOLDER / "compose.yaml").read_text())["services"]
OURS = [name for name, service in SERVICES.items() if "build" in service]


def test_the_image_runs_as_an_ordinary_user() -> None:
    last_stage = DOCKERFILE.rsplit("\nFROM ", 1)[1]
    user = re.findall(r"^USER (\d+)$", last_stage, re.MULTILINE)[-1]
    assert int(user) >= 1000


def test_the_image_is_stopped_as_ros2_launch_wants_it() -> None:
    assert "\nSTOPSIGNAL SIGINT\n" in DOCKERFILE


@pytest.mark.parametrize("name", SERVICES)
def test_no_service_has_privileges(name: str) -> None:
    service = SERVICES[name]
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert not {"privileged", "cap_add", "network_mode", "pid", "ipc", "devices"} & service.keys()
    assert {"mem_limit", "pids_limit"} <= service.keys()


@pytest.mark.parametrize("name", OURS)
def test_our_services_can_write_only_to_their_runs(name: str) -> None:
    service = SERVICES[name]
    assert service["read_only"] is True
    assert {entry.split(":")[1] for entry in service.get("volumes", [])} <= {"/runs"}


@pytest.mark.parametrize("name", SERVICES)
def test_ports_are_open_to_this_machine_alone(name: str) -> None:
    for port in SERVICES[name].get("ports", []):
        assert port.startswith("127.0.0.1:")


@pytest.mark.parametrize("name", [n for n in SERVICES if n.startswith("suite")])
def test_launch_arguments_in_compose_exist(name: str) -> None:
    command = SERVICES[name]["command"]
    given = {word.split(":=")[0] for word in command if ":=" in word}
    assert given <= {argument.name for argument in ARGUMENTS["train"]}


def health(seconds: float) -> tuple[int, str]:
    """Exit code and words of the health check."""
    ended = subprocess.run(
        [sys.executable, str(FOLDER / "health.py"), "--seconds", str(seconds)],
        capture_output=True, text=True, timeout=60, check=False,
        env={**os.environ, **middleware_environment(), "ROS_DOMAIN_ID": str(DOMAIN)},
    )  # fmt: skip
    assert not ended.stderr, ended.stderr
    return ended.returncode, ended.stdout.strip()


def test_silence_is_not_health() -> None:
    code, words = health(0.5)
    assert code == 1 and words.startswith("nobody reports")


@pytest.mark.parametrize(
    ("level", "expected"),
    [
        (DiagnosticStatus.OK, (0, "well")),
        (DiagnosticStatus.ERROR, (1, "control: health: as it is")),
    ],
)
def test_an_error_of_any_node_shows(
    level: bytes, expected: tuple[int, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in middleware_environment().items():
        monkeypatch.setenv(name, value)
    context = Context()
    rclpy.init(context=context, domain_id=DOMAIN)
    node = Node("reporter", context=context)
    publisher = DIAGNOSTICS.publisher(node)
    statuses = [
        DiagnosticStatus(name="perception: health", level=DiagnosticStatus.OK),
        DiagnosticStatus(name="control: health", level=level, message="as it is"),
    ]
    node.create_timer(0.05, lambda: publisher.publish(DiagnosticArray(status=statuses)))
    executor = SingleThreadedExecutor(context=context)
    executor.add_node(node)
    answers: list[tuple[int, str]] = []
    # The check runs in a process of its own; a thread waits for it while this one publishes.
    thread = threading.Thread(target=lambda: answers.append(health(20.0)))
    thread.start()
    while thread.is_alive():
        executor.spin_once(timeout_sec=0.05)
    thread.join()
    executor.shutdown()
    node.destroy_node()
    rclpy.try_shutdown(context=context)
    assert answers == [expected]
