"""`carla-lite snapshot`: one picture of a map, without a server."""

from __future__ import annotations

import argparse
import math
import sys
from pathlib import Path
from typing import Literal, NamedTuple, cast

import cv2
import numpy as np
from numpy.typing import NDArray

from carla_lite.render import PinholeCamera
from carla_lite.render.topdown import MapView
from carla_lite.roads import UnknownMapError
from carla_lite.show.above import picture_from_above
from carla_lite.show.cameras import seat_of, take_picture
from carla_lite.world import Rotation, SpawnError, Transform, Vector3, Vehicle, World
from carla_lite.world.weather_presets import UnknownWeatherError, preset

Kind = Literal["camera", "chase", "topdown"]
MAX_SIDE_PX = 4096
MAX_VEHICLES = 200
_PARKED = (
    "vehicle.tesla.model3",
    "vehicle.audi.tt",
    "vehicle.mercedes.sprinter",
    "vehicle.nissan.patrol",
    "vehicle.mini.cooper_s",
    "vehicle.carlamotors.carlacola",
)
_COLOURS = ("180,30,30", "30,60,150", "235,235,235", "40,40,44", "120,124,130", "200,150,30")


class Size(NamedTuple):
    """Of a picture in pixels."""

    width: int
    height: int


def _size(text: str) -> Size:
    width, _, height = text.partition("x")
    try:
        size = Size(int(width), int(height))
    except ValueError:
        size = Size(0, 0)
    if not (1 <= size.width <= MAX_SIDE_PX and 1 <= size.height <= MAX_SIDE_PX):
        raise argparse.ArgumentTypeError(
            f"{text!r} is no size; use WIDTHxHEIGHT up to {MAX_SIDE_PX}, for example 1280x720"
        )
    return size


def _numbers(text: str) -> tuple[float, ...]:
    try:
        numbers = tuple(float(part) for part in text.split(","))
    except ValueError:
        numbers = ()
    if len(numbers) != 6 or not all(map(math.isfinite, numbers)):
        raise argparse.ArgumentTypeError(
            f"{text!r} is no place; use x,y,z,pitch,yaw,roll in metres and degrees"
        )
    return numbers


def _whole(text: str) -> int:
    if not text.isdecimal() or int(text) >= 2**63:
        raise argparse.ArgumentTypeError(f"{text!r} is no whole number from 0 up")
    return int(text)


def add_snapshot_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds what `run_snapshot` reads."""
    parser.add_argument("out", type=Path, help="the picture to write; .png or .jpg")
    parser.add_argument("--map", default="LiteTown01", help="as for the server (%(default)s)")
    parser.add_argument("--seed", type=_whole, default=0, help="as for the server (default: 0)")
    parser.add_argument("--weather", default="ClearNoon", help="a preset's name (%(default)s)")
    parser.add_argument(
        "--view",
        choices=("camera", "chase", "topdown"),
        default="camera",
        help="from a driver's seat, from behind the car, or the map from above (%(default)s)",
    )
    parser.add_argument(
        "--spawn", type=_whole, default=0, metavar="N", help="the spawn point of the car (0)"
    )
    parser.add_argument(
        "--place",
        type=_numbers,
        metavar="X,Y,Z,PITCH,YAW,ROLL",
        help="look from here instead of from a car",
    )
    parser.add_argument("--fov", type=float, default=90.0, help="degrees (default: 90)")
    parser.add_argument("--size", type=_size, default=Size(1280, 720), help="1280x720 if not given")
    parser.add_argument(
        "--vehicles", type=_whole, default=12, help="other vehicles on the map (default: 12)"
    )
    parser.add_argument("--around", type=float, help="topdown: metres across, about the car")
    parser.add_argument("--ids", action="store_true", help="topdown: write actors' ids")


def run_snapshot(options: argparse.Namespace) -> int:
    """Writes the picture; returns the exit code, 2 for what cannot be drawn."""
    try:
        picture = snapshot(options)
    except (UnknownMapError, UnknownWeatherError, ValueError) as error:
        print(f"carla-lite: {error}", file=sys.stderr)
        return 2
    try:
        written, data = cv2.imencode(options.out.suffix or ".png", picture)
    except cv2.error:
        written = False
    if not written:
        print(
            f"carla-lite: no picture format {options.out.suffix!r}; name the file .png or .jpg",
            file=sys.stderr,
        )
        return 2
    try:
        options.out.write_bytes(bytes(data))
    except OSError as error:
        print(f"carla-lite: cannot write {options.out}: {error.strerror}", file=sys.stderr)
        return 2
    height, width = picture.shape[:2]
    print(f"{options.out}: {options.map} {options.view} {width}x{height}")
    return 0


def snapshot(options: argparse.Namespace) -> NDArray[np.uint8]:
    """The picture, uint8 (height, width, 3) BGR."""
    world = World(options.map, options.seed)
    world.set_weather(preset(options.weather))
    spawn_points = world.spawn_points
    if options.spawn >= len(spawn_points):
        raise ValueError(
            f"--spawn is {options.spawn}: {options.map} has spawn points 0 to "
            f"{len(spawn_points) - 1}"
        )
    car = world.spawn(_PARKED[0], spawn_points[options.spawn])
    assert isinstance(car, Vehicle)
    _populate(world, min(options.vehicles, MAX_VEHICLES), options.seed)
    world.tick()
    width, height = options.size
    kind = cast(Kind, options.view)
    if kind == "topdown" and options.place is None:
        middle = car.transform.location
        if options.around is not None:
            view = MapView((middle.x, middle.y), width / options.around, width, height)
        else:
            view = MapView.of_bounds(world.network.bounds, width, height)
        return picture_from_above(world, view, follow=car.id, ids=options.ids)
    camera = PinholeCamera(width, height, options.fov)
    if options.place is not None:
        place = Transform(Vector3(*options.place[:3]), Rotation(*options.place[3:]))
        return take_picture(world, camera, place)[..., :3]
    seat = seat_of(car, "driver" if kind == "camera" else "chase")
    return take_picture(world, camera, seat, car.id if kind == "camera" else 0)[..., :3]


def _populate(world: World, count: int, seed: int) -> None:
    """Puts vehicles on spawn points drawn by the seed, as far as there is room."""
    rng = np.random.default_rng((4, seed))
    for index in rng.permutation(len(world.spawn_points)):
        if count <= 0:
            return
        kind, colour = rng.integers(len(_PARKED)), rng.integers(len(_COLOURS))
        attributes = {"color": _COLOURS[colour]}
        try:
            world.spawn(_PARKED[kind], world.spawn_points[int(index)], attributes)
        except SpawnError:  # somebody stands there
            continue
        count -= 1
