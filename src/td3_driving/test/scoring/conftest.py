"""Policies and a short task for the tests of scoring."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
import torch

from td3_driving.agent.learner import td3_config
from td3_driving.agent.parameters import AgentParameters
from td3_driving.agent.task import resolved
from td3_driving.learning.policy import Policy
from td3_driving.learning.policy_file import save_policy

SHORT = """
name: short
description: Forty metres.
kind: circuit
waypoints: {mode: noisy}
evaluation: {distance_m: 40.0, duration_s: 12.0}
"""


@pytest.fixture(autouse=True, scope="session")
def one_thread() -> None:
    torch.set_num_threads(1)


@pytest.fixture
def short_task(tmp_path: Path) -> str:
    """The file of a task whose episodes take seconds."""
    file = tmp_path / "short.yaml"
    file.write_text(SHORT)
    return str(file)


@pytest.fixture
def make_policy(tmp_path: Path) -> Callable[..., str]:
    """Writes an untrained policy's file; the changes are of the parameters it says it had."""

    def make(name: str = "mine", said: dict[str, Any] | None = None, **changes: Any) -> str:
        parameters = resolved(AgentParameters(**{"task": "route_following", **changes}))
        policy = Policy.create(td3_config(parameters), parameters.seed)
        task = asdict(parameters) if said is None else said
        return str(save_policy(tmp_path / f"{name}.safetensors", policy, task, {"updates": 7}))

    return make
