"""How sure a figure is: 95 % intervals.

Episodes on one map resemble each other, so that whole maps are resampled, not episodes: the cluster
bootstrap (Cameron, Gelbach and Miller 2008). Proportions are Wilson's (1927), with the sample size
that episodes on the same maps are worth (Kish's design effect; Dean and Pagano 2015).
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Interval = tuple[float, float]

RESAMPLES = 2000
Z = 1.959963984540054
"""97.5 % quantile of the normal distribution."""

_T = (
    12.706205, 4.302653, 3.182446, 2.776445, 2.570582, 2.446912, 2.364624, 2.306004, 2.262157,
    2.228139, 2.200985, 2.178813, 2.160369, 2.144787, 2.131450, 2.119905, 2.109816, 2.100922,
    2.093024, 2.085963,
)  # fmt: skip
"""97.5 % quantiles of Student's t for 1 to 20 degrees of freedom."""


class Clusters:
    """Which episodes belong together: those on one map, or each by itself if all share one.

    Args:
        names: The map of each episode.
        seed: Of the bootstrap.

    Raises:
        ValueError: no episodes.
    """

    def __init__(self, names: Sequence[str], seed: int = 0) -> None:
        if not names:
            raise ValueError("no episodes to resample")
        order = {name: i for i, name in enumerate(dict.fromkeys(names))}
        # On one map alone the interval speaks of that map.
        self.of = np.array(
            [order[name] for name in names] if len(order) > 1 else range(len(names)), np.intp
        )
        self.count = int(self.of.max()) + 1
        random = np.random.default_rng(seed)
        self._drawn = random.integers(self.count, size=(RESAMPLES, self.count))

    def _sums(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.bincount(self.of, values, self.count).astype(np.float64)

    def ratio(
        self, numerator: NDArray[np.float64], denominator: NDArray[np.float64]
    ) -> Interval | None:
        """Bootstrap interval (percentile method) of sum(numerator) / sum(denominator).

        Resamples whose denominator is 0 say nothing and are left out; None if all are.
        """
        above = self._sums(numerator)[self._drawn].sum(axis=1)
        below = self._sums(denominator)[self._drawn].sum(axis=1)
        valid = below > 0.0
        if not valid.any():
            return None
        low, high = np.percentile(above[valid] / below[valid], (2.5, 97.5))
        return float(low), float(high)

    def mean(self, values: NDArray[np.float64]) -> Interval:
        """Bootstrap interval of the mean over episodes."""
        interval = self.ratio(values, np.ones(len(values)))
        assert interval is not None
        return interval

    def rate(self, counts: NDArray[np.float64], exposure: NDArray[np.float64]) -> Interval | None:
        """Interval of events per unit of exposure, None without any exposure.

        Where nothing happened the bootstrap knows of nothing that could; then the upper end is that
        of the exact Poisson interval (Garwood 1936): -ln(0.025) / exposure.
        """
        total = float(exposure.sum())
        if counts.sum() == 0.0:
            return (0.0, -math.log(0.025) / total) if total > 0.0 else None
        return self.ratio(counts, exposure)

    def proportion(self, successes: NDArray[np.bool_]) -> Interval:
        """Wilson's interval of a share, in [0, 1], for as many episodes as these are worth."""
        count, share = len(successes), float(successes.mean())
        return wilson(share, count / self._design_effect(successes.astype(np.float64)))

    def _design_effect(self, values: NDArray[np.float64]) -> float:
        """The variance of the mean over what independent episodes would have, at least 1.

        Where all episodes ended alike, nothing tells maps from chance: then as few independent
        episodes as there are maps.
        """
        count, most = len(values), len(values) / self.count
        share = float(values.mean())
        if most == 1.0:
            return 1.0
        if share in (0.0, 1.0):
            return most
        residuals = self._sums(values - share)
        variance = self.count / (self.count - 1) * float((residuals**2).sum()) / count**2
        return min(max(variance / (share * (1.0 - share) / count), 1.0), most)


def wilson(share: float, count: float) -> Interval:
    """Wilson's score interval of a proportion; count may be a fraction."""
    centre = (share + Z**2 / (2 * count)) / (1 + Z**2 / count)
    spread = (
        Z / (1 + Z**2 / count) * math.sqrt(share * (1 - share) / count + (Z / (2 * count)) ** 2)
    )
    return max(0.0, centre - spread), min(1.0, centre + spread)


def student(values: Sequence[float]) -> Interval | None:
    """Student's t interval of the mean of independent values, such as of training runs.

    None for a single value, which says nothing of how others would differ.
    """
    count = len(values)
    if count < 2:
        return None
    freedom = count - 1
    # Beyond the table the first term of Fisher's expansion is right within 0.4 %.
    quantile = _T[freedom - 1] if freedom <= len(_T) else Z + (Z**3 + Z) / (4 * freedom)
    spread = quantile * float(np.std(values, ddof=1)) / math.sqrt(count)
    mean = float(np.mean(values))
    return mean - spread, mean + spread
