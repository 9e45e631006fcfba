"""Servers in processes of their own, driven by the real, unmodified `carla` client.

Own processes, since some calls of the client hold the interpreter lock while they wait.
"""

from __future__ import annotations

import contextlib
import queue
import re
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import carla
import msgpack
import pytest

TIMEOUT_S = 20.0
_READY = re.compile(r"carla-lite ready port=(\d+) stream_port=(\d+) map=(\w+)\n")


class RawClient:
    """Speaks msgpack-rpc by hand, and whatever else is sent through its socket."""

    def __init__(self, port: int) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=TIMEOUT_S)
        self._unpacker = msgpack.Unpacker(raw=False)

    def __enter__(self) -> RawClient:
        return self

    def __exit__(self, *_: object) -> None:
        self.socket.close()

    def call(self, method: str, *arguments: Any) -> Any:
        """The result as it came, in its response."""
        self.socket.sendall(msgpack.packb([0, 1, method, [[False], *arguments]]))
        while True:
            for message in self._unpacker:
                return message[3]
            data = self.socket.recv(65536)
            assert data, "hung up"
            self._unpacker.feed(data)

    def is_hung_up(self) -> bool:
        try:
            return self.socket.recv(65536) == b""
        except ConnectionResetError:
            return True


@dataclass
class LiteServer:
    """A running `carla-lite`."""

    process: subprocess.Popen[str]
    port: int
    stream_port: int
    map_name: str

    def raw(self) -> RawClient:
        """A new connection to the RPC port, without CARLA's client."""
        return RawClient(self.port)

    def answers_within_a_second(self) -> bool:
        """Whether a client that comes now is served.

        The time that server and client spend waiting for a busy machine's processor is not theirs.
        One of three will do: not every kernel tells that time, while a server that is held up holds
        up all of them.
        """
        for _ in range(3):
            begun_s, queued_s = time.monotonic(), self._queued_s()
            with self.raw() as good:
                served = good.call("version") == [[1, "0.9.16"]]
            took_s = time.monotonic() - begun_s - (self._queued_s() - queued_s)
            if served and took_s < 1.0:
                return True
        return False

    def _queued_s(self) -> float:
        """How long the main threads of server and client have waited for a processor."""
        waited_ns = 0
        for pid in (self.process.pid, "self"):
            with contextlib.suppress(OSError):
                waited_ns += int(Path(f"/proc/{pid}/schedstat").read_text().split()[1])
        return waited_ns / 1e9

    def rss_mb(self) -> float:
        """The resident memory of its process."""
        for line in Path(f"/proc/{self.process.pid}/status").read_text().splitlines():
            if line.startswith("VmRSS:"):
                return int(line.split()[1]) / 1024.0
        raise AssertionError("no VmRSS")

    def open_files(self) -> int:
        """How many files and sockets its process holds."""
        return len(list(Path(f"/proc/{self.process.pid}/fd").iterdir()))

    def client(self) -> carla.Client:
        """A new client, as every connection attempt needs one."""
        client = carla.Client("127.0.0.1", self.port, worker_threads=8)
        client.set_timeout(TIMEOUT_S)
        return client

    def load(self, name: str, reset_settings: bool = True) -> carla.Client:
        """Has a map loaded, "" for the present one, and returns a new client of it.

        The client's own call is in test_server_loading.py: one in a hundred of them aborts the
        client's process (0.9.16, whatever the server), which must not be that of the tests.
        """
        with self.raw() as raw:
            response = raw.call("load_new_episode", name, reset_settings, 65535)
            assert response == [[False]], response
        return self.client()

    def generate(self, opendrive: str) -> carla.Client:
        """Has a world made of OpenDRIVE text, as `generate_opendrive_world` does."""
        parameters = [2.0, 50.0, 1.0, 0.6, True, True, True]
        with self.raw() as raw:
            response = raw.call("copy_opendrive_to_file", opendrive, parameters)
            assert response == [[False]], response
        return self.load("OpenDriveMap")

    def run_client(self, program: str) -> str | None:
        """What a program with a `client` of its own in a process of its own prints.

        None when CARLA's client itself brought the process down; then the server's state is all
        that can be judged.
        """
        head = (
            "import carla, json\n"
            f"client = carla.Client('127.0.0.1', {self.port}, worker_threads=8)\n"
            f"client.set_timeout({TIMEOUT_S})\n"
        )
        ended = subprocess.run(
            [sys.executable, "-c", head + program],
            capture_output=True, text=True, timeout=3 * TIMEOUT_S, check=False,
        )  # fmt: skip
        assert ended.returncode <= 0, ended.stderr
        return ended.stdout if ended.returncode == 0 else None


