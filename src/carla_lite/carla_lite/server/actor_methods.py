"""RPC methods about actors: spawning, commanding, asking, destroying, one by one or in batches."""

import inspect
from collections.abc import Callable

from carla_lite.server import codec, physics_methods, traffic_methods
from carla_lite.server.codec import BadArgumentError, Wire
from carla_lite.server.methods import MethodTable, Reply, fail, succeed
from carla_lite.server.simulation import Simulation
from carla_lite.world import Transform, WorldError

TABLE = MethodTable()
_value = TABLE.method()
_void = TABLE.method(Reply.VOID)


def _id(value: Wire) -> int:
    return codec.decode_int(value, "actor id")


@_value
def spawn_actor(simulation: Simulation, description: Wire, transform: Wire) -> Wire:
    """A new actor without parent."""
    return spawn_actor_with_parent(simulation, description, transform, 0, 0, "")


@_value
def spawn_actor_with_parent(
    simulation: Simulation,
    description: Wire,
    transform: Wire,
    parent_id: Wire,
    attachment: Wire,
    socket_name: Wire,
) -> Wire:
    """A new actor; with a parent its transform is relative."""
    wanted = codec.decode_description(description)
    actor = simulation.world.spawn(
        wanted.type_id,
        codec.decode_transform(transform),
        wanted.attributes,
        _id(parent_id),
        codec.decode_attachment(attachment),
    )
    return codec.encode_actor(actor, simulation.streams.port)


@_value
def destroy_actor(simulation: Simulation, actor_id: Wire) -> Wire:
    """True when it is gone."""
    simulation.world.destroy(_id(actor_id))
    return True


@_value
def get_actors_by_id(simulation: Simulation, actor_ids: Wire) -> Wire:
    """Those of them that live."""
    actors, port = simulation.world.actors, simulation.streams.port
    wanted = (_id(item) for item in codec.decode_list(actor_ids, None, "actor ids"))
    return [codec.encode_actor(actors[key], port) for key in wanted if key in actors]


@_value
def get_spectator(simulation: Simulation) -> Wire:
    """The free camera."""
    return codec.encode_actor(simulation.world.population.spectator, simulation.streams.port)


@_value
def get_actor_bounding_box(simulation: Simulation, actor_id: Wire) -> Wire:
    """Also that of a destroyed actor."""
    key = _id(actor_id)
    return codec.encode_box(simulation.world.population.bounding_box(key), key)


@_void
def apply_control_to_vehicle(simulation: Simulation, actor_id: Wire, control: Wire) -> None:
    """In force until the next one."""
    simulation.world.apply_control(_id(actor_id), codec.decode_control(control))


@_void
def set_actor_transform(simulation: Simulation, actor_id: Wire, transform: Wire) -> None:
    """Teleports it."""
    simulation.world.set_transform(_id(actor_id), codec.decode_transform(transform))


@_void
def set_actor_location(simulation: Simulation, actor_id: Wire, location: Wire) -> None:
    """Teleports it without turning it."""
    actor = simulation.world.population.actor(_id(actor_id))
    place = actor.mount if actor.parent_id in simulation.world.actors else actor.transform
    simulation.world.set_transform(
        actor.id, Transform(codec.decode_vector(location, "location"), place.rotation)
    )


# Batches. Each command is [[index, fields]]; fields begin with the actor's id, but for spawning.

_SPAWN, _DESTROY = 0, 1
_COMMANDS: dict[int, Callable[..., object]] = {
    2: apply_control_to_vehicle,
    3: physics_methods.apply_ackermann_control_to_vehicle,
    4: physics_methods.apply_control_to_walker,
    5: physics_methods.apply_physics_control,
    6: set_actor_transform,
    7: physics_methods.set_walker_state,
    8: physics_methods.set_actor_target_velocity,
    9: physics_methods.set_actor_target_angular_velocity,
    10: physics_methods.add_actor_impulse,
    11: physics_methods.add_actor_force,
    12: physics_methods.add_actor_angular_impulse,
    13: physics_methods.add_actor_torque,
    14: physics_methods.set_actor_simulate_physics,
    15: physics_methods.set_actor_enable_gravity,
    17: physics_methods.show_vehicle_debug_telemetry,
    18: physics_methods.set_lights,
    19: set_actor_location,
    21: traffic_methods.set_traffic_light_state,
}
_FIELDS = {index: len(inspect.signature(call).parameters) - 1 for index, call in _COMMANDS.items()}


@TABLE.method(Reply.BARE)
def apply_batch(simulation: Simulation, commands: Wire, do_tick: Wire) -> Wire:
    """Runs commands in order; each has a response of its own, an actor id or an error."""
    responses = []
    for item in codec.decode_list(commands, None, "commands"):
        try:
            responses.append(succeed(_run(simulation, item, new_id=0)))
        except (WorldError, BadArgumentError) as error:  # noqa: PERF203 - each may fail by itself
            responses.append(fail(str(error)))
    return responses


def _run(simulation: Simulation, item: Wire, new_id: int) -> int:
    """One command; `new_id` stands in for the id 0 of an actor which the batch just spawned."""
    (command,) = codec.decode_list(item, 1, "command")
    index, fields = codec.decode_list(command, 2, "command")
    if index == _SPAWN:
        return _spawn(simulation, fields)
    first, *rest = codec.decode_list(fields, None, "command fields")
    actor_id = _id(first) or new_id
    if index == _DESTROY:
        destroy_actor(simulation, actor_id)
        return actor_id
    call = _COMMANDS.get(index) if isinstance(index, int) else None
    if call is None:
        raise BadArgumentError(f"unsupported: command {index} in a batch")
    if 1 + len(rest) != _FIELDS[index]:
        raise BadArgumentError(
            f"command {index} takes {_FIELDS[index]} fields, not {1 + len(rest)}"
        )
    call(simulation, actor_id, *rest)
    return actor_id


def _spawn(simulation: Simulation, fields: Wire) -> int:
    description, transform, parent, attachment, _, followers = codec.decode_list(
        fields, 6, "spawn command"
    )
    maybe = codec.decode_list(parent, None, "parent")
    parent_id = maybe[1] if len(maybe) == 2 and maybe[0] else 0
    spawned = spawn_actor_with_parent(simulation, description, transform, parent_id, attachment, "")
    actor_id: int = spawned[0]
    for follower in codec.decode_list(followers, None, "do_after"):
        _run(simulation, follower, new_id=actor_id)
    return actor_id
