"""How much memory this machine has left."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from td3_driving.learning.errors import ReplayMemoryError


def require_memory(name: str, capacity: int, bytes_per_row: int) -> None:
    """Refuses what does not fit into free memory, before it is asked for.

    Raises:
        ReplayMemoryError: says which capacity would fit.
    """
    free = available_memory_bytes()
    if capacity * bytes_per_row > free:
        raise ReplayMemoryError(
            f"{name}: capacity {capacity} takes {capacity * bytes_per_row / 1e9:.1f} GB and "
            f"{free / 1e9:.1f} GB of memory are free; a capacity of at most "
            f"{int(0.8 * free / bytes_per_row)} fits and leaves a fifth to the rest"
        )


def zeros(
    name: str, capacity: int, arrays: Mapping[str, tuple[tuple[int, ...], Any]]
) -> dict[str, np.ndarray]:
    """Arrays of so many rows, by the shape and dtype of a row.

    Raises:
        ReplayMemoryError: the machine has the memory, and this process may not take it.
    """
    try:
        return {key: np.zeros((capacity, *shape), dtype) for key, (shape, dtype) in arrays.items()}
    except MemoryError as error:
        raise ReplayMemoryError(
            f"{name}: capacity {capacity} takes more GB of memory than this process may have "
            f"({error}); choose a smaller one, or see ulimit -v"
        ) from error


def available_memory_bytes() -> int:
    """Memory that can be taken without swapping: the machine's, or the control group's if less."""
    free = 1024 * _named_figures(Path("/proc/meminfo"))["MemAvailable:"]
    group = Path("/sys/fs/cgroup")
    try:
        limit = int((group / "memory.max").read_text())
        # The group's file cache gives way when memory is asked for.
        cache = _named_figures(group / "memory.stat")["inactive_file"]
        free = min(free, limit - int((group / "memory.current").read_text()) + cache)
    except (OSError, ValueError, KeyError):  # no control groups v2, or the limit is "max"
        pass
    return free


def _named_figures(file: Path) -> dict[str, int]:
    return {line.split()[0]: int(line.split()[1]) for line in file.read_text().splitlines()}
