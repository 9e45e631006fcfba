"""Policies to ship: packed, described, found by their task's name, refused for another task."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from td3_driving.agent import shipped
from td3_driving.agent.build import load_driver
from td3_driving.agent.drivers import policy_file
from td3_driving.agent.packing import MOST_BYTES, largest_change, model_card, pack, read_scores
from td3_driving.agent.parameters import AgentParameters
from td3_driving.cli.main import main
from td3_driving.learning.config import TD3Config
from td3_driving.learning.policy import Policy
from td3_driving.learning.policy_file import load_policy, save_policy

SCORE = {"completion_pct": 98.5, "intervals": {"completion_pct": [97.0, 99.5]}, "episodes": 60}


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """A run folder with an untrained policy, and scores."""
    folder = tmp_path / "runs" / "one"
    save_policy(
        folder / "policy.safetensors",
        Policy.create(TD3Config(), seed=3),
        {"run_dir": str(folder), "mode": "train", "action_repeat": 2, "reward": "mul"},
        {"seed": 3, "updates": 17},
    )
    (folder / "summary.json").write_text(json.dumps({"steps": 5, "tests": {"test": SCORE}}))
    return folder


@pytest.fixture
def shelf(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of shipped policies."""
    folder = tmp_path / "policies"
    monkeypatch.setattr(shipped, "folder", lambda: folder)
    return folder


def pack_by_command(run: Path, shelf: Path, *more: str) -> int:
    out = shelf / "lane_keeping.safetensors"
    words = ["--task", "lane_keeping", "--out", str(out), "--trained-by", "td3-driving train"]
    return main(["policy", "pack", str(run), *words, *more])


def test_a_packed_policy_is_small_drives_the_same_and_is_found_by_its_task(
    run: Path, shelf: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert pack_by_command(run, shelf) == 0
    assert "lane_keeping.md" in capsys.readouterr().out
    file = policy_file("lane_keeping")
    assert file == shelf / "lane_keeping.safetensors"
    assert file.stat().st_size < MOST_BYTES / 2
    policy, info = load_policy(file)
    assert info.task == {"action_repeat": 2, "reward": "mul", "task": "lane_keeping"}
    assert info.training == {
        "seed": 3, "updates": 17, "command": "td3-driving train", "scores": {"test": SCORE},
    }  # fmt: skip
    assert largest_change(policy, Policy.create(TD3Config(), seed=3)) < 1e-3
    assert str(run.parent) not in file.with_suffix(".md").read_text()
    assert [path.name for path in sorted(shelf.iterdir())] == [
        "lane_keeping.md", "lane_keeping.safetensors",
    ]  # fmt: skip


def test_the_card_says_what_the_file_says(
    run: Path, shelf: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pack_by_command(run, shelf)
    file = policy_file("lane_keeping")
    card = file.with_suffix(".md").read_text()
    assert card == model_card(file)
    assert "| test | 98.50 (97.00 to 99.50) | 60 |" in card
    assert "| updates | 17 |" in card
    assert "    td3-driving train\n" in card
    assert "1,895,330 weights" in card
    capsys.readouterr()
    assert main(["policy", "show", "lane_keeping", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["config"]["vector_dim"] == 53
    assert told["training"]["scores"]["test"] == SCORE
    assert main(["policy", "show", "lane_keeping"]) == 0
    assert "98.50 (97.00 to 99.50)" in capsys.readouterr().out


def test_a_policy_of_another_task_is_neither_loaded_nor_packed_as_this_one(
    run: Path, shelf: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pack_by_command(run, shelf)
    file = policy_file("lane_keeping")
    urban = AgentParameters(mode="drive", policy="lane_keeping", task="urban")
    with pytest.raises(ValueError, match="trained for the task lane_keeping, not for urban"):
        load_driver(urban)
    with pytest.raises(ValueError, match="'lane_keeping', not 'urban'"):
        pack(file, "urban", shelf / "urban.safetensors")
    with pytest.raises(FileNotFoundError, match="shipped are lane_keeping"):
        policy_file("no_such_task")


def test_a_policy_that_half_precision_would_change_is_refused_and_nothing_is_left(
    run: Path, shelf: Path
) -> None:
    policy = Policy.create(TD3Config(), seed=3)
    with torch.no_grad():
        policy.actor.mlp[-1].weight.mul_(3000.0)
    file = save_policy(run / "steep.safetensors", policy)
    out = shelf / "lane_keeping.safetensors"
    with pytest.raises(ValueError, match="pack it with --float32"):
        pack(file, "lane_keeping", out)
    assert list(shelf.iterdir()) == []
    pack(file, "lane_keeping", out, dtype=torch.float32)
    assert load_policy(out)[0].state_dict()["actor.mlp.4.weight"].abs().max() > 1.0


def test_scores_are_read_wherever_they_stand_in_a_file(tmp_path: Path) -> None:
    file = tmp_path / "blank_camera.json"
    file.write_text(json.dumps(SCORE))
    nested = tmp_path / "report.json"
    nested.write_text(json.dumps({"rows": {"policy": SCORE, "random": SCORE}, "episodes": [1, 2]}))
    assert list(read_scores([file, nested])) == ["blank_camera", "policy", "random"]
    nested.write_text(json.dumps({"completion_pct": 1.0, "drivers": [{"name": "mine", **SCORE}]}))
    assert list(read_scores([nested])) == ["mine"]
    nested.write_text("{}")
    with pytest.raises(ValueError, match="holds no scores"):
        read_scores([nested])
    nested.write_text("{")
    with pytest.raises(ValueError, match="is no JSON"):
        read_scores([nested])


def test_every_shipped_policy_is_of_its_task_small_and_has_its_card() -> None:
    assert shipped.folder().name == "policies"
    for task, file in shipped.shipped_policies().items():
        policy, info = load_policy(file)
        assert info.task["task"] == task
        assert file.stat().st_size <= MOST_BYTES
        assert file.with_suffix(".md").read_text() == model_card(file)
        obs = {"vector": np.zeros(policy.config.vector_dim, np.float32)}
        if policy.config.image_shape is not None:
            obs["image"] = np.zeros(policy.config.image_shape, np.uint8)
        assert np.abs(policy.select_action(obs)).max() <= 1.0
