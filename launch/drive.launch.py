"""Drive at real time, for people to watch.

ros2 launch td3_driving drive.launch.py --show-args
"""

from launch import LaunchDescription
from td3_driving.launching.description import describe


def generate_launch_description() -> LaunchDescription:
    """Called by ros2 launch."""
    return describe("drive")
