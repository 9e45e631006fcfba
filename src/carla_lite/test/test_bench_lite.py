"""The benchmark counts what it says, and the soak sees what goes wrong."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from itertools import cycle
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from carla_lite.bench.process import Usage
from carla_lite.bench.rows import ROWS
from carla_lite.bench.soak import find_faults
from carla_lite.bench.timing import Timing, measure
from carla_lite.cli import bench

TALLY = {"ticks": 1000, "frames": 5000, "missing": 0, "duplicated": 0}
USAGE = Usage(rss_bytes=80_000_000, cpu_s=1.0, threads=1, files=12, sockets=6)


@given(st.lists(st.floats(1e-6, 10.0), min_size=1, max_size=200))
def test_percentiles_are_laps_that_took_place(laps: list[float]) -> None:
    timing = Timing.of(laps, math.fsum(laps))
    milliseconds = [1e3 * lap for lap in laps]
    for share, value in ((0.5, timing.p50_ms), (0.95, timing.p95_ms), (0.99, timing.p99_ms)):
        assert value in milliseconds
        assert sum(lap <= value for lap in milliseconds) >= share * len(laps)
    assert timing.mean_ms == pytest.approx(sum(milliseconds) / len(laps))
    assert timing.rate == pytest.approx(1e3 / timing.mean_ms)


def test_measuring_leaves_no_tick_out(monkeypatch: pytest.MonkeyPatch) -> None:
    now, durations, ticks = [0.0], cycle([0.01, 0.03]), []
    monkeypatch.setattr("time.perf_counter", lambda: now[0])

    def tick() -> None:
        ticks.append(next(durations))
        now[0] += ticks[-1]

    timing = measure(tick, 1.0)
    assert timing.ticks == len(ticks) == 50
    assert timing.seconds == pytest.approx(sum(ticks)) == pytest.approx(1.0)
    assert (timing.p50_ms, timing.p99_ms) == (pytest.approx(10.0), pytest.approx(30.0))


def test_a_row_receives_every_picture_of_every_camera(capsys: Any) -> None:
    options = ["--only", "rgb_4x320x240", "--map", "LiteCircuit_1", "--seconds", "0.5"]
    assert bench.run([*options, "--warm-up", "0.1", "--json"]) == 0
    (row,) = json.loads(capsys.readouterr().out)
    assert row["name"] == "rgb_4x320x240" and row["map_name"] == "LiteCircuit_1"
    assert row["pictures"] == 4 * row["timing"]["ticks"] > 0
    assert row["timing"]["seconds"] >= 0.5
    assert row["timing"]["rate"] == pytest.approx(row["timing"]["ticks"] / row["timing"]["seconds"])
    assert row["server_ms"] > 0.0 and 10.0 < row["server_rss_mb"] < 1000.0


def test_the_table_names_map_row_and_goal(capsys: Any) -> None:
    options = ["--map", "LiteCircuit_1", "--seconds", "0.2", "--warm-up", "0.1"]
    assert bench.run([*options, "--only", "no_camera", "--only", "world_84x84_grey"]) == 0
    title, head, *rows = capsys.readouterr().out.splitlines()
    assert title.startswith("map LiteCircuit_1") and "ticks/s" in head
    assert [row.split()[:2] for row in rows] == [
        ["no_camera", "4000"],
        ["world_84x84_grey", "15000"],
    ]


def test_an_unknown_row_and_an_unknown_map_are_named(capfd: Any) -> None:
    with pytest.raises(SystemExit, match="2"):
        bench.run(["--only", "warp_speed"])
    complaint = capfd.readouterr().err
    assert "warp_speed" in complaint and all(row.name in complaint for row in ROWS)
    assert bench.run(["--only", "no_camera", "--map", "Nowhere"]) == 2
    complaint = capfd.readouterr().err
    assert "Nowhere" in complaint and "Traceback" not in complaint


def test_a_short_soak_with_two_clients_finds_all_frames(capsys: Any) -> None:
    code = bench.run(["--soak", "2000", "--map", "LiteCircuit_1", "--json"])
    report = json.loads(capsys.readouterr().out)
    assert (code, report["faults"]) == (0, [])
    ticker, watcher = report["ticker"], report["watcher"]
    assert ticker["ticks"] == 2000 and ticker["frames"] > 9000
    assert ticker["vehicles_spawned"] == 101 and ticker["sensors_spawned"] == 101
    assert watcher["ticks"] == 1800 and watcher["sensors_spawned"] == 13
    assert ticker["missing"] == ticker["duplicated"] == watcher["missing"] == 0
    assert max(report["sockets"]) < 40


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({}, None),
        ({"missing": 1}, "1 frames missing"),
        ({"duplicated": 3}, "3 frames duplicated"),
        ({"ticks": 999}, "999 ticks instead of 1000"),
    ],
)
def test_a_soak_names_frames_that_did_not_come_once(change: Any, named: str | None) -> None:
    tallies = {"ticker": {**TALLY, **change}, "watcher": TALLY}
    faults = find_faults(1000, tallies, [USAGE] * 50)
    assert faults == [] if named is None else named in faults[0]


@pytest.mark.parametrize(
    ("grown", "named"),
    [
        (replace(USAGE, rss_bytes=90_000_000), "memory grew by 10.0 MB"),
        (replace(USAGE, sockets=7), "sockets grew from 6 to 7"),
        (replace(USAGE, threads=2), "threads grew from 1 to 2"),
    ],
)
def test_a_soak_names_what_grew(grown: Usage, named: str) -> None:
    tallies = {"ticker": TALLY, "watcher": TALLY}
    assert find_faults(1000, tallies, [USAGE] * 40 + [grown] * 10) == [named]
    assert find_faults(1000, tallies, [grown] * 5 + [USAGE] * 45) == []  # it may warm up
