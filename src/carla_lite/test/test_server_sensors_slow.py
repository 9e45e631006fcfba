"""Listeners that take their time: what they get of each kind of sensor, and what the world does."""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import carla
import pytest

if TYPE_CHECKING:
    from conftest import LiteServer, Rig

WAIT_S = 30.0
# Each message is far bigger than what the kernel keeps for the reader below.
SENSORS: dict[str, dict[str, str]] = {
    "camera.rgb": {"image_size_x": "320", "image_size_y": "240"},
    "camera.depth": {"image_size_x": "320", "image_size_y": "240"},
    "camera.semantic_segmentation": {"image_size_x": "320", "image_size_y": "240"},
    "camera.instance_segmentation": {"image_size_x": "320", "image_size_y": "240"},
    "lidar.ray_cast": {"points_per_second": "1500000", "range": "80", "dropoff_general_rate": "0"},
    "lidar.ray_cast_semantic": {"points_per_second": "1500000", "range": "80"},
    "other.radar": {"points_per_second": "1500000", "horizontal_fov": "90", "vertical_fov": "60"},
}
HEADER = struct.Struct("<QQd")


class Reader:
    """A subscriber of a sensor's stream with hardly any buffer."""

    def __init__(self, stream_port: int, sensor_id: int) -> None:
        self._socket = socket.socket()
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        self._socket.settimeout(WAIT_S)
        self._socket.connect(("127.0.0.1", stream_port))
        self._socket.sendall(struct.pack("<I", sensor_id))
        self._file = self._socket.makefile("rb")

    def frame(self) -> int:
        """The frame of the next message."""
        (size,) = struct.unpack("<I", self._file.read(4))
        message = self._file.read(size)
        assert len(message) == size > 100_000
        return int(HEADER.unpack_from(message)[1])

    def close(self) -> None:
        self._file.close()
        self._socket.close()


def look_out(world: Any, kind: str, place: carla.Transform, **values: str) -> Any:
    blueprint = world.get_blueprint_library().find(f"sensor.{kind}")
    for name, value in values.items():
        blueprint.set_attribute(name, value)
    return world.spawn_actor(blueprint, place)


def over_the_road(world: Any) -> carla.Transform:
    place = world.get_map().get_spawn_points()[0]
    place.location.z = 3.0
    return place


@pytest.mark.parametrize("kind", sorted(SENSORS))
def test_a_synchronous_world_is_never_ahead_of_a_slow_reader(
    server: LiteServer, rig: Rig, kind: str
) -> None:
    sensor = rig.spawn(f"sensor.{kind}", over_the_road(rig.world), **SENSORS[kind])
    rig.tick()
    frames: list[int] = []
    ticking = threading.Thread(target=lambda: frames.extend(rig.tick() for _ in range(6)))
    with contextlib.closing(Reader(server.stream_port, sensor.id)) as reader:
        for _ in range(3):  # of which each takes the server a round in which it sees the reader
            rig.world.get_weather()
        ticking.start()
        received = []
        for taken in range(6):
            assert len(frames) <= taken + 1
            received.append(reader.frame())
        ticking.join(WAIT_S)
    assert received == frames == list(range(frames[0], frames[0] + 6))


@pytest.fixture
def free_server(running_server: Any) -> Iterator[LiteServer]:
    """One that ticks by the clock, a hundred times a second."""
    with running_server("--map", "LiteCircuit_1", "--fps", "100") as server:
        yield server


def test_a_free_world_drops_a_slow_readers_frames_whatever_the_sensor(
    free_server: LiteServer,
) -> None:
    world = free_server.client().get_world()
    place = over_the_road(world)
    readers = {}
    for kind, values in SENSORS.items():
        sensor = look_out(world, kind, place, **values)
        readers[kind] = Reader(free_server.stream_port, sensor.id)
    first = {kind: reader.frame() for kind, reader in readers.items()}
    ticked = [world.wait_for_tick(WAIT_S).frame for _ in range(100)]
    for kind, reader in readers.items():
        # What was on its way when the reader stopped reading, and then what is new.
        received = [first[kind]] + [reader.frame() for _ in range(4)]
        assert received == sorted(set(received)), kind
        assert received[-1] >= ticked[-1] - 5 and received[-1] - received[0] > 80, kind
        reader.close()


class Dawdler:
    """A listener of the real client that, once told to, holds every delivery until released."""

    def __init__(self) -> None:
        self.frames: list[int] = []
        self._arrived = threading.Condition()
        self._gate = threading.Event()
        self._gate.set()

    def __call__(self, data: Any) -> None:
        with self._arrived:
            self.frames.append(data.frame)
            self._arrived.notify_all()
        assert self._gate.wait(WAIT_S)

    def hold(self) -> None:
        self._gate.clear()

    def release(self) -> None:
        self._gate.set()

    def wait_for(self, frame: int) -> None:
        """Returns when this frame or a later one was delivered."""
        with self._arrived:
            assert self._arrived.wait_for(lambda: self.frames and self.frames[-1] >= frame, WAIT_S)


def test_a_listener_that_holds_a_synchronous_world_gets_every_frame(rig: Rig) -> None:
    size = {"image_size_x": "640", "image_size_y": "480"}
    camera = rig.spawn("sensor.camera.depth", over_the_road(rig.world), **size)
    dawdler = Dawdler()
    camera.listen(dawdler)
    frames = [rig.tick()]
    dawdler.wait_for(frames[0])
    dawdler.hold()
    beat = threading.Event()

    def tick_on() -> None:
        for _ in range(80):
            frames.append(rig.world.tick(WAIT_S))
            beat.set()

    ticking = threading.Thread(target=tick_on)
    ticking.start()
    while beat.wait(0.5):  # until the buffers on the way are full and no tick ends any more
        beat.clear()
    held_at = len(frames)
    dawdler.release()
    ticking.join(WAIT_S)
    dawdler.wait_for(frames[-1])
    camera.stop()
    assert held_at < 81 == len(frames)
    assert dawdler.frames == frames == list(range(frames[0], frames[0] + 81))


def test_a_listener_that_sleeps_leaves_a_free_world_alone(free_server: LiteServer) -> None:
    world = free_server.client().get_world()
    values = {"points_per_second": "1500000", "range": "80"}
    lidar = look_out(world, "lidar.ray_cast_semantic", over_the_road(world), **values)
    dawdler = Dawdler()
    lidar.listen(dawdler)
    dawdler.wait_for(world.wait_for_tick(WAIT_S).frame)
    dawdler.hold()
    ticked = [world.wait_for_tick(WAIT_S).frame for _ in range(300)]
    dawdler.release()
    dawdler.wait_for(ticked[-1])
    lidar.stop()
    lidar.destroy()
    assert dawdler.frames == sorted(set(dawdler.frames))
    assert len(set(ticked) - set(dawdler.frames)) > 50
