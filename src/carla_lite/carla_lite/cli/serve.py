"""`carla-lite serve`, or just `carla-lite`: runs the server."""

import argparse
import asyncio
import contextlib
import logging
import os
import signal
import sys
from collections.abc import Callable, Sequence
from functools import partial

from carla_lite import __version__
from carla_lite.cli.logs import FloodGate
from carla_lite.faults import (
    FaultScript,
    FaultScriptError,
    FaultySimulation,
    fault_methods,
    read_script,
)
from carla_lite.roads import OpenDriveError, UnknownMapError, open_map
from carla_lite.server import CARLA_VERSION, PortInUseError, Server
from carla_lite.server.simulation import Simulation
from carla_lite.show.methods import view_methods
from carla_lite.traffic import Traffic
from carla_lite.world import Weather, World
from carla_lite.world.weather_presets import SHORT_NAMES, UnknownWeatherError, preset

_DESCRIPTION = f"""\
A stand-in for the CARLA {CARLA_VERSION} simulator: the unmodified `carla` client connects to it,
spawns vehicles and sensors, ticks and drives, without a GPU, half a second after its start.
"""
_EXAMPLES = """\
examples:
  carla-lite                              the server where CARLA programs look for it
  carla-lite --map LiteTown_3             a town; any number makes another one
  carla-lite --map roads/my_town.xodr     the roads of an OpenDRIVE file
  carla-lite --map LiteTown01 --traffic 30 --pedestrians 10
                                          a town full of cars and people
  carla-lite --weather HardRainSunset     CARLA's presets by name, or clear, rain, night...
  carla-lite --port 0                     on a free port, named in the ready line

then, in Python:
  import carla
  client = carla.Client("127.0.0.1", 2000, worker_threads=8)
  world = client.get_world()

Once clients can connect it prints one line:
  carla-lite ready port=2000 stream_port=2001 map=LiteTown01
It ends cleanly on Ctrl-C and SIGTERM.
"""
_STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM)
_PARENT_POLL_S = 0.5
_MAX_CROWD = 500


def _port(text: str) -> int:
    port = int(text)
    if not 0 <= port <= 65535:
        raise argparse.ArgumentTypeError(f"{port} is no port; use 0 to 65535")
    return port


def _fps(text: str) -> float:
    fps = float(text)
    if not 0.1 <= fps <= 1000.0:
        raise argparse.ArgumentTypeError(f"{text} is out of range; use 0.1 to 1000")
    return fps


def _crowd(text: str) -> int:
    count = int(text)
    if not 0 <= count <= _MAX_CROWD:
        raise argparse.ArgumentTypeError(f"{count} is out of range; use 0 to {_MAX_CROWD}")
    return count


