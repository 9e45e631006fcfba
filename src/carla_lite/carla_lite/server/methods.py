"""The table of RPC methods: finds the function for a call and wraps what it returns."""

import inspect
import logging
from collections.abc import Callable, Coroutine, ItemsView
from dataclasses import dataclass
from enum import Enum, auto
from types import CoroutineType
from typing import Any

from carla_lite.roads import OpenDriveError, UnknownMapError
from carla_lite.server.codec import BadArgumentError, Wire
from carla_lite.server.simulation import Simulation
from carla_lite.server.unsupported import LEFT_OUT_VOID
from carla_lite.world import WorldError

_log = logging.getLogger(__name__)


class Reply(Enum):
    """How CARLA wraps a method's result."""

    VALUE = auto()
    VOID = auto()
    BARE = auto()


def succeed(value: Wire) -> Wire:
    """Response<T> with a value."""
    return [[1, value]]


def fail(message: str) -> Wire:
    """Response<T> with an error, which becomes a RuntimeError at the client."""
    return [[0, [message]]]


def _wrap_success(reply: Reply, value: Wire) -> Wire:
    if reply is Reply.VALUE:
        return succeed(value)
    return [[False]] if reply is Reply.VOID else value


def _wrap_failure(reply: Reply, message: str) -> Wire:
    return [[True, [message]]] if reply is Reply.VOID else fail(message)


@dataclass(frozen=True, slots=True)
class Method:
    """One RPC method; `arity` counts the arguments after the simulation."""

    call: Callable[..., Any]
    arity: int
    reply: Reply


class MethodTable:
    """Methods by name."""

    def __init__(self) -> None:
        self._methods: dict[str, Method] = {}

    def method(
        self, reply: Reply = Reply.VALUE
    ) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
        """Registers a function `name(simulation, argument...)` under its own name."""

        def register(call: Callable[..., Any]) -> Callable[..., Any]:
            arity = len(inspect.signature(call).parameters) - 1
            self._methods[call.__name__] = Method(call, arity, reply)
            return call

        return register

    def get(self, name: str) -> Method | None:
        """The method, or None."""
        return self._methods.get(name)

    def items(self) -> ItemsView[str, Method]:
        """Names and methods."""
        return self._methods.items()

    def include(self, other: "MethodTable") -> None:
        """Takes over another table's methods."""
        self._methods.update(other._methods)


class Dispatcher:
    """Calls methods for clients and turns whatever goes wrong into an error reply."""

    def __init__(self, simulation: Simulation, table: MethodTable) -> None:
        """Takes what the methods work on and the methods."""
        self.simulation = simulation
        self._table = table
        self._logged: set[str] = set()

    def __call__(
        self, name: str, arguments: list[Wire], waits: bool
    ) -> Wire | Coroutine[Any, Any, Wire]:
        """Answers one request; see `carla_lite.server.rpc.Dispatch`."""
        method = self._table.get(name)
        if method is None:
            shown = name if name.isidentifier() and len(name) < 80 else ascii(name[:80])
            self._log_once(shown, "unsupported: %s", shown)
            reply = Reply.VOID if name in LEFT_OUT_VOID else Reply.VALUE
            return _wrap_failure(reply, f"unsupported: {shown}")
        if len(arguments) != method.arity:
            message = f"{name} takes {method.arity} arguments, not {len(arguments)}"
            return _wrap_failure(method.reply, message)
        try:
            result = method.call(self.simulation, *arguments)
        except Exception as error:
            return self._refuse(name, method, error, waits)
        if type(result) is CoroutineType:
            return self._answer_later(name, method, result)
        return _wrap_success(method.reply, result)

    async def _answer_later(
        self, name: str, method: Method, result: Coroutine[Any, Any, Wire]
    ) -> Wire:
        try:
            return _wrap_success(method.reply, await result)
        except Exception as error:
            return self._refuse(name, method, error, waits=True)

    def _refuse(self, name: str, method: Method, error: Exception, waits: bool) -> Wire:
        if not isinstance(error, (WorldError, BadArgumentError, UnknownMapError, OpenDriveError)):
            _log.error("%s failed", name, exc_info=error)
            return _wrap_failure(method.reply, f"internal error of carla-lite in {name}: {error}")
        if str(error).startswith("unsupported: "):
            self._log_once(str(error), "%s", error)
        elif not waits:  # the client never learns of it, so the log has to say it
            self._log_once(f"{name}: {error}", "ignored %s: %s", name, error)
        return _wrap_failure(method.reply, str(error))

    def _log_once(self, key: str, text: str, *values: object) -> None:
        """Clients repeat their mistakes at every tick."""
        if key not in self._logged and len(self._logged) < 1000:
            self._logged.add(key)
            _log.warning(text, *values)
