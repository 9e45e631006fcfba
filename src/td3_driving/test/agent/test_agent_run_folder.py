"""A run's folder: whose it is, what is written into it, and what a crash leaves readable."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from td3_driving.agent.run_folder import RunFolder, RunFolderError, read_config
from td3_driving.evaluation.curve import draw_learning_curve, read_metrics
from td3_driving.learning.errors import ReplayMemoryError

CONFIG: dict[str, dict[str, Any]] = {"td3_agent": {"seed": 1, "steps": 300}}

SCALARS = {
    "gradients/actor_cnn_norm", "gradients/actor_mlp_norm",
    "gradients/critic_cnn_norm", "gradients/critic_mlp_norm",
    "loss/actor", "loss/critic", "q/mean", "q/target_mean",
    "actor/pre_tanh_abs_mean", "actor/saturated_share",
    "episode/return", "episode/completion_pct", "episode/length",
    "reward/speed", "reward/terminal",
    "health/refused_updates", "health/restored", "health/dead_actor",
    "time/update_ms", "time/update_lag_decisions", "time/steps_per_s", "time/updates_per_s",
}  # fmt: skip


def test_tensorboard_shows_all_that_the_design_asks_for(make_run, tmp_path: Path) -> None:
    make_run(
        steps=160, decisions_per_update=2, closing_test="always", test_episodes=1,
        run_dir=str(tmp_path),
    ).finish()  # fmt: skip
    board = EventAccumulator(str(tmp_path))
    board.Reload()
    tags = board.Tags()
    tested = {"test/best_completion_pct", "untrained/untrained_completion_pct"}
    assert set(tags["scalars"]) >= SCALARS | tested
    assert set(tags["images"]) == {"camera/newest_frame", "trajectory"}
    assert all(event.value > 0.0 for event in board.Scalars("gradients/actor_cnn_norm"))


def test_tensorboard_shows_refused_updates_though_none_is_made(make_run, tmp_path: Path) -> None:
    run = make_run(decisions_per_update=2, run_dir=str(tmp_path)).to(40)
    trainer = run.runner.trainer
    trainer.wait()
    with torch.no_grad():
        next(trainer.agent.critic.parameters()).fill_(torch.nan)
    run.finish()
    board = EventAccumulator(str(tmp_path))
    board.Reload()
    refused = [event.value for event in board.Scalars("health/refused_updates")]
    assert len(refused) > 5 and refused == list(range(1, len(refused) + 1))


def test_metrics_hold_one_line_for_each_episode(make_run, tmp_path: Path) -> None:
    run = make_run(run_dir=str(tmp_path)).to(50)
    run.fault()
    run.finish()
    lines = read_metrics(tmp_path / "metrics.jsonl")
    assert [line["episode"] for line in lines] == list(range(1, len(run.world.assignments) + 1))
    assert sum(line["length"] for line in lines) == lines[-1]["steps"] == 80
    assert [line["ended_by"] for line in lines].count("fault") == 1
    assert lines[-1]["return"] == pytest.approx(run.reports[-1].episode_return, abs=1e-4)
    assert lines[-1]["loss/critic"] >= 0.0 and lines[-1]["updates"] > 0


def test_the_learning_curve_is_drawn_from_the_metrics(make_run, tmp_path: Path) -> None:
    picture = tmp_path / "curve.png"
    assert not draw_learning_curve(tmp_path / "metrics.jsonl", picture)
    make_run(run_dir=str(tmp_path), closing_test="always", test_episodes=1).finish()
    assert draw_learning_curve(tmp_path / "metrics.jsonl", picture)
    assert picture.read_bytes().startswith(b"\x89PNG")


def test_a_line_cut_short_by_a_crash_costs_no_other(make_run, tmp_path: Path) -> None:
    make_run(steps=40, run_dir=str(tmp_path)).finish()
    metrics = tmp_path / "metrics.jsonl"
    whole = read_metrics(metrics)
    with metrics.open("a") as file:
        file.write('{"time_s": 1.0, "ste')
    assert read_metrics(metrics) == whole
    make_run(steps=80, run_dir=str(tmp_path), resume=True).finish()
    lines = read_metrics(metrics)
    assert lines[: len(whole)] == whole and lines[-1]["steps"] == 80


def test_the_configuration_is_kept_as_the_run_used_it(make_run, tmp_path: Path) -> None:
    make_run(config=CONFIG, run_dir=str(tmp_path)).runner.close()
    assert yaml.safe_load((tmp_path / "config.yaml").read_text()) == read_config(tmp_path) == CONFIG


def test_a_folder_that_cannot_be_written_is_refused_by_name(make_run, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    folder = tmp_path / "file" / "run"
    with pytest.raises(RunFolderError, match=rf"{folder} is not writable .*another --run-dir"):
        make_run(run_dir=str(folder))


def test_a_folder_with_a_run_in_it_is_not_overwritten(make_run, tmp_path: Path) -> None:
    make_run(steps=20, run_dir=str(tmp_path)).finish()
    written = {path: path.read_bytes() for path in tmp_path.rglob("*.*") if path.is_file()}
    with pytest.raises(RunFolderError, match=r"holds a run already; go on with it by --resume"):
        make_run(run_dir=str(tmp_path))
    assert all(path.read_bytes() == content for path, content in written.items())


def test_a_start_that_was_refused_leaves_the_folder_free(make_run, tmp_path: Path) -> None:
    with pytest.raises(ReplayMemoryError):
        make_run(run_dir=str(tmp_path), replay_capacity=10**8)
    make_run(run_dir=str(tmp_path)).runner.close()  # and then no simulator could be started
    make_run(steps=20, run_dir=str(tmp_path)).finish()


def test_an_agent_that_the_same_launch_starts_again_goes_on_with_its_run(
    make_run, tmp_path: Path
) -> None:
    mine = {"run_dir": str(tmp_path), "launch": "mine", "steps": 40}
    first = make_run(**mine).to(20)
    first.runner.save()
    first.runner.trainer.close()  # as if killed: nothing else is saved
    again = make_run(**mine)
    assert again.runner.status.training_ticks == 20
    again.runner.close()
    for other in ("another", ""):
        with pytest.raises(RunFolderError, match="holds a run already"):
            make_run(**{**mine, "launch": other})


def test_an_agent_killed_before_it_saved_anything_begins_its_run_anew(
    make_run, tmp_path: Path
) -> None:
    (tmp_path / "metrics.jsonl").write_text('{"episode": 1}\n')
    (tmp_path / "config.yaml").write_text(json.dumps({"td3_agent": {"launch": "mine"}}))
    make_run(run_dir=str(tmp_path), launch="mine", steps=20).finish()
    assert [line["steps"] for line in read_metrics(tmp_path / "metrics.jsonl")][-1] == 20
    assert '{"episode": 1}' not in (tmp_path / "metrics.jsonl").read_text()


@pytest.mark.parametrize("text", ["", "- 1\n", "a: 1\n", "a: [\n", "\x00"])
def test_a_configuration_that_cannot_be_read_is_refused_by_name(tmp_path: Path, text: str) -> None:
    (tmp_path / "config.yaml").write_text(text)
    with pytest.raises(RunFolderError, match=r"config\.yaml"):
        RunFolder(tmp_path, CONFIG, resume=True)


def test_where_nothing_was_run_there_is_nothing_to_resume(make_run, tmp_path: Path) -> None:
    for folder in (tmp_path, tmp_path / "missing"):
        with pytest.raises(RunFolderError, match=r"holds no run to resume; leave out --resume"):
            make_run(run_dir=str(folder), resume=True)
    (tmp_path / "config.yaml").write_text(json.dumps(CONFIG))
    with pytest.raises(FileNotFoundError, match="no whole checkpoint"):
        make_run(config=CONFIG, run_dir=str(tmp_path), resume=True)


def test_a_run_of_another_configuration_is_not_resumed(tmp_path: Path) -> None:
    RunFolder(tmp_path, CONFIG, resume=False).close()
    other = {"td3_agent": {"seed": 2, "steps": 500}}
    with pytest.raises(RunFolderError, match=r"\(td3_agent\.seed: 1 -> 2\)") as refusal:
        RunFolder(tmp_path, other, resume=True)
    assert "steps" not in str(refusal.value)
    assert read_config(tmp_path) == CONFIG


def test_a_run_of_one_process_per_node_is_resumed_by_the_composed_graph(tmp_path: Path) -> None:
    RunFolder(tmp_path, CONFIG, resume=False).close()
    RunFolder(tmp_path, {**CONFIG, "control": {"max_steer": 0.5}}, resume=True).close()


def test_a_resumed_run_may_have_another_total(tmp_path: Path) -> None:
    RunFolder(tmp_path, CONFIG, resume=False).close()
    longer = {"td3_agent": {"seed": 1, "steps": 500}}
    RunFolder(tmp_path, longer, resume=True).close()
    assert read_config(tmp_path) == longer
