"""RPC methods of `carla-lite view`, beyond CARLA's: the map, what is on it now, and pictures.

They only look. Encoding runs on a thread of its own, so the world is held up by no more than one
picture being drawn.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from concurrent.futures import ThreadPoolExecutor
from dataclasses import astuple
from typing import Literal, cast

import cv2
import numpy as np
from numpy.typing import NDArray

from carla_lite.render import PinholeCamera
from carla_lite.render.ground import Ground
from carla_lite.render.look import Look
from carla_lite.render.topdown import MapView, paint_ground, paint_solids
from carla_lite.scenery import Solids
from carla_lite.server import codec
from carla_lite.server.codec import BadArgumentError, Wire
from carla_lite.server.methods import MethodTable
from carla_lite.server.simulation import Simulation
from carla_lite.show.above import marks_of, segments_of
from carla_lite.show.cameras import Seat, seat_of, take_picture
from carla_lite.world import Weather, World
from carla_lite.world.debug import DebugShape, ShapeKind
from carla_lite.world.weather_presets import PRESETS

MAX_WIDTH, MAX_HEIGHT = 1280, 960
MAP_SIDE_PX = 3200
MAP_PIXELS_PER_M = 8.0
MAX_SHAPES = 1000
_MAP_MARGIN_M = 34.0
_FOV_DEG = 90.0
_CAMERAS = 4
_SEATS = ("driver", "chase", "own")


def view_methods() -> MethodTable:
    """The methods, with cameras of their own."""
    table = MethodTable()
    desk = _Desk()

    @table.method()
    def lite_state(simulation: Simulation) -> Wire:
        """What changes from frame to frame; see `state_of`."""
        return state_of(simulation.world)

    @table.method()
    async def lite_map(simulation: Simulation) -> Wire:
        """The map from above: JPEG, its size in pixels, and what x, y its middle and scale are."""
        world = simulation.world
        return await desk.map_of(world)

    @table.method()
    async def lite_camera(
        simulation: Simulation, actor_id: Wire, seat: Wire, width: Wire, height: Wire
    ) -> Wire:
        """[frame, JPEG] of what an actor's camera sees now."""
        name = codec.decode_text(seat, "seat")
        if name not in _SEATS:
            raise BadArgumentError(f"seat {name!r:.40}: use one of {', '.join(_SEATS)}")
        size = codec.decode_int(width, "width"), codec.decode_int(height, "height")
        if not (1 <= size[0] <= MAX_WIDTH and 1 <= size[1] <= MAX_HEIGHT):
            raise BadArgumentError(
                f"a picture of {size[0]} x {size[1]}: use 1 to {MAX_WIDTH} x {MAX_HEIGHT} pixels"
            )
        world = simulation.world
        picture = desk.look(world, codec.decode_int(actor_id, "actor id"), cast(Seat, name), size)
        frame = world.frame
        return [frame, await desk.encoded(picture)]

    return table


class _Desk:
    """Cameras by their size, the last map, and a thread that encodes."""

    def __init__(self) -> None:
        self._cameras: OrderedDict[tuple[int, int], PinholeCamera] = OrderedDict()
        self._thread = ThreadPoolExecutor(1, "carla-lite-encode")
        self._map: tuple[Solids, Look, asyncio.Future[Wire]] | None = None

    def look(
        self, world: World, actor_id: int, seat: Seat, size: tuple[int, int]
    ) -> NDArray[np.uint8]:
        actor = world.population.actor(actor_id)
        camera = self._cameras.pop(size, None) or PinholeCamera(*size, _FOV_DEG)
        self._cameras[size] = camera
        while len(self._cameras) > _CAMERAS:
            self._cameras.popitem(last=False)
        hidden = actor_id if seat == "driver" else 0
        return take_picture(world, camera, seat_of(actor, seat), hidden)

    async def encoded(self, picture: NDArray[np.uint8]) -> bytes:
        return await asyncio.get_running_loop().run_in_executor(self._thread, jpeg, picture)

    async def map_of(self, world: World) -> Wire:
        """Painted once for every map, weather and set of hidden objects."""
        solids, look = world.surroundings.solids, world.scene.look
        if self._map is None or self._map[0] is not solids or self._map[1] is not look:
            painting = asyncio.get_running_loop().run_in_executor(
                self._thread, paint_map, world.scene.ground, solids, look, world.network.bounds
            )
            self._map = solids, look, painting
        return [world.map_name, world.episode_id, *await asyncio.shield(self._map[2])]


