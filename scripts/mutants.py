"""Removes each guard in turn and sees the test that is named for it fail; 1 if one does not.

The guards are removed in a copy of the sources; nothing here is changed. --list names the mutants,
--only TEXT runs some of them, --page FILE puts the table into a page.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = "src/td3_driving/td3_driving"
TESTS = "src/td3_driving/test"
BEGIN, END = "<!-- mutants -->", "<!-- end of mutants -->"
COPIED = ("src/td3_driving", "config", "pyproject.toml")


class Mutant(NamedTuple):
    """A guard, where it stands, what to put in its place, and the test that must go red."""

    guard: str
    file: str
    text: str
    replacement: str
    test: str


MUTANTS = (
    Mutant(
        "a command that is not finite is ignored", "driving/gate.py",
        "non_finite = command is not None and not _is_finite(command)", "non_finite = False",
        "test_driving_gate.py::"
        "test_a_command_that_is_not_finite_is_ignored_then_brakes_as_silence_does",
    ),
    Mutant(
        "silence brakes in control", "driving/gate.py",
        "self._held_age_s > self.limits.stale_after_s", "False",
        "test_driving_gate.py::test_silence_brakes_after_half_a_second_and_holds_the_wheel",
    ),
    Mutant(
        "steering is slowed down to its rate", "driving/gate.py",
        "steer = min(max(bounded.steer, self._steer - change), self._steer + change)",
        "steer = bounded.steer",
        "test_driving_gate.py::test_steering_never_moves_faster_than_its_limit",
    ),
    Mutant(
        "the brake wins over the throttle", "driving/gate.py",
        "throttle = 0.0 if brake > 0.0 else min(", "throttle = min(",
        "test_driving_gate.py::test_the_brake_wins_over_the_throttle",
    ),
    Mutant(
        "a clock that makes no sense brakes", "driving/gate.py",
        "or not clock_is_sane:", "or False:",
        "test_driving_gate.py::test_a_clock_that_makes_no_sense_brakes",
    ),
    Mutant(
        "silence brakes in the bridge", "nodes/bridge_commands.py",
        "return now_s - self._arrived_s > self._timeout_s", "return False",
        "test_bridge_commands.py::test_silence_brakes_after_half_a_second",
    ),
    Mutant(
        "a frame is answered once", "nodes/bridge_commands.py",
        "if stamp_ns == self._answered_ns:", "if False:",
        "test_bridge_commands.py::test_a_second_command_for_the_same_frame_is_a_duplicate",
    ),
    Mutant(
        "a command from the future is ignored", "nodes/bridge_commands.py",
        'return "newer" if stamp_ns > self._newest_ns else ""', 'return ""',
        "test_bridge_commands.py::"
        "test_at_a_fixed_rate_accepted_stamps_only_grow_and_answer_frames_of_the_episode",
    ),
    Mutant(
        "a jump of odometry is a fault", "driving/plausibility.py",
        "if moved_m <= possible_m:", "if True:",
        "test_driving_plausibility.py::"
        "test_a_place_out_of_reach_is_a_jump_and_the_next_episodes_start_is_none",
    ),
    Mutant(
        "a frozen camera is a fault", "driving/plausibility.py",
        "if frozen_s > FROZEN_AFTER_S:", "if False:",
        "test_driving_plausibility.py::"
        "test_the_same_picture_for_over_half_a_second_is_a_fault_while_the_car_moves",
    ),
    Mutant(
        "a stamp is checked", "ros/messages.py",
        "if not 0 <= stamp.nanosec < NS:", "if False:",
        "test_ros_validation.py::test_a_stamp_has_less_than_a_second_of_nanoseconds",
    ),
    Mutant(
        "odometry is finite and possible", "ros/messages.py",
        "if not abs(value) <= most:", "if False:",
        "test_ros_validation.py::test_odometry_is_finite_and_what_a_vehicle_can_do",
    ),
    Mutant(
        "a picture has the size that it says", "ros/messages.py",
        "if message.step < row or len(message.data) != height * message.step:", "if False:",
        "test_ros_validation.py::test_a_picture_has_the_size_that_it_says",
    ),
    Mutant(
        "a reward that is no number is not stored", "learning/replay.py",
        "if not (isinstance(reward, int | float | np.number) and abs(reward) <= _LARGEST):",
        "if False:",
        "agent/test_agent_trainer.py::"
        "test_what_is_not_a_number_stops_at_the_door_and_nothing_stored_is_lost",
    ),
    Mutant(
        "a fault drops the open decision", "agent/runner.py",
        "        self.status.message = detail\n        if self.trainer is not None:",
        "        self.status.message = detail\n        if False:",
        "agent/test_agent_ledger.py::"
        "test_a_decision_that_a_fault_cuts_off_is_dropped_for_that_reason",
    ),
    Mutant(
        "what is dropped is accounted for", "agent/trainer.py",
        "self.ledger.dropped[why] += self.replay.dropped - before", "del before",
        "agent/test_agent_ledger.py::"
        "test_a_decision_that_a_fault_cuts_off_is_dropped_for_that_reason",
    ),
    Mutant(
        "an imbalance of the ledger raises the alarm", "agent/trainer.py",
        "        if imbalance:", "        if False:",
        "agent/test_agent_ledger.py::"
        "test_one_that_is_lost_or_counted_twice_raises_the_alarm",
    ),
    Mutant(
        "a checkpoint's digests are compared", "learning/checkpoint/saved.py",
        "        if not whole:", "        if False:",
        "learning/test_learning_checkpoint_misfortune.py::"
        "test_a_flipped_bit_in_any_file_is_refused_by_name_and_the_older_checkpoint_is_taken",
    ),
    Mutant(
        "a checkpoint's files lie in its folder", "learning/checkpoint/saved.py",
        "if file.parent not in (path, path.parent / FOLDER) or file.is_symlink():", "if False:",
        "learning/test_learning_checkpoint_confined.py::"
        "test_a_checkpoint_names_no_file_outside_of_its_folder",
    ),
    Mutant(
        "one process writes into a run's folder", "learning/checkpoint/lock.py",
        "fcntl.LOCK_EX | fcntl.LOCK_NB", "fcntl.LOCK_SH | fcntl.LOCK_NB",
        "learning/test_learning_checkpoint.py::test_a_second_writer_is_refused_by_the_first_ones_process",
    ),
    Mutant(
        "a policy file has a largest size", "learning/policy_file.py",
        "if (size := file.stat().st_size) > MOST_BYTES:", "if (size := 0):",
        "learning/test_learning_policy_file.py::test_a_file_too_large_for_a_policy_is_not_read",
    ),
    Mutant(
        "a policy's weights are finite", "learning/policy_file.py",
        "if not torch.isfinite(tensor).all():", "if False:",
        "learning/test_learning_policy_file.py::"
        "test_weights_that_are_not_finite_are_neither_written_nor_read",
    ),
    Mutant(
        "a policy file is as it was written", "learning/policy_file.py",
        'if _digest(tensors, metadata) != metadata.get("sha256"):', "if False:",
        "learning/test_learning_policy_file.py::test_a_damaged_policy_file_is_refused",
    ),
    Mutant(
        "what a failed save left is cleared away", "learning/checkpoint/writer.py",
        "                shutil.rmtree(leftover)", "                pass",
        "test_reliability_harness.py::"
        "test_a_disk_that_breaks_at_any_write_point_of_a_save_leaves_the_checkpoint_before",
    ),
    Mutant(
        "memory that a process may not take is refused by name", "learning/memory.py",
        "except MemoryError as error:", "except ZeroDivisionError as error:",
        "test_reliability_harness.py::test_the_quick_cases_pass[out-of-memory-at-allocation]",
    ),
    Mutant(
        "restarts have a limit", "nodes/supervision.py",
        "if len(self._failures) > self._limits.restarts:", "if False:",
        "nodes/test_nodes_supervision.py::"
        "test_five_restarts_within_a_minute_are_made_and_the_sixth_is_not",
    ),
    Mutant(
        "a node that begins anew has failed", "nodes/supervision.py",
        "known.incarnation != sign.incarnation:", "False:",
        "nodes/test_nodes_supervision.py::"
        "test_a_node_that_begins_anew_between_two_heartbeats_is_noticed",
    ),
    Mutant(
        "a name that is taken is refused", "ros/claim.py",
        "if error.errno != errno.EADDRINUSE:", "if True: return\n            if False:",
        "test_ros_claim.py::test_a_taken_name_is_refused_with_who_has_it_where_and_what_to_do",
    ),
    Mutant(
        "discovery reaches this host alone", "ros/middleware.py",
        '"LOCALHOST"', '"SUBNET"',
        "test_security_promises.py::test_discovery_reaches_this_host_alone_unless_asked_otherwise",
    ),
)  # fmt: skip


def survives(mutant: Mutant, copy: Path) -> str:
    """Why the mutant lives on; empty if its test went red."""
    file = copy / PACKAGE / mutant.file
    source = file.read_text()
    if source.count(mutant.text) != 1:
        return f"its text stands {source.count(mutant.text)} times in {mutant.file}, wanted once"
    file.write_text(source.replace(mutant.text, mutant.replacement))
    try:
        path = [str(copy / "src/td3_driving"), os.environ.get("PYTHONPATH", "")]
        ended = subprocess.run(
            [sys.executable, "-B", "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider",
             f"{TESTS}/{mutant.test}"],
            cwd=copy, capture_output=True, text=True, check=False,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(path), "OMP_NUM_THREADS": "1"},
        )  # fmt: skip
    finally:
        file.write_text(source)
    # 1: tests ran and failed; anything else is no proof.
    if ended.returncode == 1 and "failed" in ended.stdout:
        return ""
    return f"pytest ended with {ended.returncode}: {ended.stdout.strip().splitlines()[-1:]}"


def table(alive: dict[str, str]) -> str:
    """One row per mutant, as Markdown."""
    killed = sum(not why for why in alive.values())
    rows = [f"**{killed} of {len(alive)} mutants go red.**", "", "| guard | in | test | |"]
    rows.append("|---|---|---|---|")
    for mutant in MUTANTS:
        if mutant.guard in alive:
            test = mutant.test.rpartition("::")[2]
            mark = "red" if not alive[mutant.guard] else "**survives**"
            rows.append(f"| {mutant.guard} | `{mutant.file}` | `{test}` | {mark} |")
    return "\n".join(rows)


def main() -> int:
    """Runs the command; returns its exit code."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", default="", metavar="TEXT", help="guards that hold the text")
    parser.add_argument("--list", action="store_true", help="name them, and run none")
    parser.add_argument("--page", metavar="FILE", help="put the table into docs/reliability.md")
    chosen = parser.parse_args()
    mutants = [mutant for mutant in MUTANTS if chosen.only in mutant.guard]
    alive: dict[str, str] = {}
    with tempfile.TemporaryDirectory(prefix="td3-mutants-") as folder:
        copy = Path(folder)
        for name in COPIED:
            source = ROOT / name
            if source.is_dir():
                skip = shutil.ignore_patterns("__pycache__", "build", "*.egg-info")
                shutil.copytree(source, copy / name, ignore=skip)
            else:
                shutil.copy(source, copy / name)
        for mutant in mutants:
            if chosen.list:
                print(f"{mutant.file:<32} {mutant.guard}")
                continue
            begun = time.monotonic()
            alive[mutant.guard] = survives(mutant, copy)
            mark = alive[mutant.guard] or "red"
            print(f"{mutant.guard}: {mark} ({time.monotonic() - begun:.1f} s)", flush=True)
    if chosen.page and not chosen.list:
        page = Path(chosen.page)
        before, _, rest = page.read_text().partition(BEGIN)
        page.write_text(f"{before}{BEGIN}\n{table(alive)}\n{END}{rest.partition(END)[2]}")
    return 1 if any(alive.values()) else 0


if __name__ == "__main__":
    sys.exit(main())
