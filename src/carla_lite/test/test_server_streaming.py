"""The stream port: who gets what, and what a slow or silent reader does to the others."""

from __future__ import annotations

import contextlib
import queue
import socket
import struct
import threading
from collections.abc import Iterator

import msgpack
import pytest

from carla_lite.server import Server
from carla_lite.server.codec import WORLD_STREAM_ID, encode_settings
from carla_lite.world import EpisodeSettings

TIMEOUT_S = 20.0
HEADER = struct.Struct("<QQd6f")
WORLD = struct.Struct("<QdfiiiI")
RECORD_BYTES = 119
CAMERA = [
    0,
    "sensor.camera.rgb",
    [["image_size_x", 2, "640"], ["image_size_y", 2, "480"], ["sensor_tick", 3, "0.0"]],
]
PLACE = [[0.0, 0.0, 2.0], [0.0, 0.0, 0.0]]
SYNCHRONOUS = EpisodeSettings(synchronous=True, fixed_delta_s=0.05)


class Rpc:
    """A client of the RPC port, in a few lines."""

    def __init__(self, port: int) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=TIMEOUT_S)
        self._unpacker = msgpack.Unpacker(raw=False)

    def send(self, method: str, *arguments: object) -> None:
        self.socket.sendall(msgpack.packb([0, 1, method, [[False], *arguments]]))

    def receive(self) -> object:
        while True:
            for _, _, _, (answer,) in self._unpacker:
                assert answer[0] in (1, False), answer
                return answer[-1]
            self._unpacker.feed(self.socket.recv(65536))

    def call(self, method: str, *arguments: object) -> object:
        self.send(method, *arguments)
        return self.receive()

    def settings(self, settings: EpisodeSettings) -> None:
        self.call("set_episode_settings", encode_settings(settings))

    def camera(self) -> int:
        actor = self.call("spawn_actor", CAMERA, PLACE)
        assert isinstance(actor, list)
        return int(actor[0])


class Stream:
    """A subscriber."""

    def __init__(self, port: int, stream_id: int, buffer_bytes: int = 0) -> None:
        self.socket = socket.socket()
        if buffer_bytes:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer_bytes)
        self.socket.settimeout(TIMEOUT_S)
        self.socket.connect(("127.0.0.1", port))
        self.socket.sendall(struct.pack("<I", stream_id))

    def _exactly(self, size: int) -> bytes:
        data = bytearray()
        while len(data) < size:
            piece = self.socket.recv(size - len(data))
            assert piece, "hung up"
            data += piece
        return bytes(data)

    def message(self) -> bytes:
        (size,) = struct.unpack("<I", self._exactly(4))
        return self._exactly(size)

    def frame(self) -> int:
        return int(HEADER.unpack_from(self.message())[1])


@pytest.fixture
def server() -> Iterator[Server]:
    with Server("LiteCircuit_1", port=0, fps=200.0) as server:
        yield server


@pytest.fixture
def rpc(server: Server) -> Iterator[Rpc]:
    rpc = Rpc(server.port)
    rpc.settings(SYNCHRONOUS)
    with contextlib.closing(rpc.socket):
        yield rpc


def test_a_new_reader_of_the_world_sees_it_at_once(server: Server, rpc: Rpc) -> None:
    rpc.camera()
    message = Stream(server.stream_port, WORLD_STREAM_ID).message()
    kind, *_ = HEADER.unpack_from(message)
    episode, _, delta, *_ = WORLD.unpack_from(message, HEADER.size)
    info = rpc.call("get_episode_info")
    assert isinstance(info, list)
    assert (kind, episode, delta) == (17, info[0], pytest.approx(0.05))
    assert len(message) == HEADER.size + WORLD.size + 2 * RECORD_BYTES  # spectator and camera


def test_every_frame_of_a_synchronous_world_arrives_once_and_in_order(
    server: Server, rpc: Rpc
) -> None:
    readers = [Stream(server.stream_port, WORLD_STREAM_ID) for _ in range(2)]
    first, _ = [reader.frame() for reader in readers]
    frames = [rpc.call("tick_cue") for _ in range(50)]
    assert frames == list(range(first + 1, first + 51))
    for reader in readers:
        assert [reader.frame() for _ in range(50)] == frames


def test_the_first_tick_waits_for_a_subscriber_on_its_way(server: Server, rpc: Rpc) -> None:
    camera = rpc.camera()
    rpc.call("get_sensor_token", camera)
    rpc.send("tick_cue")
    late = Stream(server.stream_port, camera)  # connects only after the tick was asked for
    assert late.frame() == rpc.receive()


def test_a_slow_reader_holds_a_synchronous_tick_but_not_other_calls(
    server: Server, rpc: Rpc
) -> None:
    camera = rpc.camera()
    rpc.call("get_sensor_token", camera)
    slow = Stream(server.stream_port, camera, buffer_bytes=4096)
    ticks: queue.Queue[object] = queue.Queue()

    def tick_on() -> None:
        for _ in range(12):  # more than the kernel's buffers hold
            ticks.put(rpc.call("tick_cue"))

    thread = threading.Thread(target=tick_on)
    thread.start()
    other = Rpc(server.port)
    for _ in range(20):
        assert other.call("version") == "0.9.16"
    assert thread.is_alive() and ticks.qsize() < 12
    frames = [slow.frame() for _ in range(12)]
    thread.join(TIMEOUT_S)
    assert frames == [ticks.get_nowait() for _ in range(12)]


def test_a_slow_reader_of_a_free_world_loses_frames_but_delays_nothing(
    server: Server, rpc: Rpc
) -> None:
    camera = rpc.camera()
    rpc.call("get_sensor_token", camera)
    slow = Stream(server.stream_port, camera, buffer_bytes=4096)
    world = Stream(server.stream_port, WORLD_STREAM_ID)
    rpc.settings(EpisodeSettings())
    states = [world.frame() for _ in range(60)]
    assert states == list(range(states[0], states[0] + 60))
    frames = [slow.frame() for _ in range(8)]
    assert frames == sorted(set(frames))  # none twice, none out of order
    assert frames[-1] - frames[0] > 7  # and some are missing


def test_unknown_and_dead_streams_stay_open_in_silence(server: Server, rpc: Rpc) -> None:
    camera = rpc.camera()
    dead, unknown = Stream(server.stream_port, camera), Stream(server.stream_port, 987654)
    world = Stream(server.stream_port, WORLD_STREAM_ID)
    rpc.call("destroy_actor", camera)
    world.message()
    for _ in range(5):
        rpc.call("tick_cue")
        world.message()
    for silent in (dead, unknown):
        silent.socket.setblocking(False)
        with pytest.raises(BlockingIOError):
            silent.socket.recv(1)


def test_a_reader_that_vanishes_in_mid_picture_harms_nobody(server: Server, rpc: Rpc) -> None:
    camera = rpc.camera()
    for _ in range(5):
        rpc.call("get_sensor_token", camera)
        reader = Stream(server.stream_port, camera, buffer_bytes=4096)
        rpc.send("tick_cue")
        reader.socket.recv(1000)
        reader.socket.close()
        assert isinstance(rpc.receive(), int)


def test_a_stopped_server_hangs_up_and_frees_its_ports() -> None:
    with Server("LiteCircuit_1", port=0) as server:
        world = Stream(server.stream_port, WORLD_STREAM_ID)
        world.message()
        port = server.port
    while data := world.socket.recv(65536):  # what was still on its way
        assert data
    with Server("LiteCircuit_1", port=port):
        assert Rpc(port).call("version") == "0.9.16"
