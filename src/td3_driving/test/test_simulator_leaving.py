"""However a session ends, it leaves no actor and no synchronous mode; a lost server is survived."""

import os
import subprocess
import sys

import pytest

from td3_driving.simulator import (
    CarlaSession,
    Command,
    ResetRequest,
    SessionConfig,
    SimulatorUnavailable,
    VersionMismatch,
)

DRIVE = """
import os, sys
from td3_driving.simulator import *
session = CarlaSession(SessionConfig(port=int(sys.argv[1])))
session.connect()
session.reset(ResetRequest())
session.tick(Command(throttle=1.0))
"""


def drive_in_a_process(port: int, ending: str) -> int:
    """Return the exit status of a process that drives and then ends in that way."""
    return subprocess.run(
        [sys.executable, "-c", DRIVE + ending, str(port)],
        stderr=subprocess.DEVNULL,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        timeout=60,
    ).returncode


@pytest.mark.parametrize(
    ("ending", "status"),
    [
        ("session.close(); session.close()", 0),
        ("", 0),
        ("raise SystemExit(3)", 3),
        ("raise RuntimeError('a bug')", 1),
    ],
)
def test_nothing_is_left_behind(carla_server, observe, ending: str, status: int) -> None:
    assert drive_in_a_process(carla_server.port, ending) == status
    observe(carla_server).assert_as_found()


def test_what_a_crash_left_behind_is_cleared_by_the_next_session(carla_server, observe) -> None:
    assert drive_in_a_process(carla_server.port, "os._exit(9)") == 9
    observer = observe(carla_server)
    assert observer.synchronous
    with CarlaSession(SessionConfig(port=carla_server.port)) as session:
        frame = session.reset(ResetRequest()).tick.frame
        assert len(observer.actors("vehicle.*", frame)) == 1
        assert len(observer.actors("sensor.*", frame)) == 5
    observer.assert_as_found()


def test_a_vehicle_of_another_role_is_left_alone(carla_server, observe) -> None:
    observer = observe(carla_server)
    world = observer.client.get_world()
    blueprint = world.get_blueprint_library().find("vehicle.tesla.model3")
    blueprint.set_attribute("role_name", "somebody")
    other = world.spawn_actor(blueprint, world.get_map().get_spawn_points()[0])
    try:
        with CarlaSession(SessionConfig(port=carla_server.port)) as session:
            frame = session.reset(ResetRequest()).tick.frame
            assert len(observer.actors("vehicle.*", frame)) == 2
    finally:
        assert other.destroy()
    observer.assert_as_found()


def test_closing_what_was_never_opened_is_fine() -> None:
    session = CarlaSession(SessionConfig(port=1))
    session.close()
    with pytest.raises(SimulatorUnavailable, match="not connected"):
        session.tick(Command())


def test_no_server_is_an_error_that_says_what_to_start() -> None:
    session = CarlaSession(SessionConfig(port=1, timeout_s=0.2))
    with pytest.raises(SimulatorUnavailable, match=r"127\.0\.0\.1:1 .*carla-lite"):
        session.connect()
    assert not session.connected


def test_a_lost_server_is_an_error_and_the_session_connects_to_the_next(
    start_server, impatient
) -> None:
    server = start_server()
    session = CarlaSession(SessionConfig(port=server.port, timeout_s=20.0))
    session.connect()
    before = session.reset(ResetRequest()).tick
    server.kill()
    with impatient(session):
        with pytest.raises(SimulatorUnavailable):
            session.tick(Command(throttle=1.0))
        assert not session.connected
        with pytest.raises(SimulatorUnavailable):
            session.connect()

    start_server(port=server.port)
    session.connect()
    start = session.reset(ResetRequest())
    assert start.tick.stamp_s > before.stamp_s
    session.tick(Command(throttle=1.0))
    session.close()


def test_a_server_that_hangs_is_left_and_taken_over_when_it_comes_back(
    start_server, observe, impatient
) -> None:
    server = start_server()
    session = CarlaSession(SessionConfig(port=server.port, timeout_s=20.0))
    session.connect()
    session.reset(ResetRequest())
    server.pause()
    with impatient(session), pytest.raises(SimulatorUnavailable):
        session.tick(Command())
    server.resume()
    session.connect()
    frame = session.reset(ResetRequest()).tick.frame
    observer = observe(server)
    assert len(observer.actors("vehicle.*", frame)) == 1
    session.close()
    observer.assert_as_found()


def test_a_server_of_another_version_is_refused_with_the_instruction(old_server: int) -> None:
    session = CarlaSession(SessionConfig(port=old_server, timeout_s=20.0))
    with pytest.raises(VersionMismatch, match=r"0\.9\.15.*0\.9\.16.*pip install carla==0\.9\.15"):
        session.connect()
    assert not session.connected