def _weather(text: str) -> Weather:
    try:
        return preset(text)
    except UnknownWeatherError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def _faults(text: str) -> FaultScript:
    try:
        return read_script(text)
    except (FaultScriptError, OSError) as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def _seed(text: str) -> int:
    seed = int(text)
    if not 0 <= seed < 2**63:
        raise argparse.ArgumentTypeError(f"{seed} is out of range; use 0 or more")
    return seed


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="carla-lite",
        description=_DESCRIPTION,
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--host",
        default="127.0.0.1",
        help="address to listen on; 0.0.0.0 lets other machines in, for CARLA's protocol has no "
        "password (default: %(default)s, this machine only)",
    )
    parser.add_argument(
        "--port", type=_port, default=2000, help="0 picks a free one (default: %(default)s)"
    )
    parser.add_argument(
        "--stream-port",
        type=_port,
        default=0,
        help="port of sensor data; 0 takes the one after --port, or a free one (default: 0)",
    )
    parser.add_argument(
        "--map",
        default="LiteTown01",
        help="LiteTown01, LiteTown02, LiteCircuit_<number>, LiteTown_<number>, or an OpenDRIVE "
        "file's path that ends in .xodr (default: %(default)s)",
    )
    parser.add_argument(
        "--seed", type=_seed, default=0, help="of textures and sensor noise (default: 0)"
    )
    parser.add_argument(
        "--fps",
        type=_fps,
        default=20.0,
        help="ticks per second until a client sets a fixed step (default: 20)",
    )
    parser.add_argument(
        "--traffic",
        type=_crowd,
        default=0,
        metavar="VEHICLES",
        help="vehicles that the server drives: they keep lanes, distance and lights (default: 0)",
    )
    parser.add_argument(
        "--pedestrians",
        type=_crowd,
        default=0,
        help="people who walk along the streets and cross them (default: 0)",
    )
    parser.add_argument(
        "--weather",
        type=_weather,
        metavar="PRESET",
        help=f"CARLA's ClearNoon, HardRainSunset and so on, or {', '.join(SHORT_NAMES)} "
        "(default: a fine day)",
    )
    parser.add_argument(
        "--quality",
        choices=("low", "high"),
        default="high",
        help="of pictures; low is for slow machines and little memory (default: high)",
    )
    parser.add_argument("--reckless", action="store_true", help="pedestrians cross without looking")
    parser.add_argument(
        "--exit-with-parent",
        action="store_true",
        help="end when the process that started this one ends, however it ends",
    )
    parser.add_argument(
        "--faults",
        type=_faults,
        metavar="FILE",
        help="inject the faults of a YAML or JSON script, see carla_lite/faults/script.py: drop, "
        "freeze, delay, reorder, duplicate or spoil messages, hang, die, refuse, lie, jump",
    )
    parser.add_argument("--version-string", default=CARLA_VERSION, help=argparse.SUPPRESS)
    parser.add_argument("--version", action="version", version=f"carla-lite {__version__}")
    return parser


async def _serve(server: Server, parent: int | None) -> None:
    loop = asyncio.get_running_loop()

    def stop(*_: object) -> None:
        with contextlib.suppress(RuntimeError):  # the loop has closed: it is ending already
            loop.call_soon_threadsafe(server.request_stop)

    # Unlike the loop's own handlers these stay when the loop has closed.
    for number in _STOP_SIGNALS:
        signal.signal(number, stop)

    def watch_parent() -> None:
        if os.getppid() != parent:
            server.request_stop()
        else:
            loop.call_later(_PARENT_POLL_S, watch_parent)

    if parent is not None:
        watch_parent()

    def announce() -> None:
        print(
            f"carla-lite ready port={server.port} stream_port={server.stream_port} "
            f"map={server.simulation.world.map_name}",
            flush=True,
        )

    await server.serve(announce)


def run(arguments: Sequence[str]) -> int:
    """Runs the server; returns the exit code, 2 when it could not start."""
    try:
        return _run(arguments)
    except KeyboardInterrupt:  # before the server could listen to signals
        return 0


def _run(arguments: Sequence[str]) -> int:
    parent = os.getppid()
    options = _parser().parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="carla-lite: %(message)s", stream=sys.stderr)
    logging.getLogger().handlers[0].addFilter(FloodGate())
    methods = view_methods()
    simulation: Callable[[World, str, Traffic | None], Simulation] = Simulation
    if options.faults is not None:
        methods.include(fault_methods(options.faults))
        simulation = partial(FaultySimulation, options.faults)
    try:
        server = Server(
            network=open_map(options.map),
            host=options.host,
            port=options.port,
            stream_port=options.stream_port,
            seed=options.seed,
            fps=options.fps,
            vehicles=options.traffic,
            pedestrians=options.pedestrians,
            reckless=options.reckless,
            quality=options.quality,
            weather=options.weather,
            version=options.version_string,
            more_methods=methods,
            simulation=simulation,
        )
    except (UnknownMapError, OpenDriveError, PortInUseError) as error:
        print(f"carla-lite: {error}", file=sys.stderr)
        return 2
    except OSError as error:
        print(
            f"carla-lite: cannot listen on {options.host}: {error.strerror or error}; "
            "choose an address of this machine with --host",
            file=sys.stderr,
        )
        return 2
    asyncio.run(_serve(server, parent if options.exit_with_parent else None))
    # Under `ros2 launch` Ctrl-C comes twice; what is left is the interpreter's own end.
    for number in _STOP_SIGNALS:
        signal.signal(number, signal.SIG_IGN)
    return 0
