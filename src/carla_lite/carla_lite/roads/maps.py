"""Maps by name."""

from __future__ import annotations

import re

from carla_lite.roads.circuit import make_circuit
from carla_lite.roads.lite_towns import make_lite_town_01, make_lite_town_02
from carla_lite.roads.model import RoadNetwork
from carla_lite.roads.town import make_town

_FIXED = {"LiteTown01": make_lite_town_01, "LiteTown02": make_lite_town_02}
_MAKERS = {"LiteCircuit": make_circuit, "LiteTown": make_town}
_NAME = re.compile(r"(LiteCircuit|LiteTown)_(0|[1-9][0-9]{0,17})", re.ASCII)


class UnknownMapError(ValueError):
    """A map name that names no map."""


def make_map(name: str) -> RoadNetwork:
    """The map of that name; the same name gives the same map.

    Args:
        name: "LiteTown01", "LiteTown02", or "LiteCircuit_<seed>" or "LiteTown_<seed>", seed a
            decimal integer >= 0.

    Raises:
        UnknownMapError: The name has another form.
    """
    if name in _FIXED:
        return _FIXED[name](name)
    match = _NAME.fullmatch(name)
    if match is None:
        raise UnknownMapError(
            f"unknown map {name!r}: use LiteTown01, LiteTown02, or LiteCircuit_<seed> or "
            "LiteTown_<seed> with a whole number from 0 up, for example LiteCircuit_1"
        )
    kind, seed = match.groups()
    return _MAKERS[kind](name, int(seed))


def available_maps() -> list[str]:
    """The fixed maps, and a few examples of the others, of which any seed works."""
    return [*_FIXED] + [f"{kind}_{seed}" for kind in _MAKERS for seed in range(1, 5)]
