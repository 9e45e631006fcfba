"""Python objects to and from the msgpack arrays of CARLA 0.9.16's RPC.

On the wire a class is the array of its fields, an optional is [False] or [True, value], a variant
is [index, value], raw bytes are msgpack bin. `encode_*` take world objects, `decode_*` take what
the unpacker gave and raise BadArgumentError for everything of another shape.
"""

import reprlib
import struct
from dataclasses import astuple, fields
from typing import Any, NamedTuple

from carla_lite.roads import RoadNetwork
from carla_lite.world import (
    Actor,
    Attachment,
    BoundingBox,
    EpisodeSettings,
    Rotation,
    Sensor,
    Transform,
    Vector3,
    VehicleControl,
    Weather,
)
from carla_lite.world.blueprints import Blueprint

Wire = Any
"""Whatever msgpack packs or unpacks: nested lists, numbers, text and bytes."""

_TOKEN = struct.Struct("<IHBB16x")
_TCP, _ADDRESS_NOT_SET = 1, 0
WORLD_STREAM_ID = 1


class BadArgumentError(ValueError):
    """A request whose arguments have the wrong shape or type."""


# Decoding


def decode_list(value: Wire, length: int | None, what: str) -> list[Wire]:
    """A list, of `length` items unless that is None."""
    if not isinstance(value, list) or length not in (None, len(value)):
        size = "" if length is None else f" of {length}"
        raise BadArgumentError(f"{what}: expected a list{size}, got {reprlib.repr(value)}")
    return value


def decode_number(value: Wire, what: str) -> float:
    """A float; finiteness is the world's business."""
    if not isinstance(value, (int, float)):
        raise BadArgumentError(f"{what}: expected a number, got {reprlib.repr(value)}")
    return float(value)


def decode_int(value: Wire, what: str) -> int:
    """A whole number."""
    if not isinstance(value, int) or isinstance(value, bool):
        raise BadArgumentError(f"{what}: expected a whole number, got {reprlib.repr(value)}")
    return value


def decode_bool(value: Wire, what: str) -> bool:
    """True or False."""
    if not isinstance(value, bool):
        raise BadArgumentError(f"{what}: expected true or false, got {reprlib.repr(value)}")
    return value


def decode_text(value: Wire, what: str) -> str:
    """Text."""
    if not isinstance(value, str):
        raise BadArgumentError(f"{what}: expected text, got {reprlib.repr(value)}")
    return value


def _numbers(value: Wire, length: int, what: str) -> list[float]:
    return [decode_number(item, what) for item in decode_list(value, length, what)]


def decode_vector(value: Wire, what: str = "vector") -> Vector3:
    """[x, y, z]."""
    return Vector3(*_numbers(value, 3, what))


def decode_transform(value: Wire) -> Transform:
    """[[x, y, z], [pitch, yaw, roll]]."""
    location, rotation = decode_list(value, 2, "transform")
    return Transform(
        decode_vector(location, "location"), Rotation(*_numbers(rotation, 3, "rotation"))
    )


def decode_control(value: Wire) -> VehicleControl:
    """[throttle, steer, brake, hand_brake, reverse, manual_gear_shift, gear]."""
    throttle, steer, brake, hand_brake, reverse, manual, gear = decode_list(
        value, 7, "vehicle control"
    )
    return VehicleControl(
        decode_number(throttle, "throttle"),
        decode_number(steer, "steer"),
        decode_number(brake, "brake"),
        decode_bool(hand_brake, "hand_brake"),
        decode_bool(reverse, "reverse"),
        decode_bool(manual, "manual_gear_shift"),
        decode_int(gear, "gear"),
    )


