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
    VehicleControl,
    VehiclePhysics,
)
from carla_lite.world.dynamics import SPEED, STATE_SIZE, YAW, YAW_RATE, X, Y, advance

PHYSICS = VehiclePhysics()


def _drive(control: VehicleControl, seconds: float, speed: float = 0.0) -> np.ndarray:
    state = np.zeros(STATE_SIZE)
    state[SPEED] = speed
    for _ in range(round(seconds / 0.05)):
        advance(
            state,
            PHYSICS.as_array(),
            control.throttle,
            control.steer,
            control.brake,
            control.hand_brake,
            control.reverse,
            0.05,
        )
    return state


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
    state = np.zeros(STATE_SIZE)
    state[SPEED] = speed
    for _ in range(20):
        advance(state, PHYSICS.as_array(), throttle, steer, brake, False, reverse, duration)
        assert np.isfinite(state).all()
        assert abs(state[SPEED]) <= max(abs(speed), 25.0) + 1e-9
        assert abs(state[YAW_RATE]) * max(abs(state[SPEED]), 0.1) < 70.0


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
