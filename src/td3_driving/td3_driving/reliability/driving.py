"""Cases at a fixed rate, where time does not wait: nodes killed and stopped, and bad messages."""

from __future__ import annotations

import signal
import subprocess
import sys
import time

from td3_driving.reliability.case import Figures, Register, require, until
from td3_driving.reliability.suite import SIMULATOR, Suite

DRIVING = Register()
case = DRIVING.case

MOST_SILENCE_S = 0.65
"""The promise of 0.5 s, the tick under way, and what a busy machine adds to both."""

START_S = 120.0
"""In which a process of the graph must be driving again on a busy machine."""


def drive(suite: Suite) -> float:
    """Waits until the vehicle has been driving for half a second; how long that took."""
    now_s = time.monotonic()
    return until(lambda: suite.watch.drives(now_s), START_S, "the vehicle drives")


def require_brake(suite: Suite, since_s: float, most_s: float = MOST_SILENCE_S) -> float:
    """How long after a moment the brake was applied.

    Raises:
        PromiseBroken: later than promised, or not at all.
    """
    until(lambda: suite.watch.braked_after(since_s) is not None, 10.0, "the brake is applied")
    braked_s = suite.watch.braked_after(since_s)
    assert braked_s is not None
    require(braked_s <= most_s, f"braked after {braked_s:.2f} s, promised {most_s:g} s")
    require(suite.watch.all_sound(), "something else than a sound command was applied")
    return braked_s


def _killed(suite: Suite, name: str) -> Figures:
    drive(suite)
    brake_s = require_brake(suite, suite.kill(name))
    suite.start(name)
    return {"brake_s": brake_s, "resume_s": drive(suite)}


@case("SIGKILL of the agent brakes within 0.5 s of silence; another agent drives on")
def kill_td3_agent(suite: Suite) -> Figures:
    """The deciding node is gone."""
    return _killed(suite, "td3_agent")


@case("SIGKILL of control brakes within 0.5 s by the bridge's own watchdog")
def kill_control(suite: Suite) -> Figures:
    """The first guard is gone; the second must do."""
    return _killed(suite, "control")


@case("SIGKILL of perception brakes within 0.5 s; the next episode is seen again")
def kill_perception(suite: Suite) -> Figures:
    """Nobody sees."""
    return _killed(suite, "perception")


@case("SIGKILL of the bridge stops the world; the next bridge clears away its vehicle and drives")
def kill_carla_bridge(suite: Suite) -> Figures:
    """Nobody ticks, so nothing moves."""
    drive(suite)
    killed_s = suite.kill("carla_bridge")
    time.sleep(1.0)
    frames = {sample.frame for sample in suite.watch.since(killed_s + 0.1)}
    require(len(frames) == 1, f"the world went on for {len(frames)} frames without its bridge")
    suite.start("carla_bridge")
    return {"resume_s": drive(suite)}


@case("SIGKILL of the simulator: the bridge waits, connects to the next one, and drives")
def kill_simulator(suite: Suite) -> Figures:
    """The world is gone."""
    drive(suite)
    suite.kill(SIMULATOR)
    time.sleep(0.5)
    suite.restart_simulator()
    resume_s = drive(suite)
    require(all(map(suite.alive, suite.nodes)), "a node ended with the simulator")
    return {"resume_s": resume_s}


@case("SIGSTOP of the agent for 3 s brakes within 0.5 s; it goes on by itself")
def stop_td3_agent_3_s(suite: Suite) -> Figures:
    """A process that hangs."""
    drive(suite)
    stopped_s = suite.signal("td3_agent", signal.SIGSTOP)
    try:
        brake_s = require_brake(suite, stopped_s)
        time.sleep(max(0.0, stopped_s + 3.0 - time.monotonic()))
        late = [s for s in suite.watch.since(stopped_s + brake_s) if not s.is_braked]
        require(not late, "the brake was let go while the agent stood still")
    finally:
        suite.signal("td3_agent", signal.SIGCONT)
    return {"brake_s": brake_s, "resume_s": drive(suite)}


@case("SIGSTOP of control for 1 s brakes within 0.5 s; what it had queued is not driven")
def stop_control_1_s(suite: Suite) -> Figures:
    """The guard hangs, and wakes up with old actions in its queue."""
    drive(suite)
    stopped_s = suite.signal("control", signal.SIGSTOP)
    try:
        brake_s = require_brake(suite, stopped_s)
        time.sleep(max(0.0, stopped_s + 1.0 - time.monotonic()))
    finally:
        suite.signal("control", signal.SIGCONT)
    return {"brake_s": brake_s, "resume_s": drive(suite)}


@case("two processes that take all the time there is for 8 s: still driving or braked, and sound")
def two_cpu_hogs(suite: Suite) -> Figures:
    """Everything is late."""
    drive(suite)
    begun_s = time.monotonic()
    hogs = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(2)]
    try:
        time.sleep(8.0)
        require(all(hog.poll() is None for hog in hogs), "a hog ended by itself")
    finally:
        for hog in hogs:
            with hog:
                hog.kill()
    frames = {sample.frame for sample in suite.watch.since(begun_s)}
    require(len(frames) > 20, f"only {len(frames)} ticks in 8 s")
    require(suite.watch.all_sound(), "something else than a sound command was applied")
    require(all(map(suite.alive, suite.nodes)), "a node ended")
    return {"ticks_per_s": len(frames) / 8.0, "resume_s": drive(suite)}
