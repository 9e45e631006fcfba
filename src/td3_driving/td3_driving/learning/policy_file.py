"""A policy in one safetensors file: weights, architecture, task and how it was trained."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open
from torch import Tensor

from td3_driving.learning.config import TD3Config
from td3_driving.learning.errors import (
    DamagedCheckpointError,
    ForeignCheckpointError,
    NewerCheckpointError,
)
from td3_driving.learning.files import write_tensors
from td3_driving.learning.policy import Policy
from td3_driving.learning.state import tensors_sha256

FORMAT = "td3_driving.policy"
SCHEMA = 1


@dataclass(frozen=True)
class PolicyInfo:
    """What a policy file says of itself."""

    config: TD3Config
    """Architecture and recipe."""
    task: dict[str, Any]
    """What it was trained to do: observation, reward and action settings; the caller's."""
    training: dict[str, Any]
    """How the training went: steps, updates, scores; the caller's."""


def save_policy(
    file: Path | str,
    policy: Policy,
    task: Mapping[str, Any] | None = None,
    training: Mapping[str, Any] | None = None,
) -> Path:
    """Writes a policy, replacing an earlier file only when the new one is whole.

    Args:
        file: to write, by custom `*.safetensors`.
        policy: from TD3Agent.policy().
        task: JSON-able; what the policy was trained to do.
        training: JSON-able; how the training went.

    Raises:
        OSError: the disk is full or read-only; an earlier file is as it was.
    """
    file = Path(file)
    file.parent.mkdir(parents=True, exist_ok=True)
    tensors = policy.state_dict()
    config = policy.config
    metadata = {
        "format": FORMAT,
        "schema": str(SCHEMA),
        "architecture": "NatureCNN 32x8s4-64x4s2-64x3s1-linear, MLP with ReLU, tanh",
        "normalisation": f"uint8 pixels / 255 - {config.image_centre}; vector as it comes",
        "config": json.dumps(config.to_dict()),
        "task": json.dumps(dict(task or {})),
        "training": json.dumps(dict(training or {})),
    }
    metadata["sha256"] = _digest(tensors, metadata)
    temporary = file.with_name(f".writing-{file.name}")
    write_tensors(temporary, tensors, metadata)
    return temporary.rename(file)


def load_policy(file: Path | str) -> tuple[Policy, PolicyInfo]:
    """Reads a policy.

    Raises:
        FileNotFoundError: there is no such file.
        DamagedCheckpointError, ForeignCheckpointError, NewerCheckpointError: named by the file.
    """
    file = Path(file)
    if not file.is_file():
        raise FileNotFoundError(f"there is no policy file {file}")
    try:
        with safe_open(file, framework="pt") as stream:
            metadata = stream.metadata() or {}
            tensors = {name: stream.get_tensor(name) for name in stream.keys()}  # noqa: SIM118
    except SafetensorError as error:
        raise DamagedCheckpointError(f"{file} is not a whole safetensors file: {error}") from error
    if metadata.get("format") != FORMAT:
        raise ForeignCheckpointError(f"{file} is not a policy of td3_driving")
    if _digest(tensors, metadata) != metadata.get("sha256"):
        raise DamagedCheckpointError(f"{file} is not as it was written; get it again")
    if int(metadata["schema"]) > SCHEMA:
        raise NewerCheckpointError(
            f"{file} has schema {metadata['schema']} and this version reads up to {SCHEMA}; "
            "use the version of td3_driving that wrote it, or a later one"
        )
    info = PolicyInfo(
        config=TD3Config.from_dict(json.loads(metadata["config"])),
        task=json.loads(metadata["task"]),
        training=json.loads(metadata["training"]),
    )
    policy = Policy.create(info.config)
    policy.load_state_dict(tensors)
    return policy, info


def _digest(tensors: Mapping[str, Tensor], metadata: Mapping[str, str]) -> str:
    """SHA-256 of the weights and of all that the file says of them."""
    said = sorted((key, value) for key, value in metadata.items() if key != "sha256")
    return hashlib.sha256((tensors_sha256(tensors) + json.dumps(said)).encode()).hexdigest()
