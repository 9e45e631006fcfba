"""A session drives the real CARLA client against a real server, and leaves it as it was."""

import math
from collections.abc import Iterator
from typing import Any

import carla
import numpy as np
import pytest

from td3_driving.driving.frames import Vector
from td3_driving.simulator import (
    BRAKE,
    CarlaSession,
    Collision,
    Command,
    FrameTimeout,
    ResetRequest,
    RouteError,
    ServerRefused,
    SessionConfig,
    UnknownMap,
)

FORWARD = Command(throttle=0.7)


@pytest.fixture
def observer(carla_server, observe) -> Any:
    return observe(carla_server)


@pytest.fixture
def session(carla_server) -> Iterator[CarlaSession]:
    with CarlaSession(SessionConfig(port=carla_server.port, timeout_s=20.0)) as connected:
        yield connected


def test_every_tick_is_one_frame_and_one_time_step(session: CarlaSession) -> None:
    ticks = [session.reset(ResetRequest()).tick]
    ticks += [session.tick(FORWARD) for _ in range(50)]
    assert np.diff([tick.frame for tick in ticks]).tolist() == [1] * 50
    assert np.diff([tick.stamp_s for tick in ticks]) == pytest.approx(0.05)
    assert session.dropped_images == 0


def test_the_picture_has_the_size_that_was_asked_for_and_shows_something(
    session: CarlaSession,
) -> None:
    image = session.reset(ResetRequest()).tick.image
    assert (image.shape, image.dtype) == ((120, 160, 4), np.uint8)
    assert image[..., :3].std() > 5


def test_a_picture_outlives_its_tick(session: CarlaSession) -> None:
    image = session.reset(ResetRequest(start_speed_mps=8.0)).tick.image
    as_it_was = image.copy()
    for _ in range(30):
        later = session.tick(FORWARD).image
    assert np.array_equal(image, as_it_was)
    assert not np.array_equal(image, later)
    with pytest.raises(ValueError, match="read-only"):
        image[0, 0, 0] = 1


@pytest.mark.parametrize("speed_mps", [0.0, 8.0])
@pytest.mark.parametrize(("lateral_m", "heading_rad"), [(0.0, 0.0), (0.6, -0.15), (-0.6, 0.15)])
def test_the_first_tick_shows_the_start_that_was_asked_for(
    session: CarlaSession, speed_mps: float, lateral_m: float, heading_rad: float
) -> None:
    start = session.reset(
        ResetRequest(
            seed=3,
            start_speed_mps=speed_mps,
            start_lateral_m=lateral_m,
            start_heading_rad=heading_rad,
        )
    )
    pose, twist = start.tick.pose, start.tick.twist
    (x, y), (next_x, next_y) = start.route[:2]
    along = math.atan2(next_y - y, next_x - x)
    left_m = -(pose.x - x) * math.sin(along) + (pose.y - y) * math.cos(along)
    ahead_m = (pose.x - x) * math.cos(along) + (pose.y - y) * math.sin(along)
    assert left_m == pytest.approx(lateral_m, abs=0.1)
    assert ahead_m == pytest.approx(0.0, abs=0.3)
    assert math.remainder(pose.yaw - along, math.tau) == pytest.approx(heading_rad, abs=0.06)
    assert twist.linear.x == pytest.approx(speed_mps, abs=0.4)


def test_the_controls_of_the_last_episode_do_not_reach_into_the_next(
    session: CarlaSession,
) -> None:
    session.reset(ResetRequest(seed=1))
    for _ in range(40):
        session.tick(Command(throttle=1.0, steer=0.5))
    first = session.reset(ResetRequest(seed=1)).tick
    for _ in range(20):
        tick = session.tick(Command())
    assert math.hypot(tick.pose.x - first.pose.x, tick.pose.y - first.pose.y) < 0.3


def test_throttle_drives_forward_and_steering_right_turns_right(session: CarlaSession) -> None:
    session.reset(ResetRequest(seed=1, start_speed_mps=3.0))
    for _ in range(15):
        tick = session.tick(Command(throttle=0.5, steer=0.2))
    assert tick.twist.linear.x > 3.0
    assert tick.twist.angular.z < -0.05
    assert tick.imu.angular_velocity.z == pytest.approx(tick.twist.angular.z, abs=0.1)
    assert math.remainder(tick.imu.heading_rad - tick.pose.yaw, math.tau) == pytest.approx(
        0.0, abs=0.05
    )


def test_the_same_seed_starts_and_drives_the_same(session: CarlaSession) -> None:
    def drive(seed: int) -> list[tuple[float, ...]]:
        session.reset(ResetRequest(seed=seed, start_speed_mps=2.0))
        return [tuple(session.tick(FORWARD).pose) for _ in range(10)]

    first = drive(5)
    drive(6)
    assert np.array(drive(5)) == pytest.approx(np.array(first), abs=1e-3)


def test_reset_teleports_and_never_respawns(session: CarlaSession, observer: Any) -> None:
    ids = []
    for seed in (1, 2):
        frame = session.reset(ResetRequest(seed=seed)).tick.frame
        ids.append({actor.id for actor in observer.actors("*.*", frame)})
    assert len(ids[0]) >= 6
    assert ids[0] == ids[1]


