"""`bench learning`: tiny runs of each learner on the driving environment, and their curves."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from td3_driving.bench import runs
from td3_driving.bench.driving_run import LEARNERS, Run, evaluate, record
from td3_driving.bench.learning import MODULE
from td3_driving.cli.main import main
from td3_driving.environment.driving import DrivingEnv


def tiny(learner: str, seed: int = 0) -> Run:
    return Run("lane_keeping", learner, seed, steps=24, batch=2, every=12, episodes=1)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Of one tiny run of each learner."""
    folder = tmp_path_factory.mktemp("learning")
    for learner in LEARNERS:
        record(tiny(learner), folder)
    return folder


def test_every_learner_writes_its_scores_as_they_come(folder: Path) -> None:
    for learner in LEARNERS:
        lines = (folder / f"{tiny(learner).name}.jsonl").read_text().splitlines()
        what, *scores = map(json.loads, lines)
        assert (what["learner"], what["steps"], what["seed"]) == (learner, 24, 0)
        assert [score["step"] for score in scores] == [12, 24]
        for score in scores:
            assert 0.0 <= score["mean"] <= 100.0
            assert score["mean"] == pytest.approx(np.mean(score["completions"]), abs=0.01)


def test_what_is_finished_is_not_run_again_and_all_curves_are_in_one_plot(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(runs, "_start", lambda *run: pytest.fail(f"{run} ran again"))
    sizes = ["--steps", "24", "--every", "12", "--episodes", "1", "--batch", "2", "--seeds", "0"]
    assert main(["bench", "learning", *sizes, "--json", "--out", str(folder)]) == 0
    out, err = capsys.readouterr()
    assert "0 of 3 runs to do" in err
    rows = json.loads(out)["rows"]
    assert {row["learner"] for row in rows} == set(LEARNERS)
    assert all(row["seeds"] == [0] and row["last"] <= row["best"] for row in rows)
    picture = (folder / "lane_keeping-24.png").read_bytes()
    assert picture.startswith(b"\x89PNG")
    torn = folder / f"{tiny('ours', 1).name}.jsonl"
    torn.write_text((folder / f"{tiny('ours').name}.jsonl").read_text()[:-9])
    assert not runs.finished(tiny("ours", 1), folder)
    torn.unlink()


def test_our_run_is_the_same_in_a_process_of_its_own(tmp_path: Path, folder: Path) -> None:
    runs.run_all(MODULE, [tiny("ours")], tmp_path, jobs=1)
    (again,) = tmp_path.glob("*.jsonl")
    first = folder / again.name
    scores = [[line["completions"] for line in runs.read(file)[1]] for file in (again, first)]
    assert scores[0] == scores[1] and len(scores[0]) == 2


def test_stable_baselines_drives_at_its_defaults_or_with_our_settings() -> None:
    from td3_driving.bench.sb3 import driving_model

    env = DrivingEnv(map_seeds=range(1, 2))
    try:
        plain, tuned = (driving_model(tiny(name), env) for name in ("sb3", "sb3-tuned"))
    finally:
        env.close()
    assert (plain.learning_rate, plain.batch_size, plain.learning_starts) == (1e-3, 256, 100)
    assert (tuned.batch_size, tuned.learning_starts, tuned.gamma, tuned.tau) == (2, 2, 0.99, 0.005)
    assert tuned.train_freq.frequency == 4
    tuned._update_learning_rate([tuned.actor.optimizer, tuned.critic.optimizer])
    rates = [o.param_groups[0]["lr"] for o in (tuned.actor.optimizer, tuned.critic.optimizer)]
    assert rates == [1e-4, 3e-4]
    assert isinstance(tuned.critic.features_extractor.extractors["image"], torch.nn.Module)
    assert tuned.actor.features_extractor is not tuned.critic.features_extractor


def test_an_evaluation_drives_the_same_episodes_each_time() -> None:
    env = DrivingEnv(map_seeds=range(500_000, 500_002))
    try:

        def stand(observation: dict[str, np.ndarray]) -> np.ndarray:
            return np.array([0.0, 0.5], np.float32)

        first = evaluate(stand, env, 2)
        assert first == evaluate(stand, env, 2)
        assert first[0] != first[1]
    finally:
        env.close()


def test_noise_falls_as_in_a_run_of_the_graph() -> None:
    run = Run("lane_keeping", "ours", 0, steps=1000)
    assert [run.noise(step) for step in (0, 400, 800, 1000)] == pytest.approx(
        [0.25, 0.15, 0.05, 0.05]
    )
    assert run.learning_starts == 100
