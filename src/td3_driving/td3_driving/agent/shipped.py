"""Policies that come with the package, one per task: policies/<task>.safetensors."""

from __future__ import annotations

import contextlib
from pathlib import Path

from td3_driving.learning.errors import ForeignCheckpointError
from td3_driving.learning.policy import Policy
from td3_driving.learning.policy_file import PolicyInfo, load_policy

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


def load_for_task(file: Path | str, task: str) -> tuple[Policy, PolicyInfo]:
    """Reads a policy that has to be one for a task.

    Raises:
        ForeignCheckpointError: it was trained for another task; names both.
        Others: as load_policy.
    """
    policy, info = load_policy(file)
    trained_for = info.task.get("task")
    if trained_for != task:
        raise ForeignCheckpointError(
            f"{file} was trained for the task {trained_for!r}, not for {task!r}; give a policy of "
            f"that task, or let {file} drive its own"
        )
    return policy, info
