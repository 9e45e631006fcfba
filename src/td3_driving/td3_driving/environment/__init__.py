"""Driving as a Gymnasium environment: the observation, reward and ends of the ROS graph, no ROS.

    import gymnasium, td3_driving.environment
    env = gymnasium.make("td3_driving/Driving-v1", task="lane_keeping")

Importing this package registers the environment; gymnasium.make can do so itself, asked for
"td3_driving.environment:td3_driving/Driving-v1".
"""

from __future__ import annotations

import gymnasium

ID = "td3_driving/Driving-v1"


def register() -> None:
    """Makes the environment known to Gymnasium; once is enough."""
    if ID not in gymnasium.registry:
        gymnasium.register(ID, entry_point="td3_driving.environment.driving:DrivingEnv")


register()
