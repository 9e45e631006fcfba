"""Exploration noise whose strength falls with the steps taken. Each source owns its generator."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np


@dataclass(frozen=True)
class LinearSchedule:
    """From `start` to `end` in `steps` steps, then `end`."""

    start: float = 0.2
    end: float = 0.05
    steps: int = 20_000

    def __post_init__(self) -> None:
        if not (np.isfinite([self.start, self.end]).all() and min(self.start, self.end) >= 0):
            raise ValueError(f"LinearSchedule: start and end must be finite and >= 0, not {self}")
        if self.steps < 1:
            raise ValueError(f"LinearSchedule.steps is {self.steps}; it must be at least 1")

    def __call__(self, step: int) -> float:
        """The value at a step >= 0."""
        return self.start + (self.end - self.start) * min(step / self.steps, 1.0)


class GaussianNoise:
    """Independent normal noise; the schedule gives its standard deviation.

    Args:
        schedule: standard deviation over steps.
        action_dim: length of a sample.
        seed: of the generator.
    """

    def __init__(self, schedule: LinearSchedule, action_dim: int = 2, seed: int = 0) -> None:
        self.schedule = schedule
        self.action_dim = action_dim
        self.step = 0
        self._rng = np.random.Generator(np.random.PCG64(seed))

    def sample(self) -> np.ndarray:
        """The next noise, float32 (action_dim,)."""
        noise = self.schedule(self.step) * self._rng.standard_normal(self.action_dim)
        self.step += 1
        return noise.astype(np.float32)

    def reset(self) -> None:
        """A new episode begins; independent noise has nothing to forget."""

    def state_dict(self) -> dict[str, Any]:
        """JSON-able; all that a continued run needs."""
        return {"step": self.step, "rng": self._rng.bit_generator.state}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """The inverse of state_dict."""
        self.step = int(state["step"])
        self._rng.bit_generator.state = dict(state["rng"])


class OUNoise(GaussianNoise):
    """Ornstein-Uhlenbeck noise: correlated in time, standing at the schedule's deviation.

    Args:
        schedule: stationary standard deviation over steps.
        action_dim: length of a sample.
        seed: of the generator.
        decay: share of the deviation that is forgotten each step, in (0, 1].
    """

    def __init__(
        self,
        schedule: LinearSchedule,
        action_dim: int = 2,
        seed: int = 0,
        decay: float = 0.15,
    ) -> None:
        if not 0.0 < decay <= 1.0:
            raise ValueError(f"OUNoise.decay is {decay}; it must be in (0, 1]")
        super().__init__(schedule, action_dim, seed)
        self.decay = decay
        self._unit = np.zeros(action_dim)

    def sample(self) -> np.ndarray:
        """The next noise, float32 (action_dim,)."""
        keep = 1.0 - self.decay
        shock = self._rng.standard_normal(self.action_dim)
        self._unit = keep * self._unit + np.sqrt(1.0 - keep**2) * shock
        noise = self.schedule(self.step) * self._unit
        self.step += 1
        return noise.astype(np.float32)

    def reset(self) -> None:
        """A new episode begins at zero deviation."""
        self._unit = np.zeros(self.action_dim)

    def state_dict(self) -> dict[str, Any]:
        """JSON-able; all that a continued run needs."""
        return {**super().state_dict(), "unit": self._unit.tolist()}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """The inverse of state_dict."""
        super().load_state_dict(state)
        self._unit = np.array(state["unit"])
