"""The two fixed towns: one to learn in, one of another kind to test in."""

from __future__ import annotations

from carla_lite.roads.model import LaneMark, RoadNetwork
from carla_lite.roads.plans import BROKEN, Node, Street, build

_COLUMNS_M = (0.0, 95.0, 185.0, 270.0)
_ROWS_M = (0.0, 75.0, 150.0, 225.0)
_AVENUE = 1
_CORNER_RADIUS_M = 22.0
_AVENUE_MARK = LaneMark("solid solid", "yellow", 0.12)
_RING_MARK = LaneMark("solid", "yellow", 0.15)


def make_lite_town_01(name: str) -> RoadNetwork:
    """A grid of 270 x 225 m: lights at every junction, an avenue with two lanes each way."""
    x, y, last = _COLUMNS_M, _ROWS_M, len(_ROWS_M) - 1
    corners = {(c, r) for c in (0, last) for r in (0, last)}
    nodes = {
        f"{c}{r}": Node((x[c], y[r]), "lights")
        for r in range(last + 1)
        for c in range(last + 1)
        if (c, r) not in corners
    }
    streets = []
    for r in range(last + 1):
        for c in range(last + 1):
            for end in ((c + 1, r), (c, r + 1)):
                if max(end) > last or corners & {(c, r), end}:
                    continue
                avenue = c == end[0] == _AVENUE
                rim = (r == end[1] and r in (0, last)) or (c == end[0] and c in (0, last))
                streets.append(
                    Street(
                        (f"{c}{r}", f"{end[0]}{end[1]}"),
                        limit_kmh=50 if avenue or rim else 30,
                        lanes=2 if avenue else 1,
                        centre=_AVENUE_MARK if avenue else BROKEN,
                    )
                )
    for c, r in sorted(corners):
        beside, above = (1 if c == 0 else last - 1, r), (c, 1 if r == 0 else last - 1)
        streets.append(
            Street(
                (f"{beside[0]}{beside[1]}", f"{above[0]}{above[1]}"),
                limit_kmh=50,
                corners=((x[c], y[r], _CORNER_RADIUS_M),),
            )
        )
    return build(name, nodes, streets)


def make_lite_town_02(name: str) -> RoadNetwork:
    """A bent ring of 250 x 240 m with a crooked cross in it: mostly T junctions with signs."""
    nodes = {
        "square": Node((0.0, 0.0), "lights"),
        "east": Node((125.0, 12.0), "stop"),
        "west": Node((-112.0, -22.0), "yield"),
        "north": Node((22.0, 112.0), "stop", crossed=False),
        "south": Node((-18.0, -124.0), "lights"),
        "mill": Node((66.0, -118.0), "yield", crossed=False),
        "market": Node((62.0, 4.0), "stop"),
    }
    streets = [
        Street(("square", "market"), 30),
        Street(("market", "east"), 30, bends_deg=(8.0, -8.0)),
        Street(("square", "north"), 30, bends_deg=(14.0, 12.0)),
        Street(("square", "west"), 30, bends_deg=(-12.0, 15.0)),
        Street(("square", "south"), 50, bends_deg=(10.0, 10.0)),
        Street(("market", "mill"), 30, bends_deg=(24.0, 24.0), centre=LaneMark("none")),
        Street(("east", "north"), 50, corners=((135.0, 118.0, 45.0),), centre=_RING_MARK),
        Street(
            ("north", "west"),
            50,
            corners=((-60.0, 120.0, 30.0), (-70.0, 50.0, 28.0), (-120.0, 45.0, 25.0)),
            centre=_RING_MARK,
        ),
        Street(("west", "south"), 50, corners=((-106.0, -122.0, 38.0),), centre=_RING_MARK),
        Street(("south", "mill"), 50, bends_deg=(-9.0, 9.0), centre=_RING_MARK),
        Street(("mill", "east"), 50, corners=((128.0, -110.0, 40.0),), centre=_RING_MARK),
    ]
    return build(name, nodes, streets)
