"""What no vehicle does by itself is a fault; what any vehicle may do is none."""

from __future__ import annotations

import numpy as np
import pytest

from td3_driving.driving.plausibility import PlausibilityCheck
from td3_driving.driving.vehicle import VehicleState

DT_S = 0.05


def state(step: int, x_m: float, speed_mps: float = 8.0) -> VehicleState:
    return VehicleState(step * DT_S, x_m, 0.0, 0.0, speed_mps, 0.0, 0.0)


def picture(grey: int) -> np.ndarray:
    return np.full((84, 84), grey, np.uint8)


def test_a_place_out_of_reach_is_a_jump_and_the_next_episodes_start_is_none() -> None:
    check = PlausibilityCheck()
    assert check.fault(state(0, 0.0), picture(0)) == ""
    assert check.fault(state(1, 0.4), picture(1)) == ""
    assert "jumped 59.6 m in 0.05 s" in check.fault(state(2, 60.0), picture(2))
    check.reset()
    assert check.fault(state(3, -500.0), picture(3)) == ""


def test_lost_ticks_and_collisions_are_no_jumps() -> None:
    check = PlausibilityCheck()
    check.fault(state(0, 0.0), picture(0))
    assert check.fault(state(20, 8.0), picture(1)) == ""  # a second was lost on the way
    assert check.fault(state(21, 6.0, speed_mps=0.0), picture(2)) == ""  # thrown back


@pytest.mark.parametrize(("speed_mps", "told"), [(8.0, True), (0.5, False)])
def test_the_same_picture_for_over_half_a_second_is_a_fault_while_the_car_moves(
    speed_mps: float, told: bool
) -> None:
    check = PlausibilityCheck()
    faults = [
        check.fault(state(step, speed_mps * DT_S * step, speed_mps), picture(7))
        for step in range(13)
    ]
    assert not any(faults[:11])
    assert [bool(fault) for fault in faults[11:]] == [told, told]


def test_one_pixel_of_difference_is_another_picture() -> None:
    check, same = PlausibilityCheck(), picture(7)
    for step in range(40):
        now = same.copy()
        now[0, 0] = step % 2
        assert check.fault(state(step, 0.4 * step), now) == ""
