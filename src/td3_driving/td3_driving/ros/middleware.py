"""Prepares DDS: stay on this host, and give shared memory enough room for a picture."""

from __future__ import annotations

import os

from td3_driving.configuration import config_file


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
