"""Maps by name."""

from __future__ import annotations

import re
from pathlib import Path

from carla_lite.roads.circuit import make_circuit
from carla_lite.roads.lite_towns import make_lite_town_01, make_lite_town_02
from carla_lite.roads.model import RoadNetwork
from carla_lite.roads.parsing import parse_opendrive
from carla_lite.roads.town import make_town
from carla_lite.roads.xml_tree import MAX_BYTES, OpenDriveError

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


def open_map(name_or_path: str) -> RoadNetwork:
    """A map by name, or an OpenDRIVE file by path; for users, as clients must not read files.

    Args:
        name_or_path: see `make_map`; a file's name ends in .xodr, and the map is called like it.

    Raises:
        UnknownMapError: The name is no map's, or the file cannot be read.
        OpenDriveError: The file holds no OpenDRIVE map.
    """
    if not name_or_path.endswith(".xodr"):
        return make_map(name_or_path)
    path = Path(name_or_path)
    try:
        if path.stat().st_size > MAX_BYTES:
            raise OpenDriveError(f"{path} is larger than {MAX_BYTES} bytes")
        content = path.read_bytes()
    except OSError as error:
        raise UnknownMapError(f"cannot read {path}: {error.strerror or error}") from None
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = content.decode("latin-1")
    # Names appear in the ready line and in the client's paths.
    name = re.sub(r"\W", "_", path.stem, flags=re.ASCII)
    try:
        return parse_opendrive(text, name)
    except OpenDriveError as error:
        raise OpenDriveError(f"{path}: {error}") from None


def available_maps() -> list[str]:
    """The fixed maps, and a few examples of the others, of which any seed works."""
    return [*_FIXED] + [f"{kind}_{seed}" for kind in _MAKERS for seed in range(1, 5)]