def test_crossing_a_line_is_reported_once_and_forgotten_by_the_next_episode(
    session: CarlaSession,
) -> None:
    session.reset(ResetRequest(seed=1, start_speed_mps=6.0, start_heading_rad=0.5))
    invasions = [tick.lane_invasions for tick in (session.tick(FORWARD) for _ in range(20))]
    crossed = [marking for events in invasions for e in events for marking in e.crossed_markings]
    assert 1 <= len(crossed) <= 6
    assert set(crossed) <= {"solid", "broken", "solid_solid", "curb"}

    start = session.reset(ResetRequest(seed=2))
    assert start.tick.lane_invasions == ()
    assert session.tick(BRAKE).lane_invasions == ()


def test_a_collision_is_reported_and_forgotten_by_the_next_episode(
    session: CarlaSession, observer: Any
) -> None:
    start = session.reset(ResetRequest(seed=1, start_speed_mps=8.0))
    x, y = start.route[15]
    world = observer.client.get_world()
    blueprint = world.get_blueprint_library().find("vehicle.tesla.model3")
    place = carla.Transform(carla.Location(x, -y, 0.3), carla.Rotation())
    other = world.spawn_actor(blueprint, place)
    try:
        collisions: tuple = ()
        for _ in range(60):
            collisions = session.tick(FORWARD).collisions
            if collisions:
                break
        assert collisions[0].other_actor_id == other.id
        assert collisions[0].other_actor_type == "vehicle.tesla.model3"
        start = session.reset(ResetRequest(seed=2))
        assert start.tick.collisions == ()
    finally:
        other.destroy()


def test_a_late_event_comes_with_the_next_tick_but_never_in_the_next_episode(
    session: CarlaSession,
) -> None:
    tick = session.reset(ResetRequest(seed=1)).tick
    assert session._link is not None
    rig = session._link.rig
    late = Collision(tick.frame, 7, "static.prop", Vector(1.0, 0.0, 0.0))
    rig._events.append((tick.frame, late))
    assert session.tick(BRAKE).collisions == (late,)

    first = session.reset(ResetRequest(seed=2)).tick
    rig._events.append((tick.frame, late))
    rig._events.append((first.frame - 1, late))  # of the jump to the start
    assert session.tick(BRAKE).collisions == ()


def test_another_map_is_loaded_and_time_goes_on(session: CarlaSession) -> None:
    before = session.reset(ResetRequest()).tick
    start = session.reset(ResetRequest(map="LiteTown_1"))
    assert start.map == session.map_name == "LiteTown_1"
    assert start.tick.stamp_s > before.stamp_s
    assert session.tick(FORWARD).stamp_s == pytest.approx(start.tick.stamp_s + 0.05)
    session.reset(ResetRequest(map="LiteCircuit_1"))


def test_an_unknown_map_is_named_and_the_session_drives_on(session: CarlaSession) -> None:
    with pytest.raises(UnknownMap, match=r"Atlantis.*LiteCircuit_1"):
        session.reset(ResetRequest(map="Atlantis"))
    session.reset(ResetRequest())
    session.tick(FORWARD)


def test_an_impossible_route_is_refused_and_the_session_drives_on(session: CarlaSession) -> None:
    with pytest.raises(RouteError, match="route_start is 100000"):
        session.reset(ResetRequest(route_start=100_000))
    session.reset(ResetRequest())


def test_a_lost_picture_is_a_named_fault(
    session: CarlaSession, observer: Any, impatient: Any
) -> None:
    frame = session.reset(ResetRequest()).tick.frame
    (camera,) = observer.actors("sensor.camera.rgb", frame)
    camera.destroy()
    with impatient(session), pytest.raises(FrameTimeout, match="camera"):
        session.tick(FORWARD)


def test_a_vehicle_destroyed_by_another_client_is_noticed_and_replaced(
    session: CarlaSession, observer: Any
) -> None:
    frame = session.reset(ResetRequest()).tick.frame
    (vehicle,) = observer.actors("vehicle.*", frame)
    vehicle.destroy()
    with pytest.raises(ServerRefused):
        for _ in range(3):
            session.tick(FORWARD)
    assert not session.connected
    session.connect()
    session.reset(ResetRequest())


def test_pictures_of_ticks_that_others_caused_are_dropped_and_counted(
    session: CarlaSession, observer: Any
) -> None:
    first = session.reset(ResetRequest()).tick
    observer.client.get_world().tick()
    assert session.tick(FORWARD).frame == first.frame + 2
    assert session.dropped_images == 1


def test_a_follower_leaves_the_ticking_to_others(
    session: CarlaSession, carla_server, observer: Any
) -> None:
    session.close()
    config = SessionConfig(port=carla_server.port, synchronous=False)
    with CarlaSession(config) as follower:
        start = follower.reset(ResetRequest())
        assert follower.tick(FORWARD).frame > start.tick.frame
        assert not observer.synchronous
