"""Which fault comes when, read strictly from a YAML or JSON file, and how often each was injected.

seed: 1                                   # of probabilities and jitter
faults:
  - {kind: drop, sensor: camera, at_tick: 200, for_s: 1.0}
  - {kind: drop, sensor: imu, at_tick: 300, for_ticks: 0, probability: 0.3}
  - {kind: hang, hang_s: 3.0, at_s: 20.0}
"""

from __future__ import annotations

import logging
import math
import random
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import yaml

MOST_BYTES = 1 << 20
MOST_FAULTS = 1000

SENSORS = ("camera", "imu", "gnss", "collision", "state")
"""What a message may be of; state is the world's, which every client gets with every tick."""

_MESSAGE = {"sensor", "probability"}
KINDS: Mapping[str, set[str]] = {
    "drop": _MESSAGE,
    "freeze": _MESSAGE,
    "delay": _MESSAGE | {"delay_s", "jitter_s"},
    "reorder": _MESSAGE,
    "duplicate": _MESSAGE,
    "nan": _MESSAGE,
    "jump": {"jump_m"},
    "hang": {"hang_s"},
    "die": set(),
    "refuse_spawn": set(),
    "version": {"says"},
}
"""The kinds of faults, and the fields that each has beyond those of when."""

_WHEN = {"kind", "at_tick", "at_s", "for_ticks", "for_s"}
_SPOILS = {
    "freeze": ("camera",),
    "nan": ("imu", "gnss", "state"),
    "reorder": ("camera", "imu", "gnss"),
}
_log = logging.getLogger(__name__)


class FaultScriptError(ValueError):
    """The file is no script of faults; says where, why, and what would be right."""


@dataclass(frozen=True)
class Fault:
    """One line of a script.

    Attributes:
        kind: a key of KINDS.
        sensor: whose messages; one of SENSORS.
        at_tick: it begins with this tick, counted from 1 over all that clients ask for; 0: at once.
        at_s: or this long after the first of them, on the wall's clock.
        for_ticks: how many ticks it lasts; 0: to the end.
        for_s: or how long, on the wall's clock.
        probability: that a message is hit, in (0, 1].
        delay_s, jitter_s: a message is held back so long, and up to so much longer.
        jump_m: how far the vehicles are moved to their left.
        hang_s: how long the server does nothing at all.
        says: the version that clients are told.
    """

    kind: str
    sensor: str = "camera"
    at_tick: int = 0
    at_s: float = 0.0
    for_ticks: int = 1
    for_s: float = 0.0
    probability: float = 1.0
    delay_s: float = 0.0
    jitter_s: float = 0.0
    jump_m: float = 0.0
    hang_s: float = 0.0
    says: str = ""

    def __post_init__(self) -> None:
        """Refuses what cannot be injected.

        Raises:
            FaultScriptError: by the field's name.
        """
        _require(
            isinstance(self.kind, str) and self.kind in KINDS,
            f"kind is {self.kind!r:.40}; use one of {', '.join(KINDS)}",
        )
        known = _SPOILS.get(self.kind, SENSORS)
        _require(
            "sensor" not in KINDS[self.kind] or self.sensor in known,
            f"sensor is {self.sensor!r:.40}; {self.kind} has one of {', '.join(known)}",
        )
        for name, most in _MOST.items():
            value = getattr(self, name)
            _require(
                isinstance(value, (int, float)) and not isinstance(value, bool),
                f"{name} is {value!r:.40}; it must be a number",
            )
            low = -most if name == "jump_m" else 0
            _require(low <= value <= most, f"{name} is {value}; it must be in [{low}, {most}]")
        for name in ("at_tick", "for_ticks"):
            _require(isinstance(getattr(self, name), int), f"{name} must be a whole number")
        _require(self.probability > 0.0, "probability is 0; such a fault never comes")
        _require(not (self.at_tick and self.at_s), "it has at_tick and at_s; give one of them")
        _require(isinstance(self.says, str), f"says is {self.says!r:.40}; it must be text")
        for name in KINDS[self.kind] & {"delay_s", "jump_m", "hang_s", "says"}:
            _require(bool(getattr(self, name)), f"{self.kind} needs {name}")

    @property
    def name(self) -> str:
        """For people: the kind, and the sensor where there is one."""
        return f"{self.kind} {self.sensor}" if "sensor" in KINDS[self.kind] else self.kind


