"""Promises of the weather: what it does to pictures, and what it leaves alone."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

from carla_lite.render import Conditions, PinholeCamera, Scene, WeatherError
from carla_lite.roads import make_map
from carla_lite.scenery import Material, Shape, Tag, furnish, solid
from carla_lite.world import World
from carla_lite.world.environment import Weather

NOON = Conditions(sun_altitude_angle=60.0)
CAMERA = PinholeCamera(160, 120, 90.0)


@pytest.fixture(scope="module")
def scene() -> Scene:
    network = make_map("LiteTown_3")
    town = furnish(network, 0)
    return Scene.build(network, town.solids, lamps_m=town.lamps)


def _view(down_deg: float = 8.0) -> tuple[tuple[float, float, float], tuple[float, float, float]]:
    """A driver's, on a street of the town."""
    x, y, _, yaw = make_map("LiteTown_3").spawn_points[3].tolist()
    return (x, y, 1.8), (-down_deg, yaw, 0.0)


def _picture(scene: Scene, conditions: Conditions | None, time_s: float = 0.0) -> np.ndarray:
    scene.set_weather(conditions)
    return CAMERA.render(scene, *_view(), time_s=time_s)[..., :3].astype(float)


def test_the_default_weather_is_the_day_that_the_seed_has_drawn(scene: Scene) -> None:
    scene.set_weather(None)
    before = CAMERA.render(scene, *_view())
    _picture(scene, Conditions(sun_altitude_angle=-40.0, precipitation=100.0))
    scene.set_weather(None)
    np.testing.assert_array_equal(CAMERA.render(scene, *_view()), before)
    world = World("LiteTown_3")
    look = world.scene.look
    assert look == scene.look
    world.set_weather(Weather(sun_altitude_angle=-30.0))
    assert world.scene.look.night
    world.set_weather(Weather())
    assert world.scene.look == look


def test_the_lower_the_sun_the_darker_the_picture(scene: Scene) -> None:
    altitudes = (60.0, 12.0, 3.0, -4.0, -30.0)
    means = [
        _picture(scene, replace(NOON, sun_altitude_angle=altitude)).mean() for altitude in altitudes
    ]
    assert all(a > b for a, b in pairwise(means))
    assert means[-1] < 0.4 * means[0]


def test_at_night_street_lamps_light_the_ground_under_them(scene: Scene) -> None:
    scene.set_weather(Conditions(sun_altitude_angle=-50.0))
    assert scene.look.night
    camera = PinholeCamera(40, 30, 90.0)
    town = furnish(make_map("LiteTown_3"), 0)
    lamps = town.lamps[:, :2]
    gaps = np.hypot(*(lamps[:, None] - lamps[None]).transpose(2, 0, 1))
    lonely = int(np.argmax(np.where(gaps > 0, gaps, np.inf).min(axis=1)))
    x, y = lamps[lonely]
    under = camera.render_grey(scene, (x, y, 2.0), (-90.0, 0.0, 0.0)).mean()
    outside = camera.render_grey(scene, (x + 1e4, y, 2.0), (-90.0, 0.0, 0.0)).mean()
    assert under > 2.0 * outside


def test_at_night_lamps_do_not_light_ground_of_low_quality_where_none_stand() -> None:
    network = make_map("LiteTown_3")
    town = furnish(network, 0)
    night = Conditions(sun_altitude_angle=-50.0)
    low = Scene.build(network, town.solids, lamps_m=town.lamps, weather=night, quality="low")
    x, y, _ = town.lamps.mean(axis=0)
    view = (x + 1e4, y, 2.0), (-90.0, 0.0, 0.0)
    lit = CAMERA.render(low, *view)
    low.set_lamps(np.empty((0, 3)))
    np.testing.assert_array_equal(lit, CAMERA.render(low, *view))
    low.set_weather(NOON)
    day = CAMERA.render(low, *view)[..., :3]
    assert lit[..., :3].mean() < 0.4 * day.mean()


def test_fog_hides_what_is_far_sooner_than_what_is_near(scene: Scene) -> None:
    far, near = [], []
    for density in (10.0, 40.0, 100.0):
        picture = _picture(scene, replace(NOON, fog_density=density))
        unlike_fog = np.abs(picture - scene.look.mist).mean(axis=2)
        far.append(unlike_fog[44:52].mean())
        near.append(unlike_fog[112:].mean())
    assert far[0] > far[1] > far[2]
    assert near[1] > near[2]
    assert far[2] < 0.25 * near[2]
    scene.set_weather(replace(NOON, fog_density=40.0))
    sight = scene.look.haze_m
    scene.set_weather(replace(NOON, fog_density=40.0, fog_distance=60.0))
    assert scene.look.haze_m > sight + 30.0


def test_rain_darkens_the_road_and_falls_with_time(scene: Scene) -> None:
    dry = _picture(scene, replace(NOON, cloudiness=90.0))
    wet = _picture(scene, replace(NOON, cloudiness=90.0, wetness=100.0))
    assert wet[95:, 40:120].mean() < 0.85 * dry[95:, 40:120].mean()
    pouring = replace(NOON, cloudiness=90.0, wetness=100.0, precipitation=100.0)
    first, again = _picture(scene, pouring, 1.0), _picture(scene, pouring, 1.0)
    later = _picture(scene, pouring, 1.05)
    np.testing.assert_array_equal(first, again)
    assert 0.005 < (first != later).any(axis=2).mean() < 0.3


