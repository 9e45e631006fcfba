"""A checkpoint is its own folder and the run's chunks: nothing else is read through it."""

from __future__ import annotations

from pathlib import Path

import pytest

from td3_driving.learning import checkpoint
from td3_driving.learning.checkpoint.saved import read_manifest, write_manifest
from td3_driving.learning.config import TD3Config
from td3_driving.learning.errors import DamagedCheckpointError
from td3_driving.learning.files import sha256
from td3_driving.learning.td3 import TD3Agent


@pytest.fixture
def saved(tmp_path: Path, small_config: TD3Config) -> Path:
    """A checkpoint, and a secret beside the folder of checkpoints."""
    (tmp_path / "secret").write_text("secret")
    return checkpoint.save(tmp_path / "checkpoints", TD3Agent.create(small_config, seed=0))


@pytest.mark.parametrize("name", ["../../secret", "{absolute}", "../replay/../../secret"])
def test_a_checkpoint_names_no_file_outside_of_its_folder(
    saved: Path, tmp_path: Path, name: str
) -> None:
    secret = tmp_path / "secret"
    (tmp_path / "checkpoints" / "replay").mkdir(exist_ok=True)
    files = read_manifest(saved)["files"]
    write_manifest(saved, {**files, name.format(absolute=secret): sha256(secret)}, [])
    with pytest.raises(DamagedCheckpointError, match="no file of its own"):
        checkpoint.read(saved)


def test_a_link_is_no_file_of_a_checkpoint(saved: Path, tmp_path: Path) -> None:
    agent = saved / "agent.safetensors"
    agent.rename(tmp_path / "elsewhere")
    agent.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(DamagedCheckpointError, match="no file of its own"):
        checkpoint.read(saved)
