"""Which map, start and length an episode has: a pure function of a seed and an index.

Maps are named by a seed of their own. Seeds for training, for choosing a checkpoint and for
reporting a score never overlap, so that a score is always one on maps that nothing was fitted to.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Literal, get_args

import numpy as np

from td3_driving.driving.validation import require_finite, require_positive

MapKind = Literal["circuit", "town", "mixed"]
_MAP_NAMES: dict[str, tuple[str, str]] = {
    "circuit": ("LiteCircuit", "LiteCircuit"),
    "town": ("LiteTown", "LiteTown"),
    "mixed": ("LiteCircuit", "LiteTown"),
}
"""The maps of even and of odd seeds."""

# Separate streams of random numbers, so that a change to one leaves the others as they were.
_MAP_STREAM, _START_STREAM, _EVALUATION_STREAM = range(3)


def map_name(kind: str, map_seed: int) -> str:
    """The name of a procedural map, such as ``LiteCircuit_7``; mixed ones are odd towns.

    Raises:
        ValueError: an unknown kind or a negative seed.
    """
    if kind not in _MAP_NAMES:
        raise ValueError(f"map kind {kind!r} is unknown; use {', '.join(get_args(MapKind))}")
    if map_seed < 0:
        raise ValueError(f"map seed {map_seed} is negative; seeds start at 0")
    return f"{_MAP_NAMES[kind][map_seed % 2]}_{map_seed}"


def map_seed(name: str) -> int | None:
    """The seed of a procedural map by its name; None for a fixed map, such as ``Town02``."""
    family, _, seed = name.partition("_")
    known = {each for pair in _MAP_NAMES.values() for each in pair}
    return int(seed) if family in known and seed.isdecimal() else None


@dataclass(frozen=True, slots=True)
class MapSplit:
    """Map seeds by purpose.

    Raises:
        ValueError: two of the ranges overlap, or one is empty; the message names them.
    """

    training: range = range(0, 100_000)
    selection: range = range(500_000, 600_000)
    test: range = range(700_000, 2**31)

    def __post_init__(self) -> None:
        parts = {name: getattr(self, name) for name in ("training", "selection", "test")}
        for name, seeds in parts.items():
            if len(seeds) == 0 or seeds.step != 1:
                raise ValueError(
                    f"the {name} map seeds {seeds} must be a non-empty range of step 1"
                )
        for (a, first), (b, second) in combinations(parts.items(), 2):
            if first.start < second.stop and second.start < first.stop:
                raise ValueError(f"{a} map seeds {first} overlap the {b} map seeds {second}")

    def require_training(self, seeds: Sequence[int]) -> None:
        """Refuse map seeds that aren't all for training.

        Raises:
            ValueError: none given, or one from outside; the message names it.
        """
        _require_inside("training", self.training, seeds)

    def require_held_out(self, seeds: Sequence[int]) -> None:
        """Refuse map seeds that aren't all for selection, or all for testing.

        Raises:
            ValueError: none given, or one from outside; the message names it.
        """
        first_is_for_selection = len(seeds) > 0 and seeds[0] in self.selection
        name = "selection" if first_is_for_selection else "test"
        _require_inside(name, getattr(self, name), seeds)


def _require_inside(name: str, allowed: range, seeds: Sequence[int]) -> None:
    if len(seeds) == 0:
        raise ValueError(f"no map seeds given for {name}: the range is empty")
    ends = (seeds[0], seeds[-1]) if isinstance(seeds, range) else seeds
    for seed in ends:
        if seed not in allowed:
            raise ValueError(
                f"map seed {seed} isn't one for {name} ({allowed.start} to {allowed.stop - 1}); "
                "training, selection and test maps must not mix"
            )


MAP_SPLIT = MapSplit()
"""The split that every plan uses unless told otherwise."""


@dataclass(frozen=True, slots=True)
class EpisodePlan:
    """One episode before it is driven.

    Args:
        map: Name of the map.
        seed: Chooses the route on the map, and the waypoint noise.
        start_speed_mps: Forward speed at the start.
        start_lateral_m: Offset from the lane's centre, positive to the left.
        start_heading_rad: Heading minus the lane's.
        duration_s: Time limit.
        distance_m: Distance along the route that completes it; None: as far as the time allows.
    """

    map: str
    seed: int
    start_speed_mps: float
    start_lateral_m: float
    start_heading_rad: float
    duration_s: float
    distance_m: float | None

    def __post_init__(self) -> None:
        require_finite(self)
        require_positive(
            self, "duration_s", *(("distance_m",) if self.distance_m is not None else ())
        )


@dataclass(frozen=True, slots=True)
class StartConfig:
    """How training episodes start. Moving starts, off the centre, are what keeps an actor alive.

    Args:
        rest_share: Share of the episodes that start at rest.
        max_speed_mps: The others start at a speed uniform in [0, this].
        max_lateral_m: Offset uniform in [-this, this].
        max_heading_rad: Heading uniform in [-this, this].
    """

    rest_share: float = 0.3
    max_speed_mps: float = 8.0
    max_lateral_m: float = 0.8
    max_heading_rad: float = 0.15

    def __post_init__(self) -> None:
        require_finite(self)
        if not 0.0 <= self.rest_share <= 1.0:
            raise ValueError(f"StartConfig.rest_share is {self.rest_share}; it must be in [0, 1]")
        for name in ("max_speed_mps", "max_lateral_m", "max_heading_rad"):
            if getattr(self, name) < 0.0:
                raise ValueError(
                    f"StartConfig.{name} is {getattr(self, name)}; it can't be negative"
                )


_DEFAULT_STARTS = StartConfig()


def training_plan(
    seed: int,
    index: int,
    kind: str,
    maps_pool: Sequence[int] | str,
    episodes_per_map: int = 10,
    duration_s: float = 30.0,
    starts: StartConfig = _DEFAULT_STARTS,
    split: MapSplit = MAP_SPLIT,
) -> EpisodePlan:
    """The index-th training episode of a run.

    Args:
        seed: Of the run.
        index: Of the episode, from 0.
        kind: Of the procedural maps.
        maps_pool: Map seeds to draw from, or the name of one fixed map; ``kind`` is unused then.
        episodes_per_map: The map changes only that often, since loading one takes time.
        duration_s: Time limit.
        starts: Distribution of the starts.
        split: What counts as a training map.

    Raises:
        ValueError: negative seed or index, an empty pool, map seeds that aren't for training.
    """
    _require_index(seed, index)
    if episodes_per_map < 1:
        raise ValueError(f"episodes_per_map is {episodes_per_map}; it must be at least 1")
    if isinstance(maps_pool, str):
        name = maps_pool
    else:
        split.require_training(maps_pool)
        draw = np.random.default_rng([seed, _MAP_STREAM, index // episodes_per_map])
        name = map_name(kind, maps_pool[int(draw.integers(len(maps_pool)))])
    random = np.random.default_rng([seed, _START_STREAM, index])
    at_rest, speed, lateral, heading = random.random(4).tolist()
    return EpisodePlan(
        map=name,
        seed=int(random.integers(2**31)),
        start_speed_mps=0.0 if at_rest < starts.rest_share else speed * starts.max_speed_mps,
        start_lateral_m=(2.0 * lateral - 1.0) * starts.max_lateral_m,
        start_heading_rad=(2.0 * heading - 1.0) * starts.max_heading_rad,
        duration_s=duration_s,
        distance_m=None,
    )


def evaluation_plan(
    map_seeds: Sequence[int],
    index: int,
    kind: str,
    duration_s: float = 60.0,
    distance_m: float = 300.0,
    split: MapSplit = MAP_SPLIT,
) -> EpisodePlan:
    """The index-th evaluation episode: from rest, on the lane's centre, on held-out maps in turn.

    Args:
        map_seeds: All for selection, or all for testing.
        index: Of the episode, from 0; each round over the maps drives other routes.
        kind: Of the procedural maps.
        duration_s: Time limit.
        distance_m: Distance that completes the episode.
        split: What counts as a held-out map.

    Raises:
        ValueError: negative index, no map seeds, or some that aren't held out.
    """
    _require_index(0, index)
    split.require_held_out(map_seeds)
    tour, place = divmod(index, len(map_seeds))
    map_seed = map_seeds[place]
    random = np.random.default_rng([map_seed, _EVALUATION_STREAM, tour])
    return EpisodePlan(
        map=map_name(kind, map_seed),
        seed=int(random.integers(2**31)),
        start_speed_mps=0.0,
        start_lateral_m=0.0,
        start_heading_rad=0.0,
        duration_s=duration_s,
        distance_m=distance_m,
    )


def _require_index(seed: int, index: int) -> None:
    if seed < 0 or index < 0:
        raise ValueError(f"seed {seed} and episode index {index} can't be negative")
