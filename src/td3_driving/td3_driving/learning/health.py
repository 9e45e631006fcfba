"""Watching a run for updates that are refused, and for the actor that died."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from typing import Any


class RefusalCounter:
    """Says when so many updates were refused in a row that the learner is to be restored.

    Args:
        limit: refusals without an update of the actor between them.
    """

    def __init__(self, limit: int = 10) -> None:
        self.limit = limit
        self.in_a_row = 0
        """Refusals since the actor was last updated, or since the learner was restored."""
        self.restored = 0
        """Times that the learner was restored."""

    def refused(self) -> bool:
        """An update was not finite. Returns whether to restore the learner now."""
        self.in_a_row += 1
        return self.in_a_row % self.limit == 0

    def accepted(self) -> None:
        """The actor was updated: a whole cycle was finite."""
        self.in_a_row = 0

    def was_restored(self) -> None:
        """The learner is that of a checkpoint now."""
        self.in_a_row = 0
        self.restored += 1

    def state_dict(self) -> dict[str, int]:
        """JSON-able; what has been counted."""
        return {"in_a_row": self.in_a_row, "restored": self.restored}

    def load_state_dict(self, state: Mapping[str, int]) -> None:
        """The inverse of state_dict."""
        self.in_a_row, self.restored = int(state["in_a_row"]), int(state["restored"])


class DeadActorDetector:
    """Says so when the actor has run into the stops of its tanh and cannot come back.

    A dead actor steers at full lock whatever it sees: |pre-tanh| goes from 1 to hundreds, tanh has
    no slope there, and the actor's gradients vanish. Feed it the metrics of every update.

    Args:
        warmup_updates: actor updates to wait before judging.
        window: actor updates that are averaged.
        saturated_limit: mean share of saturated action components above which the actor is dead.
        pre_tanh_limit: mean |pre-tanh| above which it is dead.
    """

    def __init__(
        self,
        warmup_updates: int = 200,
        window: int = 100,
        saturated_limit: float = 0.95,
        pre_tanh_limit: float = 10.0,
    ) -> None:
        if warmup_updates < 0 or window < 1:
            raise ValueError(
                f"DeadActorDetector: warmup_updates is {warmup_updates}, window {window}; "
                "they must be at least 0 and 1"
            )
        self.warmup_updates = warmup_updates
        self.saturated_limit = saturated_limit
        self.pre_tanh_limit = pre_tanh_limit
        self._seen = 0
        self._recent: deque[tuple[float, float]] = deque(maxlen=window)

    def update(self, metrics: Mapping[str, float]) -> str | None:
        """Takes the metrics of one TD3Agent.train.

        Returns:
            A message while the actor is dead, else None. Updates of the critic alone are skipped.
        """
        if "actor/saturated_share" not in metrics:
            return None
        self._seen += 1
        self._recent.append((metrics["actor/saturated_share"], metrics["actor/pre_tanh_abs_mean"]))
        if self._seen <= self.warmup_updates or len(self._recent) < (self._recent.maxlen or 0):
            return None
        saturated, pre_tanh = (
            sum(column) / len(self._recent) for column in zip(*self._recent, strict=True)
        )
        if saturated <= self.saturated_limit and pre_tanh <= self.pre_tanh_limit:
            return None
        return (
            f"the actor is dead: over its last {len(self._recent)} updates {saturated:.0%} of its "
            f"action components stood at a stop and |pre-tanh| averaged {pre_tanh:.1f} (limits "
            f"{self.saturated_limit:.0%} and {self.pre_tanh_limit:g}). It will not recover. Start "
            "again from an earlier checkpoint or another seed; a lower actor_lr or a higher "
            "pretanh_l2 makes it less likely."
        )

    def state_dict(self) -> dict[str, Any]:
        """JSON-able; what has been seen."""
        return {"seen": self._seen, "recent": [list(pair) for pair in self._recent]}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """The inverse of state_dict."""
        self._seen = int(state["seen"])
        self._recent.clear()
        self._recent.extend((float(a), float(b)) for a, b in state["recent"])
