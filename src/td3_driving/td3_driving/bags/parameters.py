"""What can be set about a recording; the parameters of the recorder node."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from pathlib import Path

from td3_driving.parameters import parameter

BAGS = Path("bags")
"""Where bags go that were given no folder."""


@dataclass(frozen=True)
class RecorderParameters:
    """The recorder node's parameters."""

    directory: str = parameter("", "folder of the bag; empty: bags/<time> where it was started")
    cache_mib: float = parameter(
        100.0, "messages that may wait for the disk; more are dropped and counted", "MiB", 1.0, 1e5
    )
    task: str = parameter("", "task that is driven; kept in the bag")
    policy: str = parameter("", "who drives; kept in the bag")
    action_repeat: int = parameter(
        0, "ticks that one decision holds; kept in the bag; 0: not known", "", 0, 20
    )

    @property
    def path(self) -> Path:
        """The bag's folder."""
        given = Path(self.directory).expanduser() if self.directory else None
        return given or BAGS / time.strftime("%Y%m%d-%H%M%S")

    @property
    def about(self) -> str:
        """What the bag says of its drive, as JSON."""
        return json.dumps(
            {"task": self.task, "policy": self.policy, "action_repeat": self.action_repeat}
        )