def jpeg(picture: NDArray[np.uint8], quality: int = 85) -> bytes:
    """A picture, uint8 (H, W, 3 or 4), BGR or BGRA, as JPEG."""
    _, data = cv2.imencode(".jpg", picture[..., :3], (cv2.IMWRITE_JPEG_QUALITY, quality))
    return bytes(data)


def paint_map(
    ground: Ground, solids: Solids, look: Look, bounds: tuple[float, float, float, float]
) -> Wire:
    """[JPEG, width, height, x and y of its middle, pixels per metre] of a map without actors."""
    x0, y0, x1, y1 = bounds
    size = np.array([x1 - x0, y1 - y0]) + 2 * _MAP_MARGIN_M
    scale = min(MAP_PIXELS_PER_M, MAP_SIDE_PX / float(size.max()))
    width, height = (int(n) for n in np.ceil(size * scale))
    view = MapView(((x0 + x1) / 2, (y0 + y1) / 2), scale, width, height)
    picture = paint_ground(ground, view)
    paint_solids(picture, view, solids, look)
    return [jpeg(picture), width, height, *view.centre_m, scale]


def state_of(world: World) -> dict[str, Wire]:
    """A frame as the page shows it: time, weather, actors and debug shapes, ready for JSON."""
    return {
        "map": world.map_name,
        "episode": world.episode_id,
        "frame": world.frame,
        "time_s": world.elapsed_s,
        "delta_s": world.delta_s,
        "synchronous": world.settings.synchronous,
        "weather": _weather_name(world.weather),
        "sun_deg": world.weather.sun_altitude_angle,
        "actors": _actors(world),
        "lamps": _lit_lamps(world),
        "shapes": _shapes(world),
    }


def _weather_name(weather: Weather) -> str:
    """The preset that it is, but for what float32 loses on the wire."""
    now = np.array(astuple(weather))
    for name, preset in PRESETS.items():
        if np.allclose(now, astuple(preset), atol=1e-3):
            return name
    return "custom"


def _actors(world: World) -> list[Wire]:
    """Rows of what is to be seen, and of cameras and the spectator to look through."""
    rows = [
        {
            "id": mark.id,
            "kind": mark.kind.value,
            "type": world.actors[mark.id].type_id,
            "role": world.actors[mark.id].attributes.get("role_name", ""),
            "x": round(mark.x_m, 3),
            "y": round(mark.y_m, 3),
            "yaw": round(mark.yaw_deg, 2),
            "half": [round(mark.half_m[0], 3), round(mark.half_m[1], 3)],
            "rgb": list(mark.rgb),
            "speed": round(mark.speed_mps, 2),
            "braking": mark.braking,
        }
        for mark in marks_of(world)
    ]
    for actor in world.actors.values():
        if actor.type_id == "spectator" or actor.type_id.startswith("sensor.camera."):
            place, rotation = actor.transform
            rows.append(
                {
                    "id": actor.id,
                    "kind": "camera",
                    "type": actor.type_id,
                    "role": actor.attributes.get("role_name", ""),
                    "x": round(place.x, 3),
                    "y": round(place.y, 3),
                    "yaw": round(rotation.yaw, 2),
                    "half": [0.3, 0.3],
                    "rgb": [255, 255, 255],
                    "speed": 0.0,
                    "braking": False,
                }
            )
    return rows


def _lit_lamps(world: World) -> list[Wire]:
    return [
        [round(lamp.location.x, 2), round(lamp.location.y, 2), *lamp.rgb]
        for lamp in world.surroundings.lamps.values()
        if world.surroundings.is_lit(lamp, world.weather)
    ]


def _shapes(world: World) -> list[Wire]:
    """The newest debug shapes, as [what, colour, size, ...]."""
    shown = list(world.debug.at(world.elapsed_s))[-MAX_SHAPES:]
    return [_shape(shape) for shape in shown]


def _shape(shape: DebugShape) -> Wire:
    what: Literal["text", "point", "lines"]
    if shape.kind is ShapeKind.TEXT:
        what = "text"
    else:
        what = "point" if shape.kind in (ShapeKind.POINT, ShapeKind.HUD_POINT) else "lines"
    lines = [[*begin[:2], *end[:2]] for begin, end in segments_of(shape)]
    return [what, list(shape.rgb), shape.size, *shape.begin[:2], shape.text, lines]
