"""Prepares DDS: stay on this host, and give shared memory enough room for a picture."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

from ament_index_python.packages import PackageNotFoundError, get_package_share_directory

SOURCE_CONFIG = Path(__file__).resolve().parents[4] / "config"


def config_file(name: str) -> Path:
    """A file of the config folder, installed or, in a source tree, beside src.

    Raises:
        FileNotFoundError: it is in neither place.
    """
    folders = [SOURCE_CONFIG]
    with contextlib.suppress(PackageNotFoundError):
        folders.insert(0, Path(get_package_share_directory("td3_driving")) / "config")
    for folder in folders:
        if (folder / name).is_file():
            return folder / name
    raise FileNotFoundError(f"no {name} in {' or '.join(map(str, folders))}; build the workspace")


def middleware_environment() -> dict[str, str]:
    """What the environment of Fast DDS should have, as far as the user has not set it.

    The default shared-memory segment (549 KB) is smaller than one 800x600 picture, which then gets
    lost between processes; and discovery reaches the whole subnet unless told otherwise.
    """
    wanted = {
        "ROS_AUTOMATIC_DISCOVERY_RANGE": "LOCALHOST",
        "FASTRTPS_DEFAULT_PROFILES_FILE": str(config_file("fastdds.xml")),
    }
    return {name: value for name, value in wanted.items() if name not in os.environ}


def prepare_middleware() -> None:
    """Sets the environment of Fast DDS; before rclpy.init."""
    os.environ.update(middleware_environment())
