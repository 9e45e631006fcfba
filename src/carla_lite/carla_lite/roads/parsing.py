"""Reads OpenDRIVE files, versions 1.1 to 1.7 and what later ones keep of them.

What is read: plan view, lane offsets, lane sections with widths or borders, lane types, marks,
speed limits, links, junctions, signals with references and controllers, objects. Maps are flat:
elevation, superelevation and lane heights are left out. Includes are not followed.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import numpy as np

from carla_lite.roads.lanes import spawn_points
from carla_lite.roads.model import Connection, Contact, Junction, Road, RoadNetwork
from carla_lite.roads.parsing_furniture import read_controllers, read_objects, read_signals
from carla_lite.roads.parsing_roads import read_road
from carla_lite.roads.xml_tree import MAX_NUMBER, Node, read_xml

MAX_LANES = 200_000
MAX_LANE_LENGTH_M = 1e6


def parse_opendrive(text: str, name: str = "OpenDriveMap") -> RoadNetwork:
    """Reads a map.

    Args:
        text: OpenDRIVE; clients get it back unchanged.
        name: What the map is called.

    Returns:
        The network, with spawn points on its driving lanes.

    Raises:
        OpenDriveError: Not such a text, or absurd numbers in it; the message names line, element
            and attribute.
    """
    root = read_xml(text)
    if root.tag != "OpenDRIVE":
        raise root.fail("the outermost element must be <OpenDRIVE>")
    nodes = list(root.children("road"))
    if not nodes:
        raise root.fail("there is no <road> in it")
    roads = [read_road(node) for node in nodes]
    by_id = _by_id(roads, nodes)
    _check_extent(roads, nodes)
    junctions = tuple(_read_junction(node) for node in root.children("junction"))
    controllers = read_controllers(root)
    pairs = list(zip(nodes, roads, strict=True))
    crosswalks, objects = read_objects(pairs)
    geo = root.find("header/geoReference")
    network = RoadNetwork(
        name=name,
        roads=tuple(roads),
        junctions=junctions,
        signals=read_signals(pairs, by_id, junctions, controllers),
        controllers=controllers,
        crosswalks=crosswalks,
        objects=objects,
        geo_reference="" if geo is None else (geo.text or "").strip(),
        source=text,
    )
    if not np.all(np.isfinite(network.bounds)) or max(map(abs, network.bounds)) > 2 * MAX_NUMBER:
        raise root.fail(f"its lanes reach out to {network.bounds}; at most {MAX_NUMBER:g} m")
    return replace(network, spawn_points=spawn_points(roads))


def _by_id(roads: Iterable[Road], nodes: Iterable[Node]) -> dict[int, Road]:
    by_id: dict[int, Road] = {}
    for road, node in zip(roads, nodes, strict=True):
        if road.id in by_id:
            raise node.fail("another road has the same id")
        by_id[road.id] = road
    return by_id


def _check_extent(roads: Iterable[Road], nodes: Iterable[Node]) -> None:
    """Keeps what follows from taking hours or all memory."""
    lanes, length_m = 0, 0.0
    for road, node in zip(roads, nodes, strict=True):
        lanes += sum(len(section.lanes) for section in road.sections)
        length_m += road.length_m * max(len(section.lanes) for section in road.sections)
        if lanes > MAX_LANES or length_m > MAX_LANE_LENGTH_M:
            raise node.fail(
                f"with this road the map has {lanes} lanes of {length_m:.0f} m; the most are "
                f"{MAX_LANES} and {MAX_LANE_LENGTH_M:.0f} m"
            )


def _read_junction(node: Node) -> Junction:
    connections: list[Connection] = []
    for element in node.children("connection"):
        # Direct junctions, since 1.7, link roads without a connecting one.
        road = element.get("connectingRoad") or element.get("linkedRoad")
        if not element.get("incomingRoad") or not road:
            continue
        name = "connectingRoad" if element.get("connectingRoad") else "linkedRoad"
        contact: Contact = "end" if element.get("contactPoint") == "end" else "start"
        links = tuple(
            (link.whole("from"), link.whole("to")) for link in element.children("laneLink")
        )
        connections.append(
            Connection(
                element.whole("id", len(connections)),
                element.whole("incomingRoad"),
                element.whole(name),
                contact,
                links,
            )
        )
    controllers = tuple(element.text_of("id") for element in node.children("controller"))
    return Junction(node.whole("id"), tuple(connections), controllers)
