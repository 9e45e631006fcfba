"""Reads <road> elements: their line, lanes, marks and limits."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import get_args

from carla_lite.roads.model import (
    DEFAULT_SPEED_LIMIT_MPS,
    Contact,
    Geometry,
    Lane,
    LaneKind,
    LaneMark,
    LaneSection,
    MarkColour,
    MarkKind,
    ParamPoly,
    Poly3,
    Road,
    RoadLink,
    SpeedLimit,
    Spiral,
)
from carla_lite.roads.shapes import turn_rad
from carla_lite.roads.xml_tree import Node

MAX_CURVATURE_PER_M = 100.0
MAX_TURN_RAD = 1000.0
MAX_COEFFICIENT = 1e12
NO_LIMIT_MPS = 130 / 3.6
"""For "no limit", which Germany's motorways have and advise 130 km/h on."""

_UNITS = {"m/s": 1.0, "mph": 1609.344 / 3600, "km/h": 1 / 3.6, "kmh": 1 / 3.6, "": 1.0}
_LANE_KINDS: dict[str, LaneKind] = {kind.lower(): kind for kind in get_args(LaneKind)}
_MARK_KINDS: dict[str, MarkKind] = {kind: kind for kind in get_args(MarkKind)}
_MARK_COLOURS: dict[str, MarkColour] = {colour: colour for colour in get_args(MarkColour)}
_MARK_WIDTH_M, _BOLD_WIDTH_M, _MOST_MARK_WIDTH_M = 0.15, 0.25, 10.0
_LEAST_LENGTH_M = 1e-6


def read_road(node: Node) -> Road:
    """One road; what it links to need not be there."""
    length_m = node.number("length")
    geometries = [_read_geometry(part) for part in node.children("planView/geometry")]
    geometries = sorted(
        (g for g in geometries if g.length_m > _LEAST_LENGTH_M), key=lambda g: g.s_m
    )
    if not geometries:
        raise node.fail("its <planView> has no <geometry> of any length")
    if abs(geometries[-1].s_m + geometries[-1].length_m - length_m) > max(1.0, 0.01 * length_m):
        raise node.fail(
            f"its length is {length_m:g} m, but its geometry ends at "
            f"{geometries[-1].s_m + geometries[-1].length_m:g} m"
        )
    end_m = geometries[-1].s_m + geometries[-1].length_m
    sections = [_read_section(part) for part in node.children("lanes/laneSection")]
    sections.sort(key=lambda section: section.s_m)
    # A section that starts where the road ends is no part of it.
    sections = sections[:1] + [s for s in sections[1:] if s.s_m < end_m - _LEAST_LENGTH_M]
    if not sections or not 0 <= sections[0].s_m < end_m:
        raise node.fail("it has no <laneSection> that starts on it")
    offsets = _cubics(node.children("lanes/laneOffset"), "s")
    if offsets and offsets[0].s_m > 0:
        offsets = (Poly3(0.0, 0.0), *offsets)
    junction = node.whole("junction", -1)
    link = node.child("link")
    return Road(
        id=node.whole("id"),
        geometries=tuple(geometries),
        sections=tuple(sections),
        predecessor=_read_link(link, "predecessor"),
        successor=_read_link(link, "successor"),
        junction_id=None if junction < 0 else junction,
        lane_offsets=offsets,
        speeds=_read_speeds(node),
        name=node.get("name", "")[:200],
        left_hand_traffic=node.get("rule") == "LHT",
    )


def _read_link(link: Node | None, tag: str) -> RoadLink | None:
    node = None if link is None else link.child(tag)
    if node is None or not node.get("elementId"):
        return None
    if node.get("elementType") == "junction":
        return RoadLink("junction", node.whole("elementId"))
    contact: Contact = "end" if node.get("contactPoint") == "end" else "start"
    return RoadLink("road", node.whole("elementId"), contact)


