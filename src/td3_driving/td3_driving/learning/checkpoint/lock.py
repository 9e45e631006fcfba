"""One writer at a time."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

from td3_driving.learning.errors import CheckpointsInUseError


class WriterLock:
    """Held until released, or until the process that holds it is gone; readers need none.

    Args:
        directory: the folder that is written into.

    Raises:
        CheckpointsInUseError: another one holds it; says which process.
        OSError: the folder is read-only, or its file system knows no locks.
    """

    def __init__(self, directory: Path) -> None:
        self._descriptor = os.open(directory / "lock", os.O_RDWR | os.O_CREAT, 0o644)
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            os.ftruncate(self._descriptor, 0)
            os.pwrite(self._descriptor, str(os.getpid()).encode(), 0)
        except BlockingIOError:
            pid = os.pread(self._descriptor, 20, 0).decode() or "unknown"
            os.close(self._descriptor)
            raise CheckpointsInUseError(
                f"process {pid} writes checkpoints into {directory}; stop that run first, or "
                "write into another folder"
            ) from None
        except OSError:
            os.close(self._descriptor)
            raise

    def release(self) -> None:
        """Lets another writer in. Idempotent."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1
