"""Recorded traffic of the real client, mutated: the server lives and serves the next client.

A few seconds long; `CARLA_LITE_FUZZ_SECONDS=600 pytest ...` runs on, and prints how far it got.
"""

from __future__ import annotations

import contextlib
import os
import random
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import msgpack
import pytest

if TYPE_CHECKING:
    from conftest import LiteServer

TIMEOUT_S = 30.0
SECONDS = float(os.environ.get("CARLA_LITE_FUZZ_SECONDS", "3"))
SEED = int(os.environ.get("CARLA_LITE_FUZZ_SEED", "0"))
_SCENARIO = """
import sys, carla
client = carla.Client("127.0.0.1", int(sys.argv[1]), worker_threads=8)
client.set_timeout(20.0)
world = client.get_world()
settings = world.get_settings()
settings.synchronous_mode, settings.fixed_delta_seconds = True, 0.05
world.apply_settings(settings)
library, places = world.get_blueprint_library(), world.get_map().get_spawn_points()
car = world.spawn_actor(library.find("vehicle.tesla.model3"), places[0])
for kind in ("camera.rgb", "camera.depth", "lidar.ray_cast", "other.imu", "other.collision"):
    sensor = world.spawn_actor(library.find("sensor." + kind), carla.Transform(), attach_to=car)
command = carla.command
batch = [
    command.SpawnActor(library.find("vehicle.tesla.model3"), places[4]).then(
        command.ApplyVehicleControl(command.FutureActor, carla.VehicleControl(throttle=1.0))),
    command.ApplyTransform(car, places[5]), command.ApplyTargetVelocity(car, carla.Vector3D()),
    command.SetSimulatePhysics(car, True), command.ApplyVehicleControl(car, carla.VehicleControl()),
    command.DestroyActor(sensor)]
push = carla.Vector3D(1.0, 0.0, 0.0)
for call in [
    lambda: car.apply_control(carla.VehicleControl(throttle=0.5, steer=0.1)),
    lambda: car.set_transform(places[1]), lambda: car.set_location(places[2].location),
    lambda: car.set_target_velocity(push), lambda: car.set_target_angular_velocity(push),
    lambda: car.add_impulse(push), lambda: car.add_force(push), lambda: car.add_torque(push),
    lambda: car.set_simulate_physics(True), lambda: car.set_enable_gravity(False),
    lambda: car.enable_constant_velocity(push), lambda: car.disable_constant_velocity(),
    lambda: car.set_light_state(carla.VehicleLightState.All),
    lambda: car.apply_ackermann_control(carla.VehicleAckermannControl(speed=3.0)),
    lambda: car.apply_physics_control(car.get_physics_control()),
    lambda: car.get_telemetry_data(), lambda: car.open_door(carla.VehicleDoor.All),
    lambda: world.set_weather(carla.WeatherParameters.HardRainNoon), lambda: world.get_weather(),
    lambda: world.get_spectator().set_transform(places[3]),
    lambda: world.debug.draw_line(carla.Location(), carla.Location(x=1.0)),
    lambda: world.debug.draw_string(carla.Location(), "here"),
    lambda: world.cast_ray(carla.Location(z=1.0), carla.Location(x=50.0, z=1.0)),
    lambda: world.project_point(carla.Location(z=1.0), push, 20.0),
    lambda: world.get_level_bbs(), lambda: world.get_environment_objects(),
    lambda: world.reset_all_traffic_lights(), lambda: world.freeze_all_traffic_lights(True),
    lambda: client.start_recorder("x.log"), lambda: world.load_map_layer(carla.MapLayer.All),
    lambda: client.apply_batch_sync(batch, False),
]:
    try:
        call()
    except RuntimeError as error:
        print(error)
world.tick()
car.get_light_state(); car.bounding_box
"""
_EXTREMES: list[Any] = [
    None, True, 0, -1, 2**31, 2**32, 2**63, 2**64 - 1, -(2**63), 1e9, -1e300, 1e-300, float("nan"),
    float("inf"), -float("inf"), "", "x" * 70_000, b"", bytes(70_000), [], {}, [[[[]]]], [0] * 5000,
    "vehicle.*", "\\x00", "../../etc/passwd", "99999999999", "nan", "LiteTown_9" * 9,
]  # fmt: skip


class _Recorder:
    """Stands between a client and the RPC port and keeps what the client sends."""

    def __init__(self, port: int) -> None:
        self.sent = bytearray()
        self._target = port
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        client, _ = self._listener.accept()
        server = socket.create_connection(("127.0.0.1", self._target))
        back = threading.Thread(target=self._pump, args=(server, client, None), daemon=True)
        back.start()
        self._pump(client, server, self.sent)

    @staticmethod
    def _pump(source: socket.socket, target: socket.socket, copy: bytearray | None) -> None:
        while data := source.recv(65536):
            if copy is not None:
                copy += data
            target.sendall(data)
        target.close()