def _read_speeds(node: Node) -> tuple[SpeedLimit, ...]:
    speeds = []
    for kind in node.children("type"):
        speed = kind.child("speed")
        limit = DEFAULT_SPEED_LIMIT_MPS if speed is None else _read_limit(speed)
        speeds.append(SpeedLimit(kind.number("s", 0.0), limit or DEFAULT_SPEED_LIMIT_MPS))
    speeds.sort(key=lambda record: record.s_m)
    return tuple(speeds) or (SpeedLimit(0.0, DEFAULT_SPEED_LIMIT_MPS),)


def _read_limit(node: Node) -> float | None:
    """Metres per second, or None where the file does not say."""
    text = node.get("max", "").strip()
    if text == "no limit":
        return NO_LIMIT_MPS
    if text in ("", "undefined"):
        return None
    unit = node.get("unit", "").strip().lower()
    if unit not in _UNITS:
        raise node.fail(f"unit={unit[:40]!r} is none of m/s, mph and km/h")
    limit = node.number("max", limit=1000.0) * _UNITS[unit]
    return limit if limit > 0 else None


def _read_geometry(node: Node) -> Geometry:
    geometry = Geometry(
        s_m=node.number("s"),
        x_m=node.number("x"),
        y_m=node.number("y"),
        heading_rad=node.number("hdg"),
        length_m=node.number("length"),
    )
    if geometry.length_m < 0 or geometry.s_m < 0:
        raise node.fail(f"s={geometry.s_m:g} and length={geometry.length_m:g} must not be negative")
    for shape in node.children("*"):
        reader = _SHAPES.get(shape.tag)
        if reader is not None:
            result = reader(shape, geometry)
            if not isinstance(result.shape, ParamPoly) and turn_rad(result) > MAX_TURN_RAD:
                raise shape.fail(f"it turns by more than {MAX_TURN_RAD:g} rad")
            return result
    raise node.fail("it holds none of " + ", ".join(_SHAPES))


def _read_line(node: Node, geometry: Geometry) -> Geometry:
    return geometry


def _read_arc(node: Node, geometry: Geometry) -> Geometry:
    return replace(geometry, curvature_per_m=_curvature(node, "curvature"))


def _read_spiral(node: Node, geometry: Geometry) -> Geometry:
    start, end = _curvature(node, "curvStart"), _curvature(node, "curvEnd")
    return replace(geometry, curvature_per_m=start, shape=None if start == end else Spiral(end))


def _read_poly3(node: Node, geometry: Geometry) -> Geometry:
    # u is the parameter, and the length has been used up before u reaches it.
    shape = ParamPoly((0.0, 1.0, 0.0, 0.0), _four(node, ""), geometry.length_m)
    return replace(geometry, shape=shape)


def _read_param_poly3(node: Node, geometry: Geometry) -> Geometry:
    u, v = _four(node, "U"), _four(node, "V")
    if not any(u[1:]) and not any(v[1:]):
        raise node.fail("all its coefficients are 0, so it is a point")
    normalized = node.get("pRange", "normalized") != "arcLength"
    return replace(geometry, shape=ParamPoly(u, v, 1.0 if normalized else geometry.length_m))


_SHAPES: dict[str, Callable[[Node, Geometry], Geometry]] = {
    "line": _read_line,
    "arc": _read_arc,
    "spiral": _read_spiral,
    "poly3": _read_poly3,
    "paramPoly3": _read_param_poly3,
}


def _curvature(node: Node, name: str) -> float:
    return node.number(name, limit=MAX_CURVATURE_PER_M)


def _coefficient(node: Node, name: str) -> float:
    return node.number(name, 0.0, limit=MAX_COEFFICIENT)


def _four(node: Node, axis: str) -> tuple[float, float, float, float]:
    a, b, c, d = (_coefficient(node, name + axis) for name in "abcd")
    return a, b, c, d


def _cubics(nodes: Iterable[Node], offset: str) -> tuple[Poly3, ...]:
    records = [
        Poly3(node.number(offset, 0.0), *(_coefficient(node, name) for name in "abcd"))
        for node in nodes
    ]
    return tuple(sorted(records, key=lambda record: record.s_m))


