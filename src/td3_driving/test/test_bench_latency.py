"""`bench latency`: a real agent's process, timed over DDS beside a learner that never pauses."""

from __future__ import annotations

import json
import os

import pytest

from td3_driving.bench import latency
from td3_driving.bench.latency import Latency, measure
from td3_driving.cli.main import main
from td3_driving.stopping import StopRequest

DOMAIN = str(40 + os.getpid() % 10)


def test_every_tick_is_answered_and_timed_while_the_learner_updates(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("ROS_DOMAIN_ID", DOMAIN)
    monkeypatch.setattr(latency, "WARM_UP_TICKS", 4)
    command = ["bench", "latency", "--batch", "2", "--ticks", "12", "--hz", "10", "--json"]
    assert main(command) == 0
    (row,) = json.loads(capfd.readouterr().out)["rows"]
    assert row["batch"] == 2
    assert row["ticks"] + row["unanswered"] == 12 and row["ticks"] >= 1
    assert 0.0 < row["p50_ms"] <= row["p99_ms"] <= row["most_ms"]
    assert row["updates_per_s"] > 0.0


def test_an_agent_that_ends_is_told_instead_of_waited_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("ROS_DOMAIN_ID", DOMAIN)
    latency.initialise_ros()
    try:
        with pytest.raises(RuntimeError, match="process ended after 0 of 44 ticks"):
            measure(-1, ticks=4, hz=10.0, stop=StopRequest())
    finally:
        latency.rclpy.try_shutdown()


def test_figures_are_percentiles_in_milliseconds_and_count_what_was_not_answered() -> None:
    row = Latency.of(32, [0.001 * k for k in range(1, 101)], 104, 12.34)
    assert row == Latency(32, 100, 4, 50.5, 99.01, 100.0, 12.3)


@pytest.mark.parametrize("text", ["32,", "-1", "many"])
def test_batch_sizes_that_are_none_are_refused(
    text: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        main(["bench", "latency", f"--batch={text}"])
    assert "must be whole numbers" in capsys.readouterr().err
