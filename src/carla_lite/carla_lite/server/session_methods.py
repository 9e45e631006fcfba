"""RPC methods about the episode: connecting, settings, maps, time, weather."""

from dataclasses import astuple

from carla_lite.roads import available_maps
from carla_lite.server import codec
from carla_lite.server.codec import WORLD_STREAM_ID, Wire
from carla_lite.server.methods import MethodTable, Reply
from carla_lite.server.simulation import Simulation
from carla_lite.world import BLUEPRINTS

TABLE = MethodTable()
_value = TABLE.method()
_void = TABLE.method(Reply.VOID)


@_value
def version(simulation: Simulation) -> Wire:
    """CARLA's version, which clients compare with their own."""
    return simulation.version


@_value
def get_episode_info(simulation: Simulation) -> Wire:
    """Episode id and the token of the world's stream."""
    token = codec.encode_token(WORLD_STREAM_ID, simulation.streams.port)
    return [simulation.world.episode_id, [token]]


@_value
def get_sensor_token(simulation: Simulation, stream_id: Wire) -> Wire:
    """Asked for before every subscription; the subscriber follows within milliseconds."""
    stream = codec.decode_int(stream_id, "stream id")
    if not 0 <= stream < 2**32:
        raise codec.BadArgumentError(f"stream id {stream} is no 32-bit number")
    simulation.streams.expect(stream)
    return [codec.encode_token(stream, simulation.streams.port)]


@_value
def get_episode_settings(simulation: Simulation) -> Wire:
    """The 11 settings."""
    return codec.encode_settings(simulation.world.settings)


@_value
def set_episode_settings(simulation: Simulation, settings: Wire) -> Wire:
    """Changes them for every client; returns the frame."""
    return simulation.apply_settings(codec.decode_settings(settings))


@_value
def tick_cue(simulation: Simulation) -> object:
    """One tick; the frame number comes once every reader has its data."""
    return simulation.tick_cue()


@_value
def get_required_files(simulation: Simulation, folder: Wire) -> Wire:
    """None, so that clients write no cache."""
    return []


@_value
def get_map_info(simulation: Simulation) -> Wire:
    """Name and spawn points."""
    return codec.encode_map_info(simulation.world.map_name, simulation.world.network)


@_value
def get_map_data(simulation: Simulation) -> Wire:
    """OpenDRIVE."""
    return simulation.world.opendrive


@_value
def get_available_maps(simulation: Simulation) -> Wire:
    """Examples; any other seed is as good."""
    return available_maps()


@_void
def load_new_episode(
    simulation: Simulation, name: Wire, reset_settings: Wire, layers: Wire
) -> None:
    """A new world; the empty name reloads the present map."""
    simulation.load(
        codec.decode_text(name, "map name"), codec.decode_bool(reset_settings, "reset_settings")
    )


@_value
def get_actor_definitions(simulation: Simulation) -> Wire:
    """Everything that can be spawned."""
    return [
        codec.encode_blueprint(uid, blueprint)
        for uid, blueprint in enumerate(BLUEPRINTS.values(), start=1)
    ]


@_value
def get_weather_parameters(simulation: Simulation) -> Wire:
    """14 numbers."""
    return list(astuple(simulation.world.weather))


@_void
def set_weather_parameters(simulation: Simulation, weather: Wire) -> None:
    """Stored."""
    simulation.world.set_weather(codec.decode_weather(weather))


@_value
def is_traffic_manager_running(simulation: Simulation, port: Wire) -> Wire:
    """Whether a client said that it runs one at this port."""
    return codec.decode_int(port, "port") in simulation.traffic_managers


@_value
def get_traffic_manager_running(simulation: Simulation, port: Wire) -> Wire:
    """Its address."""
    number = codec.decode_int(port, "port")
    return [simulation.traffic_managers.get(number, ""), number]


@_value
def add_traffic_manager_running(simulation: Simulation, address: Wire) -> Wire:
    """Notes one; false when the port has one already."""
    host, port = codec.decode_list(address, 2, "traffic manager address")
    number = codec.decode_int(port, "port")
    if number in simulation.traffic_managers:
        return False
    if not 0 <= number < 65536:
        raise codec.BadArgumentError(f"port {number} is none")
    simulation.traffic_managers[number] = codec.decode_text(host, "host")
    return True


@_value
def destroy_traffic_manager(simulation: Simulation, port: Wire) -> Wire:
    """Forgets it."""
    number = codec.decode_int(port, "port")
    return simulation.traffic_managers.pop(number, None) is not None
