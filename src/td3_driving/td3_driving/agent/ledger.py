"""The ledger of decisions: what was produced is stored, dropped for a reason, or still open."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any


class Ledger:
    """Counts decisions where they are made and where they end, apart from the replay.

    Attributes:
        produced: decisions to learn from: one opens with an episode, and with each that is stored.
        dropped: those that teach nothing, by reason: fault, budget, stop, resume.
    """

    def __init__(self) -> None:
        self.produced = 0
        self.dropped: Counter[str] = Counter()

    def imbalance(self, stored: int, is_open: bool) -> str:
        """What does not add up, in words; empty if all does.

        Args:
            stored: decisions in the replay, ever.
            is_open: whether one is under way.
        """
        dropped = sum(self.dropped.values())
        if self.produced == stored + dropped + is_open:
            return ""
        return (
            f"{self.produced} decisions were produced, but {stored} stored, {dropped} dropped and "
            f"{int(is_open)} open: some were lost or counted twice"
        )

    def state_dict(self) -> dict[str, Any]:
        """JSON-able."""
        return {"produced": self.produced, "dropped": dict(self.dropped)}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """The inverse of state_dict."""
        self.produced = int(state["produced"])
        self.dropped = Counter({str(why): int(count) for why, count in state["dropped"].items()})
