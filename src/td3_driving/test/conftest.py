"""For the tests that need a simulator, a real carla_lite server in a process of its own; for those
of bad luck, a full disk and processes to kill."""

from __future__ import annotations

import os
import re
import resource
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace

import carla
import msgpack
import pytest

from td3_driving.simulator import CarlaSession, SessionConfig

TIMEOUT_S = 20.0
_READY = re.compile(r"carla-lite ready port=(\d+) stream_port=\d+ map=(\S+)")


class LiteServer:
    """A running server; kill() ends it as a crash would."""

    def __init__(self, map_name: str = "LiteCircuit_1", port: int = 0) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "carla_lite.cli", "--port", str(port), "--map", map_name],
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        )
        assert self._process.stdout is not None
        for line in self._process.stdout:
            if ready := _READY.search(line):
                self.port = int(ready[1])
                return
        raise RuntimeError(f"carla-lite ended with {self._process.wait()} before it was ready")

    def pause(self) -> None:
        self._process.send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        self._process.send_signal(signal.SIGCONT)

    def kill(self) -> None:
        self._process.kill()
        self._process.wait()
        if self._process.stdout:
            self._process.stdout.close()


class Observer:
    """Another client of a server, which looks and does not tick."""

    def __init__(self, port: int) -> None:
        self.client = carla.Client("127.0.0.1", port, 8)
        self.client.set_timeout(TIMEOUT_S)

    @property
    def synchronous(self) -> bool:
        return self.client.get_world().get_settings().synchronous_mode

    def actors(self, kind: str, at_frame: int | None = None) -> list[carla.Actor]:
        """The actors at a frame of a synchronous world, or now in one that runs by itself."""
        world = self.client.get_world()
        if at_frame is None:
            world.wait_for_tick(TIMEOUT_S)
        else:
            while world.get_snapshot().frame < at_frame:
                time.sleep(0.001)
        return list(world.get_actors().filter(kind))

    def assert_as_found(self) -> None:
        """The world runs by itself, and nobody drives in it.

        What this client knows of the actors may be some ticks old on a busy machine.
        """
        assert not self.synchronous
        deadline = time.monotonic() + TIMEOUT_S
        while left := self.actors("vehicle.*") + self.actors("sensor.*"):
            assert time.monotonic() < deadline, left


@pytest.fixture
def observe() -> Callable[[LiteServer], Observer]:
    """Makes an observer of a server."""
    return lambda server: Observer(server.port)


@pytest.fixture(scope="session")
def carla_server() -> Iterator[LiteServer]:
    """One server for all tests that leave it as they found it."""
    server = LiteServer()
    yield server
    server.kill()


@pytest.fixture
def start_server() -> Iterator[Callable[..., LiteServer]]:
    """Starts servers that the test may kill."""
    servers: list[LiteServer] = []

    def start(**options: object) -> LiteServer:
        servers.append(LiteServer(**options))  # type: ignore[arg-type]
        return servers[-1]

    yield start
    for server in servers:
        server.kill()


@pytest.fixture
def impatient() -> Callable[[CarlaSession], AbstractContextManager[None]]:
    """While it lasts, a session waits half a second for an answer.

    For servers that will not answer; one that does has all the time of a busy machine.
    """

    @contextmanager
    def wait_briefly(session: CarlaSession) -> Iterator[None]:
        patient = session.config
        _set_config(session, replace(patient, timeout_s=0.5))
        try:
            yield
        finally:
            _set_config(session, patient)

    return wait_briefly


def _set_config(session: CarlaSession, config: SessionConfig) -> None:
    session.config = config
    if session._link is not None:
        session._link._config = config
        session._link._set_timeout(config.timeout_s)


@pytest.fixture
def old_server() -> Iterator[int]:
    """The port of something that answers every call as CARLA 0.9.15 answers `version`."""
    listener = socket.create_server(("127.0.0.1", 0))

    def answer() -> None:
        connection, _ = listener.accept()
        unpacker = msgpack.Unpacker()
        with connection:
            while data := connection.recv(65536):
                unpacker.feed(data)
                for _, call, *_ in unpacker:
                    connection.sendall(msgpack.packb([1, call, None, [[1, "0.9.15"]]]))

    thread = threading.Thread(target=answer, daemon=True)
    thread.start()
    yield listener.getsockname()[1]
    thread.join(10)
    listener.close()


@pytest.fixture
def full_disk() -> Callable[[int], AbstractContextManager[None]]:
    """While it lasts, no file of this process can grow beyond so many bytes."""

    @contextmanager
    def limit(size: int) -> Iterator[None]:
        before = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
        try:
            yield
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, before)

    return limit


@pytest.fixture
def in_child() -> Callable[[Callable[[Callable[[str], object]], object]], tuple[int, int]]:
    """Starts a function in a process of its own, which may be killed.

    The function is given one by which it tells us something. Returns the process and the end of a
    pipe to read what is told.
    """

    def start(work: Callable[[Callable[[str], object]], object]) -> tuple[int, int]:
        ours, theirs = os.pipe()
        child = os.fork()
        if child == 0:
            status = 1
            try:
                os.close(ours)
                work(lambda text: os.write(theirs, text.encode()))
                status = 0
            finally:
                os._exit(status)
        os.close(theirs)
        return child, ours

    return start
