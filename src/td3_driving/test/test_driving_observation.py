import math

import numpy as np
import pytest

from td3_driving.driving.observation import vector, vector_dim
from td3_driving.driving.vehicle import VehicleState
from td3_driving.driving.waypoint_noise import WaypointNoise, WaypointNoiseConfig

STATE = VehicleState(0.0, 3.0, 4.0, 0.5, speed_mps=5.0, yaw_rate_radps=-0.25)
STRAIGHT = np.column_stack([np.arange(2.0, 51.0, 2.0), np.zeros(25)]).astype(np.float32)


def test_vector_holds_speed_yaw_rate_last_steer_and_waypoints_in_this_order() -> None:
    waypoints = STRAIGHT.copy()
    waypoints[0] = (2.0, -1.0)
    observed = vector(STATE, -0.75, waypoints)
    assert observed.dtype == np.float32 and observed.shape == (vector_dim(25),) == (53,)
    np.testing.assert_allclose(observed[:7], [0.5, -0.25, -0.75, 0.1, -0.05, 0.2, 0.0])


def test_vector_does_not_depend_on_where_in_the_map_the_vehicle_is() -> None:
    elsewhere = VehicleState(9.0, -300.0, 4e3, -2.0, speed_mps=5.0, yaw_rate_radps=-0.25)
    assert np.array_equal(vector(STATE, 0.0, STRAIGHT), vector(elsewhere, 0.0, STRAIGHT))


def test_vector_is_bounded_however_wild_the_motion() -> None:
    wild = VehicleState(0.0, 0.0, 0.0, 0.0, speed_mps=1e30, yaw_rate_radps=-1e30)
    assert np.abs(vector(wild, 1e9, 1e20 * STRAIGHT)).max() <= 5.0


def test_vector_refuses_what_is_not_finite_or_misshapen_by_name() -> None:
    broken = STRAIGHT.copy()
    broken[7, 1] = np.nan
    with pytest.raises(ValueError, match="waypoint 7"):
        vector(STATE, 0.0, broken)
    with pytest.raises(ValueError, match="last_steer"):
        vector(STATE, math.inf, STRAIGHT)
    with pytest.raises(ValueError, match="shape"):
        vector(STATE, 0.0, STRAIGHT.ravel())


def test_full_waypoints_are_exact_and_none_are_zeros() -> None:
    full, none = (WaypointNoise(WaypointNoiseConfig(mode)) for mode in ("full", "none"))
    assert np.array_equal(full.apply(STRAIGHT, 0.3, 0.05), STRAIGHT)
    hidden = none.apply(STRAIGHT, 0.3, 0.05)
    assert hidden.dtype == np.float32 and not hidden.any()


def test_same_seed_same_drift() -> None:
    noise, again = (WaypointNoise(WaypointNoiseConfig("noisy"), seed=3) for _ in range(2))
    first = [noise.apply(STRAIGHT, 0.0, 0.05) for _ in range(5)]
    assert np.array_equal(first, [again.apply(STRAIGHT, 0.0, 0.05) for _ in range(5)])
    noise.reset(3)
    assert np.array_equal(first, [noise.apply(STRAIGHT, 0.0, 0.05) for _ in range(5)])
    noise.reset(4)
    assert not np.allclose(first[0], noise.apply(STRAIGHT, 0.0, 0.05))


def test_drift_has_the_size_and_the_correlation_time_of_a_gps() -> None:
    noise = WaypointNoise(WaypointNoiseConfig("noisy"), seed=0)
    origin_and_ahead = np.array([(0.0, 0.0), (1.0, 0.0)], np.float32)
    seen = np.array([noise.apply(origin_and_ahead, 0.0, 1.0) for _ in range(20_000)], np.float64)
    bias, along = seen[:, 0], seen[:, 1] - seen[:, 0]
    turn = np.arctan2(along[:, 1], along[:, 0])
    np.testing.assert_allclose(bias.std(axis=0), 1.2, rtol=0.1)
    assert math.degrees(turn.std()) == pytest.approx(3.0, rel=0.1)
    lag_one = np.corrcoef(bias[:-1, 0], bias[1:, 0])[0, 1]
    assert -1.0 / math.log(lag_one) == pytest.approx(10.0, rel=0.2)


def test_drift_keeps_its_direction_in_the_map_while_the_car_turns() -> None:
    noise = WaypointNoise(WaypointNoiseConfig("noisy"), seed=1)
    origin = np.zeros((1, 2), np.float32)
    east, north = noise.apply(origin, 0.0, 0.0)[0]
    np.testing.assert_allclose(noise.apply(origin, math.pi / 2, 0.0)[0], (north, -east), atol=1e-6)


@pytest.mark.parametrize(
    "values", [{"mode": "gps"}, {"sigma_m": math.nan}, {"tau_s": 0.0}, {"sigma_heading_rad": -1.0}]
)
def test_impossible_noise_is_refused_by_name(values: dict) -> None:
    with pytest.raises(ValueError, match="gps" if "mode" in values else next(iter(values))):
        WaypointNoiseConfig(**values)
