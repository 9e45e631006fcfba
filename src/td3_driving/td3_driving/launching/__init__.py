"""What the launch files have in common.

arguments and plan are plain data and know nothing of launch. `ros2 launch` runs with the system's
Python on an apt install, which has neither torch nor carla; nothing here imports them.
"""
