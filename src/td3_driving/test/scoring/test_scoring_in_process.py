"""Evaluations in this process: the same episodes for all, repeatable, and kept when stopped."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from td3_driving.agent.drivers import RandomDriver
from td3_driving.agent.parameters import AgentParameters
from td3_driving.agent.types import Sight
from td3_driving.cli.main import main
from td3_driving.driving.termination import EpisodeEnd
from td3_driving.evaluation.results import DrivenEpisode
from td3_driving.scoring import lineup
from td3_driving.scoring.in_process import InProcess
from td3_driving.scoring.lineup import line_up, plans
from td3_driving.scoring.recording import FilmKeeper

PARAMETERS = AgentParameters(mode="evaluate", test_episodes=5, test_last_seed=700_001)


def never() -> bool:
    return False


def figures(episodes: list[DrivenEpisode]) -> list[tuple[object, ...]]:
    return [(e.map, e.seed, e.score, e.record.x_m.tobytes()) for e in episodes]


def test_pure_pursuit_arrives_and_random_does_not_on_the_same_episodes(short_task: str) -> None:
    parameters = replace(PARAMETERS, task=short_task)
    entrants = line_up(parameters, ["pure_pursuit"], ["random"])
    wanted = plans(parameters, entrants)
    keepers = [FilmKeeper("worst", 2, "worst"), FilmKeeper("best", 2, "best")]
    told: list[DrivenEpisode] = []
    with InProcess() as worlds:
        good = worlds.drive(entrants[0], wanted, keepers[0], never, told.append)
        bad = worlds.drive(entrants[1], wanted, keepers[1], never)
        again = worlds.drive(entrants[1], wanted, FilmKeeper("none", 2, ""), never)
    assert [(e.map, e.seed) for e in good] == [(plan.map, plan.seed) for plan in wanted]
    assert [(e.map, e.seed) for e in bad] == [(e.map, e.seed) for e in good]
    assert {e.record.reason for e in good} == {EpisodeEnd.ROUTE_DONE} and len(told) == 5
    assert not any(e.score.success for e in bad)
    assert figures(again) == figures(bad)
    # The films: pictures and actions of every decision of the worst, and of the best.
    for keeper, episodes, pick in ((keepers[0], good, max), (keepers[1], bad, min)):
        film = keeper.film
        assert film is not None
        assert film.episode.badness == pick(e.badness for e in episodes)
        decisions = -(-len(film.episode.record.s_m) // film.ticks)
        assert len(film.frames) == len(film.actions) == decisions
        assert np.array_equal(film.episode.last_frames[-1], film.frames[-1])
        assert len(film.episode.last_frames) == min(6, -(-decisions // 5))


def test_what_was_driven_until_a_stop_is_kept(short_task: str) -> None:
    parameters = replace(PARAMETERS, task=short_task, test_episodes=9)
    entrants = line_up(parameters, ["random"])
    done: list[DrivenEpisode] = []
    with InProcess() as worlds:
        kept = worlds.drive(
            entrants[0], plans(parameters, entrants), FilmKeeper("none", 2, ""),
            lambda: len(done) >= 2, done.append,
        )  # fmt: skip
    assert 2 <= len(kept) < 9 and {id(e) for e in kept} == {id(e) for e in done}


def test_without_ros_and_the_carla_client_it_drives_all_the_same(short_task: str) -> None:
    blocked = "import sys; sys.modules.update(rclpy=None, carla=None, td3_driving_msgs=None)"
    run = "from td3_driving.cli.main import main; sys.exit(main(sys.argv[1:]))"
    done = subprocess.run(
        [sys.executable, "-c", f"{blocked}; {run}", "evaluate", "--in-process", "--policy",
         "pure_pursuit", "--task", short_task, "--episodes", "1", "--json"],
        capture_output=True, text=True, timeout=100,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["completion_pct"] == 100.0


def command(*arguments: str) -> int:
    return main(["evaluate", "--in-process", *arguments])


def test_the_command_scores_all_drivers_and_writes_the_report(
    make_policy: Callable[..., str], short_task: str, tmp_path: Path, capsys
) -> None:
    policy = make_policy(task=short_task)
    code = command(
        "--policy", policy, "--controls", "blank", "--baselines", "pure_pursuit", "--episodes",
        "2", "--report", str(tmp_path / "report"), "--json",
    )  # fmt: skip
    said = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert code == 0 and said["complete"] and said["episodes"] == 2
    drivers = {driver["name"]: driver for driver in said["drivers"]}
    assert list(drivers) == ["mine", "blank camera", "pure pursuit on the exact route"]
    assert drivers["pure pursuit on the exact route"]["completion_pct"] == 100.0
    told = json.loads((tmp_path / "report" / "report.json").read_text())
    assert [driver["summary"]["completion_pct"] for driver in told["drivers"]] == [
        driver["completion_pct"] for driver in said["drivers"]
    ]
    page = (tmp_path / "report" / "report.html").read_text()
    assert "data:video/webm;base64," in page and "Forty metres." in page


class Interrupting(RandomDriver):
    """A driver during whose second episode somebody presses Ctrl-C."""

    decisions = 0

    def act(self, sight: Sight) -> np.ndarray:
        Interrupting.decisions += 1
        if Interrupting.decisions == 150:
            signal.raise_signal(signal.SIGINT)
        return super().act(sight)


def test_ctrl_c_keeps_what_was_scored_and_says_so(
    short_task: str, tmp_path: Path, capsys, monkeypatch
) -> None:
    monkeypatch.setattr(lineup, "RandomDriver", Interrupting)
    code = command(
        "--policy", "pure_pursuit", "random", "--task", short_task, "--episodes", "8", "--json",
        "--report", str(tmp_path), "--video", "none",
    )  # fmt: skip
    said = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert code == 0 and not said["complete"]
    assert said["drivers"][0]["episodes"] == 8
    assert "stopped before all episodes" in (tmp_path / "report.html").read_text()


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (("--policy", "random", "--map-seeds", "0:9"), "must not mix"),
        (("--policy", "random", "--simulator", "127.0.0.1:2000"), "leave --simulator out"),
        (("--policy", "random", "--set", "control.tick_s=0.1"), "has no node 'control'"),
        (("--policy", "random", "--set", "td3_agent.reward=fast"), "reward 'fast' is unknown"),
        (("--policy", "random", "--episodes", "0"), "test_episodes must be in"),
        (("--policy", "random", "--task", "flying"), "task 'flying' is unknown"),
    ],
)
def test_what_cannot_be_is_refused_in_one_line(
    arguments: tuple[str, ...], complaint: str, capsys
) -> None:
    assert command(*arguments) == 2
    said = capsys.readouterr()
    assert said.out == "" and complaint in said.err.splitlines()[-1]
