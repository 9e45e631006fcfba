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
from carla_lite.roads import OpenDriveError, UnknownMapError, open_map
from carla_lite.show.above import picture_from_above
from carla_lite.show.cameras import seat_of, take_picture
from carla_lite.traffic import Traffic
from carla_lite.world import Rotation, Transform, Vector3, World
from carla_lite.world.weather_presets import UnknownWeatherError, preset

Kind = Literal["camera", "chase", "topdown"]
MAX_SIDE_PX = 4096
MAX_CROWD = 300
_CAR = "vehicle.tesla.model3"
_MOST_SECONDS = 600.0


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


def _seconds(text: str) -> float:
    seconds = float(text)
    if not 0.0 <= seconds <= _MOST_SECONDS:
        raise argparse.ArgumentTypeError(f"{text} is out of range; use 0 to {_MOST_SECONDS:g}")
    return seconds


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
        "--traffic",
        type=_whole,
        default=20,
        metavar="VEHICLES",
        help="other vehicles, which drive (default: 20)",
    )
    parser.add_argument("--pedestrians", type=_whole, default=12, help="default: 12")
    parser.add_argument(
        "--seconds", type=_seconds, default=3.0, help="to let pass before the picture (default: 3)"
    )
    parser.add_argument("--around", type=float, help="topdown: metres across, about the car")
    parser.add_argument("--ids", action="store_true", help="topdown: write actors' ids")
    parser.add_argument(
        "--speed-colours", action="store_true", help="topdown: paint vehicles by their speed"
    )


def run_snapshot(options: argparse.Namespace) -> int:
    """Writes the picture; returns the exit code, 2 for what cannot be drawn."""
    try:
        picture = snapshot(options)
    except (UnknownMapError, OpenDriveError, UnknownWeatherError, ValueError) as error:
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
    network = open_map(options.map)
    world = World(network.name, options.seed, network=network)
    world.set_weather(preset(options.weather))
    if not options.spawn < len(world.spawn_points):
        raise ValueError(
            f"--spawn is {options.spawn}: {options.map} has spawn points 0 to "
            f"{len(world.spawn_points) - 1}"
        )
    car = world.spawn(_CAR, world.spawn_points[options.spawn])
    vehicles, pedestrians = (min(n, MAX_CROWD) for n in (options.traffic, options.pedestrians))
    traffic = Traffic(world, vehicles, pedestrians, options.seed)
    for _ in range(1 + round(options.seconds / world.delta_s)):
        traffic.step()
        world.tick()
    width, height = options.size
    kind = cast(Kind, options.view)
    if kind == "topdown" and options.place is None:
        middle = car.transform.location
        if options.around is not None:
            view = MapView((middle.x, middle.y), width / options.around, width, height)
        else:
            view = MapView.of_bounds(world.network.bounds, width, height)
        by_speed: bool = options.speed_colours
        return picture_from_above(world, view, follow=car.id, ids=options.ids, by_speed=by_speed)
    camera = PinholeCamera(width, height, options.fov)
    if options.place is not None:
        place = Transform(Vector3(*options.place[:3]), Rotation(*options.place[3:]))
        return take_picture(world, camera, place)[..., :3]
    seat = seat_of(car, "driver" if kind == "camera" else "chase")
    return take_picture(world, camera, seat, car.id if kind == "camera" else 0)[..., :3]
