"""What driving means, as pure functions on plain data.

Route, observation, reward, episode ends, episode plans, the command gate and a pure pursuit
baseline. Needs numpy and OpenCV only; knows nothing of torch, ROS or CARLA, so all of it runs in a
test, in a fleet of worlds without ROS, or on a recorded bag.

Everything is REP-103: x forward, y left, yaw counter-clockwise, metres, seconds, radians. Commands
are CARLA's: steer in [-1, 1], positive to the right.
"""
