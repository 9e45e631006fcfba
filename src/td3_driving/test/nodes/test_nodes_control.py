"""control over real DDS: whatever comes in, what goes out can be obeyed; silence brakes."""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from td3_driving.nodes import managed
from td3_driving.nodes.control import Control
from td3_driving.parameters import ParameterError
from td3_driving.ros import topics
from td3_driving.ros.messages import header
from td3_driving_msgs.msg import Action

ANY_FLOAT = st.floats(width=32, allow_nan=True, allow_infinity=True)


def action(step: int, steer: float = 0.0, acceleration: float = 0.0) -> Action:
    head = header(10_000_000_000 + step * 50_000_000, "ego_vehicle/base_link")
    return Action(header=head, episode=1, step=step, steer=steer, acceleration=acceleration)


@pytest.fixture
def make_guard(make_bench) -> Any:
    """A guard whose clock stands; `.clock` lets it go on."""

    def make(**parameters: Any) -> Any:
        heard = (topics.VEHICLE_CONTROL, topics.GUARD, topics.HEARTBEAT)
        guard = make_bench(Control, *heard, **parameters)
        guard.clock = guard.hold_clock()
        return guard

    return make


@pytest.fixture
def guard(make_guard) -> Any:
    return make_guard()


def pass_on(guard: Any, *given: Any) -> tuple[Any, Any]:
    """What the node makes of an action: the command and the guard's state."""
    guard.say(topics.ACTION, action(*given))
    return guard.next(topics.VEHICLE_CONTROL), guard.next(topics.GUARD)


def test_a_sound_action_passes_unchanged_with_its_stamp(guard) -> None:
    command, state = pass_on(guard, 3, 0.25, 0.5)
    assert (command.steer, command.throttle, command.brake) == (0.25, 0.5, 0.0)
    assert command.header == state.header == action(3).header
    assert not state.active and state.interventions == 0 and state.action_age_s == 0.0
    command, _ = pass_on(guard, 4, 0.25, -0.5)
    assert (command.throttle, command.brake) == (0.0, 0.5)


def wait_for_checks(guard: Any) -> None:
    """Until the guard has looked for silence some times more: it does so at least at each beat."""
    assert Control.CHECK_PERIOD_S <= 0.05 < managed.BEAT_S
    seen = len(guard.heard["heartbeat"])
    guard.until(lambda: len(guard.heard["heartbeat"]) >= seen + 2)


def test_stale_action_brakes_within_half_a_second(guard) -> None:
    pass_on(guard, 0, 0.0, 1.0)
    guard.clock.advance(0.5)
    wait_for_checks(guard)
    assert guard.heard["vehicle_control_cmd"] == []
    guard.clock.advance(0.001)
    command, state = guard.next(topics.VEHICLE_CONTROL), guard.next(topics.GUARD)
    assert (command.throttle, command.brake) == (0.0, 1.0)
    assert state.stale and state.active and state.action_age_s == pytest.approx(0.501)


def test_silence_is_measured_on_the_walls_clock(make_bench) -> None:
    guard = make_bench(Control, topics.VEHICLE_CONTROL, topics.GUARD)
    pass_on(guard, 0, 0.0, 1.0)
    command, state = guard.next(topics.VEHICLE_CONTROL), guard.next(topics.GUARD)
    assert command.brake == 1.0 and state.stale and state.action_age_s > 0.5


def test_the_brake_is_held_while_the_silence_lasts_and_released_by_a_fresh_action(guard) -> None:
    pass_on(guard, 0, 0.2, 1.0)
    guard.clock.advance(0.6)
    for _ in range(3):
        command, state = guard.next(topics.VEHICLE_CONTROL), guard.next(topics.GUARD)
        assert command.brake == 1.0 and command.steer == pytest.approx(0.2) and state.stale
    guard.say(topics.ACTION, action(1, 0.2, 1.0))
    guard.until(lambda: any(not state.stale for state in guard.heard["guard_state"]))
    assert guard.heard["vehicle_control_cmd"][-1].throttle == 1.0


def test_nothing_is_commanded_before_the_first_action(guard) -> None:
    guard.clock.advance(10.0)
    wait_for_checks(guard)
    assert guard.heard["vehicle_control_cmd"] == []


@pytest.mark.parametrize(
    ("steer", "acceleration"), [(math.nan, 0.5), (0.5, math.nan), (math.inf, -math.inf)]
)
def test_nan_never_reaches_the_output_and_the_guard_says_so(
    guard, steer: float, acceleration: float
) -> None:
    first, state = pass_on(guard, 0, steer, acceleration)
    assert first.brake == 1.0 and state.non_finite and state.stale
    pass_on(guard, 1, 0.25, 0.5)
    held, state = pass_on(guard, 2, steer, acceleration)
    assert (held.steer, held.throttle) == (0.25, 0.5)
    assert state.active and state.non_finite and not state.stale
    assert state.interventions == guard.node.interventions == 2