@contextlib.contextmanager
def _running_server(*options: str) -> Iterator[LiteServer]:
    """Starts `carla-lite` on free ports and ends it afterwards."""
    command = [sys.executable, "-m", "carla_lite.cli", "--port", "0", "--exit-with-parent"]
    process = subprocess.Popen([*command, *options], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        match = _READY.fullmatch(process.stdout.readline())
        assert match is not None, "no ready line"
        yield LiteServer(process, int(match[1]), int(match[2]), match[3])
    finally:
        process.terminate()
        process.wait(TIMEOUT_S)
        process.stdout.close()


@dataclass
class Listener:
    """A listening sensor and what it has delivered."""

    sensor: Any
    inbox: queue.Queue[Any] = field(default_factory=queue.Queue)

    @property
    def delivers_at_every_tick(self) -> bool:
        """Whether it is a camera, lidar or radar without a rhythm of its own."""
        kind, attributes = self.sensor.type_id, self.sensor.attributes
        bulky = any(word in kind for word in ("camera", "lidar", "radar"))
        return bulky and float(attributes["sensor_tick"]) == 0.0

    def next(self) -> Any:
        """The next delivery."""
        return self.inbox.get(timeout=TIMEOUT_S)

    def at(self, frame: int) -> Any:
        """The delivery of this frame; earlier ones are dropped."""
        while True:
            data = self.next()
            if data.frame >= frame:
                assert data.frame == frame
                return data


class Rig:
    """One client's hold on a world in synchronous mode: spawns, ticks, and leaves nothing."""

    def __init__(self, client: carla.Client, delta_s: float = 0.05) -> None:
        self.client = client
        self.world = client.get_world()
        self.settings = self.world.get_settings()
        self.settings.synchronous_mode = True
        self.settings.fixed_delta_seconds = delta_s
        self.world.apply_settings(self.settings)
        self.blueprints = self.world.get_blueprint_library()
        self.actors: list[Any] = []
        self.listeners: list[Listener] = []

    def vehicle(self, spawn_point: int = 0, type_id: str = "vehicle.tesla.model3") -> Any:
        place = self.world.get_map().get_spawn_points()[spawn_point]
        return self.spawn(type_id, place)

    def spawn(self, type_id: str, place: carla.Transform, parent: Any = None, **values: str) -> Any:
        blueprint = self.blueprints.find(type_id)
        for name, value in values.items():
            blueprint.set_attribute(name, value)
        actor = self.world.spawn_actor(blueprint, place, attach_to=parent)
        self.actors.append(actor)
        return actor

    def listen(
        self, type_id: str, parent: Any, place: carla.Transform | None = None, **values: str
    ) -> Listener:
        sensor = self.spawn(f"sensor.{type_id}", place or carla.Transform(), parent, **values)
        listener = Listener(sensor)
        sensor.listen(listener.inbox.put)
        self.listeners.append(listener)
        return listener

    def camera(self, parent: Any, width: int = 160, height: int = 120) -> Listener:
        place = carla.Transform(carla.Location(x=0.6, z=1.8), carla.Rotation(pitch=-8.0))
        size = {"image_size_x": str(width), "image_size_y": str(height)}
        return self.listen("camera.rgb", parent, place, **size)

    def tick(self, times: int = 1) -> int:
        for _ in range(times):
            frame = self.world.tick()
        return frame

    def close(self) -> None:
        # Bulky data still on its way while its sensor stops can abort the client's process, so each
        # sensor that delivers at every tick does so once more.
        cameras = [one for one in self.listeners if one.delivers_at_every_tick]
        if cameras and all(camera.sensor.is_alive for camera in cameras):
            frame = self.tick()
            for camera in cameras:
                camera.at(frame)
        for listener in self.listeners:
            listener.sensor.stop()
        for actor in reversed(self.actors):
            if actor.is_alive:
                actor.destroy()
        self.settings.synchronous_mode = False
        self.settings.fixed_delta_seconds = None
        self.world.apply_settings(self.settings)


@pytest.fixture(scope="session")
def server() -> Iterator[LiteServer]:
    """One server for all tests that leave it as they found it."""
    with _running_server("--map", "LiteCircuit_1") as running:
        yield running


@pytest.fixture(scope="session")
def running_server() -> Callable[..., contextlib.AbstractContextManager[LiteServer]]:
    """Starts a server of the test's own: `with running_server("--map", "LiteTown_3") as server`."""
    return _running_server


@pytest.fixture(scope="session")
def make_rig() -> type[Rig]:
    """Takes a client; the test closes the rig."""
    return Rig


@pytest.fixture
def client(server: LiteServer) -> carla.Client:
    return server.client()


@pytest.fixture
def rig(client: carla.Client) -> Iterator[Rig]:
    """A world in synchronous mode at 20 Hz."""
    rig = Rig(client)
    try:
        yield rig
    finally:
        rig.close()
