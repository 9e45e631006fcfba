"""What a case is, what it promises, and what came of it."""

from __future__ import annotations

import time
import traceback
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, TypeVar

Figures = dict[str, float]
"""What a case measured, by name; `brake_s`, `resume_s` and `lost` make the headline."""


class PromiseBroken(AssertionError):
    """What a case found that must not be."""


class NotInjected(AssertionError):
    """The fault never came, so nothing was shown."""


def require(holds: object, why: str) -> None:
    """Raises PromiseBroken unless it holds."""
    if not holds:
        raise PromiseBroken(why)


def until(holds: Callable[[], object], within_s: float, what: str) -> float:
    """Waits for it, and returns how long that took in seconds.

    Raises:
        PromiseBroken: it did not come in time.
    """
    begun = time.monotonic()
    while not holds():
        if time.monotonic() - begun > within_s:
            raise PromiseBroken(f"{what}: not within {within_s:g} s")
        time.sleep(0.005)
    return time.monotonic() - begun


@dataclass(frozen=True)
class Result:
    """What came of one case.

    Attributes:
        name, group, promise: of the case.
        passed: whether the promise held, and the fault was really injected.
        figures: what was measured.
        took_s: wall time.
        why: what went wrong; empty if nothing did.
    """

    name: str
    group: str
    promise: str
    passed: bool
    figures: Figures = field(default_factory=dict)
    took_s: float = 0.0
    why: str = ""

    def to_json(self) -> dict[str, Any]:
        """As JSON says it."""
        return asdict(self)

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Result:
        """The inverse of to_json."""
        return cls(**value)


B = TypeVar("B")


@dataclass(frozen=True)
class Case:
    """One fault and what is promised about it.

    Attributes:
        name: of the case, in lower case with hyphens.
        promise: one sentence.
        run: does it on the group's bench; returns what it measured.
    """

    name: str
    promise: str
    run: Callable[[Any], Figures]

    def judge(self, bench: object, group: str) -> Result:
        """Runs the case; whatever it raises is its failure."""
        begun = time.monotonic()
        figures: Figures = {}
        why = ""
        try:
            figures = self.run(bench)
        except Exception as error:
            where = traceback.extract_tb(error.__traceback__)[-1]
            why = f"{type(error).__name__}: {error} ({Path(where.filename).name}:{where.lineno})"
        took_s = time.monotonic() - begun
        rounded = {name: round(value, 3) for name, value in figures.items()}
        return Result(self.name, group, self.promise, not why, rounded, round(took_s, 1), why)


class Register:
    """The cases of a group, in the order in which they are written."""

    def __init__(self) -> None:
        self.cases: list[Case] = []

    def case(self, promise: str) -> Callable[[Callable[[B], Figures]], Callable[[B], Figures]]:
        """Adds a function `name_of_the_case(bench) -> figures`."""

        def add(run: Callable[[B], Figures]) -> Callable[[B], Figures]:
            self.cases.append(Case(run.__name__.replace("_", "-"), promise, run))
            return run

        return add
