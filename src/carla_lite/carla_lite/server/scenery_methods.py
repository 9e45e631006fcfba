"""RPC methods about what stands beside the roads, street lamps, and shapes drawn for people."""

import math
from dataclasses import replace

from carla_lite.render.raycast import cast_rays
from carla_lite.server import codec
from carla_lite.server.codec import BadArgumentError, Wire
from carla_lite.server.methods import MethodTable, Reply
from carla_lite.server.simulation import Simulation
from carla_lite.world.debug import DebugShape, ShapeKind
from carla_lite.world.geometry import (
    MAX_COORDINATE_M,
    BoundingBox,
    Rotation,
    Transform,
    Vector3,
    check_vector,
    compose,
)
from carla_lite.world.surroundings import LightGroup, StreetLamp

TABLE = MethodTable()
_value = TABLE.method()
_void = TABLE.method(Reply.VOID)

_ANY = 255
_MOST_SURFACES = 64
_LEAST_DIRECTION, _STEP_INSIDE_M = 1e-6, 1e-3


def _tag(value: Wire) -> int | None:
    tag = codec.decode_int(value, "city object label")
    return None if tag == _ANY else tag


# Objects of the map


@_value
def get_environment_objects(simulation: Simulation, tag: Wire) -> Wire:
    """[transform, bounding box in the world, id, name, label] of each, hidden ones included."""
    wanted = _tag(tag)
    return [
        [
            [[*thing.centre[:2], 0.0], [0.0, thing.yaw_deg, 0.0]],
            [list(thing.centre), list(thing.half), [0.0, thing.yaw_deg, 0.0], 0],
            thing.id,
            thing.name,
            int(thing.tag),
        ]
        for thing in simulation.world.surroundings.objects(wanted)
    ]


@_value
def get_all_level_BBs(simulation: Simulation, tag: Wire) -> Wire:
    """Boxes in the world of everything the label names: of the map, and of actors."""
    wanted, world = _tag(tag), simulation.world
    boxes = [
        [list(thing.centre), list(thing.half), [0.0, thing.yaw_deg, 0.0], 0]
        for thing in world.surroundings.objects(wanted)
        if not world.surroundings.is_hidden(thing.id)
    ]
    for actor in world.population.bodies:
        label = actor.blueprint.semantic_tag if actor.blueprint else None
        if wanted in (None, label):
            box = actor.bounding_box
            place = compose(actor.transform, Transform(box.location, box.rotation))
            boxes.append([list(place.location), list(box.extent), list(place.rotation), actor.id])
    boxes += [codec.encode_box(box, key) for key, box in world.traffic_control.boxes(wanted)]
    return boxes


@_value
def get_names_of_all_objects(simulation: Simulation) -> Wire:
    """Those of the map's objects."""
    return [thing.name for thing in simulation.world.surroundings.objects()]


@_void
def enable_environment_objects(simulation: Simulation, ids: Wire, enabled: Wire) -> None:
    """Hides objects of the map from every sensor, or brings them back."""
    wanted = [codec.decode_int(item, "object id") for item in codec.decode_list(ids, None, "ids")]
    simulation.world.show_objects(wanted, codec.decode_bool(enabled, "enable"))


# Rays


@_value
def project_point(
    simulation: Simulation, location: Wire, direction: Wire, search_distance: Wire
) -> Wire:
    """[whether it meets anything, [where, label]] of a ray."""
    origin = codec.decode_vector(location, "location")
    way = codec.decode_vector(direction, "direction")
    hits = _surfaces(simulation, origin, way, _range(search_distance), most=1)
    return [True, hits[0]] if hits else [False, [list(origin), 0]]


@_value
def cast_ray(simulation: Simulation, start: Wire, end: Wire) -> Wire:
    """[where, label] of all that lies between two places, the nearest first."""
    origin, goal = codec.decode_vector(start, "start"), codec.decode_vector(end, "end")
    way = Vector3(*(b - a for a, b in zip(origin, goal, strict=True)))
    length = math.dist(origin, goal)
    return _surfaces(simulation, origin, way, length, _MOST_SURFACES) if length > 0.0 else []


def _range(value: Wire) -> float:
    distance = codec.decode_number(value, "search_distance")
    if not 0.0 < distance < math.inf:
        raise BadArgumentError(f"search_distance is {distance}: use more than 0 metres")
    return min(distance, MAX_COORDINATE_M)


def _surfaces(
    simulation: Simulation, origin: Vector3, way: Vector3, range_m: float, most: int
) -> list[Wire]:
    """The first `most` solids or the ground that a ray enters."""
    world = simulation.world
    check_vector(origin, "location (m)", MAX_COORDINATE_M)
    check_vector(way, "direction", 2 * MAX_COORDINATE_M)
    length = math.hypot(*way)
    if length < _LEAST_DIRECTION:
        raise BadArgumentError(f"direction {list(way)} leads nowhere: use a vector of length 1")
    unit = Vector3(*(part / length for part in way))
    surfaces: list[Wire] = []
    moving, gone = world.population.solids(), 0.0
    while len(surfaces) < most and gone < range_m:
        place = [start + gone * part for start, part in zip(origin, unit, strict=True)]
        hits = cast_rays(world.scene, moving, place, [unit], range_m - gone)
        distance = float(hits.distance[0])
        if math.isinf(distance):
            break
        gone += distance
        where = [start + gone * part for start, part in zip(origin, unit, strict=True)]
        surfaces.append([where, int(hits.tag[0])])
        if hits.id[0] == 0:  # nothing lies under the ground
            break
        gone += _STEP_INSIDE_M  # from within a solid a ray does not meet it again
    return surfaces


