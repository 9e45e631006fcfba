import numpy as np
import pytest

from td3_driving.evaluation.comfort import BOUNDS, comfort, signals, smooth

TICK_S = 0.05
TIMES = TICK_S * np.arange(100)

NOISY = np.array([
    0.126, -0.132, 0.64, 0.105, -0.536, 0.362, 1.304, 0.947, -0.704, -1.265,
    -0.623, 0.041, -2.325, -0.219, -1.246, -0.732, -0.544, -0.316, 0.412, 1.043,
])  # fmt: skip
# scipy.signal.savgol_filter(NOISY, 15, 2, deriv=..., delta=0.05, mode="interp")
SCIPY_VALUES = [
    0.129221, 0.192626, 0.229392, 0.239519, 0.223007, 0.179855, 0.110064, 0.013633, -0.179399,
    -0.422891, -0.578074, -0.784686, -1.040235, -1.020337, -0.916592, -0.729, -0.457562,
    -0.102277, 0.336854, 0.859832,
]  # fmt: skip
SCIPY_SLOPES = [
    1.534502, 1.001716, 0.46893, -0.063856, -0.596642, -1.129428, -1.662214, -2.195, -2.237214,
    -2.271571, -1.721357, -1.044571, -0.4405, 1.236433, 2.913366, 4.590298, 6.267231, 7.944164,
    9.621097, 11.298029,
]  # fmt: skip


def test_smoothing_and_slopes_are_those_of_scipys_savitzky_golay_filter() -> None:
    assert smooth(NOISY, TICK_S) == pytest.approx(SCIPY_VALUES, abs=1e-6)
    assert smooth(NOISY, TICK_S, 1) == pytest.approx(SCIPY_SLOPES, abs=1e-6)


def test_a_parabola_is_its_own_fit_up_to_both_ends() -> None:
    values = 2.0 - 3.0 * TIMES + 0.5 * TIMES**2
    assert smooth(values, TICK_S) == pytest.approx(values)
    assert smooth(values, TICK_S, 1) == pytest.approx(-3.0 + TIMES)


@pytest.mark.parametrize("count", [1, 2, 3, 5])
def test_an_episode_shorter_than_the_window_has_a_slope_too(count: int) -> None:
    values = 4.0 + 2.0 * TIMES[:count]
    assert smooth(values, TICK_S) == pytest.approx(values)
    assert smooth(values, TICK_S, 1) == pytest.approx([2.0 if count > 1 else 0.0] * count)


def test_braking_evenly_in_a_bend_feels_as_worked_out_by_hand() -> None:
    # 10 m/s less 3 m/s per second, turning at 0.4 rad/s.
    felt = signals(10.0 - 3.0 * TIMES[:41], np.full(41, 0.4), TICK_S)
    assert felt["longitudinal_acceleration"] == pytest.approx(np.full(41, -3.0))
    assert felt["lateral_acceleration"] == pytest.approx(4.0 - 1.2 * TIMES[:41])
    assert felt["longitudinal_jerk"] == pytest.approx(np.zeros(41), abs=1e-9)
    assert felt["yaw_rate"] == pytest.approx(np.full(41, 0.4))
    assert felt["yaw_acceleration"] == pytest.approx(np.zeros(41), abs=1e-9)
    # d/dt sqrt(9 + (4 - 1.2 t)^2) at t = 1 s: -1.2 * 2.8 / sqrt(9 + 2.8^2).
    assert felt["jerk"][20] == pytest.approx(-1.2 * 2.8 / np.hypot(3.0, 2.8), rel=3e-3)


def test_shares_count_the_time_within_each_bound() -> None:
    still = comfort(np.full(100, 8.0), np.zeros(100), TICK_S)
    assert still == dict.fromkeys((*BOUNDS, "all"), 100.0)
    # 12 m/s at 0.5 rad/s: 6 m/s2 sideways, beyond 4.89, for half of the time.
    yaw_rate = np.where(np.arange(2000) < 1000, 0.0, 0.5)
    half = comfort(np.full(2000, 12.0), yaw_rate, TICK_S)
    assert half["lateral_acceleration"] == pytest.approx(50.0, abs=0.3)
    assert half["longitudinal_acceleration"] == 100.0 and half["yaw_rate"] == 100.0
    assert half["all"] == pytest.approx(50.0, abs=0.5)


def test_the_bounds_of_throttle_and_brake_differ() -> None:
    def share(acceleration: float) -> float:
        speed = 50.0 + acceleration * TIMES
        return comfort(speed, np.zeros(100), TICK_S)["longitudinal_acceleration"]

    assert (share(2.3), share(2.5), share(-4.0), share(-4.1)) == (100.0, 0.0, 100.0, 0.0)
