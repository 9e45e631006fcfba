import subprocess
import sys

BLOCKED = ("rclpy", "carla", "cv_bridge", "cv2", "td3_driving.driving", "td3_driving.ros")

SCRIPT = f"""
import sys
for name in {BLOCKED!r}:
    sys.modules[name] = None
import td3_driving.learning
"""


def test_learning_knows_nothing_of_cars_ros_or_carla():
    subprocess.run(
        [sys.executable, "-c", SCRIPT],
        check=True,
        env={"PYTHONPATH": ":".join(filter(None, sys.path)), "OMP_NUM_THREADS": "1"},
    )
