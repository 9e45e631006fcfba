"""Opens the two ports of a CARLA server over a world."""

import asyncio
import contextlib
import errno
import secrets
import socket
import threading
from collections.abc import Callable
from types import TracebackType

from carla_lite.render import Quality
from carla_lite.roads import RoadNetwork
from carla_lite.server import (
    actor_methods,
    batch_methods,
    map_methods,
    physics_methods,
    scenery_methods,
    session_methods,
    traffic_methods,
)
from carla_lite.server.methods import Dispatcher, MethodTable
from carla_lite.server.rpc import RpcPort
from carla_lite.server.simulation import Simulation
from carla_lite.traffic import Traffic
from carla_lite.world import Weather, World

CARLA_VERSION = "0.9.16"
_BACKLOG = 256
_LARGE_ROADS = 1000
"""Maps of more roads are painted before clients come, who must not wait for it."""


def method_table() -> MethodTable:
    """Every RPC method that is answered."""
    table = MethodTable()
    for subject in (
        session_methods,
        map_methods,
        actor_methods,
        batch_methods,
        physics_methods,
        scenery_methods,
        traffic_methods,
    ):
        table.include(subject.TABLE)
    return table


class PortInUseError(RuntimeError):
    """Another program listens on the port."""

    def __init__(self, port: int, host: str) -> None:
        self.port = port
        super().__init__(
            f"port {port} of {host} is in use by another program, perhaps another carla-lite or "
            "CARLA: stop that one, or choose a port with --port (0 picks a free one)"
        )


def _listen(host: str, port: int) -> socket.socket:
    family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
    sock = socket.socket(family, socket.SOCK_STREAM)
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind((host, port))
        sock.listen(_BACKLOG)
    except OSError as error:
        sock.close()
        if error.errno == errno.EADDRINUSE:
            raise PortInUseError(port, host) from None
        raise
    return sock


def _listen_beside(host: str, port: int) -> socket.socket:
    """A socket on the port after `port`, as CARLA has it, or on any free one."""
    if port < 65535:
        with contextlib.suppress(PortInUseError):
            return _listen(host, port + 1)
    return _listen(host, 0)


class Server:
    """A CARLA server.

    Either `await serve()` on a loop of one's own, or `start()` and `stop()` it, or use it as a
    context manager, on a thread of its own. Mind in the latter case that some calls of CARLA's
    client hold the interpreter lock while they wait, so drive such a server from another process.

    Attributes:
        port: of the RPC, known once it is open.
        stream_port: of the streams.
        simulation: the world and who listens to it; belongs to the loop's thread.
    """

    def __init__(
        self,
        map_name: str = "LiteCircuit_1",
        *,
        host: str = "127.0.0.1",
        port: int = 2000,
        stream_port: int = 0,
        seed: int = 0,
        fps: float = 20.0,
        vehicles: int = 0,
        pedestrians: int = 0,
        reckless: bool = False,
        version: str = CARLA_VERSION,
        more_methods: MethodTable | None = None,
        network: RoadNetwork | None = None,
        quality: Quality = "high",
        weather: Weather | None = None,
        simulation: Callable[[World, str, Traffic | None], Simulation] = Simulation,
    ) -> None:
        """Loads the map and opens the ports; serving begins with `serve` or `start`.

        Args:
            map_name: see `carla_lite.roads.available_maps`.
            host: the address to listen on.
            port: of the RPC; 0 picks a free one.
            stream_port: 0 takes the port after `port`, or a free one when that is taken.
            seed: of the world.
            fps: ticks per second in asynchronous mode.
            vehicles: how many drive by script.
            pedestrians: how many walk by script.
            reckless: whether those cross the street without looking.
            version: what clients are told.
            more_methods: what it answers beside CARLA's own calls.
            network: roads of one's own instead of a map by name.
            quality: of the pictures; "low" takes less time and memory.
            weather: until a client changes it; None for a fine day.
            simulation: what runs the world, such as one with faults.

        Raises:
            UnknownMapError: no such map.
            PortInUseError: one of the ports is taken.
            OSError: the host cannot be listened on.
        """
        # Clients tell a restarted server by its episode id, so none must come twice.
        first = secrets.randbits(48) + 1
        world = World(
            map_name, seed, fps=fps, first_episode_id=first, network=network, quality=quality
        )
        if weather is not None:
            world.set_weather(weather)
        if len(world.network.roads) > _LARGE_ROADS:
            _ = world.obstacles, world.scene
        traffic = None
        if vehicles or pedestrians:
            traffic = Traffic(world, vehicles, pedestrians, seed, reckless=reckless)
        self.simulation = simulation(world, version, traffic)
        self._methods = method_table()
        if more_methods is not None:
            self._methods.include(more_methods)
        self._listener = _listen(host, port)
        self.port: int = self._listener.getsockname()[1]
        try:
            self._stream_listener = (
                _listen(host, stream_port) if stream_port else _listen_beside(host, self.port)
            )
        except Exception:
            self._listener.close()
            raise
        self.stream_port: int = self._stream_listener.getsockname()[1]
        self._thread: threading.Thread | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stopping = asyncio.Event()

    async def serve(self, on_ready: Callable[[], None] = lambda: None) -> None:
        """Serves until `stop` is called; `on_ready` is called once clients can connect."""
        self._loop = asyncio.get_running_loop()
        rpc_port = RpcPort(Dispatcher(self.simulation, self._methods))
        self._listener.setblocking(False)
        rpc = await self._loop.create_server(
            rpc_port.connection, sock=self._listener, backlog=_BACKLOG
        )
        self.simulation.streams.open(self._stream_listener)
        clock = self._loop.create_task(self.simulation.run_freely())
        on_ready()
        try:
            await self._stopping.wait()
        finally:
            clock.cancel()
            rpc.close()
            rpc_port.close()
            self.simulation.streams.close()

    def request_stop(self) -> None:
        """Ends `serve`; may be called from any thread."""
        if self._loop is not None:
            with contextlib.suppress(RuntimeError):  # the loop has closed already
                self._loop.call_soon_threadsafe(self._stopping.set)

    def start(self) -> None:
        """Serves on a thread of its own; returns when clients can connect."""
        ready = threading.Event()

        def run() -> None:
            try:
                asyncio.run(self.serve(ready.set))
            finally:
                ready.set()  # also when it failed: nobody must wait for ever

        self._thread = threading.Thread(target=run, name="carla-lite", daemon=True)
        self._thread.start()
        ready.wait()

    def stop(self) -> None:
        """Hangs up on all clients and waits for the thread to end."""
        self.request_stop()
        if self._thread is not None:
            self._thread.join()

    def __enter__(self) -> "Server":
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop()
