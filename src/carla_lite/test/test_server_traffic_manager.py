"""The client's own Traffic Manager drives on this server.

It runs within the client's process, and its synchronous mode has a race of its own there: now and
then it waits for ever (see the facts on CARLA's client). So each drive is a process, which begins
anew when it ticks no more; whatever it did tell is held to the same promises every time.
"""

from __future__ import annotations

import json
import queue
import subprocess
import sys
import threading
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from conftest import LiteServer

HUNG_AFTER_S = 20.0
ATTEMPTS = 4
pytestmark = pytest.mark.timeout(300)

DRIVE = """
import json, socket, sys, time
import carla

port, ticks, cars = (int(text) for text in sys.argv[1:4])
client = carla.Client("127.0.0.1", port, worker_threads=8)
client.set_timeout(20.0)
world = client.get_world()
settings = world.get_settings()
settings.synchronous_mode, settings.fixed_delta_seconds = True, 0.05
world.apply_settings(settings)
world.tick()
world_map = world.get_map()
with socket.socket() as free:
    free.bind(("127.0.0.1", 0))
    manager_port = free.getsockname()[1]
manager = client.get_trafficmanager(manager_port)
manager.set_random_device_seed(1)
manager.global_percentage_speed_difference(30.0)
manager.set_synchronous_mode(True)
time.sleep(0.5)  # its thread has to wait before the first tick comes
blueprint = world.get_blueprint_library().find("vehicle.tesla.model3")
places = world_map.get_spawn_points()[:cars]
if sys.argv[4] == "batch":
    spawn = [
        carla.command.SpawnActor(blueprint, place).then(
            carla.command.SetAutopilot(carla.command.FutureActor, True, manager_port)
        )
        for place in places
    ]
    ids = [answer.actor_id for answer in client.apply_batch_sync(spawn, False)]
    world.tick()
    vehicles = [world.get_actor(number) for number in ids]
else:
    vehicles = [world.spawn_actor(blueprint, place) for place in places]
    world.tick()
    for vehicle in vehicles:
        vehicle.set_autopilot(True, manager_port)
time.sleep(0.5)
told = {"driven": [0.0] * cars, "off_lane": 0.0, "ran_red": 0, "waited_at_red": 0, "limits": []}
before = [vehicle.get_location() for vehicle in vehicles]
at_red = [False] * cars
for number in range(ticks):
    if number % 20 == 0:
        print("driving", flush=True)
    time.sleep(0.002)
    world.tick()
    for i, vehicle in enumerate(vehicles):
        place, speed = vehicle.get_location(), vehicle.get_velocity().length()
        told["driven"][i] += place.distance(before[i])
        before[i] = place
        at_light = vehicle.is_at_traffic_light()
        told["ran_red"] += at_red[i] and not at_light and speed > 0.5
        at_red[i] = at_light and vehicle.get_traffic_light_state() == carla.TrafficLightState.Red
        told["waited_at_red"] += at_red[i] and speed < 0.1
        lane = world_map.get_waypoint(place)
        if not lane.is_junction:
            away = place.distance(lane.transform.location)
            told["off_lane"] = max(told["off_lane"], away)
told["limits"] = [vehicle.get_speed_limit() for vehicle in vehicles]
print(json.dumps(told), flush=True)
for vehicle in vehicles:
    vehicle.set_autopilot(False, manager_port)
manager.set_synchronous_mode(False)
for vehicle in vehicles:
    vehicle.destroy()
settings.synchronous_mode = False
world.apply_settings(settings)
"""


def _drive(server: LiteServer, ticks: int, cars: int, how: str = "one by one") -> dict[str, Any]:
    """What the Traffic Manager's cars did; a process that hangs is given up for a new one."""
    command = [sys.executable, "-c", DRIVE, str(server.port), str(ticks), str(cars), how]
    for _ in range(ATTEMPTS):
        server.load("", reset_settings=False)
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
            told = _told(process)
        if told is not None:
            return told
    pytest.fail(f"the Traffic Manager hung {ATTEMPTS} times")


def _told(process: subprocess.Popen[str]) -> dict[str, Any] | None:
    """What a drive tells at its end; None if it hangs or aborts. It is not waited for after that,
    since its exit may hang as well."""
    lines: queue.Queue[str] = queue.Queue()

    def read() -> None:
        assert process.stdout is not None
        for line in process.stdout:
            lines.put(line)
        lines.put("")

    reader = threading.Thread(target=read)
    reader.start()
    told: dict[str, Any] | None = None
    try:
        while told is None and (line := lines.get(timeout=HUNG_AFTER_S)):
            if line.startswith("{"):
                told = json.loads(line)
    except queue.Empty:
        pass
    finally:
        process.kill()
        reader.join()
    return told


def test_its_cars_follow_the_lanes_of_a_circuit(running_server: Any) -> None:
    with running_server("--map", "LiteCircuit_1") as server:
        told = _drive(server, ticks=500, cars=3)
    assert min(told["driven"]) > 150.0
    assert told["off_lane"] < 0.6
    assert told["limits"] == [50.0] * 3
    assert told["waited_at_red"] == 0


def test_its_cars_obey_the_lights_of_a_town(running_server: Any) -> None:
    with running_server("--map", "LiteTown01") as server:
        told = _drive(server, ticks=700, cars=5)
    assert max(told["driven"]) > 100.0
    assert told["off_lane"] < 0.6
    assert told["ran_red"] == 0
    assert told["waited_at_red"] > 100


def test_its_cars_come_by_batches_too(running_server: Any) -> None:
    with running_server("--map", "LiteCircuit_1") as server:
        told = _drive(server, ticks=200, cars=4, how="batch")
    assert min(told["driven"]) > 20.0
