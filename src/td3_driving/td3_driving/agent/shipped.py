"""Policies that come with the package, one per task: policies/<task>.safetensors."""

from __future__ import annotations

import contextlib
from pathlib import Path

SOURCE = Path(__file__).resolve().parents[4] / "policies"
"""Where they lie in a source tree, beside src."""


def folder() -> Path:
    """Where shipped policies are: installed, or in a source tree. It need not hold any."""
    # Training on a GPU machine needs no ROS, and so no index of its packages.
    with contextlib.suppress(LookupError, ImportError):
        from ament_index_python.packages import get_package_share_directory

        installed = Path(get_package_share_directory("td3_driving")) / "policies"
        if installed.is_dir():
            return installed
    return SOURCE


def shipped_policies() -> dict[str, Path]:
    """Files of the shipped policies by task, sorted."""
    return {file.stem: file for file in sorted(folder().glob("*.safetensors"))}