def test_not_a_number_for_half_a_second_is_as_good_as_silence(guard) -> None:
    pass_on(guard, 0, 0.0, 1.0)
    commands = [pass_on(guard, step, math.nan, 1.0)[0] for step in range(1, 13)]
    assert commands[0].throttle == 1.0 and commands[-1].brake == 1.0


def test_what_is_out_of_range_is_clipped(make_guard) -> None:
    guard = make_guard(max_throttle=0.6, max_steer=0.5, steer_rate_per_s=1000.0)
    command, state = pass_on(guard, 0, 3.0, 2.0)
    assert command.steer == pytest.approx(0.5) and command.throttle == pytest.approx(0.6)
    assert state.clipped and state.active


def test_steering_is_slowed_down_to_its_rate(make_guard) -> None:
    guard = make_guard(steer_rate_per_s=2.0, tick_s=0.05)
    steers, states = zip(
        *[(c.steer, s) for c, s in (pass_on(guard, i, 1.0, 0.0) for i in range(3))], strict=True
    )
    assert steers == pytest.approx((0.1, 0.2, 0.3))
    assert all(state.rate_limited and state.active for state in states)


def test_a_new_episode_begins_with_straight_wheels(make_guard) -> None:
    guard = make_guard(steer_rate_per_s=2.0)
    for step in range(5):
        pass_on(guard, step, 1.0, 0.0)
    command, _ = pass_on(guard, 0, -1.0, 0.0)
    assert command.steer == pytest.approx(-0.1)


def test_after_silence_as_many_fresh_actions_as_asked_release_the_brake(make_guard) -> None:
    guard = make_guard(recovery_commands=3)
    commands = [pass_on(guard, step, 0.0, 1.0)[0] for step in range(3)]
    assert [command.brake for command in commands] == [1.0, 1.0, 0.0]


def test_a_stamp_that_is_none_is_refused_and_counted(guard, errors_of) -> None:
    errors, message = errors_of(guard.node), action(0, 0.5, 0.5)
    message.header.stamp.nanosec = 4_000_000_000
    guard.say(topics.ACTION, message)
    guard.until(lambda: guard.node.invalid)
    assert errors == ["action ignored: stamp has 4000000000 nanoseconds, must be in [0, 1e9)"]
    assert pass_on(guard, 1, 0.5, 0.5)[0].throttle == 0.5


@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(step=st.integers(0, 2**32 - 1), steer=ANY_FLOAT, acceleration=ANY_FLOAT)
def test_no_action_whatever_leads_to_a_command_out_of_range(
    guard, step: int, steer: float, acceleration: float
) -> None:
    message = action(0, steer, acceleration)
    message.step = step
    guard.say(topics.ACTION, message)
    command = guard.next(topics.VEHICLE_CONTROL)
    assert -1.0 <= command.steer <= 1.0
    assert 0.0 <= command.throttle <= 1.0 and 0.0 <= command.brake <= 1.0
    assert command.throttle == 0.0 or command.brake == 0.0
    assert not command.reverse and not command.hand_brake


def test_the_guards_health_tells_braking_from_passing_on(make_bench) -> None:
    guard = make_bench(Control, topics.DIAGNOSTICS, topics.VEHICLE_CONTROL)
    assert guard.next(topics.DIAGNOSTICS).status[0].message == "waiting for the first action"
    guard.say(topics.ACTION, action(0))
    guard.until(lambda: _last(guard, "passing actions on") or _last(guard, "no action: braking"))
    guard.until(lambda: _last(guard, "no action: braking"))
    assert guard.heard["/diagnostics"][-1].status[0].level == b"\x01"


def _last(guard: Any, message: str) -> bool:
    heard = guard.heard["/diagnostics"]
    return bool(heard) and heard[-1].status[0].message == message


@pytest.mark.parametrize(
    ("parameters", "complaint"),
    [
        ({"stale_after_s": 60.0}, r"^parameter control\.stale_after_s must be in \[0.05, 5.0\] s"),
        ({"max_steer": math.nan}, r"^parameter control\.max_steer must be finite"),
        ({"max_steer": 1}, r"control\.max_steer must be float, got int 1"),
        ({"stale_after": 0.5}, r"stale_after does not exist; did you mean stale_after_s"),
    ],
)
def test_parameters_that_cannot_be_are_refused_with_one_sentence(
    make_bench, parameters: dict[str, Any], complaint: str
) -> None:
    with pytest.raises(ParameterError, match=complaint) as refusal:
        make_bench(Control, **parameters)
    assert "\n" not in str(refusal.value)
