"""Writes a road network as OpenDRIVE 1.4 text."""

from __future__ import annotations

from collections.abc import Iterator
from xml.sax.saxutils import quoteattr

from carla_lite.roads.model import (
    Geometry,
    Junction,
    Lane,
    LaneMark,
    LaneSection,
    ParamPoly,
    Road,
    RoadLink,
    RoadNetwork,
    SpeedLimit,
    Spiral,
)
from carla_lite.roads.writing import controller, road_furniture
from carla_lite.roads.writing import number as _n

_GEO_REFERENCE = (
    "+proj=tmerc +lat_0=0 +lon_0=0 +k=1 +x_0=0 +y_0=0 +datum=WGS84 +units=m +vunits=m +no_defs"
)


def to_opendrive(network: RoadNetwork) -> str:
    """The network's OpenDRIVE text; numbers are rounded to a nanometre, so bytes repeat."""
    lines = ['<?xml version="1.0" encoding="UTF-8"?>', "<OpenDRIVE>"]
    lines += _header(network)
    for road in network.roads:
        lines += _road(road)
        lines += road_furniture(network, road.id)
        lines.append("</road>")
    for control in network.controllers:
        lines += controller(control)
    for junction in network.junctions:
        lines += _junction(junction)
    lines.append("</OpenDRIVE>")
    return "\n".join(lines) + "\n"


def _header(network: RoadNetwork) -> Iterator[str]:
    x0, y0, x1, y1 = network.bounds
    yield (
        f'<header revMajor="1" revMinor="4" name={quoteattr(network.name)} version="1"'
        f' north="{_n(-y0)}" south="{_n(-y1)}" east="{_n(x1)}" west="{_n(x0)}">'
    )
    yield f"<geoReference><![CDATA[{network.geo_reference or _GEO_REFERENCE}]]></geoReference>"
    yield "</header>"


def _road(road: Road) -> Iterator[str]:
    junction = -1 if road.junction_id is None else road.junction_id
    rule = ' rule="LHT"' if road.left_hand_traffic else ""
    yield (
        f'<road name={quoteattr(road.name)} length="{_n(road.length_m)}" id="{road.id}"'
        f' junction="{junction}"{rule}>'
    )
    yield "<link>"
    if road.predecessor is not None:
        yield _road_link("predecessor", road.predecessor)
    if road.successor is not None:
        yield _road_link("successor", road.successor)
    yield "</link>"
    for speed in road.speeds:
        yield f'<type s="{_n(speed.s_m)}" type="town">{_speed(speed, "")}</type>'
    yield "<planView>"
    for g in road.geometries:
        yield (
            f'<geometry s="{_n(g.s_m)}" x="{_n(g.x_m)}" y="{_n(g.y_m)}" hdg="{_n(g.heading_rad)}"'
            f' length="{_n(g.length_m)}">{_shape(g)}</geometry>'
        )
    yield "</planView>"
    yield '<elevationProfile><elevation s="0" a="0" b="0" c="0" d="0"/></elevationProfile>'
    yield "<lateralProfile/>"
    yield "<lanes>"
    for p in road.lane_offsets:
        yield f'<laneOffset s="{_n(p.s_m)}" {_cubic(p.a, p.b, p.c, p.d)}/>'
    for section in road.sections:
        yield from _section(section)
    yield "</lanes>"


def _shape(geometry: Geometry) -> str:
    shape, curvature = geometry.shape, geometry.curvature_per_m
    if isinstance(shape, Spiral):
        end = shape.end_curvature_per_m
        return f'<spiral curvStart="{curvature:.15g}" curvEnd="{end:.15g}"/>'
    if isinstance(shape, ParamPoly):
        numbers = " ".join(
            f'{name}{axis}="{value:.17g}"'
            for axis, values in (("U", shape.u), ("V", shape.v))
            for name, value in zip("abcd", values, strict=True)
        )
        unit = "normalized" if shape.end == 1.0 else "arcLength"
        return f'<paramPoly3 {numbers} pRange="{unit}"/>'
    return f'<arc curvature="{curvature:.15g}"/>' if curvature else "<line/>"


def _speed(speed: SpeedLimit, offset: str) -> str:
    return f'<speed {offset}max="{_n(speed.limit_mps)}" unit="m/s"/>'


def _road_link(tag: str, link: RoadLink) -> str:
    contact = "" if link.contact is None else f' contactPoint="{link.contact}"'
    return f'<{tag} elementType="{link.element}" elementId="{link.id}"{contact}/>'


def _cubic(a: float, b: float, c: float, d: float) -> str:
    return f'a="{_n(a)}" b="{_n(b)}" c="{c:.12g}" d="{d:.12g}"'


def _section(section: LaneSection) -> Iterator[str]:
    yield f'<laneSection s="{_n(section.s_m)}">'
    sides = {
        "left": [lane for lane in section.lanes if lane.id > 0],
        "center": [lane for lane in section.lanes if lane.id == 0],
        "right": [lane for lane in section.lanes if lane.id < 0],
    }
    for side, lanes in sides.items():
        if lanes:
            yield f"<{side}>"
            for lane in lanes:
                yield from _lane(lane)
            yield f"</{side}>"
    yield "</laneSection>"


def _lane(lane: Lane) -> Iterator[str]:
    yield f'<lane id="{lane.id}" type="{lane.kind}" level="false">'
    yield "<link>"
    if lane.predecessor is not None:
        yield f'<predecessor id="{lane.predecessor}"/>'
    if lane.successor is not None:
        yield f'<successor id="{lane.successor}"/>'
    yield "</link>"
    for p in lane.widths:
        yield f'<width sOffset="{_n(p.s_m)}" {_cubic(p.a, p.b, p.c, p.d)}/>'
    for mark in lane.marks or (LaneMark(),):
        yield _mark(mark)
    for speed in lane.speeds:
        yield _speed(speed, f'sOffset="{_n(speed.s_m)}" ')
    yield "</lane>"


def _mark(mark: LaneMark) -> str:
    change = "both" if mark.kind == "broken" else "none"
    return (
        f'<roadMark sOffset="{_n(mark.s_m)}" type="{mark.kind}" weight="standard"'
        f' color="{mark.colour}" material="standard" width="{_n(mark.width_m)}"'
        f' laneChange="{change}"/>'
    )


def _junction(junction: Junction) -> Iterator[str]:
    yield f'<junction id="{junction.id}" name="">'
    for c in junction.connections:
        yield (
            f'<connection id="{c.id}" incomingRoad="{c.incoming_road}"'
            f' connectingRoad="{c.connecting_road}" contactPoint="{c.contact}">'
        )
        for source, target in c.lane_links:
            yield f'<laneLink from="{source}" to="{target}"/>'
        yield "</connection>"
    for sequence, name in enumerate(junction.controllers):
        yield f'<controller id={quoteattr(name)} type="" sequence="{sequence}"/>'
    yield "</junction>"