@pytest.fixture(scope="module")
def recording(running_server: Any) -> list[Any]:
    """What a client asks in a short drive with everything in it, as msgpack values."""
    with running_server("--map", "LiteCircuit_1") as server:
        recorder = _Recorder(server.port)
        subprocess.run(
            [sys.executable, "-c", _SCENARIO, str(recorder.port)], timeout=TIMEOUT_S, check=True
        )
    unpacker = msgpack.Unpacker(raw=False, strict_map_key=False)
    unpacker.feed(recorder.sent)
    requests = list(unpacker)
    assert {request[2] for request in requests} >= {"tick_cue", "apply_batch", "spawn_actor"}
    return requests


def _change_value(value: Any, dice: random.Random) -> Any:
    """The same with one thing in it replaced, removed, doubled or swapped."""
    if not isinstance(value, list) or not value or dice.random() < 0.15:
        return dice.choice(_EXTREMES)
    changed = list(value)
    index = dice.randrange(len(changed))
    kind = dice.random()
    if kind < 0.75:
        changed[index] = _change_value(changed[index], dice)
    elif kind < 0.85:
        del changed[index]
    elif kind < 0.95:
        changed.insert(index, changed[index])
    else:
        dice.shuffle(changed)
    return changed


def _change_arguments(request: Any, dice: random.Random) -> bytes:
    kind, number, method, (meta, *arguments) = request
    for _ in range(dice.randint(1, 3)):
        arguments = _change_value(arguments, dice)
        if not isinstance(arguments, list):
            arguments = [arguments]
    return bytes(msgpack.packb([kind, number, method, [meta, *arguments]]))


def _change_request(request: Any, dice: random.Random) -> bytes:
    return bytes(msgpack.packb(_change_value(request, dice)))


def _change_bytes(request: Any, dice: random.Random) -> bytes:
    data = bytearray(msgpack.packb(request))
    for _ in range(dice.randint(1, 4)):
        index = dice.randrange(len(data))
        data[index] = dice.randrange(256)
    return bytes(data)


def _cut(request: Any, dice: random.Random) -> bytes:
    data = bytes(msgpack.packb(request))
    return data[: dice.randrange(len(data))]


_MUTATIONS: list[Callable[[Any, random.Random], bytes]] = [
    *[_change_arguments] * 6, _change_request, _change_bytes, _change_bytes, _cut,
]  # fmt: skip


def _vandalise(victim: LiteServer, recording: list[Any], dice: random.Random) -> int:
    """One hostile connection; returns, once all it sent has been handled, how much that was."""
    messages = [
        dice.choice(_MUTATIONS)(dice.choice(recording), dice) for _ in range(dice.randint(1, 40))
    ]
    with victim.raw() as vandal:
        reader = threading.Thread(target=_read_all, args=(vandal.socket,))
        reader.start()
        with contextlib.suppress(OSError):  # hung up, as it should when it is no msgpack any more
            vandal.socket.sendall(b"".join(messages))
            vandal.socket.shutdown(socket.SHUT_WR)
        reader.join(TIMEOUT_S)
        assert not reader.is_alive(), "neither handled nor hung up"
    return len(messages)


def _read_all(sock: socket.socket) -> None:
    with contextlib.suppress(ConnectionResetError):
        while sock.recv(1 << 20):
            pass


@pytest.fixture
def victim(running_server: Any) -> Iterator[LiteServer]:
    with running_server("--map", "LiteCircuit_1") as server:
        yield server


@pytest.mark.timeout(SECONDS + 120.0)
def test_mutated_traffic_of_a_real_client_harms_nobody(
    victim: LiteServer, recording: list[Any]
) -> None:
    dice = random.Random(SEED)
    assert victim.answers_within_a_second()
    memory_mb, sent, slowest_s = victim.rss_mb(), 0, 0.0
    until = time.monotonic() + SECONDS
    while time.monotonic() < until:
        sent += _vandalise(victim, recording, dice)
        begin = time.monotonic()
        assert victim.answers_within_a_second(), f"after {sent} messages of seed {SEED}"
        slowest_s = max(slowest_s, time.monotonic() - begin)
    print(f"{sent} messages, answered within {slowest_s:.3f} s, {victim.rss_mb():.0f} MB")
    assert victim.process.poll() is None and sent > 100
    assert victim.rss_mb() < memory_mb + 400.0
