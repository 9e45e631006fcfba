"""Many, slow, silent and greedy connections: the server's memory and files stay bounded."""

from __future__ import annotations

import contextlib
import socket
import struct
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import msgpack
import pytest

from carla_lite.server.codec import WORLD_STREAM_ID
from carla_lite.server.framing import MAX_MESSAGE_BYTES
from carla_lite.server.rpc import MAX_CONNECTIONS, MAX_UNREAD_BYTES
from carla_lite.server.streaming import MAX_READERS

if TYPE_CHECKING:
    from conftest import LiteServer

TIMEOUT_S = 20.0


@pytest.fixture
def own_server(running_server: Any) -> Iterator[LiteServer]:
    """A server that need not be left as it was."""
    with running_server("--map", "LiteCircuit_1") as server:
        assert server.answers_within_a_second()
        yield server


def _connect(port: int) -> socket.socket:
    return socket.create_connection(("127.0.0.1", port), timeout=TIMEOUT_S)


def _subscribe(server: LiteServer, stream_id: int) -> socket.socket:
    sock = _connect(server.stream_port)
    sock.sendall(struct.pack("<I", stream_id))
    return sock


def _frame(world: socket.socket) -> int:
    """The frame of the next world state."""
    (size,) = struct.unpack("<I", _exactly(world, 4))
    _, frame = struct.unpack_from("<QQ", _exactly(world, size))
    return int(frame)


def _exactly(sock: socket.socket, size: int) -> bytes:
    data = bytearray()
    while len(data) < size:
        piece = sock.recv(size - len(data))
        assert piece, "hung up"
        data += piece
    return bytes(data)


def test_ten_thousand_connects_leave_nothing_behind(own_server: LiteServer) -> None:
    files, memory_mb = own_server.open_files(), own_server.rss_mb()
    for number in range(10_000):
        _connect(own_server.port if number % 2 else own_server.stream_port).close()
        if number % 1000 == 999:
            assert own_server.answers_within_a_second()
    deadline = time.monotonic() + TIMEOUT_S
    while own_server.open_files() > files:  # the last ones are still closing
        assert time.monotonic() < deadline
    assert own_server.rss_mb() < memory_mb + 10.0


def test_silent_connections_give_way_to_those_that_speak(own_server: LiteServer) -> None:
    files = own_server.open_files()
    with contextlib.ExitStack() as stack:
        speaker = stack.enter_context(own_server.raw())
        assert speaker.call("version") == [[1, "0.9.16"]]
        for _ in range(MAX_CONNECTIONS + 100):
            stack.enter_context(contextlib.closing(_connect(own_server.port)))
        assert own_server.answers_within_a_second()
        assert speaker.call("version") == [[1, "0.9.16"]]  # it came first, but it had spoken
        assert own_server.open_files() <= files + MAX_CONNECTIONS + 3


def test_a_flood_of_subscriptions_leaves_the_world_its_readers(own_server: LiteServer) -> None:
    files = own_server.open_files()
    with contextlib.ExitStack() as stack:
        world = stack.enter_context(contextlib.closing(_subscribe(own_server, WORLD_STREAM_ID)))
        before = _frame(world)
        for number in range(MAX_READERS + 100):
            flood = _subscribe(own_server, 1_000_000 + number)
            stack.enter_context(contextlib.closing(flood))
        assert own_server.answers_within_a_second()
        frames = [_frame(world) for _ in range(5)]
        assert frames == list(range(before + 1, before + 6))
        assert own_server.open_files() <= files + MAX_READERS + 3


def test_half_a_subscription_holds_no_room(own_server: LiteServer) -> None:
    files = own_server.open_files()
    with contextlib.ExitStack() as stack:
        for _ in range(400):
            half = stack.enter_context(contextlib.closing(_connect(own_server.stream_port)))
            half.sendall(b"\x01\x00")
        with contextlib.closing(_subscribe(own_server, WORLD_STREAM_ID)) as world:
            assert _frame(world) >= 0
        assert own_server.open_files() < files + 200


def test_subscribers_that_talk_are_not_listened_to(own_server: LiteServer) -> None:
    memory_mb = own_server.rss_mb()
    with contextlib.closing(_subscribe(own_server, WORLD_STREAM_ID)) as talker:
        for _ in range(50):
            talker.sendall(bytes(1_000_000))
        assert own_server.answers_within_a_second()
        assert _frame(talker) >= 0
    assert own_server.rss_mb() < memory_mb + 10.0