def _read_section(node: Node) -> LaneSection:
    lanes: dict[int, Lane] = {}
    borders: dict[int, tuple[Poly3, ...]] = {}
    for side in ("left", "center", "right"):
        for element in node.children(f"{side}/lane"):
            lane = _read_lane(element)
            if lane.id in lanes:
                raise element.fail("another lane of its section has the same id")
            lanes[lane.id] = lane
            if not lane.widths:
                borders[lane.id] = _cubics(element.children("border"), "sOffset")
    lanes.setdefault(0, Lane(0))
    for sign in (1, -1):
        inner: tuple[Poly3, ...] = ()
        for lane_id in sorted((i for i in lanes if i * sign > 0), key=abs):
            if lane_id in borders:
                outer = borders[lane_id]
                lanes[lane_id] = replace(lanes[lane_id], widths=_combine(outer, inner, -1.0, sign))
                inner = outer
            else:
                inner = _combine(inner, lanes[lane_id].widths, float(sign), 1)
    ordered = sorted(lanes.values(), key=lambda lane: -lane.id)
    return LaneSection(node.number("s"), tuple(ordered))


def _combine(
    first: Sequence[Poly3], second: Sequence[Poly3], factor: float, scale: int
) -> tuple[Poly3, ...]:
    """scale * (first + factor * second), exactly, with a record wherever either has one."""
    starts = sorted({record.s_m for record in (*first, *second)})
    result = []
    for s_m in starts:
        a, b = _shifted(first, s_m), _shifted(second, s_m)
        result.append(Poly3(s_m, *(scale * (p + factor * q) for p, q in zip(a, b, strict=True))))
    return tuple(result)


def _shifted(records: Sequence[Poly3], s_m: float) -> tuple[float, float, float, float]:
    """Coefficients about `s_m` of the record in force there; zeros without records."""
    if not records:
        return 0.0, 0.0, 0.0, 0.0
    p = next((r for r in reversed(records) if r.s_m <= s_m), records[0])
    h = s_m - p.s_m
    return (
        p.a + h * (p.b + h * (p.c + h * p.d)),
        p.b + h * (2 * p.c + h * 3 * p.d),
        p.c + 3 * h * p.d,
        p.d,
    )


def _read_lane(node: Node) -> Lane:
    limits = ((speed, _read_limit(speed)) for speed in node.children("speed"))
    speeds = [SpeedLimit(speed.number("sOffset", 0.0), v) for speed, v in limits if v is not None]
    marks = sorted((_read_mark(mark) for mark in node.children("roadMark")), key=lambda m: m.s_m)
    link = node.child("link")
    lane_id = node.whole("id")
    if abs(lane_id) > 1000:
        raise node.fail("a lane's id goes from -1000 to 1000")
    return Lane(
        id=lane_id,
        kind=_LANE_KINDS.get(node.get("type", "none").strip().lower(), "none"),
        widths=_cubics(node.children("width"), "sOffset") if lane_id else (),
        marks=tuple(marks),
        predecessor=_linked(link, "predecessor"),
        successor=_linked(link, "successor"),
        speeds=tuple(sorted(speeds, key=lambda record: record.s_m)),
    )


def _linked(link: Node | None, tag: str) -> int | None:
    node = None if link is None else link.child(tag)
    return None if node is None or not node.get("id") else node.whole("id")


def _read_mark(node: Node) -> LaneMark:
    width_m = node.number("width", 0.0, limit=_MOST_MARK_WIDTH_M)
    if width_m <= 0:
        width_m = _BOLD_WIDTH_M if node.get("weight") == "bold" else _MARK_WIDTH_M
    return LaneMark(
        kind=_MARK_KINDS.get(node.get("type", "none").strip().lower(), "none"),
        colour=_MARK_COLOURS.get(node.get("color", "standard").strip().lower(), "standard"),
        width_m=width_m,
        s_m=node.number("sOffset", 0.0),
    )
