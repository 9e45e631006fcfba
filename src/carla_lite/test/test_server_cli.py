"""The command: its ready line, its ends and its refusals."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import time
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import carla
import pytest

from carla_lite.world.weather_presets import PRESETS, SHORT_NAMES

if TYPE_CHECKING:
    from conftest import LiteServer

COMMAND = [sys.executable, "-m", "carla_lite.cli"]
TIMEOUT_S = 30.0


def _refused(*options: str) -> str:
    """Runs a command that must fail and returns its complaint."""
    done = subprocess.run(
        [*COMMAND, *options], capture_output=True, text=True, timeout=TIMEOUT_S, check=False
    )
    assert done.returncode == 2
    assert done.stdout == "" and "Traceback" not in done.stderr
    return done.stderr


def test_the_ready_line_tells_the_truth(running_server: Any) -> None:
    with running_server("--map", "LiteTown_2") as server:
        assert server.map_name == "LiteTown_2"
        for port in (server.port, server.stream_port):
            socket.create_connection(("127.0.0.1", port), timeout=TIMEOUT_S).close()
        assert server.client().get_world().get_map().name == "LiteTown_2"


def test_a_port_in_use_is_named_with_the_way_out(server: LiteServer) -> None:
    complaint = _refused("--port", str(server.port))
    assert f"port {server.port} of 127.0.0.1 is in use" in complaint
    assert "--port" in complaint and complaint.count("\n") == 1


def test_a_stream_port_in_use_is_refused_too(server: LiteServer) -> None:
    complaint = _refused("--port", "0", "--stream-port", str(server.port))
    assert f"port {server.port} of 127.0.0.1 is in use" in complaint


@pytest.mark.parametrize(
    ("options", "named"),
    [
        (("--map", "Town10HD"), "Town10HD"),
        (("--port", "70000"), "70000"),
        (("--fps", "nan"), "nan"),
        (("--seed", "-1"), "-1"),
        (("--host", "203.0.113.7"), "203.0.113.7"),
        (("--weather", "Sunny"), "HardRainSunset"),
        (("--quality", "ultra"), "ultra"),
        (("--traffic", "-1"), "-1"),
    ],
)
def test_a_bad_option_is_named(options: tuple[str, ...], named: str) -> None:
    assert named in _refused("--port", "0", *options)


def test_a_taken_neighbour_port_means_another_stream_port(running_server: Any) -> None:
    with socket.socket() as rpc, socket.socket() as neighbour:
        for base in range(20000, 30000, 7):
            try:
                rpc.bind(("127.0.0.1", base))
                neighbour.bind(("127.0.0.1", base + 1))
                break
            except OSError:
                continue
        neighbour.listen()
        rpc.close()
        with running_server("--port", str(base)) as server:
            assert server.port == base and server.stream_port != base + 1
            assert server.client().get_world().get_snapshot().frame >= 0


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_signals_end_it_cleanly(running_server: Any, number: signal.Signals) -> None:
    with running_server() as server:
        world = server.client().get_world()
        server.process.send_signal(number)
        assert server.process.wait(TIMEOUT_S) == 0
        assert world is not None  # it ended although a client was connected


def test_ports_are_free_as_soon_as_it_has_ended(running_server: Any) -> None:
    with running_server() as server:
        server.client().get_world()
        port = server.port
        server.process.send_signal(signal.SIGTERM)
        assert server.process.wait(TIMEOUT_S) == 0
    with running_server("--port", str(port)) as again:
        assert again.port == port and again.answers_within_a_second()


def test_nothing_but_the_ready_line_is_said_in_a_quiet_life(running_server: Any) -> None:
    command = [*COMMAND, "--port", "0", "--exit-with-parent"]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None and process.stderr is not None
        line = process.stdout.readline()
        port = int(line.split("port=")[1].split()[0])
        world = carla.Client("127.0.0.1", port, worker_threads=8).get_world()
        assert world.wait_for_tick(TIMEOUT_S).frame > 0
        process.send_signal(signal.SIGINT)
        assert process.wait(TIMEOUT_S) == 0
        assert (process.stdout.read(), process.stderr.read()) == ("", "")
    # The next port, or another one when some program has that.
    assert re.fullmatch(rf"carla-lite ready port={port} stream_port=\d+ map=LiteTown01\n", line)


def test_the_weather_named_is_the_weather_there_is(running_server: Any) -> None:
    with running_server("--weather", "hardrainsunset", "--quality", "low") as server:
        weather = server.client().get_world().get_weather()
        assert weather == carla.WeatherParameters.HardRainSunset
    with running_server("--weather", "night", "--map", "LiteCircuit_1") as server:
        assert server.client().get_world().get_weather() == carla.WeatherParameters.ClearNight


def test_weather_presets_are_those_of_the_client() -> None:
    for name, weather in PRESETS.items():
        theirs = getattr(carla.WeatherParameters, name)
        ours = [getattr(theirs, field) for field in asdict(weather)]
        assert ours == pytest.approx(list(asdict(weather).values()), abs=1e-6), name
    assert len(PRESETS) == 22 and set(SHORT_NAMES.values()) <= set(PRESETS)


def test_scripted_traffic_is_there_when_asked_for(running_server: Any) -> None:
    with running_server("--traffic", "5", "--pedestrians", "3") as server:
        world = server.client().get_world()
        world.wait_for_tick(TIMEOUT_S)
        actors = world.get_actors()
        assert len(actors.filter("vehicle.*")) == 5 and len(actors.filter("walker.*")) == 3


def test_it_ends_with_the_process_that_started_it() -> None:
    launcher = (
        "import subprocess, sys; "
        f"server = subprocess.Popen({[*COMMAND, '--port', '0', '--exit-with-parent']!r}, "
        "stdout=subprocess.PIPE, text=True); "
        "server.stdout.readline(); print(server.pid, flush=True); sys.stdin.read()"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", launcher], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None and process.stdin is not None
    with process:
        server_pid = int(process.stdout.readline())
        process.kill()
    deadline = time.monotonic() + TIMEOUT_S
    while _is_running(server_pid):
        assert time.monotonic() < deadline, "the server outlived its launcher"
        time.sleep(0.05)


def _is_running(pid: int) -> bool:
    try:
        os.kill(pid, 0)
        with open(f"/proc/{pid}/stat", encoding="ascii") as stat:  # noqa: PTH123
            return stat.read().rsplit(")", 1)[1].split()[0] != "Z"
    except (ProcessLookupError, FileNotFoundError):
        return False


def test_help_shows_how_to_begin() -> None:
    done = subprocess.run([*COMMAND, "--help"], capture_output=True, text=True, check=True)
    assert "carla.Client(" in done.stdout and "LiteTown_3" in done.stdout
    assert "--version-string" not in done.stdout


def test_another_version_is_what_clients_are_told(running_server: Any) -> None:
    with running_server("--version-string", "0.9.99") as server:
        assert server.client().get_server_version() == "0.9.99"
