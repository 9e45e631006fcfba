"""td3-driving policy pack, show"""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict
from pathlib import Path

import torch
from rich.console import Console
from rich.markdown import Markdown

from td3_driving.agent.drivers import policy_file
from td3_driving.agent.packing import model_card, pack, read_scores
from td3_driving.learning.policy_file import load_policy


def run_pack(chosen: argparse.Namespace) -> int:
    """Runs the command; returns its exit code."""
    file = policy_file(chosen.file)
    scored = [Path(name) for name in chosen.scores]
    summary = file.with_name("summary.json")
    if not scored and summary.is_file():
        scored.append(summary)
    packed = pack(
        file, chosen.task, Path(chosen.out or f"policies/{chosen.task}.safetensors"),
        read_scores(scored), chosen.trained_by,
        torch.float32 if chosen.float32 else torch.float16,
    )  # fmt: skip
    print(f"{packed}: {packed.stat().st_size / 1e6:.1f} MB; its card: {packed.with_suffix('.md')}")
    return 0


def run_show(chosen: argparse.Namespace) -> int:
    """Runs the command; returns its exit code."""
    file = policy_file(chosen.file)
    if chosen.json:
        info = load_policy(file)[1]
        print(json.dumps({"file": str(file), **asdict(info)}))
    else:
        Console().print(Markdown(model_card(file)))
    return 0
