"""How pedestrians move."""

from __future__ import annotations

import math

import pytest

from carla_lite.world import (
    InvalidValueError,
    Rotation,
    Transform,
    Vector3,
    Walker,
    WalkerControl,
    World,
    WrongActorKindError,
)
from carla_lite.world.walker_blueprints import WALKERS

STANDING_M = 0.93


@pytest.fixture
def world() -> World:
    return World("LiteCircuit_1")


def _walker(world: World, kind: str = "walker.pedestrian.0001") -> Walker:
    walker = world.spawn(kind, Transform(Vector3(0.0, 0.0, 1.0)))
    assert isinstance(walker, Walker)
    return walker


def test_a_walker_stands_on_its_feet_with_its_origin_in_its_middle(world: World) -> None:
    walker = _walker(world)
    world.tick()
    assert walker.transform.location == Vector3(0.0, 0.0, STANDING_M)
    parts = world.population.solids()
    assert float((parts["centre"] - parts["half"])[:, 2].min()) == pytest.approx(0.0, abs=1e-6)
    assert float((parts["centre"] + parts["half"])[:, 2].max()) == pytest.approx(1.86, abs=1e-6)


def test_a_walker_walks_where_it_is_told_and_faces_that_way(world: World) -> None:
    walker = _walker(world)
    walker.control = WalkerControl(Vector3(3.0, 4.0, 0.0), 1.5).checked()
    for _ in range(40):
        world.tick()
    assert walker.transform.location.x == pytest.approx(0.6 * 1.5 * 2.0)
    assert walker.transform.location.y == pytest.approx(0.8 * 1.5 * 2.0)
    assert walker.transform.rotation.yaw == pytest.approx(math.degrees(math.atan2(4.0, 3.0)))
    assert walker.velocity == pytest.approx((0.9, 1.2, 0.0))
    walker.control = WalkerControl(Vector3(1.0, 0.0, 0.0), 0.0)
    world.tick()
    assert walker.velocity == (0.0, 0.0, 0.0)


def test_a_jump_goes_up_and_comes_down_once(world: World) -> None:
    walker = _walker(world)
    world.tick()
    walker.control = WalkerControl(jump=True)
    heights = []
    for _ in range(40):
        world.tick()
        heights.append(walker.transform.location.z)
    assert max(heights) == pytest.approx(STANDING_M + 4.2**2 / (2.0 * 9.81), abs=0.12)
    assert heights[-1] == STANDING_M
    assert walker.control.jump  # as it was told


def test_a_state_puts_a_walker_somewhere_walking(world: World) -> None:
    walker = _walker(world)
    walker.set_state(Transform(Vector3(5.0, 0.0, 1.0), Rotation(yaw=90.0)), 2.0)
    world.tick()
    assert walker.transform.location == pytest.approx((5.0, 0.1, STANDING_M))
    assert walker.velocity == pytest.approx((0.0, 2.0, 0.0))


def test_a_fallen_walker_stays_down_until_it_is_put_elsewhere(world: World) -> None:
    walker = _walker(world)
    walker.row["invincible"] = 0
    walker.add_impulse(Vector3(300.0))
    world.tick()
    sliding = 300.0 / 75.0 - 0.6 * 9.81 * 0.05
    assert walker.has_fallen and walker.velocity.x == pytest.approx(sliding)
    walker.control = WalkerControl(Vector3(0.0, 1.0, 0.0), 2.0)
    for _ in range(60):
        world.tick()
    assert walker.velocity == (0.0, 0.0, 0.0)
    world.set_transform(walker.id, Transform(Vector3(0.0, 0.0, 1.0)))
    world.tick()
    assert not walker.has_fallen and walker.velocity.y == pytest.approx(2.0)


@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_a_command_that_is_not_finite_is_refused(bad: float) -> None:
    for control in (WalkerControl(speed=bad), WalkerControl(Vector3(y=bad), 1.0)):
        with pytest.raises(InvalidValueError, match="must be finite"):
            control.checked()


def test_only_walkers_are_walkers(world: World) -> None:
    car = world.spawn("vehicle.tesla.model3", world.spawn_points[0])
    with pytest.raises(WrongActorKindError, match="needs a walker"):
        world.population.walker(car.id)


def test_there_are_children_and_adults_of_both_genders() -> None:
    kinds = {
        tuple(
            attribute.default
            for attribute in walker.attributes
            if attribute.name in ("age", "gender")
        )
        for walker in WALKERS
    }
    assert kinds == {(age, sex) for age in ("adult", "child") for sex in ("male", "female")}
    for walker in WALKERS:
        speeds = next(a.recommended for a in walker.attributes if a.name == "speed")
        assert 0.0 < float(speeds[1]) < float(speeds[2])  # walking and running, as examples use
