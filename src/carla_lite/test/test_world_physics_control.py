"""A vehicle's figures as clients change them, and what that does to its motion."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from carla_lite.world import InvalidValueError, Transform, Vector3, Vehicle, VehicleControl, World
from carla_lite.world.blueprints import Blueprint
from carla_lite.world.bodies import STATE
from carla_lite.world.physics_control import PhysicsControl, WheelControl
from carla_lite.world.vehicle_blueprints import VEHICLES

FULL = VehicleControl(throttle=1.0)


def _car(kind: str = "vehicle.tesla.model3") -> tuple[World, Vehicle]:
    world = World("LiteCircuit_1")
    car = world.spawn(kind, Transform())
    assert isinstance(car, Vehicle)
    car.collides = False  # an endless plain
    return world, car


def _wheels(control: PhysicsControl, **changes: float) -> tuple[WheelControl, ...]:
    return tuple(replace(wheel, **changes) for wheel in control.wheels)


def _speed_after(
    seconds: float, control: VehicleControl, start: float = 0.0, **changes: object
) -> float:
    """Of a Model 3 with some of its figures changed."""
    world, car = _car()
    car.physics_control = replace(car.physics_control, **changes)
    world.set_target_velocity(car.id, Vector3(start))
    world.apply_control(car.id, control)
    for _ in range(round(seconds / 0.05)):
        world.tick()
    return car.speed_mps


def _own(kind: str = "vehicle.tesla.model3") -> PhysicsControl:
    return _car(kind)[1].physics_control


def test_figures_sent_back_as_they_came_change_nothing_at_all() -> None:
    """As float32, which is what they travel as."""
    world, car = _car()
    twin_world, twin = _car()
    own = car.physics_control

    def narrow(value: object) -> object:
        if isinstance(value, tuple):
            made = [narrow(item) for item in value]
            return type(value)(*made) if hasattr(value, "_fields") else tuple(made)
        if isinstance(value, WheelControl):
            return replace(value, **{n: narrow(getattr(value, n)) for n in value.__slots__})
        return float(np.float32(value)) if isinstance(value, float) else value

    car.physics_control = replace(own, **{n: narrow(getattr(own, n)) for n in own.__slots__})
    rng = np.random.default_rng(2)
    for _ in range(200):
        control = VehicleControl(float(rng.random()), float(rng.uniform(-1, 1)), 0.0)
        world.apply_control(car.id, control)
        twin_world.apply_control(twin.id, control)
        world.tick()
        twin_world.tick()
        assert [car.row[name] for name in STATE] == [twin.row[name] for name in STATE]


def test_twice_the_mass_halves_acceleration_and_braking() -> None:
    usual = _speed_after(0.5, FULL)
    assert _speed_after(0.5, FULL, mass=3600.0) == pytest.approx(usual / 2.0, rel=0.03)
    brake = VehicleControl(brake=1.0)
    lost = 20.0 - _speed_after(0.5, brake, start=20.0)
    heavy = 20.0 - _speed_after(0.5, brake, start=20.0, mass=3600.0)
    assert heavy == pytest.approx(0.5 * (0.5 * 8.0 + 0.1), rel=0.05) and lost > 1.9 * heavy


def test_more_torque_pulls_harder_and_a_longer_gear_is_faster() -> None:
    own = _own()
    strong = tuple((rpm, 1.5 * torque) for rpm, torque in own.torque_curve)
    assert _speed_after(0.5, FULL, torque_curve=strong) == pytest.approx(
        1.5 * _speed_after(0.5, FULL), rel=0.02
    )
    assert _speed_after(0.5, FULL, final_ratio=4.5) == pytest.approx(
        0.5 * _speed_after(0.5, FULL), rel=0.03
    )
    assert _speed_after(60.0, FULL, final_ratio=4.5, drag_coefficient=0.0) > 35.0
    assert _speed_after(60.0, FULL, drag_coefficient=0.0) < 25.0


def test_the_gear_that_pulls_hardest_drives() -> None:
    """Two gears and a flat curve: first the short one, beyond its limit the long one."""
    flat = {"torque_curve": ((0.0, 100.0), (6000.0, 100.0)), "max_rpm": 6000.0}
    gears = {"forward_gears": ((2.0, 0.5, 0.65), (1.0, 0.5, 0.65))}
    short_mps2 = 100.0 * 2.0 * 9.0 / 0.35 / 1800.0
    assert _speed_after(0.5, FULL, **flat, **gears) == pytest.approx(
        0.5 * (short_mps2 - 0.1), rel=0.03
    )
    limit = 6000.0 / 60.0 * 2.0 * math.pi * 0.35 / 18.0  # of the short gear, 12.2 m/s
    gained = _speed_after(0.5, FULL, start=limit + 3.0, **flat, **gears) - limit - 3.0
    drag = 0.1 + 0.0004 * (limit + 3.0) ** 2
    assert gained == pytest.approx(0.5 * (short_mps2 / 2.0 - drag), rel=0.1)
    world, car = _car()
    car.physics_control = replace(car.physics_control, **flat, **gears)
    for speed, gear in ((5.0, 1), (limit + 1.0, 2)):
        world.set_target_velocity(car.id, Vector3(speed))
        told = car.telemetry()
        assert told.gear == gear
        ratio = 9.0 * (2.0 if gear == 1 else 1.0)
        assert told.engine_rpm == pytest.approx(speed / 0.35 * ratio * 60.0 / (2.0 * math.pi))


def test_larger_wheels_pull_less_and_run_faster() -> None:
    own = _own()
    large = _wheels(own, radius=70.0)
    assert _speed_after(0.5, FULL, wheels=large) == pytest.approx(
        0.5 * _speed_after(0.5, FULL), rel=0.03
    )
    assert _speed_after(90.0, FULL, wheels=large, drag_coefficient=0.0) > 40.0


def test_drag_and_brake_torque_slow_in_proportion() -> None:
    own = _own()
    rolling = 30.0 - _speed_after(0.5, VehicleControl(), start=30.0)
    draggy = 30.0 - _speed_after(
        0.5, VehicleControl(), start=30.0, drag_coefficient=10.0 * own.drag_coefficient
    )
    assert rolling == pytest.approx(0.5 * (0.1 + 0.0004 * 900.0), rel=0.03)
    assert draggy == pytest.approx(0.5 * (0.1 + 0.004 * 850.0), rel=0.06)
    weak = _wheels(own, max_brake_torque=own.wheels[0].max_brake_torque / 4.0)
    lost = 20.0 - _speed_after(0.5, VehicleControl(brake=1.0), start=20.0, wheels=weak)
    assert lost == pytest.approx(0.5 * (2.0 + 0.25), rel=0.1)


def test_slippery_tyres_corner_and_brake_less() -> None:
    own = _own()
    world, car = _car()
    car.physics_control = replace(own, wheels=_wheels(own, tire_friction=0.35))
    world.set_target_velocity(car.id, Vector3(15.0))
    world.apply_control(car.id, VehicleControl(steer=1.0))
    for _ in range(20):
        world.tick()
    assert car.yaw_rate_rad_s * car.speed_mps == pytest.approx(0.65, rel=0.03)
    brake = VehicleControl(brake=1.0)
    lost = 20.0 - _speed_after(0.5, brake, start=20.0, wheels=_wheels(own, tire_friction=0.35))
    assert lost == pytest.approx(0.5 * (1.5 * 0.65 + 0.25), rel=0.1)


def test_the_steering_angle_and_its_curve_turn_the_wheels_less() -> None:
    own = _own()
    fronts = tuple(
        replace(wheel, max_steer_angle=wheel.max_steer_angle / 2.0) for wheel in own.wheels
    )
    for changes, speed, angle in (
        ({"wheels": fronts}, 1.0, 35.0),
        ({"steering_curve": ((0.0, 1.0), (36.0, 0.5), (72.0, 0.25))}, 10.0, 35.0),
        ({"steering_curve": ((0.0, 1.0), (36.0, 0.5), (72.0, 0.25))}, 20.0, 17.5),
        ({"steering_curve": ((0.0, 1.0), (36.0, 0.5), (72.0, 0.25))}, 40.0, 17.5),
    ):
        world, car = _car()
        car.physics_control = replace(own, **changes)
        car.enable_constant_velocity(Vector3(speed))
        world.apply_control(car.id, VehicleControl(steer=1.0))
        for _ in range(40):
            world.tick()
        assert car.wheel_steer_angle(0) == pytest.approx(angle, rel=0.01)
        assert car.wheel_steer_angle(1) == car.wheel_steer_angle(0)
        assert car.wheel_steer_angle(2) == 0.0


@pytest.mark.parametrize("blueprint", VEHICLES, ids=lambda blueprint: blueprint.id)
def test_every_vehicle_answers_with_figures_that_describe_its_own_motion(
    blueprint: Blueprint,
) -> None:
    world, car = _car(blueprint.id)
    own, physics = car.physics_control, car.physics
    assert own.checked(physics.wheels) is own
    assert len(own.wheels) == physics.wheels == int(car.attributes["number_of_wheels"])
    assert own.wheels[0].max_steer_angle > 30.0 and own.wheels[-1].max_steer_angle == 0.0
    # Torque, gearing, radius and mass say by themselves how fast it starts and how it brakes.
    radius = own.wheels[0].radius / 100.0
    pull = own.torque_curve[0][1] * own.forward_gears[0][0] * own.final_ratio / radius / own.mass
    world.apply_control(car.id, FULL)
    world.tick()
    assert car.speed_mps == pytest.approx(0.05 * (pull - 0.1), rel=0.02)
    stop = sum(wheel.max_brake_torque for wheel in own.wheels) / radius / own.mass
    speed = 0.9 * physics.top_speed_mps
    world.set_target_velocity(car.id, Vector3(speed))
    world.apply_control(car.id, VehicleControl(brake=1.0))
    world.tick()
    lost = 0.05 * (stop + 0.1 + physics.drag_per_m * speed**2)
    assert speed - car.speed_mps == pytest.approx(lost, rel=0.02)
    # The axles lie within the body.
    half = car.bounding_box.extent.x
    assert all(abs(wheel.position.x) < half for wheel in own.wheels)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"mass": 0.0}, "mass"),
        ({"mass": math.nan}, "mass"),
        ({"max_rpm": -1.0}, "max_rpm"),
        ({"final_ratio": 0.0}, "final_ratio"),
        ({"forward_gears": ()}, "gears"),
        ({"torque_curve": ()}, "torque_curve"),
        ({"torque_curve": ((5.0, 1.0), (1.0, 1.0))}, "ascending"),
        ({"steering_curve": ((0.0, math.inf),)}, "steering_curve"),
        ({"center_of_mass": Vector3(math.nan)}, "between"),
        ({"wheels": ()}, "wheels"),
    ],
)
def test_impossible_figures_are_refused_and_the_old_ones_stay(
    changes: dict[str, object], reason: str
) -> None:
    _, car = _car()
    own = car.physics_control
    with pytest.raises(InvalidValueError, match=reason):
        car.physics_control = replace(own, **changes)
    assert car.physics_control is own


@pytest.mark.parametrize(
    "change", [{"radius": 0.0}, {"max_steer_angle": 90.0}, {"max_brake_torque": -1.0}]
)
def test_impossible_wheels_are_refused(change: dict[str, float]) -> None:
    _, car = _car()
    with pytest.raises(InvalidValueError):
        car.physics_control = replace(
            car.physics_control, wheels=_wheels(car.physics_control, **change)
        )
