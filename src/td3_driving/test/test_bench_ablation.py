"""One CNN beside two: every encoder is trained, the curves are what was scored, runs are kept."""

from __future__ import annotations

import json
from dataclasses import replace
from functools import partial
from pathlib import Path
from types import SimpleNamespace

import pytest

from td3_driving.bench import ablation
from td3_driving.cli import bench_options
from td3_driving.cli.main import main

ARGUMENTS = [
    "bench", "ablation", "--seeds", "0", "--steps", "160", "--worlds", "2", "--device", "cpu",
    "--threads", "1", "--batch-size", "2", "--selections", "2", "--selection-episodes", "1",
    "--decisions-per-update", "8",
]  # fmt: skip


def test_each_encoder_is_trained_and_drawn_and_what_is_finished_is_not_run_again(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    arguments = [*ARGUMENTS, "--out", str(tmp_path)]
    configs = []
    pretrain, parameters = ablation.pretrain, ablation.fleet_parameters
    small = {"training_maps": 1, "episode_s": 2.0, "replay_capacity": 1000}
    monkeypatch.setattr(ablation, "fleet_parameters", partial(parameters, **small))

    def watched(config, **options):
        configs.append(config)
        return pretrain(config, **options)

    monkeypatch.setattr(ablation, "pretrain", watched)
    assert main([*arguments, "--json"]) == 0
    result = json.loads(capsys.readouterr().out)
    assert [config.agent.encoder for config in configs] == list(ablation.ENCODERS)
    assert list(result["curves"]) == ["separate", "shared_critic", "shared_actor"]
    for encoder, curve in result["curves"].items():
        assert curve["updates_per_s"][0] > 0.0
        record = json.loads((tmp_path / f"{encoder}-seed0.json").read_text())
        for candidate in ("learner", "averaged"):
            scored = [
                s["completion_pct"] for s in record["selections"] if s["candidate"] == candidate
            ]
            assert curve[candidate] == [scored] and len(scored) == len(curve["steps"]) == 2
        assert 0 < curve["steps"][0] < curve["steps"][1]
    assert json.loads((tmp_path / "ablation.json").read_text()) == result
    assert (tmp_path / "ablation.png").read_bytes().startswith(b"\x89PNG")
    assert main(arguments) == 0
    assert len(configs) == 3
    assert "shared_actor" in capsys.readouterr().out
    assert main([*ARGUMENTS, "--steps", "170", "--out", str(tmp_path)]) == 2
    assert "is of a run with" in capsys.readouterr().err


def test_curves_are_by_variant_seed_and_candidate() -> None:
    def record(variant: str, seed: int, learner: float, averaged: float) -> dict:
        pairs = (("learner", learner), ("averaged", averaged))
        return {
            "variant": variant, "seed": seed, "settings": {"steps": 1000},
            "figures": {"updates_per_s": 10.0},
            "selections": [
                {"progress": progress, "candidate": name, "completion_pct": progress * value}
                for progress in (0.5, 1.0) for name, value in pairs
            ],
        }  # fmt: skip

    runs = [record("separate", 0, 80.0, 60.0), record("separate", 1, 40.0, 90.0)]
    found = ablation.curves([*runs, record("shared_critic", 0, 10.0, 20.0)])
    assert list(found) == ["separate", "shared_critic"]
    assert found["separate"]["steps"] == [500, 1000]
    assert found["separate"]["learner"] == [[40.0, 80.0], [20.0, 40.0]]
    assert found["separate"]["final_pct"] == [80.0, 90.0]
    assert found["shared_critic"]["averaged"] == [[10.0, 20.0]]


def test_a_stopped_run_is_drawn_as_far_as_it_came_and_run_again(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    scored = [
        {"progress": 0.5, "candidate": name, "completion_pct": value}
        for name, value in (("learner", 12.0), ("averaged", 34.0))
    ]
    told = {"interrupted": True, "updates_per_s": 2.0}
    asked = []

    def stopped(config, **options):
        asked.append(config)
        return SimpleNamespace(figures=told, selections=scored)

    monkeypatch.setattr(ablation, "pretrain", stopped)
    arguments = [*ARGUMENTS, "--variants", "shared_critic", "--out", str(tmp_path)]
    assert main([*arguments, "--draw"]) == 1
    assert main(arguments) == main(arguments) == 130
    assert len(asked) == 2
    capsys.readouterr()
    assert main([*arguments, "--draw", "--json"]) == 0
    (curve,) = json.loads(capsys.readouterr().out)["curves"].values()
    assert (curve["steps"], curve["learner"], curve["final_pct"]) == ([80], [[12.0]], [34.0])


def test_float16_differs_from_separate_in_precision_alone() -> None:
    settings = ablation.Settings("lane_keeping", 1000, 2, "cpu", {})
    plain, half = (settings.config(variant, 0).agent for variant in ("separate", "float16"))
    assert half == replace(plain, precision="float16")


def test_the_command_knows_every_variant_and_refuses_others(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert set(bench_options.VARIANTS) == set(ablation.VARIANTS)
    with pytest.raises(SystemExit):
        main(["bench", "ablation", "--variants", "separate,both"])
    assert "'both' is none of separate, shared_critic" in capsys.readouterr().err
