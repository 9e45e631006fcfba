"""RPC methods about actors: spawning, commanding, asking, destroying."""

from carla_lite.server import codec
from carla_lite.server.codec import Wire
from carla_lite.server.methods import MethodTable, Reply
from carla_lite.server.simulation import Simulation
from carla_lite.world import Transform

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
