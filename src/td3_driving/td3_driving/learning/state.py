"""State as flat, named tensors, without pickle."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

import torch
from torch import Tensor


def copies(
    tensors: Mapping[str, Tensor], into: dict[str, Tensor] | None = None
) -> dict[str, Tensor]:
    """Copies of tensors on the CPU.

    Args:
        tensors: by name.
        into: memory of earlier copies, which is used again: to ask the system for it takes as
            long as to copy. What it lacks is added to it.
    """
    into = {} if into is None else into
    for name, tensor in tensors.items():
        if name not in into:
            into[name] = torch.empty(tensor.shape, dtype=tensor.dtype)
        into[name].copy_(tensor.detach())
    return {name: into[name] for name in tensors}


def pack_optimizer(prefix: str, optimizer: torch.optim.Optimizer) -> dict[str, Tensor]:
    """The per-parameter state itself, named `{prefix}.{parameter index}.{key}`."""
    state = optimizer.state_dict()["state"]
    return {
        f"{prefix}.{index}.{key}": tensor
        for index, entries in state.items()
        for key, tensor in entries.items()
    }


def unpack_optimizer(
    prefix: str, optimizer: torch.optim.Optimizer, tensors: Mapping[str, Tensor]
) -> None:
    """The inverse of pack_optimizer; rates and options stay those of the optimiser."""
    state: dict[int, dict[str, Tensor]] = {}
    for name, tensor in tensors.items():
        if name.startswith(f"{prefix}."):
            index, key = name.removeprefix(f"{prefix}.").split(".")
            state.setdefault(int(index), {})[key] = tensor.clone()
    groups = optimizer.state_dict()["param_groups"]
    optimizer.load_state_dict({"state": state, "param_groups": groups})


def tensors_sha256(tensors: Mapping[str, Tensor]) -> str:
    """A digest of names and values, whatever the order."""
    digest = hashlib.sha256()
    for name, tensor in sorted(tensors.items()):
        digest.update(name.encode())
        digest.update(tensor.detach().cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()
