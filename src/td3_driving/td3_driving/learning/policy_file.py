"""A policy in one safetensors file: weights, architecture, task and how it was trained.

Weights may be stored in half precision, which halves the file; they act in float32.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from td3_driving.learning.config import TD3Config
from td3_driving.learning.errors import (
    DamagedCheckpointError,
    ForeignCheckpointError,
    NewerCheckpointError,
    NonFiniteError,
)
from td3_driving.learning.files import write_tensors
from td3_driving.learning.policy import Policy
from td3_driving.learning.state import tensors_sha256

FORMAT = "td3_driving.policy"
SCHEMA = 1
HEAD = "MLP with ReLU, tanh"
ARCHITECTURE = f"NatureCNN 32x8s4-64x4s2-64x3s1-linear, {HEAD}"
MOST_BYTES = 64 * 2**20
"""Of a file that is read at all; the default architecture takes 7.6 MB in single precision."""


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
    dtype: torch.dtype = torch.float32,
) -> Path:
    """Writes a policy, replacing an earlier file only when the new one is whole.

    Args:
        file: to write, by custom `*.safetensors`.
        policy: from TD3Agent.policy().
        task: JSON-able; what the policy was trained to do.
        training: JSON-able; how the training went.
        dtype: of the weights in the file: float32 or float16.

    Raises:
        NonFiniteError: a weight is NaN or infinite, or too large for the dtype.
        ValueError: task or training hold what JSON cannot say.
        OSError: the disk is full or read-only; an earlier file is as it was.
    """
    file = Path(file)
    file.parent.mkdir(parents=True, exist_ok=True)
    tensors = {name: tensor.to(dtype) for name, tensor in policy.state_dict().items()}
    _require_finite(file, tensors)
    config = policy.config
    metadata = {
        "format": FORMAT,
        "schema": str(SCHEMA),
        "architecture": _architecture(config),
        "normalisation": _normalisation(config),
        "config": json.dumps(config.to_dict()),
        "task": json.dumps(dict(task or {}), allow_nan=False),
        "training": json.dumps(dict(training or {}), allow_nan=False),
    }
    metadata["sha256"] = _digest(tensors, metadata)
    temporary = file.with_name(f".writing-{file.name}")
    write_tensors(temporary, tensors, metadata)
    return temporary.rename(file)


def load_policy(file: Path | str) -> tuple[Policy, PolicyInfo]:
    """Reads a policy. What it says of itself is believed only where its weights agree.

    Raises:
        FileNotFoundError: there is no such file.
        DamagedCheckpointError: it is cut short, or not as it was written.
        ForeignCheckpointError: it is too large, or no policy of this architecture.
        NewerCheckpointError: a later version wrote it.
        NonFiniteError: a weight is NaN or infinite.
    """
    file = Path(file)
    tensors, metadata = _read(file)
    try:
        info = PolicyInfo(
            config=TD3Config.from_dict(_from_json(metadata["config"])),
            task=_from_json(metadata["task"]),
            training=_from_json(metadata["training"]),
        )
    except (KeyError, ValueError, TypeError, OverflowError, RecursionError) as error:
        raise ForeignCheckpointError(f"{file} does not describe a policy: {error}") from error
    _require_architecture(file, metadata, info.config, tensors)
    _require_finite(file, tensors)
    policy = Policy.create(info.config)
    policy.load_state_dict(tensors)
    return policy, info


def _read(file: Path) -> tuple[dict[str, Tensor], dict[str, str]]:
    """Weights and what is said of them, whole and of a version that we know."""
    if not file.is_file():
        raise FileNotFoundError(f"there is no policy file {file}")
    if (size := file.stat().st_size) > MOST_BYTES:
        raise ForeignCheckpointError(
            f"{file} has {size / 2**20:.0f} MiB; a policy has at most {MOST_BYTES >> 20}"
        )
    try:
        with safe_open(file, framework="pt") as stream:
            metadata = stream.metadata() or {}
            tensors = {name: stream.get_tensor(name) for name in stream.keys()}  # noqa: SIM118
    except SafetensorError as error:
        raise DamagedCheckpointError(f"{file} is not a whole safetensors file: {error}") from error
    if metadata.get("format") != FORMAT:
        raise ForeignCheckpointError(f"{file} is not a policy of td3_driving")
    for name, tensor in tensors.items():
        if tensor.dtype not in (torch.float32, torch.float16):
            raise ForeignCheckpointError(
                f"{file}: weight {name} is {tensor.dtype}; it must be float32 or float16"
            )
    if _digest(tensors, metadata) != metadata.get("sha256"):
        raise DamagedCheckpointError(f"{file} is not as it was written; get it again")
    schema = metadata.get("schema", "")
    if not schema.isdecimal() or len(schema) > 9:
        raise ForeignCheckpointError(f"{file} has schema {schema[:40]!r}, which is no number")
    if int(schema) > SCHEMA:
        raise NewerCheckpointError(
            f"{file} has schema {schema} and this version reads up to {SCHEMA}; "
            "use the version of td3_driving that wrote it, or a later one"
        )
    return tensors, metadata


def weight_shapes(config: TD3Config) -> dict[str, tuple[int, ...]]:
    """Shape of every weight of a policy, by name, worked out without making any."""
    shapes: dict[str, tuple[int, ...]] = {}
    layers = []
    if config.image_shape is not None:
        channels, rows, columns = config.image_shape
        for index, (filters, kernel, stride) in enumerate(((32, 8, 4), (64, 4, 2), (64, 3, 1))):
            rows, columns = (rows - kernel) // stride + 1, (columns - kernel) // stride + 1
            name = f"actor_cnn.cnn.{2 * index}"
            shapes[f"{name}.weight"] = (filters, channels, kernel, kernel)
            shapes[f"{name}.bias"] = (filters,)
            channels = filters
        layers.append(("actor_cnn.linear.0", channels * rows * columns, config.features_dim))
    widths = [config.state_dim, *config.hidden, config.action_dim]
    layers += [
        (f"actor.mlp.{2 * index}", fan_in, fan_out)
        for index, (fan_in, fan_out) in enumerate(pairwise(widths))
    ]
    for name, fan_in, fan_out in layers:
        shapes[f"{name}.weight"] = (fan_out, fan_in)
        shapes[f"{name}.bias"] = (fan_out,)
    return shapes


def _require_architecture(
    file: Path, metadata: Mapping[str, str], config: TD3Config, tensors: Mapping[str, Tensor]
) -> None:
    """Refuses another architecture by name, before a network of its size is made."""
    said = {"architecture": _architecture(config), "normalisation": _normalisation(config)}
    for key, ours in said.items():
        if metadata.get(key) != ours:
            raise ForeignCheckpointError(
                f"{file} has the {key} {metadata.get(key)!r} and this version knows {ours!r}"
            )
    wanted = weight_shapes(config)
    found = {name: tuple(tensor.shape) for name, tensor in tensors.items()}
    for name in sorted(wanted.keys() | found.keys()):
        if wanted.get(name) != found.get(name):
            raise ForeignCheckpointError(
                f"{file}: weight {name} is {found.get(name, 'missing')} and its configuration "
                f"needs {wanted.get(name, 'none of that name')}"
            )


def _require_finite(file: Path, tensors: Mapping[str, Tensor]) -> None:
    for name, tensor in tensors.items():
        if not torch.isfinite(tensor).all():
            raise NonFiniteError(
                f"{file}: weight {name} holds NaN, infinity, or what {tensor.dtype} cannot hold"
            )


def _architecture(config: TD3Config) -> str:
    return HEAD if config.image_shape is None else ARCHITECTURE


def _normalisation(config: TD3Config) -> str:
    if config.image_shape is None:
        return "vector as it comes"
    return f"uint8 pixels / 255 - {config.image_centre}; vector as it comes"


def _from_json(text: str) -> dict[str, Any]:
    """A JSON object.

    Raises:
        ValueError: it is none, or holds NaN or infinity.
    """

    def refuse(constant: str) -> None:
        raise ValueError(f"it holds {constant}")

    value = json.loads(text, parse_constant=refuse)
    if not isinstance(value, dict):
        raise ValueError(f"{text[:40]!r} is no JSON object")
    return value


def _digest(tensors: Mapping[str, Tensor], metadata: Mapping[str, str]) -> str:
    """SHA-256 of the weights and of all that the file says of them."""
    said = sorted((key, value) for key, value in metadata.items() if key != "sha256")
    return hashlib.sha256((tensors_sha256(tensors) + json.dumps(said)).encode()).hexdigest()
