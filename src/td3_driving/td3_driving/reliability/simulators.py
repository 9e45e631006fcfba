"""Cases of a simulator and its sensors that go wrong by a script, while driving at a fixed rate."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from td3_driving.reliability.case import Figures, NotInjected, Register, require, until
from td3_driving.reliability.driving import START_S, drive
from td3_driving.reliability.suite import SIMULATOR, Suite

SIMULATORS = Register()
case = SIMULATORS.case

AT_TICK = 80
"""When the vehicle has driven for about three seconds."""


def with_faults(suite: Suite, *faults: Mapping[str, Any]) -> float:
    """Drives with another simulator until its faults have begun; the moment, monotonic."""
    suite.restart_simulator(*({"at_tick": AT_TICK, **fault} for fault in faults))
    within_s = START_S
    try:
        until(lambda: suite.log(SIMULATOR, 10_000).count("fault injected") > 0, within_s, "a fault")
    except AssertionError as error:
        raise NotInjected(str(error)) from None
    return time.monotonic()


def _recovers(suite: Suite, *faults: Mapping[str, Any]) -> Figures:
    """The nodes live, nothing unsound is applied, and in the end the vehicle drives."""
    with_faults(suite, *faults)
    resume_s = drive(suite)
    count = suite.require_injected()
    require(suite.watch.all_sound(), "something else than a sound command was applied")
    require(all(map(suite.alive, suite.nodes)), "a node ended")
    return {"injected": count, "resume_s": resume_s}


@case("a camera silent for 1 s costs the episode: given up after 2 s, and driven again")
def camera_silent_1_s(suite: Suite) -> Figures:
    """All pictures of a second are lost."""
    return _recovers(suite, {"kind": "drop", "for_s": 1.0})


@case("a camera silent for 10 s is a fault; when it is back, the vehicle drives again")
def camera_silent_10_s(suite: Suite) -> Figures:
    """The bridge lets go of the simulator and tries again until a tick is whole."""
    return _recovers(suite, {"kind": "drop", "for_s": 10.0})


@case("a camera that shows one picture for ever is noticed within a second; nothing is learned")
def camera_frozen(suite: Suite) -> Figures:
    """New frames, old pixels."""
    frozen_s = with_faults(suite, {"kind": "freeze", "for_s": 3.0})
    told = until(
        lambda: "same picture" in suite.log("td3_agent", 5000), START_S, "the agent tells of it"
    )
    require(time.monotonic() - frozen_s <= 2.0, f"it took {told:.1f} s to notice")
    return {"noticed_s": told, "injected": suite.require_injected(), "resume_s": drive(suite)}


@case("30 % of all pictures lost, for 3 s: cut off, never driven blind, and it drives again")
def camera_loses_30_percent(suite: Suite) -> Figures:
    """Random loss."""
    return _recovers(suite, {"kind": "drop", "for_s": 3.0, "probability": 0.3})


@case("pictures and inertial readings up to 200 ms late, for 5 s: slower, and still driven")
def sensors_jitter_200_ms(suite: Suite) -> Figures:
    """Everything is late by another amount."""
    late = {"kind": "delay", "delay_s": 0.001, "jitter_s": 0.2, "for_s": 5.0}
    return _recovers(suite, late, {**late, "sensor": "imu"})


@case("pictures twice, for 100 ticks: each tick is taken once")
def camera_duplicates(suite: Suite) -> Figures:
    """Duplicates."""
    return _recovers(suite, {"kind": "duplicate", "for_ticks": 100})


@case("two pictures out of order: the tick that lacks its own is cut off, and it drives again")
def camera_reordered(suite: Suite) -> Figures:
    """The later one first."""
    return _recovers(suite, {"kind": "reorder"})


@case("an inertial sensor that says NaN for 10 ticks harms nobody")
def imu_not_a_number(suite: Suite) -> Figures:
    """It is not what the agent drives by."""
    return _recovers(suite, {"kind": "nan", "sensor": "imu", "for_ticks": 10})


@case("a vehicle whose place is NaN is not driven: refused by name; it drives again")
def state_not_a_number(suite: Suite) -> Figures:
    """Odometry that is none."""
    return _recovers(suite, {"kind": "nan", "sensor": "state", "for_ticks": 10})


@case("odometry that jumps by 60 m is told as a fault, not as the policy's doing")
def odometry_jumps(suite: Suite) -> Figures:
    """Nobody drives 60 m in a tick."""
    with_faults(suite, {"kind": "jump", "jump_m": 60.0})
    until(lambda: "jumped" in suite.log("td3_agent", 5000), START_S, "the agent tells of it")
    return {"injected": suite.require_injected(), "resume_s": drive(suite)}


@case("a simulator that hangs for 4 s in a tick is given up in 2 s, and driven when it is back")
def simulator_hangs(suite: Suite) -> Figures:
    """It neither answers nor hangs up."""
    return _recovers(suite, {"kind": "hang", "hang_s": 4.0})


@case("a simulator that dies in a tick is waited for, and the next one driven")
def simulator_dies_in_a_tick(suite: Suite) -> Figures:
    """A crash."""
    with_faults(suite, {"kind": "die"})
    until(lambda: not suite.alive(SIMULATOR), 10.0, "the simulator dies")
    suite.restart_simulator()
    return {"injected": 1, "resume_s": drive(suite)}


@case("a simulator that comes back with another map is driven on the map that was asked for")
def simulator_with_another_map(suite: Suite) -> Figures:
    """What the bridge knew of the world is wrong."""
    drive(suite)
    suite.restart_simulator(map_name="LiteTown_3")
    return {"resume_s": drive(suite)}


@case("spawns refused for 3 s are told, asked for again, and driven when granted")
def spawn_refused(suite: Suite) -> Figures:
    """No place for the vehicle."""
    refused = {"kind": "refuse_spawn", "at_tick": 0, "for_s": 3.0}
    suite.restart_simulator(refused)
    until(lambda: "no free place" in suite.log("carla_bridge", 3000), START_S, "it is told")
    return {"injected": suite.require_injected(), "resume_s": drive(suite)}


@case("a server of another version is refused by name, and driven once it is the right one")
def version_is_wrong(suite: Suite) -> Figures:
    """It says 0.9.15."""
    suite.restart_simulator({"kind": "version", "says": "0.9.15", "at_tick": 0, "for_ticks": 0})
    until(lambda: "0.9.15" in suite.log("carla_bridge", 3000), START_S, "it is told")
    count = suite.require_injected()
    suite.restart_simulator()
    return {"injected": count, "resume_s": drive(suite)}
