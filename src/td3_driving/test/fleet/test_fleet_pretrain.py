"""Pre-training: repeatable on a CPU, keeps the best, saves when stopped, drives in the graph."""

import itertools
import json
from dataclasses import replace

import numpy as np
import pytest

from td3_driving.agent.build import load_driver
from td3_driving.agent.parameters import AgentParameters
from td3_driving.cli.main import main
from td3_driving.evaluation.metrics import score
from td3_driving.fleet.config import PretrainConfig, fleet_parameters
from td3_driving.fleet.pretrain import Pretraining, pretrain
from td3_driving.learning.policy_file import load_policy
from td3_driving.parameters import ParameterError

TINY = {
    "steps": 72, "training_maps": 1, "learning_starts": 12, "batch_size": 2, "episode_s": 2.0,
    "replay_capacity": 1000, "selections": 0, "seed": 5,
}  # fmt: skip


def config(worlds=2, threads=1, target_completion_pct=0.0, workers=0, **changes):
    parameters = fleet_parameters("cpu", **{**TINY, **changes})
    return PretrainConfig(parameters, worlds, threads, target_completion_pct, workers)


def told(folder):
    """What a run wrote of its episodes; how long each took differs."""
    lines = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    return [{k: v for k, v in line.items() if not k.startswith("time")} for line in lines]


def test_the_same_seed_gives_the_same_run_whatever_the_threads_and_the_workers(tmp_path):
    ways = {"threads": {"threads": 2}, "one": {"workers": 1}, "two": {"workers": 2}}
    short = {"worlds": 3, "episode_s": 0.5}
    runs = {name: pretrain(config(**short, **way), tmp_path / name) for name, way in ways.items()}
    runs = {name: result.figures for name, result in runs.items()}
    assert len({run["parameters_sha256"] for run in runs.values()}) == 1
    assert {run["updates"] for run in runs.values()} == {runs["one"]["updates"]}
    assert runs["one"]["updates"] >= 5
    assert 72 <= runs["one"]["steps"] == runs["two"]["steps"] < 84
    first, *others = (told(tmp_path / name) for name in ways)
    assert len(first) >= 3
    assert others == [first, first]
    other = pretrain(config(seed=6, steps=4)).figures
    assert other["parameters_sha256"] != runs["one"]["parameters_sha256"]


def test_updates_keep_to_the_ratio_that_was_asked_for():
    result = pretrain(config(worlds=3, decisions_per_update=2, steps=60))
    decisions = result.figures["steps"] / 2
    due = (decisions - TINY["learning_starts"]) / 2
    assert result.figures["updates"] == pytest.approx(due, abs=3)


def test_every_decision_is_in_the_replay_once_but_for_those_of_open_segments():
    run = Pretraining(config(episode_s=1.0, learning_starts=1000))
    run.run()
    waiting = sum(stream.waiting for stream in run.trainer.streams)
    assert run.trainer.replay.stored + waiting == run.trainer.decisions
    # Episodes of a second: ten decisions each, of which some end early.
    assert run.status.episodes >= 72 // 2 // 10 - 1


