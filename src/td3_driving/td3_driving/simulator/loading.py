"""Loads a map by speaking to the server directly, past carla.Client.load_world.

load_world replaces the client's episode while a stream thread may still be inside a callback of
the old one. On a busy machine that ends the process within some dozens of loads, through a
segmentation fault or "close: Bad file descriptor" (client 0.9.16, also with a bare client and no
sensors). So the session lets go of its client, asks for the map here, and connects anew.

The protocol is rpclib's: MessagePack [0, id, method, [[asynchronous], *arguments]], answered by
[1, id, error, [result]]; it belongs to the version that the session has checked.
"""

from __future__ import annotations

import socket
import time
from typing import Any

import msgpack

from td3_driving.simulator.errors import ServerRefused, SimulatorUnavailable

_ALL_LAYERS = 0xFFFF
_POLL_S = 0.02


def load_map(host: str, port: int, name: str, timeout_s: float) -> None:
    """Have the server load a map, with its settings reset, and wait until it is there.

    Raises:
        ServerRefused: The server knows no such map.
        SimulatorUnavailable: The server does not answer, or not in time.
    """
    deadline = time.monotonic() + timeout_s
    try:
        with socket.create_connection((host, port), timeout_s) as connection:
            episode = _call(connection, "get_episode_info")[0]
            _call(connection, "load_new_episode", name, True, _ALL_LAYERS)
            while _call(connection, "get_episode_info")[0] == episode:
                if time.monotonic() > deadline:
                    raise TimeoutError(f"map {name} not loaded within {timeout_s:g} s")
                time.sleep(_POLL_S)
    except Refused as error:
        raise ServerRefused(host, port, error) from error
    except OSError as error:
        raise SimulatorUnavailable(host, port, error) from error


def call(host: str, port: int, timeout_s: float, method: str, *arguments: object) -> Any:
    """One call on a connection of its own.

    Raises:
        Refused: The server answered with an error; it may not know the method.
        OSError: It does not answer.
    """
    with socket.create_connection((host, port), timeout_s) as connection:
        return _call(connection, method, *arguments)


class Refused(Exception):
    """The server's own words."""


def _call(connection: socket.socket, method: str, *arguments: object) -> Any:
    connection.sendall(msgpack.packb([0, 0, method, [[False], *arguments]]))
    unpacker = msgpack.Unpacker()
    while data := connection.recv(65536):
        unpacker.feed(data)
        for _, _, error, result in unpacker:
            if error is not None:
                raise Refused(error)
            return _value(result[0])
    raise ConnectionError("the server hung up")


def _value(response: list[Any]) -> Any:
    """The value of a Response: [1, value] or [0, [why]]; without value [false] or [true, [why]]."""
    kind, *content = response
    if kind is False:
        return None
    if kind is True or kind == 0:
        raise Refused(content[0][0])
    return content[0]
