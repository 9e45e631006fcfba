"""Cross-sections: the lanes from one side of a road to the other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from carla_lite.roads.model import Lane, LaneKind, LaneMark, LaneSection, Poly3

LANE_WIDTH_M = 3.5
SHOULDER_WIDTH_M = 0.5
SIDEWALK_WIDTH_M = 2.0
HALF_WIDTH_M = LANE_WIDTH_M + SHOULDER_WIDTH_M + SIDEWALK_WIDTH_M

_KERBSIDE: tuple[tuple[LaneKind, float], ...] = (
    ("shoulder", SHOULDER_WIDTH_M),
    ("sidewalk", SIDEWALK_WIDTH_M),
)


def two_way(centre: LaneMark, sidewalk: bool, lanes: int = 1) -> LaneSection:
    """Driving lanes each way with solid white edges, shoulders and perhaps sidewalks."""
    edge, divider = LaneMark("solid", "white", 0.15), LaneMark("broken", "white", 0.15)
    right = [
        Lane(-i, "driving", (Poly3(0.0, LANE_WIDTH_M),), (edge if i == lanes else divider,))
        for i in range(1, lanes + 1)
    ]
    for i, (kind, width) in enumerate(_KERBSIDE[: 2 if sidewalk else 1], start=lanes + 1):
        right.append(Lane(-i, kind, (Poly3(0.0, width),)))
    left = (replace(lane, id=-lane.id) for lane in reversed(right))
    return LaneSection(0.0, (*left, Lane(0, marks=(centre,)), *right))


def one_way(
    from_ids: Sequence[int], to_ids: Sequence[int], apron: tuple[Poly3, ...] = ()
) -> LaneSection:
    """An unmarked connecting lane -1, and shoulder and sidewalk where it runs along the kerb.

    Args:
        from_ids, to_ids: The lanes that its lanes continue and lead to; one, or three with the
            kerbside.
        apron: Width of the asphalt to its right, as between lanes that part.
    """
    kinds: tuple[tuple[LaneKind, float], ...] = (("driving", LANE_WIDTH_M), *_KERBSIDE)
    lanes = tuple(
        Lane(-i, kind, (Poly3(0.0, width),), predecessor=a, successor=b)
        for i, ((kind, width), a, b) in enumerate(zip(kinds, from_ids, to_ids, strict=False), 1)
    )
    if apron:
        lanes += (Lane(-2, "shoulder", apron),)
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
