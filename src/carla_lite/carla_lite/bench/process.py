"""A `carla-lite` in a process of its own, and what the system says about it."""

import contextlib
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

_READY = re.compile(r"carla-lite ready port=(\d+) stream_port=(\d+) map=(\S+)\n")
_STOP_WITHIN_S = 10.0


class ServerDidNotStartError(RuntimeError):
    """It ended before its ready line."""


@dataclass(frozen=True, slots=True)
class Usage:
    """What a process holds right now."""

    rss_bytes: int
    cpu_s: float
    threads: int
    files: int
    sockets: int


@dataclass(frozen=True, slots=True)
class ServerProcess:
    """A running server; `pid` may be asked of the system."""

    pid: int
    port: int
    map_name: str

    def usage(self) -> Usage:
        """Memory, processor time, threads and open files, as Linux tells them."""
        folder = Path(f"/proc/{self.pid}")
        # After the name, which may hold anything, stat goes on with its third field.
        stat = (folder / "stat").read_text().rsplit(")", 1)[1].split()
        links = []
        for entry in (folder / "fd").iterdir():
            with contextlib.suppress(FileNotFoundError):  # closed since it was listed
                links.append(str(entry.readlink()))
        return Usage(
            rss_bytes=int(stat[21]) * os.sysconf("SC_PAGE_SIZE"),
            cpu_s=(int(stat[11]) + int(stat[12])) / os.sysconf("SC_CLK_TCK"),
            threads=int(stat[17]),
            files=len(links),
            sockets=sum(link.startswith("socket:") for link in links),
        )


@contextlib.contextmanager
def running_server(*options: str, cores: set[int] | None = None) -> Iterator[ServerProcess]:
    """Starts a server on free ports, on these cores only, and ends it afterwards.

    Raises:
        ServerDidNotStartError: with what it said.
    """
    command = [sys.executable, "-m", "carla_lite.cli", "serve", "--port", "0", "--exit-with-parent"]
    with subprocess.Popen([*command, *options], stdout=subprocess.PIPE, text=True) as process:
        try:
            if cores is not None:
                os.sched_setaffinity(process.pid, cores)
            assert process.stdout is not None
            line = process.stdout.readline()
            match = _READY.fullmatch(line)
            if match is None:
                raise ServerDidNotStartError(
                    f"the server with {' '.join(options) or 'no options'} ended before it was "
                    "ready; what it said stands above"
                )
            yield ServerProcess(process.pid, int(match[1]), match[3])
        finally:
            process.terminate()
            try:
                process.wait(_STOP_WITHIN_S)
            except subprocess.TimeoutExpired:
                process.kill()
