"""Writes a road network as OpenDRIVE 1.4 text."""

from __future__ import annotations

from collections.abc import Iterator
from xml.sax.saxutils import quoteattr

from carla_lite.roads.model import Junction, Lane, LaneSection, Road, RoadLink, RoadNetwork

_GEO_REFERENCE = (
    "+proj=tmerc +lat_0=0 +lon_0=0 +k=1 +x_0=0 +y_0=0 +datum=WGS84 +units=m +vunits=m +no_defs"
)


def to_opendrive(network: RoadNetwork) -> str:
    """The network's OpenDRIVE text; numbers are rounded to a nanometre, so bytes repeat."""
    lines = ['<?xml version="1.0" encoding="UTF-8"?>', "<OpenDRIVE>"]
    lines += _header(network)
    for road in network.roads:
        lines += _road(road)
    for junction in network.junctions:
        lines += _junction(junction)
    lines.append("</OpenDRIVE>")
    return "\n".join(lines) + "\n"


def _n(value: float) -> str:
    text = f"{value:.9f}".rstrip("0").rstrip(".")
    return "0" if text in ("-0", "") else text


def _header(network: RoadNetwork) -> Iterator[str]:
    x0, y0, x1, y1 = network.bounds
    yield (
        f'<header revMajor="1" revMinor="4" name={quoteattr(network.name)} version="1"'
        f' north="{_n(-y0)}" south="{_n(-y1)}" east="{_n(x1)}" west="{_n(x0)}">'
    )
    yield f"<geoReference><![CDATA[{_GEO_REFERENCE}]]></geoReference>"
    yield "</header>"


def _road(road: Road) -> Iterator[str]:
    junction = -1 if road.junction_id is None else road.junction_id
    yield f'<road name="" length="{_n(road.length_m)}" id="{road.id}" junction="{junction}">'
    yield "<link>"
    if road.predecessor is not None:
        yield _road_link("predecessor", road.predecessor)
    if road.successor is not None:
        yield _road_link("successor", road.successor)
    yield "</link>"
    yield f'<type s="0" type="town"><speed max="{_n(road.speeds[0].limit_mps)}" unit="m/s"/></type>'
    yield "<planView>"
    for g in road.geometries:
        shape = f'<arc curvature="{g.curvature_per_m:.15g}"/>' if g.curvature_per_m else "<line/>"
        yield (
            f'<geometry s="{_n(g.s_m)}" x="{_n(g.x_m)}" y="{_n(g.y_m)}" hdg="{_n(g.heading_rad)}"'
            f' length="{_n(g.length_m)}">{shape}</geometry>'
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
    yield "</road>"


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
    mark = lane.mark
    change = "both" if mark.kind == "broken" else "none"
    yield (
        f'<roadMark sOffset="0" type="{mark.kind}" weight="standard" color="{mark.colour}"'
        f' material="standard" width="{_n(mark.width_m)}" laneChange="{change}"/>'
    )
    yield "</lane>"


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
    yield "</junction>"