# Street lamps


@_value
def query_lights_state(simulation: Simulation, client: Wire) -> Wire:
    """[id, location, intensity, group, colour, whether it is on] of every street lamp."""
    world = simulation.world
    return [
        [
            lamp.id,
            list(lamp.location),
            lamp.intensity,
            int(lamp.group),
            list(lamp.rgb),
            world.surroundings.is_lit(lamp, world.weather),
        ]
        for lamp in world.surroundings.lamps.values()
    ]


@_void
def update_lights_state(simulation: Simulation, client: Wire, lights: Wire, leaves: Wire) -> None:
    """Switches street lamps; from then on dusk and dawn leave them alone."""
    simulation.world.switch_lamps(
        _decode_lamp(item) for item in codec.decode_list(lights, None, "lights")
    )


@_void
def update_day_night_cycle(simulation: Simulation, client: Wire, active: Wire) -> None:
    """Whether street lamps follow the sun."""
    simulation.world.set_day_night_cycle(codec.decode_bool(active, "active"))


def _decode_lamp(value: Wire) -> StreetLamp:
    lamp_id, location, intensity, group, colour, active = codec.decode_list(value, 6, "light")
    number = codec.decode_int(group, "light group")
    if not 0 <= number < len(LightGroup):
        raise BadArgumentError(f"light group {number}: use 0 to {len(LightGroup) - 1}")
    return StreetLamp(
        codec.decode_int(lamp_id, "light id"),
        codec.decode_vector(location, "location"),
        codec.decode_number(intensity, "intensity"),
        LightGroup(number),
        _decode_colour(colour),
        codec.decode_bool(active, "active"),
    )


# Shapes


@_void
def draw_debug_shape(simulation: Simulation, shape: Wire) -> None:
    """Kept for as long as it says; `carla-lite view` shows it."""
    world = simulation.world
    world.debug.draw(_decode_shape(shape), world.elapsed_s)


@_void
def clear_debug_shape(simulation: Simulation) -> None:
    """Everything but texts."""
    simulation.world.debug.clear(texts=False)


@_void
def clear_debug_string(simulation: Simulation) -> None:
    """All texts."""
    simulation.world.debug.clear(texts=True)


def _decode_shape(value: Wire) -> DebugShape:
    """[[kind, fields], [r, g, b], life time, persistent]."""
    variant, colour, life_time, persistent = codec.decode_list(value, 4, "debug shape")
    codec.decode_bool(persistent, "persistent_lines")  # CARLA asks for it and does not heed it
    index, fields = codec.decode_list(variant, 2, "debug shape")
    number = codec.decode_int(index, "kind of debug shape")
    if not 0 <= number < len(ShapeKind):
        raise BadArgumentError(f"debug shape {number}: use 0 to {len(ShapeKind) - 1}")
    kind = ShapeKind(number)
    plain = _decode_primitive(kind, fields)
    return replace(
        plain, rgb=_decode_colour(colour), life_time_s=codec.decode_number(life_time, "life_time")
    )


def _decode_primitive(kind: ShapeKind, fields: Wire) -> DebugShape:
    """What the variant holds, still without colour and life time."""
    match kind:
        case ShapeKind.LINE | ShapeKind.HUD_LINE:
            return _decode_line(kind, fields)
        case ShapeKind.ARROW | ShapeKind.HUD_ARROW:
            line, tip = codec.decode_list(fields, 2, "arrow")
            return replace(
                _decode_line(kind, line), arrow_size=codec.decode_number(tip, "arrow_size")
            )
        case ShapeKind.BOX | ShapeKind.HUD_BOX:
            box, rotation, thickness = codec.decode_list(fields, 3, "box")
            centre, extent, _, _ = codec.decode_list(box, 4, "bounding box")
            return DebugShape(
                kind,
                box=BoundingBox(codec.decode_vector(centre), codec.decode_vector(extent)),
                rotation=Rotation(*codec.decode_vector(rotation, "rotation")),
                size=codec.decode_number(thickness, "thickness"),
            )
        case ShapeKind.TEXT:
            place, text, shadow = codec.decode_list(fields, 3, "string")
            codec.decode_bool(shadow, "draw_shadow")
            return DebugShape(
                kind, codec.decode_vector(place), text=codec.decode_text(text, "text")
            )
        case _:
            place, size = codec.decode_list(fields, 2, "point")
            return DebugShape(
                kind, codec.decode_vector(place), size=codec.decode_number(size, "size")
            )


def _decode_line(kind: ShapeKind, value: Wire) -> DebugShape:
    begin, end, thickness = codec.decode_list(value, 3, "line")
    return DebugShape(
        kind,
        codec.decode_vector(begin, "begin"),
        codec.decode_vector(end, "end"),
        size=codec.decode_number(thickness, "thickness"),
    )


def _decode_colour(value: Wire) -> tuple[int, int, int]:
    r, g, b = (codec.decode_int(part, "colour") for part in codec.decode_list(value, 3, "colour"))
    return r, g, b