def decode_settings(value: Wire) -> EpisodeSettings:
    """The 11 fields of EpisodeSettings; a fixed step of 0 means none, as in CARLA's Python."""
    sync, no_rendering, delta, substepping, max_delta, max_substeps, *rest = decode_list(
        value, 11, "episode settings"
    )
    culling, ragdolls, tiles, active, spectator = rest
    step = decode_list(delta, None, "fixed_delta_seconds")
    fixed = decode_number(step[1], "fixed_delta_seconds") if len(step) == 2 and step[0] else 0.0
    return EpisodeSettings(
        decode_bool(sync, "synchronous_mode"),
        decode_bool(no_rendering, "no_rendering_mode"),
        fixed if fixed != 0.0 else None,
        decode_bool(substepping, "substepping"),
        decode_number(max_delta, "max_substep_delta_time"),
        decode_int(max_substeps, "max_substeps"),
        decode_number(culling, "max_culling_distance"),
        decode_bool(ragdolls, "deterministic_ragdolls"),
        decode_number(tiles, "tile_stream_distance"),
        decode_number(active, "actor_active_distance"),
        decode_bool(spectator, "spectator_as_ego"),
    )


def decode_weather(value: Wire) -> Weather:
    """14 numbers."""
    return Weather(*_numbers(value, len(fields(Weather)), "weather"))


class Description(NamedTuple):
    """What a client wants to spawn."""

    type_id: str
    attributes: dict[str, str]


def decode_description(value: Wire) -> Description:
    """[uid, id, [[name, type, value]...]]; the client sends every attribute."""
    _, type_id, attributes = decode_list(value, 3, "actor description")
    pairs = (
        decode_list(item, 3, "attribute") for item in decode_list(attributes, None, "attributes")
    )
    return Description(
        decode_text(type_id, "blueprint id"),
        {decode_text(name, "attribute"): decode_text(text, "value") for name, _, text in pairs},
    )


def decode_attachment(value: Wire) -> Attachment:
    """An Attachment; batches carry uninitialised bytes here, which count as rigid."""
    try:
        return Attachment(decode_int(value, "attachment"))
    except ValueError:
        return Attachment.RIGID


# Encoding


def encode_token(stream_id: int, port: int) -> Wire:
    """Where to read a stream; without an address, so that clients use the host they know."""
    return _TOKEN.pack(stream_id, port, _TCP, _ADDRESS_NOT_SET)


def encode_box(box: BoundingBox, actor_id: int) -> Wire:
    """[location, extent, rotation, actor_id]."""
    return [*box, actor_id]


def encode_settings(settings: EpisodeSettings) -> Wire:
    """The 11 fields of EpisodeSettings."""
    values: list[Wire] = list(astuple(settings))
    delta = settings.fixed_delta_s
    values[2] = [False] if delta is None else [True, delta]
    return values


def encode_blueprint(uid: int, blueprint: Blueprint) -> Wire:
    """ActorDefinition."""
    attributes = [
        [a.name, int(a.kind), a.default, list(a.recommended), a.modifiable, a.restricted]
        for a in blueprint.attributes
    ]
    return [uid, blueprint.id, blueprint.tags, attributes]


def encode_actor(actor: Actor, stream_port: int) -> Wire:
    """[id, parent, description, bounding box, semantic tags, stream token]."""
    blueprint = actor.blueprint
    kinds = {a.name: int(a.kind) for a in blueprint.attributes} if blueprint else {}
    attributes = [[name, kinds[name], value] for name, value in actor.attributes.items()]
    tag = actor.semantic_tag
    streams = isinstance(actor, Sensor) and actor.streams
    return [
        actor.id,
        actor.parent_id,
        [actor.id, actor.type_id, attributes],
        encode_box(actor.bounding_box, actor.id),
        bytes([tag]) if tag is not None else b"",
        encode_token(actor.id, stream_port) if streams else b"",
    ]


def encode_map_info(name: str, network: RoadNetwork) -> Wire:
    """[name, [spawn point...]]."""
    places = network.spawn_points.tolist()
    return [name, [[[x, y, z], [0.0, yaw, 0.0]] for x, y, z, yaw in places]]
