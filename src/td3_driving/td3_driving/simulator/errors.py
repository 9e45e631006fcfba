"""What can go wrong between us and the simulator, each error with its cause and the next step."""

from __future__ import annotations

from collections.abc import Sequence


class SimulatorError(Exception):
    """Base of everything the simulator session raises, but for RouteError and ValueError."""


class SimulatorUnavailable(SimulatorError):
    """No server answers, or it stopped answering."""

    def __init__(self, host: str, port: int, cause: object) -> None:
        super().__init__(
            f"no CARLA server answers at {host}:{port} ({cause}); "
            "start `carla-lite` or a CARLA 0.9.16 server there, or name another host and port"
        )
        self.host, self.port = host, port


class ServerRefused(SimulatorError):
    """The server answered a call with an error."""

    def __init__(self, host: str, port: int, cause: object) -> None:
        super().__init__(
            f"the server at {host}:{port} refused a call ({cause}); its log says more. "
            "Did another client reload the world or destroy our vehicle? Connect again"
        )


class VersionMismatch(SimulatorError):
    """The wire format is tied to one version, so client and server must agree."""

    def __init__(self, host: str, port: int, client: str, server: str) -> None:
        super().__init__(
            f"the server at {host}:{port} is CARLA {server}, but the client is {client}; "
            f"start a CARLA {client} server (or `carla-lite`), "
            f"or install the client of that server: pip install carla=={server}"
        )
        self.client_version, self.server_version = client, server


class UnknownMap(SimulatorError):
    """The server does not know the map that was asked for."""

    def __init__(self, name: str, available: Sequence[str], cause: object) -> None:
        super().__init__(
            f"the server cannot load map {name!r} ({cause}); "
            f"it offers: {', '.join(available) or 'no map at all'}"
        )
        self.name, self.available = name, tuple(available)


class SpawnError(SimulatorError):
    """An actor cannot be created, or does not arrive where it is put."""


class FrameTimeout(SimulatorError):
    """The server ticked, but a sensor's data of that tick did not arrive in time."""

    def __init__(self, frame: int, missing: Sequence[str], timeout_s: float) -> None:
        super().__init__(
            f"frame {frame}: nothing from {', '.join(missing)} within {timeout_s:g} s; "
            "the server is overloaded or its stream broke: reset the episode, "
            "or give the session a longer timeout_s"
        )
        self.frame, self.missing = frame, tuple(missing)
