import os
import subprocess
import sys
from pathlib import Path

import pytest

import td3_driving

PROGRAM = """
import importlib, importlib.abc, pkgutil, sys

package, forbidden = sys.argv[1], tuple(sys.argv[2:])

class Blocker(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if any(name == bad or name.startswith(bad + ".") for bad in forbidden):
            raise ImportError(f"{name} is out of bounds for {package}")

sys.meta_path.insert(0, Blocker())
room = importlib.import_module(package)
for module in pkgutil.walk_packages(room.__path__, package + "."):
    importlib.import_module(module.name)
    print(module.name)
"""

ROS_AND_SIMULATOR = ["rclpy", "carla", "cv_bridge", "td3_driving_msgs", "carla_lite"]
ROOMS_ABOVE = [f"td3_driving.{room}" for room in ("agent", "simulator", "ros", "nodes", "cli")]


def import_all(package: str, *forbidden: str) -> subprocess.CompletedProcess[str]:
    """Import every module of a package in a fresh interpreter that refuses some names."""
    source = str(Path(td3_driving.__file__).parents[1])
    return subprocess.run(
        [sys.executable, "-c", PROGRAM, package, *forbidden],
        env=os.environ | {"PYTHONPATH": source},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize(
    ("room", "beside", "modules"),
    [
        ("driving", ["torch", "td3_driving.learning", "td3_driving.evaluation"], ["gate", "route"]),
        ("learning", ["cv2", "td3_driving.driving", "td3_driving.evaluation"], ["replay"]),
    ],
)
def test_a_room_imports_with_everything_it_must_not_know_blocked(
    room: str, beside: list[str], modules: list[str]
) -> None:
    package = f"td3_driving.{room}"
    result = import_all(package, *ROS_AND_SIMULATOR, *ROOMS_ABOVE, *beside)
    assert result.returncode == 0, result.stderr
    assert {f"{package}.{module}" for module in modules} <= set(result.stdout.split())


def test_the_blocker_bites() -> None:
    result = import_all("td3_driving.driving", "cv2")
    assert result.returncode != 0
    assert "cv2 is out of bounds for td3_driving.driving" in result.stderr
