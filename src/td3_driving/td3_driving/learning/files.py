"""Files that are on the disk when they are said to be, and their digests."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import save_file
from torch import Tensor


def write_tensors(
    file: Path, tensors: Mapping[str, Tensor], metadata: dict[str, str] | None = None
) -> None:
    """Writes a safetensors file and sees it through to the disk. Other threads run meanwhile.

    Raises:
        OSError: the disk is full, read-only or broken.
    """
    try:
        save_file(dict(tensors), file, metadata=metadata)
    except SafetensorError as error:
        raise OSError(f"{file} could not be written: {error}") from error
    sync(file)


def write_json(file: Path, value: Mapping[str, Any]) -> None:
    """Writes a JSON file and sees it through to the disk.

    Raises:
        OSError: the disk is full, read-only or broken.
    """
    file.write_text(json.dumps(value, indent=1, allow_nan=False))
    sync(file)


def sync(path: Path) -> None:
    """Sees a file, or a folder's list of names, through to the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sha256(file: Path) -> str:
    """A file's digest, in hexadecimal."""
    digest = hashlib.sha256()
    with file.open("rb") as stream:
        while block := stream.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()