def test_wet_stone_mirrors_the_sky_at_a_flat_angle(scene: Scene) -> None:
    dry = _picture(scene, NOON)[56:62, 70:90].mean(axis=(0, 1))
    wet = _picture(scene, replace(NOON, precipitation_deposits=100.0))[56:62, 70:90]
    sky = np.add(scene.look.horizon, scene.look.zenith) / 2
    assert np.abs(wet.mean(axis=(0, 1)) - sky).sum() < np.abs(dry - sky).sum()


def test_clouds_cover_the_sky(scene: Scene) -> None:
    blue = []
    for cloudiness in (0.0, 50.0, 100.0):
        scene.set_weather(replace(NOON, cloudiness=cloudiness))
        sky = CAMERA.render(scene, (0.0, 0.0, 80.0), (35.0, 0.0, 0.0))[:60, :, :3].astype(float)
        blue.append((sky[..., 0] - sky[..., 2]).mean())
    assert blue[0] > blue[1] > blue[2]
    assert blue[2] < 0.3 * blue[0]


@pytest.mark.parametrize("azimuth", [0.0, 90.0, 200.0])
@pytest.mark.parametrize("shape", [Shape.BOX, Shape.ELLIPSOID])
def test_shadows_fall_away_from_the_sun_as_far_as_its_height_says(
    azimuth: float, shape: Shape
) -> None:
    tower = solid((60.0, -500.0, 5.0), (1.0, 1.0, 5.0), 20.0, (9, 9, 9), Tag.BUILDING, shape=shape)
    network = make_map("LiteCircuit_1")
    x0, y0, x1, y1 = network.bounds
    tower["centre"][0, :2] = (x0 + x1) / 2, (y0 + y1) / 2
    scene = Scene.build(network, tower)
    scene.set_weather(Conditions(sun_azimuth_angle=azimuth, sun_altitude_angle=45.0))
    shadow = (
        scene.ground_light(
            *np.meshgrid(*(np.arange(-12.0, 12.01, 0.25) + c for c in tower["centre"][0, :2]))
        )
        < 0.5
    )
    rows, columns = np.nonzero(shadow)
    middle = np.array([columns.mean(), rows.mean()]) * 0.25 - 12.0
    away = -np.array([np.cos(np.radians(azimuth)), np.sin(np.radians(azimuth))])
    # At 45 degrees the shadow is as long as the tower is high, and its middle half as far.
    np.testing.assert_allclose(middle, 5.0 * away, atol=0.6)
    reach = (np.column_stack([columns, rows]) * 0.25 - 12.0) @ away
    assert reach.max() == pytest.approx(10.0, abs=1.6)


def test_light_falls_through_leaves(scene: Scene) -> None:
    network = make_map("LiteCircuit_1")
    x0, y0, x1, y1 = network.bounds
    at = ((x0 + x1) / 2, (y0 + y1) / 2, 4.0)
    dense, leafy = (
        solid(
            at, (3.0, 3.0, 3.0), 0.0, (9, 9, 9), Tag.VEGETATION, shape=Shape.ELLIPSOID, material=m
        )
        for m in (Material.PLAIN, Material.FOLIAGE)
    )
    light = []
    for crown in (dense, leafy):
        one = Scene.build(network, crown)
        one.set_weather(Conditions(sun_altitude_angle=90.0))
        light.append(float(one.ground_light(np.array([at[0]]), np.array([at[1]]))[0]))
    assert light[0] < 0.02
    assert 0.2 < light[1] < 0.5


def test_a_sun_that_moves_a_little_bakes_no_new_shadows(scene: Scene) -> None:
    places = np.meshgrid(np.arange(-50.0, 50.0, 0.5), np.arange(-50.0, 50.0, 0.5))
    scene.set_weather(replace(NOON, sun_azimuth_angle=10.0))
    before = scene.ground_light(*places)
    scene.set_weather(replace(NOON, sun_azimuth_angle=10.5))
    np.testing.assert_array_equal(scene.ground_light(*places), before)
    scene.set_weather(replace(NOON, sun_azimuth_angle=40.0))
    assert (scene.ground_light(*places) != before).any()


def test_low_quality_is_coarser_and_has_no_baked_shadows() -> None:
    network = make_map("LiteTown_3")
    town = furnish(network, 0)
    low = Scene.build(network, town.solids, quality="low")
    assert low.ground.texel_m == 0.25
    x, y = np.meshgrid(np.arange(-50.0, 50.0, 2.0), np.arange(-50.0, 50.0, 2.0))
    assert (low.ground_light(x, y) == 1.0).all()
    assert CAMERA.render(low, *_view()).any()


def test_weather_that_is_not_finite_is_refused_by_name() -> None:
    for value in (float("nan"), float("inf")):
        with pytest.raises(WeatherError, match="fog_density"):
            Conditions(fog_density=value)


@pytest.mark.parametrize("extreme", [-1e30, 1e30])
def test_values_beyond_their_range_count_as_the_limit(scene: Scene, extreme: float) -> None:
    conditions = Conditions(*[extreme] * 9)
    picture = _picture(scene, conditions)
    assert np.isfinite(scene.look.haze_m)
    assert picture.max() <= 255
    for gain in (*scene.look.ambient, *scene.look.direct):
        assert 0.0 <= gain <= 1.0
