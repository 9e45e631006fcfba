"""However the bridge's process ends, the simulator is as it was."""

import os
import signal
import subprocess
import sys
import time

import pytest

from td3_driving.ros import topics
from td3_driving.ros.claim import Claim

DOMAIN = str(30 + os.getpid() % 10)
BRIDGE = "from td3_driving.nodes.carla_bridge import main; raise SystemExit(main())"


@pytest.mark.parametrize("ending", [signal.SIGINT, signal.SIGTERM])
def test_a_bridge_that_is_told_to_end_leaves_no_vehicle_behind(
    carla_server, observe, ending: signal.Signals
) -> None:
    observer = observe(carla_server)
    world = observer.client.get_world()
    given = ["-p", f"port:={carla_server.port}", "-p", "autostart:=true"]
    process = subprocess.Popen(
        [sys.executable, "-c", BRIDGE, "--ros-args", *given],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "ROS_DOMAIN_ID": DOMAIN},
        stderr=subprocess.DEVNULL,
    )
    try:
        while len(world.get_actors().filter("sensor.other.lane_invasion")) == 0:
            assert process.poll() is None
            time.sleep(0.05)
        process.send_signal(ending)
        assert process.wait(timeout=20) == 0
    finally:
        process.kill()
    observer.assert_as_found()


def test_a_parameter_that_cannot_be_ends_the_process_with_its_name() -> None:
    given = ["-p", "fixed_delta_s:=0.5", "-p", "autostart:=true"]
    ended = subprocess.run(
        [sys.executable, "-c", BRIDGE, "--ros-args", *given],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "ROS_DOMAIN_ID": DOMAIN},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert ended.returncode == 2
    assert "fixed_delta_s must be in [0.001, 0.1] s, got 0.5" in ended.stderr


def test_a_second_bridge_of_the_same_name_and_domain_ends_with_what_to_do() -> None:
    with Claim([f"{topics.DEFAULT_NAMESPACE}/carla_bridge"], int(DOMAIN)):
        ended = subprocess.run(
            [sys.executable, "-c", BRIDGE],
            env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "ROS_DOMAIN_ID": DOMAIN},
            capture_output=True,
            text=True,
            timeout=60,
        )
    assert ended.returncode == 2
    assert ended.stderr.splitlines()[-1] == (
        f"process {os.getpid()} is /carla/ego_vehicle/carla_bridge in ROS domain {DOMAIN} already; "
        "end it, or give this one another domain (ROS_DOMAIN_ID=1 to 101) or another vehicle "
        "(role_name)"
    )
