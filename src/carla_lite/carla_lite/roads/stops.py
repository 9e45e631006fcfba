"""Where drivers stop: the lines that belong to lights, stop signs and yield signs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from carla_lite.roads.furniture import Crosswalk, Signal, SignalReference, StopLine
from carla_lite.roads.lanes import sample_section, section_at
from carla_lite.roads.model import DRIVABLE, Contact, Road, RoadNetwork

_BEFORE_END_M = 0.4
"""From the middle of a stop line to the junction that it guards."""
_BEFORE_CROSSWALK_M = 1.0
_CROSSWALK_NEAR_END_M = 10.0
_STOPPING = ("light", "stop", "yield")


def stop_lines(network: RoadNetwork) -> tuple[StopLine, ...]:
    """One line per signal and lane that leads to it, in the order of the signals.

    A signal that holds on a junction's connecting road stops traffic at the end of the lane before
    it, and before the crosswalk there; any other one where it stands.
    """
    found: dict[tuple[str, int, int, int], StopLine] = {}
    for signal in network.signals:
        if signal.kind in _STOPPING:
            for place in signal.places:
                for line in _lines(network, signal, place):
                    key = (signal.id, line.road_id, line.section, line.lane_id)
                    found.setdefault(key, line)
    return tuple(found.values())


def _lines(network: RoadNetwork, signal: Signal, place: SignalReference) -> Iterator[StopLine]:
    road = network.road_by_id[place.road_id]
    for lane in section_at(road, place.s_m).lanes:
        if lane.id == 0 or lane.kind not in DRIVABLE or not place.holds_for(lane.id):
            continue
        if road.junction_id is None:
            yield _line(signal, road, lane.id, place.s_m)
            continue
        along = road.runs_along(lane.id)
        link = road.predecessor if along else road.successor
        before = lane.predecessor if along else lane.successor
        incoming = None if link is None else network.road_by_id.get(link.id)
        if link is None or incoming is None or before is None or link.element != "road":
            continue
        s_m = before_crosswalk(incoming, link.contact or "end", network.crosswalks)
        if any(other.id == before for other in section_at(incoming, s_m).lanes):
            yield _line(signal, incoming, before, s_m)


def before_crosswalk(road: Road, end: Contact, crosswalks: Sequence[Crosswalk]) -> float:
    """s where traffic to one end of a road stops: close to it, or before the crosswalks there."""
    inset = _BEFORE_END_M
    for crosswalk in crosswalks:
        if crosswalk.road_id == road.id:
            s_m = crosswalk.s_m if end == "start" else road.length_m - crosswalk.s_m
            if s_m < _CROSSWALK_NEAR_END_M:
                inset = max(inset, s_m + crosswalk.width_m / 2 + _BEFORE_CROSSWALK_M)
    inset = min(inset, road.length_m / 2)
    return inset if end == "start" else road.length_m - inset


def _line(signal: Signal, road: Road, lane_id: int, s_m: float) -> StopLine:
    section = section_at(road, s_m)
    strips = sample_section(road, section, np.array([s_m]))
    strip = next(strip for strip in strips if strip.lane.id == lane_id)
    (x0, y0), (x1, y1) = strip.inner[0], strip.outer[0]
    return StopLine(
        signal_id=signal.id,
        kind=signal.kind,
        road_id=road.id,
        section=road.sections.index(section),
        lane_id=lane_id,
        s_m=s_m,
        start=(float(x0), float(y0)),
        end=(float(x1), float(y1)),
    )
