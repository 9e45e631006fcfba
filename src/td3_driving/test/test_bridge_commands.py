"""Only fresh commands reach the simulator, whatever order they come in."""

from hypothesis import given
from hypothesis import strategies as st

from td3_driving.nodes.bridge_commands import CommandIntake
from td3_driving.simulator import BRAKE, Command

GO = Command(throttle=1.0)
stamps = st.lists(st.integers(0, 20), max_size=60)


def intake(lock_step: bool, *frames: int) -> CommandIntake:
    fresh = CommandIntake(lock_step, timeout_s=0.5)
    for stamp_ns in frames:
        fresh.frame(stamp_ns)
    return fresh


@given(stamps)
def test_in_lock_step_a_frame_is_answered_at_most_once_and_only_while_it_is_the_newest(
    commands: list[int],
) -> None:
    gate, newest = intake(True, 5), 5
    for stamp_ns in commands:
        accepted = gate.accept(stamp_ns, GO, now_s=0.0)
        assert accepted == (stamp_ns == newest)
        if accepted:
            newest += 1
            gate.frame(newest)
    assert sum(gate.ignored.values()) == len(commands) - (newest - 5)


@given(stamps)
def test_at_a_fixed_rate_accepted_stamps_only_grow_and_answer_frames_of_the_episode(
    commands: list[int],
) -> None:
    gate = intake(False, 5, 10, 15)
    accepted = [stamp_ns for stamp_ns in commands if gate.accept(stamp_ns, GO, now_s=0.0)]
    assert accepted == sorted(set(accepted))
    assert all(5 <= stamp_ns <= 15 for stamp_ns in accepted)
    assert sum(gate.ignored.values()) == len(commands) - len(accepted)


def test_nothing_is_accepted_before_the_first_frame_and_after_the_end() -> None:
    gate = intake(True)
    assert not gate.accept(1, GO, now_s=0.0)
    gate.frame(1)
    gate.forget()
    assert not gate.accept(1, GO, now_s=0.0)
    assert gate.ignored["no_episode"] == 2
    assert gate.current(now_s=0.0) == BRAKE


def test_silence_brakes_after_half_a_second() -> None:
    gate = intake(False, 1)
    assert gate.current(now_s=10.0) == BRAKE
    gate.accept(1, GO, now_s=10.0)
    assert gate.current(now_s=10.5) == GO
    assert gate.current(now_s=10.51) == BRAKE
    gate.accept(1, GO, now_s=10.6)  # a repeated command is no sign of life
    assert gate.current(now_s=10.6) == BRAKE


def test_a_second_command_for_the_same_frame_is_a_duplicate() -> None:
    for lock_step in (True, False):
        gate = intake(lock_step, 1)
        assert gate.accept(1, GO, now_s=0.0)
        assert not gate.accept(1, BRAKE, now_s=0.1)
        assert gate.current(now_s=0.1) == GO and gate.ignored["duplicate"] == 1
