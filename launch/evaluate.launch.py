"""Score a policy on maps that it never saw.

ros2 launch td3_driving evaluate.launch.py --show-args
"""

from launch import LaunchDescription
from td3_driving.launching.description import describe


def generate_launch_description() -> LaunchDescription:
    """Called by ros2 launch."""
    return describe("evaluate")
