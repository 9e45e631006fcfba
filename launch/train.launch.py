"""Learn to drive: the four nodes as processes, and carla-lite beside them.

ros2 launch td3_driving train.launch.py --show-args
"""

from launch import LaunchDescription
from td3_driving.launching.description import describe


def generate_launch_description() -> LaunchDescription:
    """Called by ros2 launch."""
    return describe("train")
