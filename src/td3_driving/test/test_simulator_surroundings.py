"""Weather and spectator are as asked for while a session is there, and as found afterwards."""

from __future__ import annotations

import math
import time
from typing import Any

import carla
import pytest

from td3_driving.driving.frames import Pose
from td3_driving.simulator import (
    BRAKE,
    WEATHERS,
    CarlaSession,
    ResetRequest,
    SessionConfig,
    SpawnError,
)
from td3_driving.simulator.surroundings import view_of


@pytest.fixture
def world(carla_server: Any, observe: Any) -> carla.World:
    """As another client sees it."""
    return observe(carla_server).client.get_world()


def await_spectator(world: carla.World, x: float, y: float, z: float) -> None:
    """Until the other client, which hears of the world tick by tick, sees the spectator there."""
    deadline = time.monotonic() + 20.0
    while world.get_spectator().get_location().distance(carla.Location(x, y, z)) > 0.01:
        assert time.monotonic() < deadline, world.get_spectator().get_location()
        time.sleep(0.01)


def session(server: Any, **settings: Any) -> CarlaSession:
    return CarlaSession(SessionConfig(port=server.port, timeout_s=20.0, **settings))


@pytest.mark.parametrize("name", WEATHERS)
def test_every_weather_is_a_preset_of_the_client(name: str) -> None:
    assert isinstance(getattr(carla.WeatherParameters, name), carla.WeatherParameters)


def test_the_weather_is_the_one_asked_for_and_in_the_end_the_one_found(
    carla_server: Any, world: carla.World
) -> None:
    found, wanted = world.get_weather(), carla.WeatherParameters.HardRainSunset
    assert found != wanted
    with session(carla_server, weather="HardRainSunset") as driving:
        assert world.get_weather() == wanted
        driving.reset(ResetRequest())
        driving.reset(ResetRequest(seed=1))
        assert world.get_weather() == wanted
    assert world.get_weather() == found


def test_another_map_has_the_weather_too(carla_server: Any, observe: Any) -> None:
    with session(carla_server, weather="WetNoon") as driving:
        present = driving.map_name
        driving.reset(ResetRequest(map="LiteCircuit_6"))
        assert (
            observe(carla_server).client.get_world().get_weather()
            == carla.WeatherParameters.WetNoon
        )
        driving.reset(ResetRequest(map=present))
    assert observe(carla_server).client.get_world().get_weather() != carla.WeatherParameters.WetNoon


def test_a_session_that_cannot_begin_restores_the_weather(
    carla_server: Any, world: carla.World
) -> None:
    found = world.get_weather()
    with pytest.raises(SpawnError):
        session(carla_server, weather="HardRainNoon", vehicle="vehicle.no.such").connect()
    assert world.get_weather() == found


def test_without_being_asked_neither_weather_nor_spectator_is_touched(
    carla_server: Any, world: carla.World
) -> None:
    storm = carla.WeatherParameters.DustStorm
    before = world.get_weather()
    world.set_weather(storm)
    stands = world.get_spectator().get_location()
    with session(carla_server) as driving:
        driving.reset(ResetRequest())
        driving.tick(BRAKE)
        assert world.get_weather() == storm
    assert world.get_weather() == storm
    await_spectator(world, stands.x, stands.y, stands.z)
    world.set_weather(before)


def test_the_spectator_follows_from_behind_and_goes_back(
    carla_server: Any, world: carla.World
) -> None:
    stood = world.get_spectator().get_location()
    with session(carla_server, spectator_follows=True) as driving:
        start = driving.reset(ResetRequest(start_speed_mps=8.0)).tick
        driving.tick(BRAKE)  # the world shows it with its next tick
        view = view_of(start.pose)
        await_spectator(world, view.x, -view.y, view.z)
    await_spectator(world, stood.x, stood.y, stood.z)


def test_a_view_is_behind_above_and_tilted_down() -> None:
    view = view_of(Pose(10.0, 5.0, 1.0, 0.1, 0.2, math.pi / 2))
    assert view == pytest.approx((10.0, -3.0, 5.0, 0.0, math.radians(18.0), math.pi / 2))
