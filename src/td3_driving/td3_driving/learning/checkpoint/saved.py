"""Checkpoints on the disk: which there are, and whether one is as it was written."""

from __future__ import annotations

import hashlib
import json
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from td3_driving.learning.checkpoint.chunks import FOLDER, Chunk
from td3_driving.learning.errors import (
    CheckpointError,
    DamagedCheckpointError,
    ForeignCheckpointError,
    NewerCheckpointError,
    OlderCheckpointError,
)
from td3_driving.learning.files import sha256, write_json

FORMAT = "td3_driving.checkpoint"
SCHEMA = 2
MANIFEST, STATE, AGENT = "manifest.json", "state.json", "agent.safetensors"


@dataclass(frozen=True)
class Saved:
    """A checkpoint that was found to be as it was written.

    Attributes:
        path: its folder.
        state: what state.json holds.
        chunks: the chunks of its replay.
        passed_over: newer ones in the same folder that cannot be used, and why.
    """

    path: Path
    state: dict[str, Any]
    chunks: tuple[Chunk, ...]
    passed_over: Mapping[Path, str]

    @property
    def extra(self) -> dict[str, Any]:
        """What the caller saved with it."""
        return self.state["extra"]


def checkpoints(directory: Path) -> list[Path]:
    """Checkpoint folders, oldest first; whole or not."""
    found = directory.glob("checkpoint-*")
    return sorted((path for path in found if path.name[11:].isdecimal()), key=number)


def number(path: Path) -> int:
    """Of a checkpoint's folder."""
    return int(path.name.removeprefix("checkpoint-"))


def newest(directory: Path | str) -> Saved | None:
    """The newest whole checkpoint, or None; warns of each newer one that it passes over."""
    return next(whole(directory), None)


def whole(directory: Path | str, with_replay: bool = True) -> Iterator[Saved]:
    """The whole checkpoints, newest first; warns of each other one that it passes over.

    Args:
        directory: folder of checkpoints.
        with_replay: the chunks of the replay must be whole, too.
    """
    passed_over: dict[Path, str] = {}
    for path in reversed(checkpoints(Path(directory))):
        found = _try(path, with_replay)
        if isinstance(found, Saved):
            yield replace(found, passed_over=dict(passed_over))
        else:
            passed_over[path] = str(found)
            warnings.warn(f"passing over a checkpoint: {found}", stacklevel=2)


def _try(path: Path, with_replay: bool) -> Saved | CheckpointError:
    try:
        return read(path, with_replay)
    except CheckpointError as error:
        return error


def read(path: Path | str, with_replay: bool = True) -> Saved:
    """Checks that a checkpoint is ours, of this schema, and as it was written.

    Args:
        path: its folder.
        with_replay: check the chunks of its replay, too.

    Raises:
        DamagedCheckpointError, ForeignCheckpointError, NewerCheckpointError,
        OlderCheckpointError: by its name.
    """
    path = Path(path)
    manifest = read_manifest(path)
    digests = {path / name: digest for name, digest in manifest["files"].items()}
    chunks = chunks_of(manifest)
    if with_replay:
        digests |= {path.parent / FOLDER / chunk.name: chunk.sha256 for chunk in chunks}
    for file, digest in digests.items():
        if file.parent not in (path, path.parent / FOLDER) or file.is_symlink():
            raise DamagedCheckpointError(f"{path} names {file}, which is no file of its own")
        try:
            whole = sha256(file) == digest
        except OSError as error:
            raise DamagedCheckpointError(
                f"{path} lacks {file}, or it can't be read ({error.strerror}); use an older one"
            ) from error
        if not whole:
            raise DamagedCheckpointError(
                f"{path}: {file} is not as it was written; use an older checkpoint"
            )
    return Saved(path, json.loads((path / STATE).read_text()), chunks, {})


def read_manifest(path: Path) -> dict[str, Any]:
    """A checkpoint's manifest, which is as it was written.

    Raises:
        CheckpointError: as for read().
    """
    file = path / MANIFEST
    try:
        manifest = json.loads(file.read_text())
    except OSError as error:
        raise DamagedCheckpointError(
            f"{path} has no {MANIFEST} that can be read ({error.strerror}): it is not a "
            "checkpoint, or its writing was cut short; use an older one"
        ) from error
    except ValueError as error:
        raise DamagedCheckpointError(
            f"{file} is not JSON ({error}); use an older checkpoint"
        ) from error
    if not isinstance(manifest, dict) or manifest.get("format") != FORMAT:
        raise ForeignCheckpointError(f"{path} is not a checkpoint of td3_driving")
    schema = manifest.get("schema")
    if not isinstance(schema, int):
        raise DamagedCheckpointError(f"{file} names no schema; use an older checkpoint")
    if schema > SCHEMA:
        raise NewerCheckpointError(
            f"{path} has schema {schema} and this version reads {SCHEMA}; "
            "use the version of td3_driving that wrote it, or a later one"
        )
    if schema < SCHEMA:
        raise OlderCheckpointError(
            f"{path} has schema {schema} and this version reads {SCHEMA}; go on with it in the "
            "version of td3_driving that wrote it, or start a new run"
        )
    if manifest.pop("sha256", None) != _digest(manifest):
        raise DamagedCheckpointError(f"{file} is not as it was written; use an older checkpoint")
    return manifest


def write_manifest(path: Path, files: Mapping[str, str], chunks: list[Chunk]) -> None:
    """Writes a manifest with a digest of its own.

    Args:
        path: the checkpoint's folder.
        files: digests of the files in it.
        chunks: of its replay.
    """
    manifest = {"format": FORMAT, "schema": SCHEMA, "files": dict(files), "chunks": chunks}
    write_json(path / MANIFEST, {**manifest, "sha256": _digest(manifest)})


def chunks_of(manifest: Mapping[str, Any]) -> tuple[Chunk, ...]:
    """The chunks that a manifest names."""
    return tuple(Chunk(*chunk) for chunk in manifest["chunks"])


def _digest(manifest: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(manifest, sort_keys=True).encode()).hexdigest()
