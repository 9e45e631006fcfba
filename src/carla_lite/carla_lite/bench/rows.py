"""What is measured: each row drives one server with one client."""

import queue
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import carla

from carla_lite.bench.process import ServerProcess

_TIMEOUT_S = 30.0
_DELTA_S = 0.05


@dataclass(frozen=True, slots=True)
class Row:
    """One benchmark.

    Attributes:
        name: says what is in it.
        goal: ticks per second wanted.
        cameras: sizes of the rgb cameras on the driven car.
        traffic: vehicles which the server drives.
    """

    name: str
    goal: float
    cameras: tuple[tuple[int, int], ...] = ()
    traffic: int = 0


ROWS = (
    Row("no_camera", 4000.0),
    Row("rgb_160x120", 2000.0, ((160, 120),)),
    Row("rgb_800x600", 250.0, ((800, 600),)),
    Row("rgb_4x320x240", 400.0, ((320, 240),) * 4),
    Row("traffic_50_rgb_160x120", 800.0, ((160, 120),), traffic=50),
)


class MissingFrameError(RuntimeError):
    """A camera delivered another frame than the one that was ticked."""


class Drive:
    """One car with cameras in a synchronous world, driven tick by tick.

    A tick is over when the world's state and every camera's picture of that very frame are here.

    Attributes:
        ticks: how many there were.
        pictures: how many came.
    """

    def __init__(self, world: carla.World, row: Row) -> None:
        """Spawns the car and its cameras."""
        self.ticks = 0
        self.pictures = 0
        self._world = world
        blueprints = world.get_blueprint_library()
        # With traffic about, the first spawn points may be taken.
        model = blueprints.find("vehicle.tesla.model3")
        places = world.get_map().get_spawn_points()
        cars = (world.try_spawn_actor(model, place) for place in places)
        self._car = next(car for car in cars if car is not None)
        self._inboxes: list[tuple[queue.SimpleQueue[tuple[int, int]], int]] = []
        self._cameras: list[Any] = []
        for number, (width, height) in enumerate(row.cameras):
            camera = blueprints.find("sensor.camera.rgb")
            camera.set_attribute("image_size_x", str(width))
            camera.set_attribute("image_size_y", str(height))
            mount = carla.Transform(
                carla.Location(x=0.6, z=1.8),
                carla.Rotation(pitch=-8.0, yaw=number * 360.0 / len(row.cameras)),
            )
            sensor = world.spawn_actor(camera, mount, attach_to=self._car)
            inbox: queue.SimpleQueue[tuple[int, int]] = queue.SimpleQueue()
            sensor.listen(lambda image, put=inbox.put: put((image.frame, len(image.raw_data))))
            self._inboxes.append((inbox, width * height * 4))
            self._cameras.append(sensor)

    def tick(self) -> None:
        """Steers a little, ticks, and takes every picture of the new frame.

        Raises:
            MissingFrameError: another frame came, or one of another size, or none.
        """
        steer = 0.1 if self.ticks % 2 else -0.1  # the client keeps equal commands to itself
        self._car.apply_control(carla.VehicleControl(throttle=0.4, steer=steer))
        frame = self._world.tick()
        self.ticks += 1
        for inbox, size in self._inboxes:
            try:
                got = inbox.get(timeout=_TIMEOUT_S)
            except queue.Empty:
                raise MissingFrameError(
                    f"a camera sent no picture of frame {frame} within {_TIMEOUT_S:.0f} s"
                ) from None
            if got != (frame, size):
                raise MissingFrameError(f"frame and bytes are {got}, not {(frame, size)}")
            self.pictures += 1

    def close(self) -> None:
        """Takes everything out of the world."""
        for camera in self._cameras:
            camera.stop()
            camera.destroy()
        self._car.destroy()


@contextmanager
def driving(server: ServerProcess, row: Row) -> Iterator[Drive]:
    """A row's drive on a server, in synchronous mode until it ends."""
    client = carla.Client("127.0.0.1", server.port, worker_threads=8)
    client.set_timeout(_TIMEOUT_S)
    world = client.get_world()
    settings = world.get_settings()
    settings.synchronous_mode = True
    settings.fixed_delta_seconds = _DELTA_S
    world.apply_settings(settings)
    drive = Drive(world, row)
    try:
        yield drive
    finally:
        drive.close()
        world.apply_settings(carla.WorldSettings())
