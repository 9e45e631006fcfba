"""Radar and obstacle detector of the real client, held against how the scene moves."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import carla
import numpy as np
import pytest

if TYPE_CHECKING:
    from conftest import Rig

BUMPER = carla.Transform(carla.Location(x=2.6, z=0.8))  # ahead of the car's own outline


def detections_of(data: Any) -> np.ndarray:
    """float32 (N, 4): velocity, azimuth, altitude, depth, as CARLA's documentation reads them."""
    return np.frombuffer(data.raw_data, np.float32).reshape(len(data), 4)


def spot(actor: Any, ahead_m: float, aside_m: float = 0.0) -> carla.Transform:
    """A place on the ground, as seen from an actor."""
    place = actor.get_transform()
    place.location += place.get_forward_vector() * ahead_m + place.get_right_vector() * aside_m
    place.location.z = 0.0
    return place


def pair(rig: Rig, gap_m: float) -> tuple[Any, Any]:
    """Two cars, one behind the other, without engines: they roll as they are told."""
    follower = rig.vehicle()
    rig.tick()
    leader = rig.spawn("vehicle.tesla.model3", spot(follower, gap_m))
    rig.tick()
    return follower, leader


def of_the_leader(detections: np.ndarray, leader_half_width_m: float) -> np.ndarray:
    """Those in the straight corridor ahead and above the ground."""
    _, azimuth, altitude, depth = detections.astype(np.float64).T
    across = depth * np.cos(altitude) * np.sin(azimuth)
    up = depth * np.sin(altitude)
    return (np.abs(across) < 0.8 * leader_half_width_m) & (up > -0.5) & (depth < 30.0)


@pytest.mark.parametrize(("own", "others"), [(0.0, 6.0), (6.0, 0.0), (5.0, 8.0), (0.0, -4.0)])
def test_radar_velocity_is_how_fast_the_distance_grows(rig: Rig, own: float, others: float) -> None:
    follower, leader = pair(rig, 20.0)
    radar = rig.listen(
        "other.radar", follower, BUMPER, points_per_second="20000", range="60",
        horizontal_fov="20", vertical_fov="8",
    )  # fmt: skip
    forward = follower.get_transform().get_forward_vector()
    follower.set_target_velocity(forward * own)
    leader.set_target_velocity(forward * others)
    frame = rig.tick()
    detections = detections_of(radar.at(frame))
    rear = of_the_leader(detections, leader.bounding_box.extent.y)
    assert rear.sum() > 50
    velocity, azimuth, altitude, depth = detections[rear].astype(np.float64).T
    relative = leader.get_velocity() - follower.get_velocity()
    along = relative.x * forward.x + relative.y * forward.y
    assert along == pytest.approx(others - own, abs=0.1)
    np.testing.assert_allclose(velocity, along * np.cos(altitude) * np.cos(azimuth), atol=1e-3)
    gap = follower.get_location().distance(leader.get_location())
    rear_m = gap - leader.bounding_box.extent.x - BUMPER.location.x
    nearest = (depth * np.cos(altitude) * np.cos(azimuth)).min()
    assert nearest == pytest.approx(rear_m, abs=0.02)


def test_radar_sees_standing_things_come_at_its_own_speed(rig: Rig) -> None:
    car = rig.vehicle()
    radar = rig.listen("other.radar", car, carla.Transform(carla.Location(x=2.6, z=1.0)))
    rig.tick()
    car.set_target_velocity(car.get_transform().get_forward_vector() * 10.0)
    detections = detections_of(radar.at(rig.tick()))
    velocity, azimuth, altitude, _ = detections.astype(np.float64).T
    speed = car.get_velocity().length()
    assert len(detections) > 20
    np.testing.assert_allclose(velocity, -speed * np.cos(azimuth) * np.cos(altitude), atol=2e-3)
    half = math.radians(15.0)
    assert np.abs(azimuth).max() <= half + 1e-6 and np.abs(altitude).max() <= half + 1e-6
    falling = altitude < 0.0  # all but a few of these end on the road, a metre below
    height = detections[falling, 3].astype(np.float64) * np.sin(-altitude[falling])
    assert height.max() < 1.002 and (height > 0.998).mean() > 0.8