_MOST = {
    "at_tick": 10**9, "at_s": 1e6, "for_ticks": 10**9, "for_s": 1e6, "probability": 1,
    "delay_s": 60, "jitter_s": 60, "jump_m": 1e4, "hang_s": 600,
}  # fmt: skip


def _require(holds: bool, why: str) -> None:
    if not holds:
        raise FaultScriptError(why)


class FaultScript:
    """The faults of a server, and where in them it is.

    Args:
        faults: in any order; of two that hit one message the first.
        seed: of probabilities and jitter.
        clock: the wall's, in seconds.

    Attributes:
        injected: how often each was, by its place in `faults`.
    """

    def __init__(
        self,
        faults: tuple[Fault, ...],
        seed: int = 0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.faults = faults
        self.random = random.Random(seed)
        self.injected: Counter[int] = Counter()
        self._clock = clock
        self._tick = 0
        self._first_s = math.inf
        self._begun: dict[int, tuple[int, float]] = {}

    def tick(self) -> None:
        """A client has asked for another tick."""
        if self._tick == 0:
            self._first_s = self._clock()
        self._tick += 1

    def due(self, kind: str, sensor: str | None = None) -> Fault | None:
        """A fault of this kind that is to be injected now; it counts as injected."""
        for index, fault in enumerate(self.faults):
            if fault.kind != kind or (sensor is not None and fault.sensor != sensor):
                continue
            if self._is_on(index, fault) and self.random.random() < fault.probability:
                self._note(index, fault)
                return fault
        return None

    def _is_on(self, index: int, fault: Fault) -> bool:
        now_s = self._clock()
        if index not in self._begun:
            if self._tick < fault.at_tick or (fault.at_s and now_s - self._first_s < fault.at_s):
                return False
            self._begun[index] = self._tick, now_s
        tick, second = self._begun[index]
        if fault.for_s:
            return now_s - second < fault.for_s
        return not fault.for_ticks or self._tick < tick + fault.for_ticks

    def _note(self, index: int, fault: Fault) -> None:
        self.injected[index] += 1
        if self.injected[index] == 1:
            _log.warning("fault injected: %s, at tick %d", fault.name, self._tick)


def read_script(file: Path | str) -> FaultScript:
    """The script in a YAML or JSON file.

    Raises:
        FaultScriptError: it is none; by the fault's number and the field's name.
        OSError: it cannot be read.
    """
    path = Path(file)
    if path.stat().st_size > MOST_BYTES:
        raise FaultScriptError(f"{path} has more than {MOST_BYTES >> 20} MiB; is it a script?")
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError, RecursionError, ValueError) as error:
        raise FaultScriptError(f"{path} is neither YAML nor JSON: {error}") from error
    try:
        return _parse(content)
    except FaultScriptError as error:
        raise FaultScriptError(f"{path}: {error}") from None


def _parse(content: Any) -> FaultScript:
    _require(
        isinstance(content, dict) and set(content) <= {"seed", "faults"} and "faults" in content,
        "it must hold `faults`, a list, and may hold `seed`; nothing else",
    )
    seed, faults = content.get("seed", 0), content["faults"]
    _require(isinstance(seed, int) and not isinstance(seed, bool), "seed must be a whole number")
    _require(
        isinstance(faults, list) and len(faults) <= MOST_FAULTS,
        f"faults must be a list of at most {MOST_FAULTS}",
    )
    return FaultScript(tuple(_fault(*each) for each in enumerate(faults, start=1)), seed)


def _fault(number: int, entry: Any) -> Fault:
    names = {field.name for field in fields(Fault)}
    try:
        _require(
            isinstance(entry, dict) and "kind" in entry and set(entry) <= names,
            f"it must be a mapping with a kind, and of {', '.join(sorted(names))}",
        )
        fault = Fault(**entry)
        surplus = set(entry) - _WHEN - KINDS[fault.kind]
        _require(not surplus, f"{fault.kind} has no {', '.join(sorted(surplus))}")
    except FaultScriptError as error:
        raise FaultScriptError(f"fault {number}: {error}") from None
    return fault
