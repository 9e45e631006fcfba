import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from td3_driving.driving.action import Command, to_command
from td3_driving.driving.gate import CommandGate, GateLimits, GuardReport

DT_S = 0.05
ANY = st.floats(allow_nan=True, allow_infinity=True)
COMMANDS = st.none() | st.builds(Command, ANY, ANY, ANY)
GOOD = Command(throttle=0.4, steer=0.1, brake=0.0)
FULL_BRAKE = (0.0, 1.0)


def pedals(command: Command) -> tuple[float, float]:
    return command.throttle, command.brake


def driving_gate(**limits: float) -> CommandGate:
    """A gate that has just let GOOD through."""
    gate = CommandGate(GateLimits(**limits))
    for _ in range(gate.limits.recovery_commands):
        gate.filter(GOOD, 0.0, DT_S)
    return gate


@settings(max_examples=500, deadline=None)
@given(
    calls=st.lists(st.tuples(COMMANDS, ANY, ANY), max_size=8),
    max_steer=st.floats(0.1, 1.0),
    max_throttle=st.floats(0.1, 1.0),
)
def test_whatever_comes_in_only_finite_limited_commands_come_out(
    calls: list[tuple[Command | None, float, float]], max_steer: float, max_throttle: float
) -> None:
    gate = CommandGate(GateLimits(max_steer=max_steer, max_throttle=max_throttle))
    for command, age_s, dt_s in calls:
        out, _ = gate.filter(command, age_s, dt_s)
        assert abs(out.steer) <= max_steer
        assert 0.0 <= out.throttle <= max_throttle
        assert 0.0 <= out.brake <= 1.0
        assert out.throttle == 0.0 or out.brake == 0.0


@settings(max_examples=200, deadline=None)
@given(
    steers=st.lists(st.floats(-1e30, 1e30), min_size=1, max_size=20),
    dt_s=st.floats(0.0, 0.2),
)
def test_steering_never_moves_faster_than_its_limit(steers: list[float], dt_s: float) -> None:
    gate, last = CommandGate(GateLimits()), 0.0
    for steer in steers:
        out, report = gate.filter(Command(0.2, steer, 0.0), 0.0, dt_s)
        assert abs(out.steer - last) <= 10.0 * dt_s + 1e-9
        assert report.rate_limited == (out.steer != min(max(steer, -1.0), 1.0))
        last = out.steer


def test_normal_driving_passes_unchanged() -> None:
    assert driving_gate().filter(GOOD, 0.02, DT_S) == (GOOD, GuardReport())
    assert not GuardReport().active


def test_lock_to_lock_takes_a_fifth_of_a_second() -> None:
    gate = CommandGate(GateLimits())
    gate.reset(steer=-1.0)
    steers = [gate.filter(Command(0.0, 1.0, 0.0), 0.0, DT_S)[0].steer for _ in range(4)]
    assert steers == pytest.approx([-0.5, 0.0, 0.5, 1.0])


def test_silence_brakes_after_half_a_second_and_holds_the_wheel() -> None:
    gate = driving_gate()
    for _ in range(10):
        out, report = gate.filter(None, math.nan, 0.049)
        assert out == GOOD and not report.active
    out, report = gate.filter(None, math.nan, 0.049)
    assert pedals(out) == FULL_BRAKE and out.steer == GOOD.steer
    assert report == GuardReport(stale=True)


@pytest.mark.parametrize("age_s", [0.51, -0.51, math.inf, math.nan])
def test_a_command_from_another_time_brakes(age_s: float) -> None:
    out, report = driving_gate().filter(GOOD, age_s, DT_S)
    assert pedals(out) == FULL_BRAKE and report.stale


@pytest.mark.parametrize("age_s", [0.0, 0.49, -0.49])
def test_a_command_within_half_a_second_is_obeyed(age_s: float) -> None:
    assert driving_gate().filter(GOOD, age_s, DT_S) == (GOOD, GuardReport())


