"""Let a policy look at a recorded drive, off-line.

ros2 launch td3_driving replay.launch.py --show-args
"""

from launch import LaunchDescription
from td3_driving.launching.description import describe_replay


def generate_launch_description() -> LaunchDescription:
    """Called by ros2 launch."""
    return describe_replay()
