"""A ROS 2 autonomous-driving node suite that learns while it drives."""

__version__ = "0.1.0"
