"""A world from above: its map with everything that moves on it and what clients drew there."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from carla_lite.render.marks import (
    Mark,
    MarkKind,
    draw_mark,
    draw_ring,
    draw_scale,
    write,
)
from carla_lite.render.topdown import MapView, draw_line, fill_polygon, paint_ground, paint_solids
from carla_lite.world import Actor, Sensor, Vehicle, World
from carla_lite.world.debug import DebugShape, ShapeKind
from carla_lite.world.geometry import Transform, Vector3, compose, rotate

LIGHT_RGB = ((235, 48, 40), (250, 200, 40), (60, 205, 80), (90, 90, 90), (90, 90, 90))
"""Red, yellow, green, off and unknown, in CARLA's order."""
_WALKER_RGB = (255, 122, 60)
_PROP_RGB = (214, 170, 96)
_BRAKE_LIGHT = 8
_HUD_PX = 40.0
"""Thickness and size of the HUD kinds are in pixels, drawn as if a metre were this many."""
_CORNERS = [(x, y, z) for x in (-1, 1) for y in (-1, 1) for z in (-1, 1)]
_EDGES = [(i, j) for i in range(8) for j in range(i) if bin(i ^ j).count("1") == 1]


def picture_from_above(
    world: World,
    view: MapView,
    *,
    follow: int = 0,
    ids: bool = False,
    by_speed: bool = False,
) -> NDArray[np.uint8]:
    """What is to be seen of a world from above.

    Args:
        world: as it is now.
        view: which piece of it.
        follow: an actor to draw a ring around; 0 for none.
        ids: whether to write the ids of all but lights beside them.
        by_speed: whether to paint vehicles by their speed.

    Returns:
        uint8 (height, width, 3) BGR.
    """
    picture = paint_ground(world.scene.ground, view)
    paint_solids(picture, view, world.surroundings.solids, world.scene.look)
    marks = marks_of(world)
    for mark in marks:
        draw_mark(picture, view, mark, by_speed=by_speed)
    for shape in world.debug.at(world.elapsed_s):
        _draw_shape(picture, view, shape)
    for mark in marks:
        if mark.id == follow:
            draw_ring(picture, view, mark)
        if ids and mark.kind is not MarkKind.LIGHT:
            write(picture, view, (mark.x_m, mark.y_m), str(mark.id))
    draw_scale(picture, view)
    return picture


def marks_of(world: World) -> list[Mark]:
    """Everyone who is to be seen from above: props, walkers, vehicles and lights, in that order."""
    marks = [mark for actor in world.actors.values() if (mark := mark_of(actor)) is not None]
    order = (MarkKind.PROP, MarkKind.WALKER, MarkKind.VEHICLE, MarkKind.LIGHT)
    return sorted(marks, key=lambda mark: order.index(mark.kind))


def mark_of(actor: Actor) -> Mark | None:
    """How one actor looks from above; None for sensors and others without a body."""
    box, place = actor.bounding_box, actor.transform
    centre = compose(place, Transform(box.location)).location
    half, yaw = (box.extent.x, box.extent.y), place.rotation.yaw
    if actor.type_id.startswith("traffic.traffic_light"):
        rgb = LIGHT_RGB[int(getattr(actor, "state", 4))]
        return Mark(
            actor.id, MarkKind.LIGHT, place.location.x, place.location.y, yaw, (0.5, 0.5), rgb
        )
    if isinstance(actor, Sensor) or half[0] <= 0.0 or actor.type_id.startswith("traffic."):
        return None
    speed = math.hypot(actor.velocity.x, actor.velocity.y)
    if isinstance(actor, Vehicle):
        braking = actor.control.brake > 0.0 or bool(actor.lights & _BRAKE_LIGHT)
        rgb = paint_of(actor)
        return Mark(actor.id, MarkKind.VEHICLE, *centre[:2], yaw, half, rgb, speed, braking)
    if actor.type_id.startswith("walker."):
        return Mark(actor.id, MarkKind.WALKER, *centre[:2], yaw, half, _WALKER_RGB, speed)
    return Mark(actor.id, MarkKind.PROP, *centre[:2], yaw, half, _PROP_RGB)


def paint_of(actor: Actor) -> tuple[int, int, int]:
    """The colour of an actor's body."""
    if "color" in actor.attributes:
        r, g, b = (int(part) for part in actor.attributes["color"].split(","))
        return r, g, b
    return actor.blueprint.rgb if actor.blueprint else _PROP_RGB


def segments_of(shape: DebugShape) -> list[tuple[Vector3, Vector3]]:
    """The straight lines that a line, an arrow or a box consists of."""
    match shape.kind:
        case ShapeKind.LINE | ShapeKind.HUD_LINE:
            return [(shape.begin, shape.end)]
        case ShapeKind.ARROW | ShapeKind.HUD_ARROW:
            return [(shape.begin, shape.end), *_tip(shape)]
        case ShapeKind.BOX | ShapeKind.HUD_BOX:
            middle, half = shape.box.location, shape.box.extent
            corners = []
            for signs in _CORNERS:
                arm = Vector3(*(side * sign for side, sign in zip(half, signs, strict=True)))
                offset = rotate(shape.rotation, arm)
                corners.append(Vector3(*(a + b for a, b in zip(middle, offset, strict=True))))
            return [(corners[i], corners[j]) for i, j in _EDGES]
        case _:
            return []


def _tip(shape: DebugShape) -> list[tuple[Vector3, Vector3]]:
    """Two strokes back from an arrow's end, on the ground."""
    begin, end = shape.begin, shape.end
    length = math.hypot(end.x - begin.x, end.y - begin.y)
    if length < 1e-6:
        return []
    along = ((end.x - begin.x) / length, (end.y - begin.y) / length)
    size = max(shape.arrow_size, 0.0)
    return [
        (
            end,
            Vector3(
                end.x - size * (along[0] + side * along[1]),
                end.y - size * (along[1] - side * along[0]),
                end.z,
            ),
        )
        for side in (-1.0, 1.0)
    ]


def _draw_shape(picture: NDArray[np.uint8], view: MapView, shape: DebugShape) -> None:
    bgr = np.array(shape.rgb[::-1], float)
    size_m = shape.size / _HUD_PX if shape.kind >= ShapeKind.HUD_POINT else shape.size
    if shape.kind is ShapeKind.TEXT:
        write(picture, view, shape.begin[:2], shape.text, shape.rgb, offset_px=(0, 0))
        return
    if shape.kind in (ShapeKind.POINT, ShapeKind.HUD_POINT):
        radius = max(size_m, 2.5 / view.pixels_per_m)
        turn = np.linspace(0.0, 2 * np.pi, 12, endpoint=False)
        points = np.array(shape.begin[:2]) + radius * np.column_stack([np.cos(turn), np.sin(turn)])
        if view.sees(points).any():
            fill_polygon(picture, view, points, bgr)
        return
    thickness = int(np.clip(round(size_m * view.pixels_per_m), 1, 30))
    for begin, end in segments_of(shape):
        points = np.array([begin[:2], end[:2]])
        low, high = points.min(axis=0), points.max(axis=0)
        reach = np.hypot(*(high - low)) / 2
        if reach < 1e5 and view.sees((low + high)[None] / 2, reach).all():
            draw_line(picture, view, points, bgr, thickness)