def test_a_selection_keeps_the_best_policy_with_what_the_graph_needs_to_know(tmp_path):
    chosen = config(selections=1, selection_episodes=1, episode_s=1.0)
    chosen = replace(chosen, closing_episodes=2, command="td3-driving pretrain --seed 5")
    result = pretrain(chosen, tmp_path)
    finalists = ["finalist_0", "finalist_1"]
    assert [s["candidate"] for s in result.selections] == ["learner", "averaged", *finalists]
    # What they scored among the finalists decides.
    best = max(s["completion_pct"] for s in result.selections[2:])
    assert result.figures["best_completion_pct"] == pytest.approx(best, abs=0.01)

    policy, info = load_policy(tmp_path / "policy.safetensors")
    assert info.task["task"] == "lane_keeping"
    assert info.training["seed"] == TINY["seed"]
    assert info.training["command"] == "td3-driving pretrain --seed 5"
    assert info.training["settings"]["worlds"] == 2
    assert info.training["machine"]["processors"] >= 1
    observation = {
        "image": np.zeros((4, 84, 84), np.uint8), "vector": np.zeros(53, np.float32)
    }  # fmt: skip
    assert np.array_equal(
        policy.select_action(observation, deterministic=True),
        result.policy.select_action(observation, deterministic=True),
    )
    load_driver(AgentParameters(mode="drive", policy=str(tmp_path)))

    lines = [json.loads(line) for line in (tmp_path / "metrics.jsonl").read_text().splitlines()]
    assert {line["purpose"] for line in lines} == {"train", "select"}
    drivers = [line["driver"] for line in lines if line["purpose"] == "select"]
    assert drivers == ["learner", "averaged", *["finalist_0"] * 2, *["finalist_1"] * 2]
    maps = {line["driver"]: line["map"] for line in lines if line["purpose"] == "select"}
    assert maps["finalist_0"] == maps["finalist_1"] != maps["learner"]
    points = [json.loads(line) for line in (tmp_path / "curve.jsonl").read_text().splitlines()]
    scored = [point for point in points if "learner_completion_pct" in point]
    assert len(scored) == 1
    assert scored[0]["averaged_completion_pct"] == round(result.selections[1]["completion_pct"], 2)
    assert {"time_s", "steps", "decisions", "updates"} < scored[0].keys()
    assert (tmp_path / "learning_curve.png").exists()
    assert any((tmp_path / "checkpoints").iterdir())


def test_a_target_that_is_reached_ends_the_run(monkeypatch):
    def good(record):
        return replace(score(record), completion_pct=91.0)

    monkeypatch.setattr("td3_driving.fleet.outcome.score", good)
    result = pretrain(
        config(
            steps=400, selections=1, selection_episodes=1, learning_starts=1000,
            target_completion_pct=90.0,
        )
    )  # fmt: skip
    assert result.figures["seconds_to_target"] is not None
    assert result.figures["steps"] < 80


def test_a_run_that_is_stopped_saves_what_it_learned(tmp_path):
    asked = itertools.count()
    result = pretrain(config(steps=10**6), tmp_path, stop=lambda: next(asked) >= 26)
    assert result.figures["interrupted"]
    # A turn of each is two ticks; in the first one they begin.
    assert result.figures["steps"] == pytest.approx(48, abs=4)
    assert load_policy(tmp_path / "policy.safetensors")[1].training["updates"] > 0


@pytest.mark.parametrize(
    "bad",
    [{"worlds": 0}, {"threads": -1}, {"workers": -1}, {"target_completion_pct": 101.0}],
    ids=str,
)
def test_what_cannot_be_is_refused_by_name(bad):
    with pytest.raises(ParameterError, match=next(iter(bad))):
        config(**bad)


def test_the_command_trains_tests_and_tells_in_json(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr("signal.signal", lambda number, handler: None)
    status = main(
        [
            "pretrain", "--task", "lane_keeping", "--worlds", "2", "--steps", "40", "--seed", "3",
            "--device", "cpu", "--workers", "0", "--batch-size", "4", "--selections", "0",
            "--test-episodes", "1", "--out", str(tmp_path / "run"), "--json",
        ]
    )  # fmt: skip
    told = capsys.readouterr()
    assert status == 0, told.err
    figures = json.loads(told.out.splitlines()[-1])
    assert figures["task"] == "lane_keeping"
    assert 40 <= figures["steps"] < 48
    assert figures["test"]["episodes"] == 1
    training = load_policy(tmp_path / "run" / "policy.safetensors")[1].training
    assert training["command"] == (
        "td3-driving pretrain --task lane_keeping --worlds 2 --steps 40 --seed 3 --device cpu "
        "--workers 0 --threads 0 --target-completion 0.0 --batch-size 4 --selections 0 "
        "--closing-episodes -1"
    )
    assert (tmp_path / "run" / "policy.safetensors").exists()


def test_the_command_refuses_an_unknown_task(capsys):
    assert main(["pretrain", "--task", "flying", "--device", "cpu"]) == 2
    assert "flying" in capsys.readouterr().err
