"""A disk that fails: every write of this process below a folder passes here, and may be the last.

It stands in place of the calls that Python code writes with, and of safetensors' own. What is to be
seen through to the disk is only noted, so that it takes no time. Which write points a piece of work
has is found by doing it once on a disk that does not fail.
"""

from __future__ import annotations

import errno
import io
import os
import signal
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any
from unittest import mock

from safetensors import SafetensorError

from td3_driving.learning import files

NEVER = 10**9
_NAMES = ("mkdir", "rename", "replace", "unlink", "rmdir")


def _opened(descriptor: int) -> Path:
    """The file of a descriptor."""
    return Path(f"/proc/self/fd/{descriptor}").readlink()


def _tear(file: Path) -> None:
    os.truncate(file, file.stat().st_size // 2)


class Disk:
    """Below one folder the calls from number `first` on fail, until it is mended.

    A write that fails has written half. Removing what is half written fails, too.

    Args:
        folder: what is written outside of it is none of the disk's.
        first: the number of the first call that fails, counted from 0.
        error: the errno it fails with; None to end the process by SIGKILL instead, as a cut of the
            power does: of each file that was not seen through to the disk only half is left.
    """

    def __init__(self, folder: Path, first: int = NEVER, error: int | None = errno.EIO) -> None:
        self._folder = folder.resolve()
        self._first, self._error = first, error
        self._unsafe: list[Path] = []
        self._mended = False
        self.points: list[str] = []
        """What was called until now, by name and file."""

    @property
    def failed(self) -> bool:
        """Whether a call has failed."""
        return len(self.points) > self._first

    def mend(self) -> None:
        """From now on nothing fails."""
        self._mended = True

    @contextmanager
    def mounted(self) -> Iterator[Disk]:
        """While it lasts, all writes go through it."""
        with ExitStack() as stack:
            for name in _NAMES:
                stack.enter_context(mock.patch.object(os, name, self._named(name)))
            stack.enter_context(mock.patch.object(os, "fsync", self._fsync))
            stack.enter_context(mock.patch.object(io, "open", self._open(io.open)))
            save = self._save_file(files.save_file)
            stack.enter_context(mock.patch.object(files, "save_file", save))
            yield self

    def _fails(self, name: str, path: Any) -> bool:
        """Counts a call; whether it is to fail. Calls elsewhere never are."""
        if self._mended or not Path(path).absolute().is_relative_to(self._folder):
            return False
        self.points.append(f"{name} {Path(path).name}")
        return self.failed

    def _fail(self, path: Any) -> OSError:
        """The error to raise; with the power cut there is no return."""
        if self._error is None:
            for file in filter(Path.exists, self._unsafe):
                _tear(file)
            os.kill(os.getpid(), signal.SIGKILL)
        return OSError(self._error, os.strerror(self._error or 0), os.fspath(path))

    def _named(self, name: str) -> Callable[..., Any]:
        real = getattr(os, name)

        def call(path: Any, *rest: Any, **options: Any) -> Any:
            folder = options.get("dir_fd")
            at = Path(path) if folder is None else _opened(folder) / path
            if self._fails(name, at):
                raise self._fail(at)
            if name in ("rename", "replace"):  # a file goes on being unsafe by its new name
                new = Path(rest[0])
                self._unsafe = [
                    new / file.relative_to(at) if file.is_relative_to(at) else file
                    for file in self._unsafe
                ]
            return real(path, *rest, **options)

        return call

    def _fsync(self, descriptor: int) -> None:
        path = _opened(descriptor)
        if self._fails("fsync", path):
            raise self._fail(path)
        if path in self._unsafe:
            self._unsafe.remove(path)

    def _open(self, real: Callable[..., Any]) -> Callable[..., Any]:
        def call(path: Any, mode: str = "r", *rest: Any, **options: Any) -> Any:
            if isinstance(path, int) or not set(mode) & set("wax+"):
                return real(path, mode, *rest, **options)
            fails = self._fails("write", path)
            stream = real(path, mode, *rest, **options)
            self._unsafe.append(Path(path))
            if fails:
                stream.write = self._half(stream, path)
            return stream

        return call

    def _half(self, stream: Any, path: Any) -> Callable[[Any], int]:
        write = stream.write

        def half(content: Any) -> int:
            write(content[: len(content) // 2])
            stream.flush()
            raise self._fail(path)

        return half

    def _save_file(self, real: Callable[..., None]) -> Callable[..., None]:
        def call(tensors: Any, path: Any, **options: Any) -> None:
            fails = self._fails("write", path)
            real(tensors, path, **options)
            self._unsafe.append(Path(path))
            if fails:
                _tear(Path(path))
                raise SafetensorError(f"I/O error: {self._fail(path).strerror}")

        return call
