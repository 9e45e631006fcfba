"""Who else is on the road: brought by the session, away when it leaves, the same for the same seed,
and the same in a fleet of worlds."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from td3_driving.driving.action import to_command
from td3_driving.driving.camera import CameraConfig
from td3_driving.driving.episodes import EpisodePlan
from td3_driving.driving.gate import CommandGate, GateLimits
from td3_driving.driving.lights import Light
from td3_driving.driving.pure_pursuit import pure_pursuit
from td3_driving.driving.route import Route
from td3_driving.driving.tasks import DrivingTask
from td3_driving.driving.traffic import LeadCar, Traffic
from td3_driving.driving.vehicle import VehicleState
from td3_driving.fleet.maps import MapStore
from td3_driving.fleet.world import FleetWorld
from td3_driving.simulator import CarlaSession, Command, ResetRequest, SessionConfig, Tick
from td3_driving.simulator.loading import Refused, call

TOWN = "LiteTown_700001"
LEAD = Traffic(LeadCar())
CROWD = Traffic(vehicles=6, pedestrians=4, lights=True)


@pytest.fixture
def session(carla_server: Any) -> Iterator[CarlaSession]:
    with CarlaSession(SessionConfig(port=carla_server.port)) as session:
        yield session


def state(tick: Tick) -> VehicleState:
    linear, angular = tick.twist.linear, tick.twist.angular
    pose = tick.pose
    return VehicleState(tick.stamp_s, pose.x, pose.y, pose.yaw, linear.x, linear.y, angular.z)


class Drive:
    """An episode in a session, driven by pure pursuit that keeps its distance, through the gate."""

    def __init__(self, session: CarlaSession, traffic: Traffic, seed: int = 5) -> None:
        start = session.reset(ResetRequest(seed=seed, map=TOWN, traffic=traffic))
        self.session = session
        self.route = Route(start.route)
        self.ticks = [start.tick]
        self.actions: list[tuple[float, float]] = []
        self._gate = CommandGate(GateLimits())
        self._s_m = 0.0

    def on(self, ticks: int, careful: bool = True) -> Drive:
        for _ in range(ticks):
            tick = self.ticks[-1]
            at = state(tick)
            self._s_m = self.route.locate(at.x_m, at.y_m, at.yaw_rad, near_s_m=self._s_m).s_m
            steer, acceleration = pure_pursuit(at, self.route.waypoints_ahead(at, self._s_m))
            if careful and tick.gap_m is not None and tick.gap_m < 3.0 + at.speed_mps:
                acceleration = -1.0
            self.actions.append((steer, acceleration))
            wanted, _ = self._gate.filter(to_command(steer, acceleration), 0.0, 0.05)
            command = Command(wanted.throttle, wanted.steer, wanted.brake)
            self.ticks.append(self.session.tick(command))
        return self

    @property
    def gaps(self) -> list[float | None]:
        return [tick.gap_m for tick in self.ticks]


def test_the_car_ahead_starts_in_its_gap_and_drives_on_slower_than_we_would(
    session: CarlaSession,
) -> None:
    drive = Drive(session, LEAD).on(200)
    first = drive.gaps[0]
    assert first is not None and 12.0 - 0.5 < first < 25.0 + 0.5
    last = drive.ticks[-1]
    assert last.gap_m is not None and 1.0 < last.gap_m < 20.0
    assert not any(tick.collisions for tick in drive.ticks)
    assert 2.0 < np.mean([tick.twist.linear.x for tick in drive.ticks[100:]]) < 5.5


def test_a_driver_blind_to_the_car_ahead_hits_it_and_is_told_what_it_hit(
    session: CarlaSession,
) -> None:
    drive = Drive(session, LEAD).on(240, careful=False)
    hits = [hit.other_actor_type for tick in drive.ticks for hit in tick.collisions]
    assert hits and set(hits) == {"vehicle.tesla.model3"}


def test_the_same_seed_brings_the_same_traffic_whatever_was_before(session: CarlaSession) -> None:
    for traffic in (LEAD, CROWD):
        first = Drive(session, traffic).on(30)
        Drive(session, LEAD, seed=9).on(10)
        again = Drive(session, traffic).on(30)
        assert [state(t).x_m for t in first.ticks] == [state(t).x_m for t in again.ticks]
        assert first.gaps == again.gaps


def test_without_traffic_nobody_is_left_of_the_episode_before(
    session: CarlaSession, carla_server: Any, observe: Any
) -> None:
    look = observe(carla_server)
    for traffic, vehicles, walkers in ((Traffic(LeadCar(), 4, 3), 6, 3), (Traffic(), 1, 0)):
        drive = Drive(session, traffic).on(2)
        at = drive.ticks[-1].frame
        assert len(look.actors("vehicle.*", at)) == vehicles
        assert len(look.actors("walker.pedestrian.*", at)) == walkers
    assert drive.gaps == [None] * 3


def test_a_session_that_leaves_takes_its_traffic_along(carla_server: Any, observe: Any) -> None:
    with CarlaSession(SessionConfig(port=carla_server.port)) as session:
        Drive(session, Traffic(LeadCar(), 4, 3)).on(2)
    observe(carla_server).assert_as_found()


def test_a_light_is_in_force_before_its_line_and_not_elsewhere(session: CarlaSession) -> None:
    before_it, elsewhere = Drive(session, CROWD, seed=5), Drive(session, CROWD, seed=6)
    assert before_it.ticks[0].light is not Light.NONE
    assert elsewhere.ticks[0].light is Light.NONE


@pytest.mark.parametrize("traffic", [LEAD, CROWD], ids=["lead", "crowd"])
def test_a_fleet_and_a_session_drive_the_same_episode_alike(
    session: CarlaSession, traffic: Traffic
) -> None:
    drive = Drive(session, traffic).on(60)
    task = DrivingTask(traffic=traffic)
    maps = MapStore()
    try:
        world = FleetWorld(task, CameraConfig(), maps)
        tick, route = world.reset(EpisodePlan(TOWN, 5, 0.0, 0.0, 0.0, 30.0, None), episode=1)
        assert np.allclose(route.points, drive.route.points, atol=0.01)
        for step, seen in enumerate(drive.ticks):
            there = state(seen)
            here = tick.state
            assert (here.x_m, here.y_m) == pytest.approx((there.x_m, there.y_m), abs=0.02), step
            assert tick.light is (seen.light if traffic.lights else Light.NONE), step
            assert (tick.gap_m is None) == (seen.gap_m is None), step
            if seen.gap_m is not None:
                assert tick.gap_m == pytest.approx(seen.gap_m, abs=0.05), step
            if step < len(drive.actions):
                tick = world.step(*drive.actions[step])
    finally:
        maps.close()


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        ((-1, 0, 0), "vehicles: -1 is out of range"),
        ((0, 501, 0), "pedestrians: 501 is out of range"),
        ((0, 0, -1), "seed: -1 is out of range"),
        (("many", 0, 0), "vehicles: expected a whole number"),
        ((1,), "takes 3 arguments"),
    ],
)
def test_a_server_refuses_traffic_that_cannot_be(
    carla_server: Any, arguments: tuple[Any, ...], complaint: str
) -> None:
    with pytest.raises(Refused, match=complaint):
        call("127.0.0.1", carla_server.port, 5.0, "lite_traffic", *arguments)


def test_a_server_without_scripted_traffic_is_taken_as_it_is(
    session: CarlaSession, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def refuse(*arguments: object) -> None:
        raise Refused("unsupported: lite_traffic")

    monkeypatch.setattr("td3_driving.simulator.others.call", refuse)
    drive = Drive(session, CROWD).on(3)
    assert len(drive.ticks) == 4 and "generate_traffic.py" in caplog.text
