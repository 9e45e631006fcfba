"""Several clients at once, and clients that die: nobody is held up by another."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import carla
import pytest

if TYPE_CHECKING:
    from conftest import LiteServer

TIMEOUT_S = 30.0
_TICKER = """
import sys, carla
client = carla.Client("127.0.0.1", int(sys.argv[1]), worker_threads=8)
client.set_timeout(20.0)
world = client.get_world()
settings = world.get_settings()
settings.synchronous_mode, settings.fixed_delta_seconds = True, 0.05
world.apply_settings(settings)
library = world.get_blueprint_library()
place = world.get_map().get_spawn_points()[int(sys.argv[2])]
car = world.spawn_actor(library.find("vehicle.tesla.model3"), place)
for _ in range(2):
    sensor = world.spawn_actor(library.find("sensor.camera.rgb"), carla.Transform(), attach_to=car)
    sensor.listen(lambda image: None)
print("ticking", flush=True)
while True:
    print(world.tick(), flush=True)
"""


@pytest.fixture
def own_server(running_server: Any) -> Iterator[LiteServer]:
    """A server that need not be left as it was."""
    with running_server("--map", "LiteCircuit_1") as server:
        yield server


def _ticker(server: LiteServer, spawn_point: int) -> subprocess.Popen[str]:
    """Another client, in a process of its own, ticking with two large cameras listening."""
    process = subprocess.Popen(
        [sys.executable, "-c", _TICKER, str(server.port), str(spawn_point)],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None and process.stdout.readline() == "ticking\n"
    return process


def test_a_client_killed_in_the_middle_of_a_tick_leaves_nothing_locked(
    own_server: LiteServer,
) -> None:
    files = own_server.open_files()
    for number in range(3):
        with _ticker(own_server, number) as process:
            assert process.stdout is not None
            for _ in range(2 + number):
                process.stdout.readline()
            process.kill()
        client = own_server.client()
        # The next client's tick must not wait for the dead one's cameras, which takes ten seconds.
        client.set_timeout(9.0)
        world = client.get_world()
        assert world.get_settings().synchronous_mode
        frame = world.tick()
        assert world.tick() == frame + 1
        assert len(world.get_actors().filter("vehicle.*")) == number + 1  # as CARLA has it
        del world, client
    world = own_server.client().get_world()
    world.tick()
    assert own_server.open_files() <= files + 3 + 3


def test_two_tickers_share_a_synchronous_world_frame_by_frame(own_server: LiteServer) -> None:
    world = own_server.client().get_world()
    world.apply_settings(carla.WorldSettings(synchronous_mode=True, fixed_delta_seconds=0.05))
    frames: list[list[int]] = [[], []]

    def tick(mine: list[int]) -> None:
        with own_server.raw() as client:
            mine.extend(client.call("tick_cue")[0][1] for _ in range(200))

    before = world.tick()
    threads = [threading.Thread(target=tick, args=(mine,)) for mine in frames]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(TIMEOUT_S)
    assert sorted(frames[0] + frames[1]) == list(range(before + 1, before + 401))
    assert all(mine == sorted(mine) for mine in frames)
    assert world.tick() == before + 401


def test_a_stopped_client_does_not_keep_others_from_asking(own_server: LiteServer) -> None:
    world = own_server.client().get_world()
    with _ticker(own_server, 0) as process:
        os.kill(process.pid, signal.SIGSTOP)
        for _ in range(3):
            assert own_server.answers_within_a_second()
            assert world.get_settings().synchronous_mode
        process.kill()
    assert world.tick() > 0
