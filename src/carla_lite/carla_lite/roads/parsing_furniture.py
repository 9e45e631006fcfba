"""Reads what stands beside roads: signals, their references and controllers, and objects."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from carla_lite.roads.furniture import (
    Controller,
    Crosswalk,
    Orientation,
    RoadObject,
    Signal,
    SignalReference,
)
from carla_lite.roads.model import Junction, Road
from carla_lite.roads.placing import corners_about, make_crosswalk, place
from carla_lite.roads.xml_tree import Node

RoadNodes = Sequence[tuple[Node, Road]]

_MOST_CORNERS = 1000
_ORIENTATIONS: dict[str, Orientation] = {"+": "+", "-": "-"}


def read_controllers(root: Node) -> tuple[Controller, ...]:
    """Every <controller> of the map."""
    return tuple(
        Controller(
            id=node.text_of("id"),
            # CARLA's own maps name a signal once per lane.
            signal_ids=tuple(
                dict.fromkeys(control.text_of("signalId") for control in node.children("control"))
            ),
            name=node.get("name", ""),
            sequence=node.whole("sequence", 0),
        )
        for node in root.children("controller")
    )


def read_signals(
    pairs: RoadNodes,
    roads: Mapping[int, Road],
    junctions: Iterable[Junction],
    controllers: Iterable[Controller],
) -> tuple[Signal, ...]:
    """Every <signal>, with its references, its controller and the junction that it guards.

    Ids have to be unique, yet in files they are not always: the second "7" becomes "7#2".
    """
    references: dict[str, list[SignalReference]] = {}
    for node, road in pairs:
        for element in node.children("signals/signalReference"):
            references.setdefault(element.text_of("id"), []).append(_read_place(element, road))
    controller_of = {name: c.id for c in controllers for name in c.signal_ids}
    junction_of = {name: junction.id for junction in junctions for name in junction.controllers}
    seen: dict[str, int] = {}
    signals: dict[str, Signal] = {}
    for node, road in pairs:
        for element in node.children("signals/signal"):
            signal = _read_signal(element, road)
            there = tuple(references.get(signal.id, ()))
            controller = controller_of.get(signal.id, "")
            guarded = [roads[r.road_id].junction_id for r in (*there, signal.place)]
            seen[signal.id] = seen.get(signal.id, 0) + 1
            name = signal.id if seen[signal.id] == 1 else f"{signal.id}#{seen[signal.id]}"
            signals[name] = replace(
                signal,
                id=name,
                references=there,
                controller_id=controller,
                junction_id=next(
                    (j for j in (junction_of.get(controller), *guarded) if j is not None), None
                ),
            )
    return tuple(signals.values())


def _read_place(node: Node, road: Road) -> SignalReference:
    lanes = tuple(
        (valid.whole("fromLane"), valid.whole("toLane")) for valid in node.children("validity")
    )
    orientation = _ORIENTATIONS.get(node.get("orientation", ""), "none")
    return SignalReference(
        road.id, node.number("s", 0.0), node.number("t", 0.0), orientation, lanes
    )


def _read_signal(node: Node, road: Road) -> Signal:
    where = _read_place(node, road)
    turn = node.number("hOffset", 0.0)
    x, y, yaw = place(road, where.s_m, where.t_m, turn)
    inertial = node.child("positionInertial")
    if inertial is not None:
        x, y = inertial.number("x"), -inertial.number("y")
        yaw = (180.0 - math.degrees(inertial.number("hdg", 0.0))) % 360.0 - 180.0
    value = node.number("value", -1.0, limit=1e12)
    return Signal(
        id=node.text_of("id"),
        place=where,
        type=node.get("type", "-1").strip(),
        subtype=node.get("subtype", "-1").strip(),
        value=None if value == -1.0 else value,
        unit=node.get("unit", "").strip(),
        x_m=x,
        y_m=y,
        yaw_deg=yaw,
        z_m=node.number("zOffset", 0.0),
        height_m=node.number("height", 0.0),
        width_m=node.number("width", 0.0),
        name=node.get("name", ""),
        country=node.get("country", "OpenDRIVE"),
        dynamic=node.get("dynamic", "no") == "yes",
        heading_offset_rad=turn,
    )


def read_objects(pairs: RoadNodes) -> tuple[tuple[Crosswalk, ...], tuple[RoadObject, ...]]:
    """Every <object>: crosswalks, and the others. Repeats count once, at their first place."""
    crosswalks, objects = [], []
    for node, road in pairs:
        for element in node.children("objects/object"):
            s_m, t_m = element.number("s", 0.0), element.number("t", 0.0)
            heading = element.number("hdg", 0.0)
            if element.get("type", "").lower() == "crosswalk":
                outline = _outline(element, road, place(road, s_m, t_m, heading))
                if len(outline) >= 3:
                    crosswalks.append(
                        make_crosswalk(element.text_of("id"), road, s_m, t_m, heading, outline)
                    )
            else:
                objects.append(_read_object(element, road, s_m, t_m, heading))
    return tuple(crosswalks), tuple(objects)


def _read_object(node: Node, road: Road, s_m: float, t_m: float, heading: float) -> RoadObject:
    pose = place(road, s_m, t_m, heading)
    radius = node.number("radius", 0.0)
    has_outline = node.find(".//cornerLocal") is not None or node.find(".//cornerRoad") is not None
    outline = _outline(node, road, pose) if has_outline else ()
    return RoadObject(
        id=node.text_of("id"),
        type=node.get("type", "none").strip() or "none",
        name=node.get("name", ""),
        x_m=pose[0],
        y_m=pose[1],
        yaw_deg=pose[2],
        z_m=node.number("zOffset", 0.0),
        length_m=node.number("length", 2 * radius),
        width_m=node.number("width", 2 * radius),
        height_m=node.number("height", 0.0),
        corners=corners_about(pose, outline),
    )


def _outline(
    node: Node, road: Road, pose: tuple[float, float, float]
) -> tuple[tuple[float, float], ...]:
    """(u, v) of the first outline about the pivot; of the box without one. Open at its end."""
    outline = next(node.children(".//outline"), None)
    corners: list[tuple[float, float]] = []
    for corner in () if outline is None else outline.children("*"):
        if corner.tag == "cornerLocal":
            corners.append((corner.number("u"), corner.number("v")))
        elif corner.tag == "cornerRoad":
            x, y, _ = place(road, corner.number("s"), corner.number("t"))
            c, s = math.cos(math.radians(pose[2])), math.sin(math.radians(pose[2]))
            dx, dy = x - pose[0], y - pose[1]
            corners.append((dx * c + dy * s, dx * s - dy * c))
        if len(corners) > _MOST_CORNERS:
            raise corner.fail(f"an outline has at most {_MOST_CORNERS} corners")
    if len(corners) > 1 and corners[0] == corners[-1]:
        corners.pop()
    if not corners:
        u, v = node.number("length", 0.0) / 2, node.number("width", 0.0) / 2
        corners = [(-u, -v), (u, -v), (u, v), (-u, v)] if u > 0 and v > 0 else []
    return tuple(corners)