def test_radar_measures_as_often_as_asked_and_within_its_range(rig: Rig) -> None:
    down = carla.Transform(carla.Location(z=30.0), carla.Rotation(pitch=-90.0))
    place = rig.world.get_map().get_spawn_points()[0]
    down.location += carla.Location(place.location.x, place.location.y, 0.0)
    common = {"points_per_second": "10000", "horizontal_fov": "40", "vertical_fov": "40"}
    far = rig.listen("other.radar", None, down, range="100", **common)
    near = rig.listen("other.radar", None, down, range="20", **common)
    frame = rig.tick()
    assert len(far.at(frame)) == 500
    assert len(near.at(frame)) == 0


def test_the_obstacle_detector_tells_the_way_left_to_the_nearest_thing(rig: Rig) -> None:
    car = rig.vehicle()
    rig.tick()
    crate = rig.spawn("static.prop.container", spot(car, 9.0))
    rig.spawn("static.prop.container", spot(car, 15.0))
    detector = rig.listen("other.obstacle", car, BUMPER, distance="12", hit_radius="0.3")
    event = detector.at(rig.tick())
    assert event.actor.id == car.id
    assert event.other_actor.id == crate.id
    assert event.other_actor.type_id == "static.prop.container"
    expected = 9.0 - crate.bounding_box.extent.x - BUMPER.location.x - 0.3
    assert event.distance == pytest.approx(expected, abs=1e-3)


def test_the_obstacle_detector_is_silent_about_what_it_would_not_touch(rig: Rig) -> None:
    car = rig.vehicle()
    rig.tick()
    crate = rig.spawn("static.prop.container", spot(car, 9.0, 2.0))
    gap = 2.0 - crate.bounding_box.extent.y
    slim = rig.listen("other.obstacle", car, BUMPER, distance="8", hit_radius=str(gap - 0.05))
    wide = rig.listen("other.obstacle", car, BUMPER, distance="8", hit_radius=str(gap + 0.05))
    short = rig.listen("other.obstacle", car, BUMPER, distance="5", hit_radius="0.05")
    assert wide.at(rig.tick()).other_actor.id == crate.id
    rig.tick(3)
    assert slim.inbox.empty() and short.inbox.empty()


def test_the_obstacle_detector_can_look_for_dynamic_things_alone(rig: Rig) -> None:
    car, leader = pair(rig, 14.0)
    rig.spawn("static.prop.streetbarrier", spot(car, 7.0))
    common = {"distance": "15", "hit_radius": "0.3"}
    everything = rig.listen("other.obstacle", car, BUMPER, **common)
    dynamic = rig.listen("other.obstacle", car, BUMPER, only_dynamics="true", **common)
    frame = rig.tick()
    assert everything.at(frame).other_actor.type_id == "static.prop.streetbarrier"
    event = dynamic.at(frame)
    assert event.other_actor.id == leader.id
    expected = 14.0 - leader.bounding_box.extent.x - BUMPER.location.x - 0.3
    assert event.distance == pytest.approx(expected, abs=1e-3)


def test_the_obstacle_detector_calls_scenery_by_its_tag(rig: Rig) -> None:
    """Straight down from the sky onto whatever stands beside the roads."""
    objects = rig.world.get_environment_objects(carla.CityObjectLabel.Buildings)
    objects += rig.world.get_environment_objects(carla.CityObjectLabel.Vegetation)
    thing = objects[0]
    box = thing.bounding_box
    above = carla.Transform(
        carla.Location(box.location.x, box.location.y, box.location.z + box.extent.z + 10.0),
        carla.Rotation(pitch=-90.0),
    )
    detector = rig.listen("other.obstacle", None, above, distance="100", hit_radius="0.2")
    event = detector.at(rig.tick())
    assert event.other_actor.type_id in ("static.building", "static.vegetation")
    assert event.distance == pytest.approx(10.0 - 0.2, abs=0.1)
