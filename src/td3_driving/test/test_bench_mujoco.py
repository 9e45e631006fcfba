"""The benchmark on MuJoCo tasks, on the smallest of them and for a moment."""

import json
from dataclasses import asdict, replace
from types import SimpleNamespace

import numpy as np
import pytest

from td3_driving.bench import mujoco, mujoco_run, runs
from td3_driving.bench.mujoco_run import Run, make_env, record
from td3_driving.learning.fast import CycleUpdates

QUICK = Run("InvertedPendulum-v5", "ours", 1, 300, random_steps=200, every=100, episodes=2)


def written(file):
    return [json.loads(line) for line in file.read_text().splitlines()]


@pytest.mark.parametrize("learner", ["ours", "sb3"])
def test_a_run_writes_what_it_is_and_a_line_for_each_evaluation(tmp_path, learner):
    run = replace(QUICK, learner=learner)
    what, *scores = written(record(run, tmp_path))
    assert what.items() >= asdict(run).items()
    assert [score["step"] for score in scores] == [100, 200, 300]
    for score in scores:
        assert len(score["returns"]) == 2
        assert score["mean"] == pytest.approx(np.mean(score["returns"]))
        assert all(value >= 1.0 for value in score["returns"])  # a point for each step upright
    assert runs.finished(run, tmp_path)


def test_the_same_run_has_the_same_scores(tmp_path):
    returns = [
        [score["returns"] for score in written(record(QUICK, tmp_path))[1:]] for _ in range(2)
    ]
    assert returns[0] == returns[1]


def test_by_cycles_as_on_a_gpu_a_run_has_as_many_updates_each_in_its_turn(tmp_path, monkeypatch):
    made, turns = [], []

    class Noted(CycleUpdates):
        def train(self, updates, upto=None, apart=0):
            turns.append((memory.stored, updates, apart))
            return super().train(updates, upto, apart)

    def make_updates(agent, replay):
        nonlocal memory
        memory = replay
        made.append(agent)
        return Noted(agent, replay)

    memory = None
    monkeypatch.setattr(mujoco_run, "make_updates", make_updates)
    scores = written(record(QUICK, tmp_path))[1:]
    assert [score["step"] for score in scores] == [100, 200, 300]
    assert turns == [(step, 2, 1) for step in range(202, 301, 2)]
    assert made[0].updates == 100
    assert scores[-1]["returns"] != scores[0]["returns"]  # who is scored is the actor that learned


def test_actions_of_every_task_are_scaled_to_one():
    env = make_env("InvertedPendulum-v5")  # its own are within 3
    assert (env.action_space.low, env.action_space.high) == (-1.0, 1.0)


def fake(folder, run, means):
    lines = [asdict(run)]
    for k, mean in enumerate(means, 1):
        lines.append({"step": k * run.every, "returns": [mean], "mean": mean, "cpu_s": k * 10.0})
    (folder / f"{run.name}.jsonl").write_text("".join(json.dumps(x) + "\n" for x in lines))


def test_what_is_finished_is_not_run_again_and_what_is_not_is(tmp_path):
    done, left = replace(QUICK, seed=0), QUICK
    fake(tmp_path, done, [1.0, 2.0, 3.0])
    fake(tmp_path, left, [1.0, 2.0])
    kept = (tmp_path / f"{done.name}.jsonl").read_text()
    runs.run_all(mujoco.MODULE, [done, left], tmp_path, jobs=2)
    assert (tmp_path / f"{done.name}.jsonl").read_text() == kept
    _, *scores = written(tmp_path / f"{left.name}.jsonl")
    assert [score["step"] for score in scores] == [100, 200, 300]


def test_a_run_that_fails_is_named(tmp_path):
    wrong = replace(QUICK, env="NoSuchTask-v5")
    with pytest.raises(RuntimeError, match=wrong.name):
        runs.run_all(mujoco.MODULE, [wrong], tmp_path, jobs=1)
    assert not runs.finished(wrong, tmp_path)


def test_the_summary_has_last_and_best_over_the_seeds_as_far_as_all_have_come(tmp_path):
    for seed, means in enumerate(([1.0, 5.0, 3.0], [3.0, 9.0])):
        fake(tmp_path, replace(QUICK, seed=seed), means)
    (row,) = mujoco.summary(tmp_path, 300)
    assert (row["seeds"], row["steps"], row["last"], row["best"]) == ([0, 1], 200, 6.0, 7.0)
    assert row["last_deviation"] == pytest.approx(np.std([3.0, 9.0], ddof=1), abs=0.06)
    assert row["cpu_ms_per_step"] == 100.0
    assert mujoco.draw(tmp_path, 300).read_bytes().startswith(b"\x89PNG")


def test_learners_are_compared_at_the_last_step_that_all_have_come_to(tmp_path):
    fake(tmp_path, QUICK, [1.0, 5.0, 3.0])
    fake(tmp_path, replace(QUICK, learner="sb3"), [2.0, 4.0])
    fake(tmp_path, replace(QUICK, env="Hopper-v5"), [8.0])
    rows = mujoco.summary(tmp_path, 300)
    even = {(row["env"], row["learner"]): (row["even_step"], row["even"]) for row in rows}
    assert even == {
        ("Hopper-v5", "ours"): (100, 8.0),
        (QUICK.env, "ours"): (200, 5.0),
        (QUICK.env, "sb3"): (200, 4.0),
    }


def test_a_line_that_a_crash_cut_off_is_left_out(tmp_path):
    fake(tmp_path, QUICK, [1.0, 2.0, 3.0])
    file = tmp_path / f"{QUICK.name}.jsonl"
    file.write_text(file.read_text()[:-10])
    assert [score["step"] for score in runs.read(file)[1]] == [100, 200]
    assert not runs.finished(QUICK, tmp_path)


def test_the_command_prints_the_summary_as_json(tmp_path, capsys):
    run = replace(QUICK, learner="sb3", every=5000, steps=300)
    fake(tmp_path, run, [7.0])
    chosen = SimpleNamespace(
        env=run.env, seeds=[1], learner="sb3", steps=300, device="cpu",
        jobs=1, out=tmp_path, json=True,
    )  # fmt: skip
    assert mujoco.run(chosen) == 0
    (row,) = json.loads(capsys.readouterr().out)["rows"]
    assert (row["env"], row["learner"], row["last"]) == (run.env, "sb3", 7.0)
