"""Joins learning and driving: acts, rewards, stores, trains, and logs a run. Knows nothing of ROS.

The td3_agent node feeds it with ticks from the graph; tests and fleets of worlds feed it directly.
"""
