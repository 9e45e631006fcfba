"""How vehicles move, without any server."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from carla_lite.world import (
    InvalidValueError,
    Rotation,
    Transform,
    Vector3,
    Vehicle,
    VehicleControl,
    VehiclePhysics,
)
from carla_lite.world.bodies import STATE, Bodies
from carla_lite.world.dynamics import advance
from carla_lite.world.vehicle_blueprints import VEHICLES

PHYSICS = VehiclePhysics()
MODEL3 = next(blueprint for blueprint in VEHICLES if blueprint.id == "vehicle.tesla.model3")
X, Y, YAW, SPEED, WHEEL, YAW_RATE, SLIP, SPIN, Z, CLIMB = range(len(STATE))


def _car(speed: float = 0.0, **state: float) -> tuple[Vehicle, Bodies]:
    """A Model 3 at the origin, alone on an endless plain."""
    car = Vehicle(1, MODEL3.id, Transform(), {}, MODEL3, physics=PHYSICS)
    for name, value in {"speed": speed, **state}.items():
        car.row[name] = value
    bodies = Bodies()
    bodies.add(car.row)
    car.row = bodies.rows[0]
    return car, bodies


def _drive(
    control: VehicleControl, seconds: float, speed: float = 0.0, **state: float
) -> np.ndarray:
    car, bodies = _car(speed, **state)
    car.control = control
    for _ in range(round(seconds / 0.05)):
        advance(bodies, 0.05)
    return bodies.states[0].copy()


def test_full_brake_stops_from_8_mps_in_one_second_and_never_reverses() -> None:
    state = _drive(VehicleControl(brake=1.0), 0.8, speed=8.0)
    assert 1.0 < state[SPEED] < 1.6
    state = _drive(VehicleControl(brake=1.0), 3.0, speed=8.0)
    assert state[SPEED] == 0.0
    assert state[X] == pytest.approx(8.0**2 / (2 * 8.1), rel=0.05)


def test_a_car_at_rest_stays_at_rest() -> None:
    assert not _drive(VehicleControl(), 1.0).any()
    assert _drive(VehicleControl(throttle=1.0, brake=1.0), 1.0)[SPEED] == 0.0


def test_reverse_drives_backwards() -> None:
    state = _drive(VehicleControl(throttle=1.0, reverse=True), 2.0)
    assert state[SPEED] < -5.0 and state[X] < -5.0


def test_the_hand_brake_slows_less_than_the_brake() -> None:
    rolling = _drive(VehicleControl(), 1.0, speed=10.0)[SPEED]
    hand = _drive(VehicleControl(hand_brake=True), 1.0, speed=10.0)[SPEED]
    foot = _drive(VehicleControl(brake=1.0), 1.0, speed=10.0)[SPEED]
    assert foot < hand < rolling < 10.0


def test_a_slow_turn_follows_the_wheels() -> None:
    state = _drive(VehicleControl(throttle=0.05, steer=0.2), 3.0, speed=2.0)
    wheel = 0.2 * PHYSICS.max_wheel_angle_rad
    assert state[YAW_RATE] == pytest.approx(state[SPEED] * math.tan(wheel) / 2.87, rel=0.02)


def test_a_fast_turn_is_limited_by_the_tyres() -> None:
    state = _drive(VehicleControl(throttle=0.5, steer=1.0), 1.0, speed=15.0)
    assert state[YAW_RATE] * state[SPEED] == pytest.approx(6.5, rel=0.02)


def test_steering_answers_with_its_lag() -> None:
    early = _drive(VehicleControl(throttle=0.1, steer=0.1), 0.05, speed=5.0)[YAW_RATE]
    late = _drive(VehicleControl(throttle=0.1, steer=0.1), 1.0, speed=5.0)[YAW_RATE]
    assert 0.02 * late < early < 0.4 * late


def test_mirrored_steering_gives_the_mirrored_path() -> None:
    right = _drive(VehicleControl(throttle=0.6, steer=0.3), 3.0)
    left = _drive(VehicleControl(throttle=0.6, steer=-0.3), 3.0)
    np.testing.assert_allclose(right[[X, Y, YAW]], left[[X, Y, YAW]] * [1, -1, -1], atol=1e-12)


@settings(max_examples=50, deadline=None)
@given(
    st.floats(0, 1),
    st.floats(-1, 1),
    st.floats(0, 1),
    st.booleans(),
    st.floats(-20, 20),
    st.floats(1e-4, 1.0),
)
def test_whatever_the_driver_does_the_state_stays_physical(
    throttle: float, steer: float, brake: float, reverse: bool, speed: float, duration: float
) -> None:
    car, bodies = _car(speed)
    car.control = VehicleControl(throttle, steer, brake, reverse=reverse)
    for _ in range(20):
        advance(bodies, duration)
        state = bodies.states[0]
        assert np.isfinite(state).all()
        assert abs(state[SPEED]) <= max(abs(speed), 25.0) + 1e-9
        assert abs(state[YAW_RATE]) * max(abs(state[SPEED]), 0.1) < 70.0


def test_a_model_3_drives_as_the_learning_recipe_was_measured() -> None:
    """The bicycle model written out once more, step by step: bit for bit the same."""
    car, bodies = _car()
    rng = np.random.default_rng(5)
    x = y = yaw = speed = wheel = rate = 0.0
    dt = 0.025
    for _ in range(400):
        throttle, brake = float(rng.random()), float(max(0.0, rng.uniform(-2.0, 1.0)))
        steer, reverse = float(rng.uniform(-1.0, 1.0)), bool(rng.random() < 0.1)
        car.control = VehicleControl(throttle, steer, brake, reverse=reverse)
        advance(bodies, 0.05)
        way = -1.0 if reverse else 1.0
        for _ in range(2):
            wheel += (steer * math.radians(70.0) - wheel) * (1.0 - math.exp(-dt / 0.1))
            speed += way * throttle * 4.0 * max(0.0, 1.0 - way * speed / 25.0) * dt
            lost = (0.1 + 0.0004 * speed * speed + brake * 8.0) * dt
            speed = max(0.0, speed - lost) if speed > 0.0 else min(0.0, speed + lost)
            grip = 6.5 / max(abs(speed), 0.1)
            wish = min(max(speed * math.tan(wheel) / 2.87, -grip), grip)
            rate += (wish - rate) * (1.0 - math.exp(-dt / 0.08))
            middle = yaw + 0.5 * rate * dt
            x += speed * math.cos(middle) * dt
            y += speed * math.sin(middle) * dt
            yaw += rate * dt
        assert bodies.states[0, :6].tolist() == [x, y, yaw, speed, wheel, rate]


def test_a_slide_across_the_body_ends_at_the_tyres_limit() -> None:
    state = _drive(VehicleControl(), 0.5, slip=5.0)
    assert state[SLIP] == pytest.approx(5.0 - 6.5 * 0.5)
    assert _drive(VehicleControl(), 1.0, slip=5.0)[SLIP] == 0.0


def test_a_spinning_car_goes_on_the_way_it_went() -> None:
    """Velocity turns into slip as the body turns away from it."""
    state = _drive(VehicleControl(), 0.05, speed=15.0, spin=4.0)
    angle = state[YAW]
    assert angle == pytest.approx(4.0 * 0.05, rel=0.1)
    assert state[SLIP] == pytest.approx(-15.0 * math.sin(angle), abs=6.5 * 0.05 + 0.1)
    assert _drive(VehicleControl(brake=1.0), 5.0, speed=15.0, spin=4.0)[[SLIP, SPIN]].any() == 0


def test_a_car_thrown_up_flies_a_parabola_and_lands() -> None:
    state = _drive(VehicleControl(throttle=1.0, steer=1.0), 0.5, speed=10.0, climb=4.905)
    assert state[Z] == pytest.approx(1.226, abs=0.13)
    assert (state[SPEED], state[WHEEL]) == (10.0, 0.0)  # no wheel touches the road
    state = _drive(VehicleControl(), 1.5, speed=10.0, climb=4.905)
    assert (state[Z], state[CLIMB]) == (0.0, 0.0)


@settings(max_examples=50)
@given(st.floats(), st.floats(), st.floats())
def test_a_control_is_clipped_or_refused(throttle: float, steer: float, brake: float) -> None:
    control = VehicleControl(throttle, steer, brake)
    if all(map(math.isfinite, (throttle, steer, brake))):
        checked = control.checked()
        assert 0.0 <= checked.throttle <= 1.0 and -1.0 <= checked.steer <= 1.0
        assert 0.0 <= checked.brake <= 1.0
    else:
        with pytest.raises(InvalidValueError, match="must be finite"):
            control.checked()


def test_a_control_keeps_what_is_in_range() -> None:
    control = VehicleControl(0.25, -0.5, 0.75, True, True, True, 3)
    assert control.checked() == control
    assert Transform(Vector3(1.0), Rotation(yaw=2.0)).rotation.yaw == 2.0
