"""The two clients of the soak, each in a process of its own: one ticks, the other looks on.

Both count the frames of everything they listen to. Called by `soak.py`:
`python -m carla_lite.bench.soak_client ROLE PORT TICKS`; prints one JSON object.
"""

import json
import queue
import random
import sys
from collections import deque
from dataclasses import asdict, dataclass, field
from typing import Any

import carla

_TIMEOUT_S = 60.0
_CHURN_TICKS = 20
_OTHERS = 4
_HERO = "hero"


@dataclass
class Tally:
    """What came of everything that was listened to in synchronous mode."""

    ticks: int = 0
    frames: int = 0
    missing: int = 0
    duplicated: int = 0
    vehicles_spawned: int = 0
    sensors_spawned: int = 0


@dataclass
class Ear:
    """A listening sensor, whose frames must follow one another from the first on."""

    sensor: Any
    tally: Tally
    inbox: "queue.SimpleQueue[int]" = field(default_factory=queue.SimpleQueue)
    last: int = 0

    def listen(self) -> None:
        """Begins."""
        self.sensor.listen(lambda data, put=self.inbox.put: put(data.frame))
        self.tally.sensors_spawned += 1

    def take_until(self, frame: int) -> None:
        """Counts what has come until this frame, which is waited for."""
        while self.last < frame:
            self.take(self.inbox.get(timeout=_TIMEOUT_S))

    def take(self, frame: int) -> None:
        """Counts one delivery."""
        self.tally.frames += 1
        if frame <= self.last:
            self.tally.duplicated += 1
        elif self.last:
            self.tally.missing += frame - self.last - 1
        self.last = max(self.last, frame)

    def close(self) -> None:
        """Stops listening and destroys the sensor."""
        self.sensor.stop()
        self.sensor.destroy()


def _connect(port: int) -> carla.World:
    client = carla.Client("127.0.0.1", port, worker_threads=8)
    client.set_timeout(_TIMEOUT_S)
    return client.get_world()


def _camera(world: carla.World, parent: Any, tally: Tally) -> Ear:
    blueprint = world.get_blueprint_library().find("sensor.camera.rgb")
    blueprint.set_attribute("image_size_x", "84")
    blueprint.set_attribute("image_size_y", "84")
    mount = carla.Transform(carla.Location(x=0.6, z=1.8))
    ear = Ear(world.spawn_actor(blueprint, mount, attach_to=parent), tally)
    ear.listen()
    return ear


def _spawn_somewhere(world: carla.World, tally: Tally, dice: random.Random, **values: str) -> Any:
    blueprints = list(world.get_blueprint_library().filter("vehicle.*"))
    blueprint = dice.choice(sorted(blueprints, key=lambda one: str(one.id)))
    for name, value in values.items():
        blueprint.set_attribute(name, value)
    places = world.get_map().get_spawn_points()
    while True:
        vehicle = world.try_spawn_actor(blueprint, dice.choice(places))
        if vehicle is not None:
            tally.vehicles_spawned += 1
            return vehicle


def tick(port: int, ticks: int) -> Tally:
    """Ticks a world in which vehicles with sensors come and go, and drives one that stays."""
    world, tally, dice = _connect(port), Tally(), random.Random(0)
    world.apply_settings(carla.WorldSettings(synchronous_mode=True, fixed_delta_seconds=0.05))
    hero = _spawn_somewhere(world, tally, dice, role_name=_HERO)
    ears = [_camera(world, hero, tally)]
    others: deque[tuple[Any, Ear]] = deque()
    print("ready", flush=True)
    for number in range(ticks):
        hero.apply_control(carla.VehicleControl(throttle=0.4, steer=0.2 if number % 2 else -0.2))
        frame = world.tick()
        for ear in ears:
            ear.take_until(frame)
        tally.ticks += 1
        if number % _CHURN_TICKS == 0:
            if len(others) == _OTHERS:
                vehicle, ear = others.popleft()
                ears.remove(ear)
                ear.close()
                vehicle.destroy()
            vehicle = _spawn_somewhere(world, tally, dice)
            ear = _camera(world, vehicle, tally)
            ears.append(ear)
            others.append((vehicle, ear))
    for ear in ears:
        ear.close()
    for vehicle in (*(one for one, _ in others), hero):
        vehicle.destroy()
    world.apply_settings(carla.WorldSettings())
    return tally


def watch(port: int, ticks: int) -> Tally:
    """Listens to the world and to cameras of its own, which come and go, while another ticks."""
    world, tally = _connect(port), Tally()
    states: queue.SimpleQueue[int] = queue.SimpleQueue()
    world.wait_for_tick(_TIMEOUT_S)  # a synchronous world is empty until its first state comes
    hero = next(one for one in world.get_actors() if one.attributes.get("role_name") == _HERO)
    watched = Ear(None, tally)
    callback = world.on_tick(lambda snapshot: states.put(snapshot.frame))
    camera = _camera(world, hero, tally)
    print("ready", flush=True)
    while tally.ticks < ticks:
        watched.take(states.get(timeout=_TIMEOUT_S))
        tally.ticks += 1
        if tally.ticks % (7 * _CHURN_TICKS) == 0:
            camera.take_until(watched.last)
            camera.close()
            camera = _camera(world, hero, tally)
    world.remove_on_tick(callback)
    camera.close()
    return tally


if __name__ == "__main__":
    role, port_text, ticks_text = sys.argv[1:]
    result = {"tick": tick, "watch": watch}[role](int(port_text), int(ticks_text))
    print(json.dumps(asdict(result)), flush=True)