def test_replies_that_nobody_reads_do_not_pile_up(own_server: LiteServer) -> None:
    request = msgpack.packb([0, 1, "get_actor_definitions", [[False]]])
    with own_server.raw() as warm_up:
        reply = warm_up.call("get_actor_definitions")
    assert len(msgpack.packb(reply)) > 20_000
    memory_mb = own_server.rss_mb()
    with own_server.raw() as greedy:
        greedy.socket.settimeout(2.0)
        with contextlib.suppress(TimeoutError):  # in the end it is not even read any more
            for _ in range(200):
                greedy.socket.sendall(request * 1000)
        assert own_server.answers_within_a_second()
        assert own_server.rss_mb() < memory_mb + 30.0


def test_calls_that_were_held_back_are_answered_when_replies_are_read(
    own_server: LiteServer,
) -> None:
    count = 400
    with own_server.raw() as late:
        for number in range(count):
            late.socket.sendall(msgpack.packb([0, number, "get_actor_definitions", [[False]]]))
        unpacker = msgpack.Unpacker(raw=False)
        answered: list[int] = []
        while len(answered) < count:
            unpacker.feed(late.socket.recv(1 << 20))
            answered += [message[1] for message in unpacker]
    assert answered == list(range(count))


def test_unfinished_messages_share_one_limit(own_server: LiteServer) -> None:
    memory_mb = own_server.rss_mb()
    announced = b"\xc6" + struct.pack(">I", MAX_MESSAGE_BYTES - 100)
    with contextlib.ExitStack() as stack:
        alive = 0
        for _ in range(12):
            vandal = stack.enter_context(own_server.raw())
            with contextlib.suppress(OSError):
                vandal.socket.sendall(announced + bytes(MAX_MESSAGE_BYTES - 200))
                alive += 1
        assert own_server.answers_within_a_second()
        assert own_server.rss_mb() < memory_mb + 2.5 * MAX_UNREAD_BYTES / 1e6
    assert own_server.answers_within_a_second()


def test_readers_that_never_read_do_not_slow_a_free_world(own_server: LiteServer) -> None:
    with contextlib.ExitStack() as stack:
        for _ in range(30):
            stack.enter_context(contextlib.closing(_subscribe(own_server, WORLD_STREAM_ID)))
        world = stack.enter_context(contextlib.closing(_subscribe(own_server, WORLD_STREAM_ID)))
        first = _frame(world)
        assert [_frame(world) for _ in range(10)] == list(range(first + 1, first + 11))
        assert own_server.answers_within_a_second()


def test_a_flood_of_loads_lets_others_have_their_turn(own_server: LiteServer) -> None:
    request = msgpack.packb([0, 1, "load_new_episode", [[True], "", True, 65535]])
    with own_server.raw() as vandal:
        vandal.socket.sendall(request * 50)
        for _ in range(5):
            assert own_server.answers_within_a_second()


@pytest.mark.parametrize(
    ("type_id", "attributes", "named"),
    [
        (
            "sensor.camera.rgb",
            [["image_size_x", 2, "4096"], ["image_size_y", 2, "2304"]],
            "pixels of all cameras",
        ),
        ("sensor.lidar.ray_cast", [["points_per_second", 2, "9000000"]], "points per second"),
        ("sensor.other.collision", [], "the world is full"),
    ],
)
def test_a_world_takes_only_what_it_can_bear(
    own_server: LiteServer, type_id: str, attributes: list[Any], named: str
) -> None:
    with own_server.raw() as greedy:
        for number in range(20_000):
            place = [
                [5000.0 + 5.0 * (number % 100), 5000.0 + 5.0 * (number // 100), 0.0],
                [0.0] * 3,
            ]
            ((good, answer),) = greedy.call("spawn_actor", [0, type_id, attributes], place)
            if not good:
                break
        assert named in answer[0]
        assert own_server.answers_within_a_second()
        assert greedy.call("destroy_actor", 999_999)[0][0] == 0


def test_the_largest_sensors_that_fit_leave_room_for_others(own_server: LiteServer) -> None:
    with contextlib.ExitStack() as stack:
        greedy = stack.enter_context(own_server.raw())
        sizes = [["image_size_x", 2, "4096"], ["image_size_y", 2, "2304"]]
        for _ in range(2):
            spawn = [[0, "sensor.camera.rgb", sizes], [[0.0, 0.0, 2.0], [0.0, 0.0, 0.0]]]
            ((_, camera),) = greedy.call("spawn_actor", *spawn)
            stack.enter_context(contextlib.closing(_subscribe(own_server, camera[0])))
        for _ in range(5):
            assert own_server.answers_within_a_second()
        assert own_server.rss_mb() < 600.0
