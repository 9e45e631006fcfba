"""RPC methods about maps that clients bring along."""

import asyncio

from carla_lite.roads import parse_opendrive
from carla_lite.server import codec
from carla_lite.server.codec import Wire
from carla_lite.server.methods import MethodTable, Reply
from carla_lite.server.simulation import CLIENT_MAP, Simulation
from carla_lite.traffic.roadmap import Roadmap
from carla_lite.world.prepared import PreparedMap

TABLE = MethodTable()


@TABLE.method(Reply.VOID)
async def copy_opendrive_to_file(simulation: Simulation, text: Wire, parameters: Wire) -> None:
    """Reads a map for `load_new_episode("OpenDriveMap", ...)`, which the client asks for next.

    The parameters are about meshes, of which there are none. A large text takes seconds to read,
    furnish and paint; that happens on a thread, one text at a time, while the world goes on.

    Raises:
        OpenDriveError: It is no map; the one before stays.
    """
    source = codec.decode_text(text, "OpenDRIVE")
    codec.decode_list(parameters, 7, "OpenDRIVE generation parameters")
    world = simulation.world

    def read() -> PreparedMap:
        prepared = world.prepare(parse_opendrive(source, CLIENT_MAP))
        if simulation.traffic is not None:
            Roadmap.of(prepared.network)
        return prepared

    async with simulation.reading_map:
        simulation.client_map = await asyncio.to_thread(read)
