"""Checkpoints that are whole or not there, and policies in one file.

A checkpoint is a folder `checkpoint-000007`:

    agent.safetensors   every tensor of TD3Agent.state_dict
    replay-<name>.npy   the arrays of FrameReplay.state, if a replay was saved
    state.json          configuration, counters, random states, and the caller's own `extra`
    manifest.json       format, schema and the SHA-256 of each file; written last

It is written into a temporary folder beside it, synced to disk and renamed, so a folder of that
name is complete unless its bytes were damaged later, which the digests tell.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.torch import load_file, save_file

from td3_driving.learning.config import TD3Config
from td3_driving.learning.errors import (
    CheckpointError,
    DamagedCheckpointError,
    ForeignCheckpointError,
    NewerCheckpointError,
)
from td3_driving.learning.policy import Policy
from td3_driving.learning.replay import FrameReplay
from td3_driving.learning.td3 import TD3Agent

FORMAT = "td3_driving.checkpoint"
SCHEMA = 1
_ACTING = "acting."
_MANIFEST, _STATE, _AGENT = "manifest.json", "state.json", "agent.safetensors"


def save(
    directory: Path | str,
    agent: TD3Agent,
    replay: FrameReplay | None = None,
    extra: Mapping[str, Any] | None = None,
    keep: int = 3,
    acting: Policy | None = None,
) -> Path:
    """Writes the next checkpoint and removes all but the newest `keep`.

    Call it from the thread that trains. A writer of the replay waits meanwhile.

    Args:
        directory: folder of checkpoints; made if missing.
        agent: saved whole.
        replay: saved whole, if given.
        extra: JSON-able values of the caller: step counts, noise states.
        keep: checkpoints to keep, at least 1.
        acting: the policy that acts, where it is an older one than the agent's.

    Returns:
        The new checkpoint's folder.

    Raises:
        OSError: the disk is full or read-only; earlier checkpoints are as they were.
    """
    if keep < 1:
        raise ValueError(f"checkpoint.save: keep is {keep}; it must be at least 1")
    directory = Path(directory)
    directory.mkdir(parents=True, exist_ok=True)
    for leftover in directory.glob(".writing-*"):  # of a save that was killed
        shutil.rmtree(leftover)
    number = max((_number(path) for path in _checkpoints(directory)), default=0) + 1
    final = directory / f"checkpoint-{number:06d}"
    temporary = directory / f".writing-{final.name}"
    temporary.mkdir()
    try:
        _write_files(temporary, agent, replay, extra or {}, acting)
        temporary.rename(final)
    except BaseException:
        shutil.rmtree(temporary, ignore_errors=True)
        raise
    _sync(directory)
    for old in _checkpoints(directory)[:-keep]:
        shutil.rmtree(old)
    return final


def load(
    path: Path | str,
    agent: TD3Agent,
    replay: FrameReplay | None = None,
    acting: Policy | None = None,
) -> dict[str, Any]:
    """Puts a checkpoint into an agent, a replay and a policy made with the same configuration.

    The policy is set to the one that acted, or to the agent's where none was saved.

    Returns:
        The `extra` that was saved.

    Raises:
        DamagedCheckpointError, ForeignCheckpointError, NewerCheckpointError: nothing was loaded.
    """
    path = Path(path)
    verify(path)
    state = json.loads((path / _STATE).read_text())
    _require_same_config(path, state["config"], agent.config)
    if replay is not None:
        if state["replay"] is None:
            raise ForeignCheckpointError(f"{path} was saved without a replay; load it without one")
        if state["replay"]["layout"] != replay.layout():
            raise ForeignCheckpointError(
                f"{path} holds a replay of {state['replay']['layout']}, this run has "
                f"{replay.layout()}; resume with the settings of the run that wrote it"
            )
    tensors = load_file(path / _AGENT)
    agent.load_state_dict(tensors, state["agent"])
    if acting is not None:
        acted = {k.removeprefix(_ACTING): v for k, v in tensors.items() if k.startswith(_ACTING)}
        if acted:
            acting.load_state_dict(acted)
        else:
            acting.load_from(agent)
    if replay is not None:
        arrays = {
            name: np.load(path / f"replay-{name}.npy", mmap_mode="r", allow_pickle=False)
            for name in state["replay_arrays"]
        }
        replay.restore(arrays, state["replay"])
    return state["extra"]


def latest(directory: Path | str) -> Path | None:
    """The newest whole checkpoint, or None; warns of each newer one that it passes over."""
    return next((path for path in reversed(_checkpoints(Path(directory))) if _is_whole(path)), None)


def verify(path: Path) -> None:
    """Checks that a checkpoint is ours, readable by this version, and as it was written.

    Raises:
        DamagedCheckpointError, ForeignCheckpointError, NewerCheckpointError.
    """
    try:
        manifest = json.loads((path / _MANIFEST).read_text())
    except FileNotFoundError:
        raise DamagedCheckpointError(
            f"{path} has no {_MANIFEST}: it is not a checkpoint, or its writing was cut short"
        ) from None
    except ValueError as error:
        raise DamagedCheckpointError(f"{path / _MANIFEST} is not JSON: {error}") from error
    if not isinstance(manifest, dict) or manifest.get("format") != FORMAT:
        raise ForeignCheckpointError(f"{path} is not a checkpoint of td3_driving")
    schema, digests = manifest.get("schema"), manifest.get("sha256")
    if not isinstance(schema, int) or not isinstance(digests, dict):
        raise DamagedCheckpointError(f"{path / _MANIFEST} is not as it was written")
    if schema > SCHEMA:
        raise NewerCheckpointError(
            f"{path} has schema {schema} and this version reads up to {SCHEMA}; "
            "use the version of td3_driving that wrote it, or a later one"
        )
    for name in (_AGENT, _STATE, *digests):
        file = path / name
        if not file.is_file() or _sha256(file) != digests.get(name):
            raise DamagedCheckpointError(
                f"{file} is missing or not as it was written; load an older checkpoint"
            )


def _is_whole(path: Path) -> bool:
    try:
        verify(path)
    except CheckpointError as error:
        warnings.warn(f"passing over a checkpoint: {error}", stacklevel=3)
        return False
    return True


def _write_files(
    folder: Path,
    agent: TD3Agent,
    replay: FrameReplay | None,
    extra: Mapping[str, Any],
    acting: Policy | None,
) -> None:
    tensors, agent_values = agent.state_dict()
    if acting is not None:
        tensors |= {f"{_ACTING}{name}": tensor for name, tensor in acting.state_dict().items()}
    state: dict[str, Any] = {
        "config": agent.config.to_dict(),
        "agent": agent_values,
        "replay": None,
        "replay_arrays": [],
        "extra": dict(extra),
    }
    save_file(tensors, folder / _AGENT)
    digests = {_AGENT: _finish(folder / _AGENT)}
    if replay is not None:
        with replay.hold():
            arrays, state["replay"] = replay.state()
            state["replay_arrays"] = list(arrays)
            for key, array in arrays.items():
                name = f"replay-{key}.npy"
                np.save(folder / name, array)
                digests[name] = _finish(folder / name)
    digests[_STATE] = _write_json(folder / _STATE, state)
    _write_json(
        folder / _MANIFEST,
        {"format": FORMAT, "schema": SCHEMA, "sha256": digests},
    )
    _sync(folder)


def _finish(file: Path) -> str:
    """Sees a file through to the disk; returns its SHA-256."""
    _sync(file)
    return _sha256(file)


def _write_json(file: Path, value: dict[str, Any]) -> str:
    file.write_text(json.dumps(value, indent=1, allow_nan=False))
    return _finish(file)


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _sha256(file: Path) -> str:
    digest = hashlib.sha256()
    with file.open("rb") as stream:
        while block := stream.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def _checkpoints(directory: Path) -> list[Path]:
    """Checkpoint folders, oldest first."""
    return sorted(directory.glob("checkpoint-[0-9]*"), key=_number)


def _number(path: Path) -> int:
    return int(path.name.removeprefix("checkpoint-"))


def _require_same_config(path: Path, saved: dict[str, Any], config: TD3Config) -> None:
    ours = config.to_dict()
    differing = sorted(key for key in saved.keys() | ours.keys() if saved.get(key) != ours.get(key))
    if differing:
        changes = ", ".join(f"{key}: {saved.get(key)} -> {ours.get(key)}" for key in differing)
        raise ForeignCheckpointError(
            f"{path} belongs to another configuration ({changes}); "
            "resume with the settings of the run that wrote it, or start a new run"
        )
