"""The harness is not fooled: what was not injected proves nothing, and what fails is told."""

from __future__ import annotations

import errno
import json
import subprocess
import sys
import time
from pathlib import Path

import pytest

from td3_driving.cli.main import main
from td3_driving.reliability import board, groups
from td3_driving.reliability.case import Case, NotInjected, PromiseBroken, Result, until
from td3_driving.reliability.disk import Disk
from td3_driving.reliability.disks import fail_at_every_write_point
from td3_driving.reliability.watch import Sample, Watch

QUICK = (
    "kill-control", "disk-full", "disk-read-only", "checkpoints-damaged", "hostile-policies",
    "paths-that-leave-the-folder", "killed-at-every-write-point", "learner-not-finite",
    "replay-too-large", "loss-or-gradient-not-finite", "out-of-memory-at-allocation",
)  # fmt: skip


@pytest.fixture(scope="module")
def score(tmp_path_factory: pytest.TempPathFactory) -> tuple[int, dict[str, dict[str, object]]]:
    """The exit code and the cases of the command, which has its processes to itself."""
    out = tmp_path_factory.mktemp("faults") / "score.json"
    command = [sys.executable, "-m", "td3_driving.cli.main", "faults", "--out", str(out)]
    for name in QUICK:
        command += ["--only", name]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=280, check=False)
    assert out.exists(), ended.stderr
    return ended.returncode, {case["name"]: case for case in json.loads(out.read_text())["cases"]}


@pytest.mark.parametrize("name", QUICK)
def test_the_quick_cases_pass(name: str, score: tuple[int, dict[str, dict[str, object]]]) -> None:
    case = score[1][name]
    # How soon it brakes is for `make faults` to judge, on a machine that has nothing else to do.
    assert case["passed"] or "braked after" in str(case["why"]), case["why"]


def test_the_command_says_with_its_exit_code_whether_all_have_passed(
    score: tuple[int, dict[str, dict[str, object]]],
) -> None:
    code, cases = score
    assert cases.keys() == set(QUICK)
    assert code == (0 if all(case["passed"] for case in cases.values()) else 1)


def test_a_disk_that_breaks_at_any_write_point_of_a_save_leaves_the_checkpoint_before(
    tmp_path: Path,
) -> None:
    assert fail_at_every_write_point(tmp_path, (errno.EIO,))["failures"] > 10


def test_a_disk_fails_from_its_first_bad_write_on_below_its_folder_alone(tmp_path: Path) -> None:
    inside, outside = tmp_path / "inside", tmp_path / "outside"
    inside.mkdir()
    with Disk(inside, first=1, error=errno.ENOSPC).mounted() as disk:
        (inside / "whole").write_text("12345678")
        with pytest.raises(OSError, match="No space left"):
            (inside / "torn").write_text("12345678")
        with pytest.raises(OSError, match="No space left"):
            (inside / "whole").rename(inside / "other")
        outside.write_text("12345678")
        assert (inside / "whole").read_text() == outside.read_text() == "12345678"
        assert (inside / "torn").read_text() == "1234"
        assert disk.failed and disk.points == ["write whole", "write torn", "rename whole"]
        disk.mend()
        (inside / "torn").write_text("12345678")
    assert (inside / "torn").read_text() == "12345678"


def test_a_broken_promise_and_a_fault_that_never_came_both_fail() -> None:
    def breaks(_: object) -> dict[str, float]:
        raise PromiseBroken("braked after 3 s")

    def misses(_: object) -> dict[str, float]:
        raise NotInjected("the script was not reached")

    broken = Case("one", "it brakes", breaks).judge(None, "group")
    missed = Case("two", "it brakes", misses).judge(None, "group")
    assert not broken.passed and "PromiseBroken: braked after 3 s" in broken.why
    assert not missed.passed and "NotInjected: the script was not reached" in missed.why


def test_what_never_comes_is_a_broken_promise_in_time() -> None:
    begun_s = time.monotonic()
    with pytest.raises(PromiseBroken, match=r"it moves: not within 0\.05 s"):
        until(lambda: False, 0.05, "it moves")
    assert time.monotonic() - begun_s >= 0.05


def test_the_watch_tells_the_first_full_brake_after_a_moment_and_driving(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    watch = Watch(port=1)
    now_s = 1000.0
    monkeypatch.setattr(time, "monotonic", lambda: now_s)
    watch._samples += [Sample(now_s - 2.0 + i * 0.05, i, 0.5, 0.0, 0.0, 8.0) for i in range(20)]
    watch._samples.append(Sample(now_s - 0.9, 21, 0.0, 0.1, 1.0, 7.0))
    assert watch.braked_after(now_s - 1.5) == pytest.approx(0.6)
    assert watch.braked_after(now_s - 0.5) is None
    assert not watch.drives(since_s=0.0)
    watch._samples += [Sample(now_s - 0.4 + i * 0.05, 30 + i, 0.5, 0.0, 0.0, 8.0) for i in range(8)]
    assert watch.drives(since_s=0.0) and not watch.drives(since_s=now_s)
    assert watch.all_sound()
    watch._samples.append(Sample(now_s, 50, float("nan"), 0.0, 0.0, 8.0))
    assert not watch.all_sound()


def test_the_headline_is_the_worst_and_the_page_keeps_its_text(tmp_path: Path) -> None:
    results = [
        Result("a", "g", "brakes", True, {"brake_s": 0.5, "resume_s": 2.0}, 3.0),
        Result("b", "g", "resumes | at once", False, {"brake_s": 0.52, "lost": 3.0}, 4.0, "late"),
    ]
    assert board.headline(results) == {
        "passed": 1, "total": 2, "took_s": 7.0,
        "worst_brake_s": 0.52, "worst_resume_s": 2.0, "most_lost": 3.0,
    }  # fmt: skip
    page = tmp_path / "page.md"
    page.write_text(f"before\n{board.BEGIN}\nold\n{board.END}\nafter\n")
    board.write_page(page, results)
    text = page.read_text()
    assert text.startswith("before\n") and text.endswith("\nafter\n") and "old" not in text
    assert "**1 of 2 cases pass**" in text and "resumes \\| at once" in text and "late" in text
    with pytest.raises(ValueError, match="has no <!-- scoreboard -->"):
        (tmp_path / "other.md").write_text("")
        board.write_page(tmp_path / "other.md", results)


def test_a_case_that_there_is_not_is_refused_and_all_are_listed(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["faults", "--only", "kill-the-moon"]) == 2
    assert "there is no case kill-the-moon" in capsys.readouterr().err
    assert main(["faults", "--list"]) == 0
    listed = capsys.readouterr().out.splitlines()
    names = [case.name for group in groups.GROUPS.values() for case in group.cases.cases]
    assert [line.split()[1] for line in listed] == names and len(set(names)) == len(names) > 40