def test_before_the_first_command_the_brake_holds_the_vehicle() -> None:
    out, report = CommandGate(GateLimits()).filter(None, 0.0, DT_S)
    assert pedals(out) == FULL_BRAKE and report.stale


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("name", ["throttle", "steer", "brake"])
def test_a_command_that_is_not_finite_is_ignored_then_brakes_as_silence_does(
    name: str, bad: float
) -> None:
    gate = driving_gate()
    values = {"throttle": 0.1, "steer": 0.0, "brake": 0.0, name: bad}
    for _ in range(10):
        out, report = gate.filter(Command(**values), 0.0, 0.049)
        assert out == GOOD and report == GuardReport(non_finite=True)
    out, report = gate.filter(Command(**values), 0.0, 0.049)
    assert pedals(out) == FULL_BRAKE and report == GuardReport(non_finite=True, stale=True)


def test_values_out_of_range_are_clipped_and_reported() -> None:
    gate = CommandGate(GateLimits(steer_rate_per_s=1e6))
    out, report = gate.filter(Command(1e30, -1e30, -3.0), 0.0, DT_S)
    assert out == Command(1.0, -1.0, 0.0) and report == GuardReport(clipped=True)


def test_the_brake_wins_over_the_throttle() -> None:
    out, report = driving_gate().filter(Command(0.8, 0.1, 0.3), 0.0, DT_S)
    assert pedals(out) == (0.0, 0.3) and report == GuardReport(clipped=True)


def test_in_lock_step_one_fresh_command_releases_the_brake() -> None:
    gate = driving_gate()
    gate.filter(None, 0.0, 1.0)
    assert gate.filter(GOOD, 0.0, DT_S) == (GOOD, GuardReport())


def test_at_a_fixed_rate_three_fresh_commands_in_a_row_release_the_brake() -> None:
    gate = driving_gate(recovery_commands=3)
    gate.filter(None, 0.0, 1.0)
    stale = [gate.filter(GOOD, 0.0, DT_S)[1].stale for _ in range(2)]
    stale.append(gate.filter(GOOD, 0.6, DT_S)[1].stale)  # breaks the row
    stale += [gate.filter(GOOD, 0.0, DT_S)[1].stale for _ in range(2)]
    stale.append(gate.filter(Command(math.nan, 0.0, 0.0), 0.0, DT_S)[1].stale)  # so does this
    stale += [gate.filter(GOOD, 0.0, DT_S)[1].stale for _ in range(2)]
    stale.append(gate.filter(None, 0.0, DT_S)[1].stale)  # a tick without news does not
    stale.append(gate.filter(GOOD, 0.0, DT_S)[1].stale)
    assert stale == [True] * 9 + [False]


@pytest.mark.parametrize("dt_s", [-0.01, math.nan, math.inf])
def test_a_clock_that_makes_no_sense_brakes(dt_s: float) -> None:
    out, report = driving_gate().filter(GOOD, 0.0, dt_s)
    assert pedals(out) == FULL_BRAKE and report.stale


def test_a_reset_forgets_the_last_episodes_command_and_wheel() -> None:
    gate = driving_gate()
    gate.reset()
    out, report = gate.filter(None, 0.0, DT_S)
    assert out == Command(0.0, 0.0, 1.0) and report.stale


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("stale_after_s", 0.0),
        ("stale_after_s", math.inf),
        ("steer_rate_per_s", -1.0),
        ("max_steer", 1.1),
        ("max_throttle", math.nan),
        ("recovery_commands", 0),
    ],
)
def test_impossible_limits_are_refused_by_name(name: str, value: float) -> None:
    with pytest.raises(ValueError, match=rf"GateLimits\.{name}"):
        GateLimits(**{name: value})


def test_positive_acceleration_is_throttle_and_negative_is_brake() -> None:
    assert to_command(0.3, 0.6) == Command(throttle=0.6, steer=0.3, brake=0.0)
    assert to_command(-0.3, -0.6) == Command(throttle=0.0, steer=-0.3, brake=0.6)


@given(steer=ANY, acceleration=ANY)
def test_no_action_hides_that_it_is_not_finite_from_the_gate(
    steer: float, acceleration: float
) -> None:
    _, report = driving_gate().filter(to_command(steer, acceleration), 0.0, DT_S)
    assert report.non_finite == (not (math.isfinite(steer) and math.isfinite(acceleration)))
