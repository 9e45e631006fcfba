"""Cross-sections: the lanes from one side of a road to the other."""

from __future__ import annotations

from dataclasses import replace

from carla_lite.roads.model import Lane, LaneKind, LaneMark, LaneSection, Poly3

LANE_WIDTH_M = 3.5
SHOULDER_WIDTH_M = 0.5
SIDEWALK_WIDTH_M = 2.0
HALF_WIDTH_M = LANE_WIDTH_M + SHOULDER_WIDTH_M + SIDEWALK_WIDTH_M

_SIDE: tuple[tuple[LaneKind, float], ...] = (
    ("driving", LANE_WIDTH_M),
    ("shoulder", SHOULDER_WIDTH_M),
    ("sidewalk", SIDEWALK_WIDTH_M),
)


def two_way(centre: LaneMark, sidewalk: bool) -> LaneSection:
    """One driving lane each way with solid white edges, shoulders and perhaps sidewalks."""
    edge = LaneMark("solid", "white", 0.15)
    sides = _SIDE if sidewalk else _SIDE[:2]
    right = tuple(
        Lane(-i, kind, (Poly3(0.0, width),), (edge,) if kind == "driving" else ())
        for i, (kind, width) in enumerate(sides, start=1)
    )
    left = tuple(replace(lane, id=-lane.id) for lane in reversed(right))
    return LaneSection(0.0, (*left, Lane(0, marks=(centre,)), *right))


def one_way(sidewalk: bool, from_sign: int, to_sign: int) -> LaneSection:
    """An unmarked connecting lane -1, with shoulder and sidewalk where it runs along the kerb.

    Args:
        sidewalk: Whether the kerb is on its right.
        from_sign, to_sign: Sign of the lane ids it continues and leads to.
    """
    lanes = tuple(
        Lane(-i, kind, (Poly3(0.0, width),), predecessor=i * from_sign, successor=i * to_sign)
        for i, (kind, width) in enumerate(_SIDE if sidewalk else _SIDE[:1], start=1)
    )
    return LaneSection(0.0, (Lane(0), *lanes))


def linked(section: LaneSection, predecessor: bool, successor: bool) -> LaneSection:
    """The section with every lane linked to the same id of the neighbouring roads."""
    lanes = tuple(
        lane
        if lane.id == 0
        else replace(
            lane,
            predecessor=lane.id if predecessor else None,
            successor=lane.id if successor else None,
        )
        for lane in section.lanes
    )
    return replace(section, lanes=lanes)
