"""Spring arms: where cameras hang that follow from behind."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from carla_lite.world import Rotation, Transform, Vector3, World
from carla_lite.world.actors import Attachment
from carla_lite.world.geometry import compose
from carla_lite.world.spring_arm import SpringArm

_BEHIND = Transform(Vector3(-6.0, 0.0, 3.0), Rotation(pitch=8.0))
_metres = st.floats(-20.0, 20.0)


def test_a_camera_on_an_arm_looks_along_it_and_turns_from_there() -> None:
    arm = SpringArm(_BEHIND, Attachment.SPRING_ARM_GHOST)
    location, rotation = arm.settled(Transform(Vector3(10.0, 20.0, 0.5), Rotation(yaw=90.0)))
    assert (location.x, location.y, location.z) == pytest.approx((10.0, 14.0, 3.5))
    down = -math.degrees(math.atan2(3.0, 6.0))
    assert (rotation.pitch, rotation.yaw) == pytest.approx((down + 8.0, 90.0))


@given(_metres, _metres, _metres, st.floats(-180.0, 180.0))
def test_at_rest_the_camera_is_where_a_rigid_one_would_be(
    x: float, y: float, z: float, yaw: float
) -> None:
    mount = Transform(Vector3(x, y, z))
    parent = Transform(Vector3(5.0, -3.0, 0.0), Rotation(yaw=yaw))
    ghost = SpringArm(mount, Attachment.SPRING_ARM_GHOST).settled(parent).location
    assert ghost == pytest.approx(compose(parent, mount).location, abs=1e-6)
    lifted = SpringArm(mount, Attachment.SPRING_ARM).settled(parent).location
    assert lifted == pytest.approx((ghost.x, ghost.y, ghost.z + 0.3), abs=1e-6)


@pytest.mark.parametrize("steps", [1, 5])
def test_an_arm_follows_a_turn_late_at_the_same_pace_for_any_time_step(steps: int) -> None:
    arm = SpringArm(_BEHIND, Attachment.SPRING_ARM)
    arm.settled(Transform())
    turned = Transform(rotation=Rotation(yaw=40.0))
    for _ in range(steps):
        place = arm.follow(turned, 0.25 / steps)
    left = 40.0 * (1.0 - 8.0 / 60.0) ** 15  # a quarter of a second in steps of a sixtieth
    assert place.rotation.yaw == pytest.approx(40.0 - left)
    assert arm.follow(turned, 10.0).rotation.yaw == pytest.approx(40.0, abs=1e-3)


def test_an_arm_turns_the_short_way_round() -> None:
    arm = SpringArm(_BEHIND, Attachment.SPRING_ARM)
    arm.settled(Transform(rotation=Rotation(yaw=170.0)))
    yaw = arm.follow(Transform(rotation=Rotation(yaw=-170.0)), 0.05).rotation.yaw
    assert yaw > 170.0 or yaw < -170.0


def test_a_world_lets_cameras_hang_on_arms_and_moves_them() -> None:
    world = World("LiteCircuit_1")
    car = world.spawn("vehicle.tesla.model3", world.spawn_points[0])
    cameras = [
        world.spawn("sensor.camera.rgb", _BEHIND, {}, car.id, attachment)
        for attachment in Attachment
    ]
    world.tick()
    rigid, arm, ghost = (camera.transform for camera in cameras)
    assert rigid.rotation.pitch == pytest.approx(8.0)
    assert arm.rotation.pitch == ghost.rotation.pitch < -15.0
    assert arm.location.z - ghost.location.z == pytest.approx(0.3)
    assert ghost.location == pytest.approx(rigid.location, abs=1e-6)
    place = world.spawn_points[3]
    world.set_transform(car.id, place)
    for _ in range(100):
        world.tick()
    assert cameras[2].transform.location == pytest.approx(
        compose(car.transform, _BEHIND).location, abs=1e-3
    )
    world.set_transform(cameras[2].id, Transform(Vector3(-12.0, 0.0, 0.0)))
    world.tick()
    away = cameras[2].transform.location
    assert math.dist(away, car.transform.location) == pytest.approx(12.0, abs=1e-3)
    world.destroy(cameras[2].id)
    world.tick()
