"""Settings, ticks and who hears of them, with the real client."""

from __future__ import annotations

import math
import queue
from typing import TYPE_CHECKING, Any

import carla
import pytest

from carla_lite.server.codec import encode_settings
from carla_lite.world import EpisodeSettings

if TYPE_CHECKING:
    from conftest import LiteServer, Rig

TIMEOUT_S = 20.0


def test_all_settings_read_back(rig: Rig) -> None:
    wanted = carla.WorldSettings(
        synchronous_mode=True,
        no_rendering_mode=True,
        fixed_delta_seconds=0.025,
        substepping=False,
        max_substep_delta_time=0.005,
        max_substeps=7,
        max_culling_distance=123.0,
        deterministic_ragdolls=False,
        tile_stream_distance=456.0,
        actor_active_distance=789.0,
        spectator_as_ego=False,
    )
    rig.world.apply_settings(wanted)
    assert rig.world.get_settings() == wanted


@pytest.mark.parametrize("step", [0.01, 0.1])
def test_motion_over_a_second_hardly_depends_on_the_step(
    server: LiteServer, make_rig: type[Rig], step: float
) -> None:
    rig = make_rig(server.client(), step)
    try:
        car = rig.vehicle()
        car.apply_control(carla.VehicleControl(throttle=1.0))
        rig.tick(round(1.0 / step))
        assert car.get_velocity().length() == pytest.approx(3.65, abs=0.15)
    finally:
        rig.close()


def test_a_step_that_is_too_long_is_refused_and_zero_means_none(rig: Rig) -> None:
    settings = rig.world.get_settings()
    settings.fixed_delta_seconds = 100.0
    with pytest.raises(RuntimeError, match="fixed_delta_seconds"):
        rig.world.apply_settings(settings)
    assert rig.world.get_settings().fixed_delta_seconds == pytest.approx(0.05)
    settings.fixed_delta_seconds = 0.0
    rig.world.apply_settings(settings)
    assert not rig.world.get_settings().fixed_delta_seconds
    rig.tick()
    assert rig.world.get_snapshot().delta_seconds == pytest.approx(0.05)  # that is --fps 20


@pytest.mark.parametrize("step", [-0.05, 1e-9, 1e9, math.nan, math.inf, "0.05", [1]])
def test_settings_that_the_client_would_not_send_are_refused(server: LiteServer, step: Any) -> None:
    settings = encode_settings(EpisodeSettings())
    settings[2] = [True, step]
    with server.raw() as vandal:
        before = vandal.call("get_episode_settings")
        ((good, error),) = vandal.call("set_episode_settings", settings)
        assert not good and "fixed_delta_seconds" in error[0]
        assert vandal.call("get_episode_settings") == before


def test_without_rendering_cameras_rest_and_other_sensors_go_on(rig: Rig) -> None:
    car = rig.vehicle()
    camera, imu = rig.camera(car), rig.listen("other.imu", car)
    frame = rig.tick()
    assert camera.at(frame).frame == imu.at(frame).frame
    rig.settings.no_rendering_mode = True
    rig.world.apply_settings(rig.settings)
    for _ in range(5):
        imu.at(rig.tick())
    rig.settings.no_rendering_mode = False
    rig.world.apply_settings(rig.settings)
    frame = rig.tick()
    while (picture := camera.next()).frame < frame:  # the tick that set the settings made
        assert picture.frame > frame - 3
    assert picture.frame == frame


def test_every_tick_is_told_once_to_each_who_asked(server: LiteServer, rig: Rig) -> None:
    other = server.client().get_world()
    heard: list[queue.Queue[int]] = [queue.Queue(), queue.Queue(), queue.Queue()]
    rig.tick()
    callbacks = [
        (world, world.on_tick(lambda snapshot, put=inbox.put: put(snapshot.frame)))
        for world, inbox in zip((rig.world, rig.world, other), heard, strict=True)
    ]
    frames = [rig.tick() for _ in range(20)]
    for inbox in heard:
        got: list[int] = []
        while not got or got[-1] < frames[-1]:
            got.append(inbox.get(timeout=TIMEOUT_S))
        assert [frame for frame in got if frame >= frames[0]] == frames
    for world, callback in callbacks:
        world.remove_on_tick(callback)
    rig.tick()
    assert rig.world.get_snapshot().frame == frames[-1] + 1
    assert heard[0].empty() and heard[1].empty()


def test_nobody_ticks_and_waiting_ends_in_time(rig: Rig) -> None:
    with pytest.raises(RuntimeError, match="time-out"):
        rig.world.wait_for_tick(0.3)


def test_a_camera_on_a_spring_arm_looks_down_at_the_car_it_follows(rig: Rig) -> None:
    car = rig.vehicle()
    blueprint = rig.blueprints.find("sensor.camera.rgb")
    mount = carla.Transform(carla.Location(x=-6.0, z=3.0))
    cameras: dict[str, Any] = {}
    for kind in ("Rigid", "SpringArm", "SpringArmGhost"):
        attachment = getattr(carla.AttachmentType, kind)
        cameras[kind] = rig.world.spawn_actor(blueprint, mount, car, attachment)
        rig.actors.append(cameras[kind])
    rig.tick()
    yaw = car.get_transform().rotation.yaw
    pitch = {kind: camera.get_transform().rotation.pitch for kind, camera in cameras.items()}
    assert pitch["Rigid"] == pytest.approx(0.0)
    assert pitch["SpringArm"] == pitch["SpringArmGhost"] == pytest.approx(-26.57, abs=0.01)
    for camera in cameras.values():
        assert camera.get_transform().rotation.yaw == pytest.approx(yaw, abs=1e-2)
        assert camera.parent.id == car.id
    height = {kind: camera.get_location().z for kind, camera in cameras.items()}
    assert height["SpringArm"] - height["SpringArmGhost"] == pytest.approx(0.3, abs=1e-5)
